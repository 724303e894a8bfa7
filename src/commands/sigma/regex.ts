/**
 * Regular expressions of rules (PCRE) in the words of osquery's regex_match: std::regex, ECMAScript, without flags, over bytes.
 * So a flag becomes part of the expression, and a set of characters is written with the ASCII characters that it has. What
 * has no counterpart is an error that names it.
 */
import { takesTooLong } from './regex_cost.ts';
import { UnsupportedError } from './unsupported.ts';

export interface RegexFlags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** A set of characters. */
interface CharacterSet {
  /** Codes below 128. No text has a NUL. */
  readonly ascii: ReadonlySet<number>;
  /** Whether it has all other characters. */
  readonly others: boolean;
}

const ASCII = Array.from({ length: 127 }, (_, at) => at + 1);
const asciiOf = (pattern: RegExp) => new Set(ASCII.filter((code) => pattern.test(String.fromCharCode(code))));
const setOf = (pattern: RegExp): CharacterSet => ({ ascii: asciiOf(pattern), others: false });
const complement = ({ ascii, others }: CharacterSet): CharacterSet => ({
  ascii: new Set(ASCII.filter((code) => !ascii.has(code))),
  others: !others,
});

const ESCAPED_SETS: Readonly<Record<string, CharacterSet>> = {
  d: setOf(/\d/),
  w: setOf(/\w/),
  s: setOf(/\s/),
  h: setOf(/[ \t]/),
};
const POSIX_SETS = new Map<string, CharacterSet>(
  Object.entries({
    ...{ alnum: setOf(/[a-z\d]/i), alpha: setOf(/[a-z]/i), blank: setOf(/[ \t]/), cntrl: setOf(/[\0-\x1f\x7f]/) },
    ...{ digit: setOf(/\d/), graph: setOf(/[!-~]/), lower: setOf(/[a-z]/), print: setOf(/[ -~]/) },
    ...{ punct: setOf(/[!-/:-@[-`{-~]/), space: setOf(/\s/), upper: setOf(/[A-Z]/), word: setOf(/\w/) },
    xdigit: setOf(/[\da-f]/i),
  }),
);
const ESCAPED_CHARACTERS: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  f: '\f',
  e: '\x1b',
  a: '\x07',
};
const CODES: Readonly<Record<string, RegExp>> = { x: /[\da-f]{2}|\{[\da-f]{1,6}\}/iy, u: /[\da-f]{4}/iy };
const QUANTIFIER = /[*+?]|\{\d+(?:,\d*)?\}/y;
const OPTIONS = /\(\?([ims]*)(?:-([ims]+))?([:)])/y;
const GROUP = /\((?:\?(?::|=|!|#[^)]*\)|P?<[A-Za-z_]\w*>))?/y;
/** PCRE's largest count. */
const COUNT_MAX = 65_535;
/** Before the end, or before a newline at the end. */
const END = '(?=\\n?$)';
const ANYTHING = '[\\s\\S]';
const DEPTH_MAX = 50;
/** osquery refuses longer expressions, and the whole query with them (osquery/sql/sqlite_string.cpp). */
const EXPRESSION_MAX = 256;
const BACKREFERENCES_MAX = 9;

/** Expressions for regex_match, of which one has to match; an empty one matches every text. */
export interface Translated {
  readonly expressions: readonly string[];
  /** Whether they are for the text in lower case (ASCII). */
  readonly isLowered: boolean;
}

export function translateRegex(source: string, flags: RegexFlags): Translated {
  // Letters in lower case take less room than sets of two letters.
  const isLowered = flags.i || /^\(\?[ms]*i[ms]*\)/.test(source);
  const alternatives = new Translation(source, isLowered).whole(flags).map(trimmed);
  const plain = alternatives.map((items) => items.join(''));
  const quick = withKeptPlaces(alternatives).join('|');
  const quickAlone = alternatives.flatMap((items) => withKeptPlaces([items]));
  const expressions = [[quick], quickAlone, plain].find((texts) => texts.every(isShort)) ?? [];
  if (expressions.length === 0)
    throw new UnsupportedError(`a regular expression of more than ${EXPRESSION_MAX} bytes, which regex_match refuses`);
  try {
    for (const text of expressions) new RegExp(text);
  } catch {
    throw new UnsupportedError(`${JSON.stringify(source)} is not a regular expression`);
  }
  if (expressions.some(takesTooLong))
    throw new UnsupportedError(
      `the regular expression ${JSON.stringify(source)} has repetitions that take too long on a text made for them`,
    );
  return { expressions, isLowered };
}

const isShort = (text: string) => Buffer.byteLength(text) <= EXPRESSION_MAX;
/** `.*` with or without the flag s. */
const isAnything = (item: string) => /^(?:\[\^\\n\]|\[\\s\\S\])\*\??$/.test(item);
/** An item of one length that matches no newline. */
const isFixed = (item: string) =>
  /^(?:\[\^\\n\]|[^\\[(^$]|\\[^a-zA-Z]|\\[dw]|\[(?!\^)(?:[^\\\]]|\\[\]\\[^-])+\]|\(\?:[^\0-\x7f]\))$/u.test(item);

/** A search needs neither end of .*x.*; and .+ is ..* */
function trimmed(given: readonly string[]): readonly string[] {
  const items = given.flatMap((item) => (/^\[\^\\n\]\+\??$/.test(item) ? ['[^\\n]', '[^\\n]*'] : [item]));
  const first = items.findIndex((item) => !isAnything(item));
  return first < 0 ? [] : items.slice(first, items.findLastIndex((item) => !isAnything(item)) + 1);
}

/**
 * The alternatives with less to try: std::regex tries each place of each `.*`, n³ for a.*b.*c. What stands between two of them and has
 * one length needs its first place only. A lookahead keeps that, and the backreference goes there.
 */
function withKeptPlaces(alternatives: readonly (readonly string[])[]): string[] {
  let groups = 0;
  return alternatives.map((items) => {
    let text = '';
    for (let at = 0; at < items.length; at++) {
      const item = items[at] ?? '';
      const next = isAnything(item) ? items.findIndex((other, place) => place > at && isAnything(other)) : -1;
      const between = items.slice(at + 1, Math.max(next, 0));
      if (between.length > 0 && between.every(isFixed) && groups < BACKREFERENCES_MAX) {
        text += `(?=(${item.replace(/\?$/, '')}?${between.join('')}))\\${++groups}`;
        at = next - 1;
      } else text += item;
    }
    return text;
  });
}

class Translation {
  readonly #source: string;
  readonly #isLowered: boolean;
  #at = 0;
  /** Lookaheads that are open. */
  #lookaheads = 0;

  constructor(source: string, isLowered: boolean) {
    this.#source = source;
    this.#isLowered = isLowered;
  }

  /** The items of each alternative. */
  whole(flags: RegexFlags): string[][] {
    const alternatives = this.#alternatives(flags, 0);
    if (this.#at < this.#source.length) throw this.#error('")" without "("');
    return alternatives;
  }

  /** Up to a closing parenthesis or the end. */
  #alternatives(given: RegexFlags, depth: number): string[][] {
    if (depth > DEPTH_MAX) throw this.#error(`groups nested deeper than ${DEPTH_MAX}`);
    let flags = given;
    const alternatives: string[][] = [[]];
    while (this.#at < this.#source.length && this.#source[this.#at] !== ')') {
      const items = alternatives.at(-1) as string[];
      const options = this.#take(OPTIONS);
      if (options) {
        const changed = withOptions(flags, options);
        if (this.#isLowered && !changed.i) throw this.#error('a part that respects case in one that does not');
        if (options[3] === ')') flags = changed;
        else items.push(this.#quantified(this.#group('(?:', changed, depth)));
      } else if (this.#source[this.#at] === '|') {
        this.#at++;
        alternatives.push([]);
      } else items.push(...this.#item(flags, depth, items.length === 0));
    }
    return alternatives;
  }

  #item(flags: RegexFlags, depth: number, isFirst: boolean): string[] {
    const group = this.#take(GROUP)?.[0];
    if (group !== undefined) {
      if (group.startsWith('(?#')) return [];
      if (this.#source[this.#at] === '?' || this.#source[this.#at] === '*')
        throw this.#error(`the group "${group}${this.#source.slice(this.#at, this.#at + 3)}"`);
      // Without backreferences no group has to capture.
      const opening = /^\(\?[=!]$/.test(group) ? group : '(?:';
      if (opening !== '(?:') this.#lookaheads++;
      const text = this.#group(opening, flags, depth);
      if (opening !== '(?:') this.#lookaheads--;
      return [opening === '(?:' ? this.#quantified(text) : this.#unquantified(text)];
    }
    const character = this.#character();
    switch (character) {
      case '^':
        if (this.#lookaheads > 0) throw this.#error('"^" in a lookahead');
        if (!flags.m) return [this.#unquantified('^')];
        if (depth > 0 || !isFirst) throw this.#error('"^" with the flag m, except at the beginning');
        return [this.#unquantified('(?:^|\\n)')];
      case '$':
        return [this.#unquantified(flags.m ? '(?=\\n|$)' : END)];
      case '.':
        return [this.#quantified(flags.s ? ANYTHING : '[^\\n]')];
      case '[':
        return [this.#quantified(this.#set(this.#bracketed(flags)))];
      case '\\':
        return [this.#escape(flags)];
      case '*':
      case '+':
      case '?':
        throw this.#error(`"${character}" has nothing to repeat`);
      default:
        return [this.#quantified(this.#literal(character, flags))];
    }
  }

  #group(opening: string, flags: RegexFlags, depth: number): string {
    const alternatives = this.#alternatives(flags, depth + 1);
    if (this.#source[this.#at] !== ')') throw this.#error('"(" without ")"');
    this.#at++;
    return `${opening}${textOf(alternatives)})`;
  }

  #escape(flags: RegexFlags): string {
    const letter = this.#source[this.#at];
    const place = { A: '^', z: '$', Z: END, b: '\\b', B: '\\B' }[letter ?? ''];
    if (place === undefined) {
      const escaped = this.#escaped();
      return this.#quantified(typeof escaped === 'string' ? this.#literal(escaped, flags) : this.#set(escaped));
    }
    // For libc++ a text begins at a lookahead.
    if (/[bB^]/.test(place) && this.#lookaheads > 0) throw this.#error(`"\\${letter}" in a lookahead`);
    this.#at++;
    return this.#unquantified(place);
  }

  /** What follows a backslash: a character or a set. */
  #escaped(): string | CharacterSet {
    const letter = this.#character();
    const set = ESCAPED_SETS[letter.toLowerCase()];
    if (set) return letter === letter.toLowerCase() ? set : complement(set);
    const digits = CODES[letter] && this.#take(CODES[letter])?.[0].replace(/[{}]/g, '');
    const code = digits && Number.parseInt(digits, 16);
    if (code && code <= 0x10ffff) return String.fromCodePoint(code);
    if (/[\p{L}\p{N}]/u.test(letter) && ESCAPED_CHARACTERS[letter] === undefined) throw this.#error(`"\\${letter}"`);
    return ESCAPED_CHARACTERS[letter] ?? letter;
  }

  /** After "[". A "]" at the beginning is a character. */
  #bracketed({ i }: RegexFlags): CharacterSet {
    const isNegated = this.#take(/\^/y) !== undefined;
    const ascii = new Set<number>();
    let others = false;
    for (let isFirst = true; isFirst || this.#source[this.#at] !== ']'; isFirst = false) {
      const from = this.#bracketedItem();
      if (typeof from !== 'string') {
        for (const code of from.ascii) ascii.add(code);
        others ||= from.others;
        continue;
      }
      const to = this.#take(/-(?!\])/y) ? this.#bracketedItem() : from;
      if (typeof to !== 'string') throw this.#error('a range that ends with a set');
      if (from > '\x7f' || to > '\x7f') throw this.#error('a character outside of ASCII in "[…]"');
      if (from > to) throw this.#error(`the range ${from}-${to}`);
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) ascii.add(code);
    }
    this.#at++;
    if (i)
      for (const code of [...ascii])
        for (const one of bothCases(String.fromCharCode(code))) ascii.add(one.charCodeAt(0));
    return isNegated ? complement({ ascii, others }) : { ascii, others };
  }

  #bracketedItem(): string | CharacterSet {
    const [, not, name] = this.#take(/\[:(\^?)(\w+):\]/y) ?? [];
    const posix = POSIX_SETS.get(name ?? '');
    if (posix) return not ? complement(posix) : posix;
    if (name !== undefined) throw this.#error(`[:${name}:]`);
    const character = this.#character('"[" without "]"');
    if (character !== '\\') return character;
    return this.#take(/b/y) ? '\b' : this.#escaped();
  }

  #literal(character: string, { i }: RegexFlags): string {
    if (!i || !/[a-z]/i.test(character)) return literal(character);
    const [upper, lower] = bothCases(character);
    return this.#isLowered ? (lower as string) : `[${upper}${lower}]`;
  }

  #set(set: CharacterSet): string {
    return setText(set, this.#isLowered);
  }

  #quantified(atom: string): string {
    const text = this.#take(QUANTIFIER)?.[0];
    if (text === undefined) {
      if (this.#peek(/\{,\d+\}/y)) throw this.#error('"{,n}", which some engines read as text');
      return atom;
    }
    const [least = 0, most = least] = [...text.matchAll(/\d+/g)].map(Number);
    if (most > COUNT_MAX || least > most) throw this.#error(text);
    const lazy = this.#take(/\?/y) ? '?' : '';
    if (this.#peek(/\+/y)) throw this.#error(`the possessive "${text}+"`);
    if (this.#peek(QUANTIFIER)) throw this.#error('a repetition of a repetition');
    return `${atom}${text}${lazy}`;
  }

  #unquantified(atom: string): string {
    if (this.#peek(QUANTIFIER)) throw this.#error(`a repetition of "${this.#source[this.#at - 1]}"`);
    return atom;
  }

  #character(missing = 'the end after a backslash'): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw this.#error(missing);
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }

  #peek(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source)?.[0] ?? '';
  }

  #error(what: string): UnsupportedError {
    return new UnsupportedError(
      `the regular expression ${JSON.stringify(this.#source)} has ${what}, which regex_match cannot express`,
    );
  }
}

function withOptions(flags: RegexFlags, [, on = '', off = '']: readonly (string | undefined)[]): RegexFlags {
  const changed = (flag: keyof RegexFlags) => !off.includes(flag) && (on.includes(flag) || flags[flag]);
  return { i: changed('i'), m: changed('m'), s: changed('s') };
}

const textOf = (alternatives: readonly (readonly string[])[]) => alternatives.map((items) => items.join('')).join('|');

function bothCases(character: string): string[] {
  return /[a-z]/i.test(character) ? [character.toUpperCase(), character.toLowerCase()] : [character];
}

function literal(character: string): string {
  // A repetition is of the whole character, not of its last byte.
  if (character > '\x7f') return `(?:${character})`;
  return /[\^$\\.*+?()[\]{}|]/.test(character) ? `\\${character}` : printable(character);
}

const CONTROLS: Readonly<Record<string, string>> = { '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r' };

function printable(character: string): string {
  if (/[ -~]/.test(character)) return character;
  return `\\${CONTROLS[character] ?? `x${character.charCodeAt(0).toString(16).padStart(2, '0')}`}`;
}

const SHORT_SETS: Readonly<Record<string, string>> = {
  ...{ '[0-9]': '\\d', '[^0-9]': '\\D', '[\\t-\\r ]': '\\s', '[^\\t-\\r ]': '\\S' },
  ...{ '[0-9A-Z_a-z]': '\\w', '[^0-9A-Z_a-z]': '\\W' },
};

function setText({ ascii, others }: CharacterSet, isLowered: boolean): string {
  const isWritten = (code: number) => ascii.has(code) !== others && !(isLowered && code >= 0x41 && code <= 0x5a);
  const codes = ASCII.filter(isWritten);
  if (codes.length === 0) {
    if (others) return ANYTHING;
    throw new UnsupportedError('a set of characters in a regular expression is empty');
  }
  const ranges: [number, number][] = [];
  for (const code of codes) {
    const last = ranges.at(-1);
    if (last && last[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  const one = (code: number) =>
    String.fromCharCode(code)
      .replace(/[^ -~]/, printable)
      .replace(/^[\]\\[^-]$/, '\\$&');
  const texts = ranges.map(([from, to]) =>
    to - from < 2
      ? [from, to]
          .slice(0, to - from + 1)
          .map(one)
          .join('')
      : `${one(from)}-${one(to)}`,
  );
  const text = `[${others ? '^' : ''}${texts.join('')}]`;
  // A text in lower case has no upper case to match.
  return SHORT_SETS[isLowered ? text.replace('0-9_a-z', '0-9A-Z_a-z') : text] ?? text;
}
