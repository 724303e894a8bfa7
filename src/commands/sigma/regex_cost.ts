/**
 * How long a matcher that tries each choice may take for an expression that regex.ts wrote. Any user can run a command line that was
 * made for it, and osquery waits until the matcher ends.
 */

/** Characters of a text that an expression sees: the choices of an unbounded repetition, and the places at which a match may begin. */
export const REGEX_INPUT_MAX = 4096;
/** std::regex takes 0.4 s for x.*y, the square of REGEX_INPUT_MAX, and 10 minutes for \w+\w+c, the cube. */
const WAYS_MAX = 16 * REGEX_INPUT_MAX ** 2;

const OPENING = /\((?:\?(?::|=|!))?/y;
const ATOM = /\\x[\da-f]{2}|\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])+\]|[^()|]/y;
const QUANTIFIER = /(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y;
const SAMPLES = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code + 1));

interface Item {
  readonly text: string;
  /** The characters that an atom matches; undefined for a group or a place. */
  readonly set: ReadonlySet<string> | undefined;
  readonly least: number;
  readonly most: number;
  readonly ways: number;
  readonly isUnbounded: boolean;
  /** Its ways are tried each time that it is reached, and not again after it. */
  readonly isLookahead: boolean;
}
type Part = Pick<Item, 'ways' | 'isUnbounded'>;

export function takesTooLong(expression: string): boolean {
  return new Expression(expression).ways() > WAYS_MAX;
}

class Expression {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  ways(): number {
    return this.#alternatives(true).ways;
  }

  #alternatives(isWhole: boolean): Part {
    const parts: Part[] = [];
    do parts.push(sequence(this.#items(), isWhole));
    while (this.#take(/\|/y));
    return {
      ways: parts.reduce((sum, { ways }) => sum + ways, 0),
      isUnbounded: parts.some(({ isUnbounded }) => isUnbounded),
    };
  }

  #items(): Item[] {
    const items: Item[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] ?? '')) items.push(this.#item());
    return items;
  }

  #item(): Item {
    const opening = this.#take(OPENING)?.[0];
    if (opening === undefined) {
      const text = this.#take(ATOM)?.[0] ?? '';
      return this.#repeated({ ways: 1, isUnbounded: false }, text, setOf(text));
    }
    const part = this.#alternatives(false);
    this.#take(/\)/y);
    if (opening === '(' || opening === '(?:') return this.#repeated(part, opening, undefined);
    return { ...part, text: opening, set: undefined, least: 1, most: 1, isLookahead: true };
  }

  #repeated(part: Part, text: string, set: Item['set']): Item {
    const [quantifier, from, comma, to] = this.#take(QUANTIFIER) ?? [];
    const isOpen = quantifier !== undefined && (from === undefined ? quantifier[0] !== '?' : comma !== '' && to === '');
    const least = from === undefined ? Number(quantifier === undefined || quantifier[0] === '+') : Number(from);
    const most = isOpen ? Number.POSITIVE_INFINITY : from === undefined ? 1 : Number(to || from);
    const isUnbounded = isOpen || part.isUnbounded;
    const choices = Math.min(most - least + 1, REGEX_INPUT_MAX);
    const ways = most > 1 && part.isUnbounded ? Number.POSITIVE_INFINITY : part.ways ** most * choices;
    return {
      text,
      set,
      least,
      most,
      ways: part.ways === 1 && !part.isUnbounded ? choices : ways,
      isUnbounded,
      isLookahead: false,
    };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }
}

/** @param isWhole whether a match may begin at each place of the text */
function sequence(items: readonly Item[], isWhole: boolean): Part {
  let ways = isWhole && items[0]?.text !== '^' ? REGEX_INPUT_MAX : 1;
  let most = ways;
  // Whether the last choice leads to a different place each time.
  let isDistinct = isWhole;
  items.forEach((item, at) => {
    const [before, after] = [items[at - 1], items[at + 1]];
    // Such a place is in one run of the repeated characters, and all runs together are no longer than the text.
    if (isDistinct && before !== undefined && before.least > 0 && areDisjoint(before.set, item.set)) return;
    // Where the next character is none of the repeated ones, one number of repetitions can match.
    const isDecided = after !== undefined && after.least > 0 && areDisjoint(item.set, after.set);
    most = Math.max(most, ways * item.ways);
    if (!isDecided && !item.isLookahead) ways *= item.ways;
    if (item.least !== item.most) isDistinct = !isDecided && item.isUnbounded;
    isDistinct &&= item.set !== undefined;
  });
  return { ways: most, isUnbounded: items.some(({ isUnbounded }) => isUnbounded) };
}

function setOf(atom: string): Item['set'] {
  if (/^(?:[$^]|\\[bB1-9])$/.test(atom)) return undefined;
  const pattern = new RegExp(`^${/^\W$/.test(atom) ? `\\${atom}` : atom}$`);
  return new Set(SAMPLES.filter((character) => pattern.test(character)));
}

function areDisjoint(one: Item['set'], other: Item['set']): boolean {
  return one !== undefined && other !== undefined && ![...one].some((character) => other.has(character));
}
