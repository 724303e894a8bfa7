/** The expression of a rule's condition. */
import { UnsupportedError } from './unsupported.ts';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Condition[] }
  | { readonly kind: 'not'; readonly term: Condition }
  | { readonly kind: 'identifier'; readonly name: string };

/** Each level is a call of the parser in the parser. */
const DEPTH_MAX = 20;

/** `names` are the identifiers of the rule. A `*` in the condition stands for any part of a name. */
export function parseCondition(text: string, names: readonly string[]): Condition {
  const pipe = text.indexOf('|');
  if (pipe >= 0)
    throw new UnsupportedError(
      `the aggregation ${JSON.stringify(text.slice(pipe))} in the condition cannot be expressed`,
    );
  return new Parser(text.match(/[()]|[^\s()]+/g) ?? [], names).whole();
}

const QUANTITIES: ReadonlyMap<string, 'or' | 'and'> = new Map([
  ['1', 'or'],
  ['any', 'or'],
  ['all', 'and'],
]);

class Parser {
  readonly #words: readonly string[];
  readonly #names: readonly string[];
  #at = 0;

  constructor(words: readonly string[], names: readonly string[]) {
    this.#words = words;
    this.#names = names;
  }

  whole(): Condition {
    const condition = this.#either(0);
    if (this.#at < this.#words.length) throw wrong(`${JSON.stringify(this.#words[this.#at])} is not expected`);
    return condition;
  }

  #either(depth: number): Condition {
    const terms = [this.#both(depth)];
    while (this.#take('or')) terms.push(this.#both(depth));
    return all('or', terms);
  }

  #both(depth: number): Condition {
    const terms = [this.#one(depth)];
    while (this.#take('and')) terms.push(this.#one(depth));
    return all('and', terms);
  }

  #one(depth: number): Condition {
    if (depth > DEPTH_MAX) throw wrong(`it is nested deeper than ${DEPTH_MAX}`);
    if (this.#take('not')) return { kind: 'not', term: this.#one(depth + 1) };
    if (this.#take('(')) {
      const inner = this.#either(depth + 1);
      if (!this.#take(')')) throw wrong('")" is missing');
      return inner;
    }
    const word = this.#words[this.#at++];
    if (word === undefined) throw wrong('it ends too early');
    if (this.#take('of')) return this.#quantified(word);
    if (this.#names.includes(word)) return { kind: 'identifier', name: word };
    throw wrong(`the rule has no ${JSON.stringify(word)}`);
  }

  #quantified(quantity: string): Condition {
    const kind = QUANTITIES.get(quantity.toLowerCase());
    if (!kind) throw wrong(`${JSON.stringify(`${quantity} of`)} is neither "1 of" nor "all of"`);
    const asked = this.#words[this.#at++] ?? '';
    const pattern = asked.toLowerCase() === 'them' ? '*' : asked;
    // By the specification, a name that begins with _ is meant only where the pattern begins so.
    const found = this.#names.filter(
      (name) => isNamedBy(name, pattern) && (pattern.startsWith('_') || !name.startsWith('_')),
    );
    if (found.length === 0) throw wrong(`the rule has no ${JSON.stringify(asked)}`);
    return all(
      kind,
      found.map((name) => ({ kind: 'identifier', name })),
    );
  }

  #take(word: string): boolean {
    const isNext = this.#words[this.#at]?.toLowerCase() === word;
    if (isNext) this.#at++;
    return isNext;
  }
}

/** Each part between two `*` is taken at its first place, which leaves the most to the parts after it. */
function isNamedBy(name: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

function all(kind: 'and' | 'or', terms: readonly Condition[]): Condition {
  const [only, ...others] = terms;
  return only && others.length === 0 ? only : { kind, terms };
}

function wrong(what: string): UnsupportedError {
  return new UnsupportedError(`the condition cannot be read: ${what}`);
}
