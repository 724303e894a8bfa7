/**
 * A pattern of SQLite's GLOB, compiled: * (any characters), ? (one), [a-z] and [^a-z] (one of a class). Between two * it looks for the
 * next part from left to right and never goes back, so a text takes linear time.
 */

import { CUT } from './image.ts';

/** Characters of a part with ? or classes between two *: the bits of a number. */
const SEARCHED_MAX = 32;

export class GlobError extends Error {
  override readonly name = 'GlobError';
}

export class Glob {
  readonly pattern: string;
  /** Whether it may match a text and not the same text with other characters for its spaces. */
  readonly seesSpaces: boolean;
  /** The parts between the *. */
  readonly #parts: readonly Part[];
  /** The last character before anything special or a space: most texts differ there. */
  readonly #headAt: number;
  readonly #headCode: number;

  /** @throws {GlobError} a class that has no end (SQLite would match nothing), or a part that takes too long to find */
  constructor(pattern: string) {
    this.pattern = pattern;
    this.seesSpaces = /[ []/.test(pattern);
    this.#parts = partsOf(pattern);
    for (const part of this.#parts.slice(1, -1)) part.prepareSearch();
    const [head = ''] = /^[^*?[ ]*/.exec(pattern) ?? [];
    this.#headAt = head.length - 1;
    this.#headCode = head.charCodeAt(this.#headAt);
  }

  /** A text that ends in … was cut: what follows is not known, so only a pattern that ends in * can match. '' matches nothing. */
  matches(text: string): boolean {
    if (text === '' || !this.mayMatch(text)) return false;
    return text.endsWith(CUT) ? this.#compare(text.slice(0, -CUT.length), true) : this.#compare(text, false);
  }

  /** A fast check of one character, which is not a space. */
  mayMatch(text: string): boolean {
    return this.#headAt < 0 || text.charCodeAt(this.#headAt) === this.#headCode;
  }

  #compare(text: string, isCut: boolean): boolean {
    const parts = this.#parts;
    const [head] = parts as readonly [Part];
    const last = parts.length - 1;
    let end = head.atStart(text);
    if (end < 0) return false;
    if (last === 0) return !isCut && end === text.length;
    const tail = parts[last] as Part;
    if (isCut && !tail.isEmpty) return false;
    for (let n = 1; n < last; n++) {
      end = (parts[n] as Part).next(text, end);
      if (end < 0) return false;
    }
    return tail.isAtEnd(text, end);
  }
}

/** Text that a part of a pattern matches: it has no *. */
interface Part {
  readonly isEmpty: boolean;
  /**
   * Call it before `next`.
   *
   * @throws {GlobError} the part is too long
   */
  prepareSearch(): void;
  /** Where its match at the start of a text ends; -1 for none. */
  atStart(text: string): number;
  /** Where its first match from `from` on ends; -1 for none. */
  next(text: string, from: number): number;
  /** Whether it matches at the end of a text, and no earlier than `from`. */
  isAtEnd(text: string, from: number): boolean;
}

class Literal implements Part {
  readonly #literal: string;

  constructor(literal: string) {
    this.#literal = literal;
  }

  get isEmpty(): boolean {
    return this.#literal === '';
  }

  prepareSearch(): void {
    // Nothing: indexOf finds any text fast.
  }

  atStart(text: string): number {
    return text.startsWith(this.#literal) ? this.#literal.length : -1;
  }

  next(text: string, from: number): number {
    const at = text.indexOf(this.#literal, from);
    return at < 0 ? -1 : at + this.#literal.length;
  }

  isAtEnd(text: string, from: number): boolean {
    return text.length - this.#literal.length >= from && text.endsWith(this.#literal);
  }
}

/** A part with ? or classes: a class for each character. No RegExp: V8 does not find all matches of classes beside surrogate pairs. */
class Characters implements Part {
  readonly isEmpty = false;
  readonly #text: string;
  readonly #classes: readonly CharacterClass[];
  /** For each ASCII character: a bit for each class that has it. */
  #classesOf = new Int32Array();

  constructor(text: string, classes: readonly CharacterClass[]) {
    this.#text = text;
    this.#classes = classes;
  }

  prepareSearch(): void {
    if (this.#classes.length > SEARCHED_MAX)
      throw new GlobError(
        `${JSON.stringify(this.#text)} is between two * and has ? or [: ${SEARCHED_MAX} characters at most`,
      );
    this.#classesOf = Int32Array.from({ length: ASCII }, (_, character) => this.#classesWith(character, -1));
  }

  atStart(text: string): number {
    return this.#at(text, 0);
  }

  next(text: string, from: number): number {
    const last = 1 << (this.#classes.length - 1);
    // Bit n: the characters up to here match the first n + 1 classes (the shift-and algorithm).
    let matching = 0;
    for (let at = from; at < text.length; ) {
      const character = text.codePointAt(at) as number;
      at += widthOf(character);
      const possible = (matching << 1) | 1;
      matching =
        character < ASCII ? possible & (this.#classesOf[character] as number) : this.#classesWith(character, possible);
      if ((matching & last) !== 0) return at;
    }
    return -1;
  }

  /** Of the classes with a bit in `asked`, those that have the character. */
  #classesWith(character: number, asked: number): number {
    let found = 0;
    for (let n = 0; n < this.#classes.length && asked >>> n !== 0; n++)
      if (((asked >>> n) & 1) !== 0 && has(this.#classes[n] as CharacterClass, character)) found |= 1 << n;
    return found;
  }

  isAtEnd(text: string, from: number): boolean {
    let at = text.length;
    for (let n = 0; n < this.#classes.length; n++) at -= widthOf(text.codePointAt(at - 2) ?? 0) === 2 ? 2 : 1;
    return at >= from && this.#at(text, at) === text.length;
  }

  /** Where a match at this place ends; -1 for none. */
  #at(text: string, place: number): number {
    let at = place;
    for (let n = 0; n < this.#classes.length; n++) {
      if (at >= text.length) return -1;
      const character = text.codePointAt(at) as number;
      if (!has(this.#classes[n] as CharacterClass, character)) return -1;
      at += widthOf(character);
    }
    return at;
  }
}

/** A class is inverted if it matches what is not in its ranges. */
interface CharacterClass {
  readonly isInverted: boolean;
  /** The first and the last character of each range. */
  readonly ranges: readonly number[];
}

const ASCII = 128;
const ANY: CharacterClass = { isInverted: true, ranges: [] };

function has({ isInverted, ranges }: CharacterClass, character: number): boolean {
  for (let n = 0; n < ranges.length; n += 2)
    if (character >= (ranges[n] as number) && character <= (ranges[n + 1] as number)) return !isInverted;
  return isInverted;
}

/** Code units of a character. */
function widthOf(character: number): number {
  return character > 0xffff ? 2 : 1;
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  const characters = [...pattern];
  let classes: CharacterClass[] = [];
  let [from, isLiteral] = [0, true];
  for (let at = 0; at <= characters.length; at++) {
    const character = characters[at];
    if (character === '*' || character === undefined) {
      const text = characters.slice(from, at).join('');
      parts.push(isLiteral ? new Literal(text) : new Characters(text, classes));
      [from, isLiteral, classes] = [at + 1, true, []];
    } else if (character === '?') {
      classes.push(ANY);
      isLiteral = false;
    } else if (character === '[') {
      const found = classAt(characters, at);
      classes.push(found.class);
      isLiteral = false;
      at = found.last;
    } else {
      const code = codeOf(character);
      classes.push({ isInverted: false, ranges: [code, code] });
    }
  }
  return parts;
}

/** The class that begins at `at`, as SQLite reads it (func.c, patternCompare), and the index of its ]. */
function classAt(characters: readonly string[], at: number): { class: CharacterClass; last: number } {
  let next = at + 1;
  const isInverted = characters[next] === '^';
  if (isInverted) next++;
  const ranges: number[] = [];
  let prior: number | undefined;
  const first = next;
  // A ] at the beginning is a member.
  for (; next < characters.length && (characters[next] !== ']' || next === first); next++) {
    const member = codeOf(characters[next] as string);
    const upTo = characters[next + 1];
    if (characters[next] === '-' && prior !== undefined && upTo !== undefined && upTo !== ']') {
      ranges.push(prior, codeOf(upTo));
      prior = undefined;
      next++;
    } else {
      ranges.push(member, member);
      // No range begins with a ] at the beginning.
      prior = characters[next] === ']' ? undefined : member;
    }
  }
  if (next >= characters.length) throw new GlobError(`${JSON.stringify(characters.join(''))}: [ has no ]`);
  return { class: { isInverted, ranges }, last: next };
}

function codeOf(character: string): number {
  return character.codePointAt(0) as number;
}
