/** A JSON parser that works in pieces: JSON.parse takes 0.2 s for a query context of 16 MB. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface JsonLimits {
  /** Nesting of lists and objects. */
  readonly maxDepth: number;
  /** A longer string becomes `longString`. Counted in source characters. */
  readonly maxString: number;
  readonly longString: string;
}

/** Values between two pauses: about a millisecond. */
const VALUES_A_PIECE = 2048;
/** JSON.parse parses a flat object that is shorter than this. */
const FLAT_LENGTH = 4096;

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Parses as JSON.parse does; every `undefined` is a pause.
 *
 * @throws {SyntaxError} the text is not JSON
 * @throws {RangeError} the nesting is too deep
 */
export function* parseJsonInPieces(text: string, limits: JsonLimits): Generator<undefined, Json, void> {
  const reader = new JsonReader(text, limits);
  const value = yield* reader.value(0);
  reader.expectEnd();
  return value;
}

class JsonReader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #untilPause = VALUES_A_PIECE;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  *value(depth: number): Generator<undefined, Json, void> {
    if (--this.#untilPause <= 0) {
      this.#untilPause = VALUES_A_PIECE;
      yield undefined;
    }
    switch (this.#next()) {
      case '{':
        return this.#flatObject(depth) ?? (yield* this.#object(depth + 1));
      case '[':
        return yield* this.#list(depth + 1);
      case '"':
        return yield* this.#string();
      default:
        return this.#scalar();
    }
  }

  expectEnd(): void {
    if (this.#next() !== '') throw this.#unexpected();
  }

  /** An object that contains no object: its text up to the first closing brace is valid JSON. */
  #flatObject(depth: number): Json | undefined {
    const end = this.#text.indexOf('}', this.#at) + 1;
    if (end === 0 || end - this.#at > FLAT_LENGTH || depth >= this.#limits.maxDepth) return undefined;
    try {
      const object: Json = JSON.parse(this.#text.slice(this.#at, end));
      this.#at = end;
      return object;
    } catch {
      return undefined;
    }
  }

  *#object(depth: number): Generator<undefined, Json, void> {
    this.#descend(depth);
    const entries: [string, Json][] = [];
    while (!this.#closes('}', entries.length > 0)) {
      if (this.#next() !== '"') throw this.#unexpected();
      const key = yield* this.#string();
      if (this.#next() !== ':') throw this.#unexpected();
      this.#at += 1;
      entries.push([key, yield* this.value(depth)]);
    }
    return Object.fromEntries(entries);
  }

  *#list(depth: number): Generator<undefined, Json, void> {
    this.#descend(depth);
    const list: Json[] = [];
    while (!this.#closes(']', list.length > 0)) list.push(yield* this.value(depth));
    return list;
  }

  *#string(): Generator<undefined, string, void> {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start - 1;
    for (;;) {
      end = text.indexOf('"', end + 1);
      if (end < 0) throw this.#unexpected();
      let backslash = end;
      while (text.charCodeAt(backslash - 1) === 0x5c) backslash -= 1;
      if ((end - backslash) % 2 === 0) break;
      if (--this.#untilPause <= 0) {
        this.#untilPause = VALUES_A_PIECE;
        yield undefined;
      }
    }
    this.#at = end + 1;
    const { maxString, longString } = this.#limits;
    return end - start > maxString ? longString : JSON.parse(text.slice(start - 1, end + 1));
  }

  #scalar(): Json {
    SCALAR.lastIndex = this.#at;
    const [written] = SCALAR.exec(this.#text) ?? [];
    if (written === undefined) throw this.#unexpected();
    this.#at += written.length;
    return JSON.parse(written);
  }

  /** Skips a closing bracket, or the comma before the next element. */
  #closes(bracket: string, hasElements: boolean): boolean {
    const next = this.#next();
    if (next === bracket) {
      this.#at += 1;
      return true;
    }
    if (hasElements) {
      if (next !== ',') throw this.#unexpected();
      this.#at += 1;
      if (this.#next() === bracket) throw this.#unexpected();
    }
    return false;
  }

  #descend(depth: number): void {
    if (depth > this.#limits.maxDepth) throw new RangeError(`nested deeper than ${this.#limits.maxDepth}`);
    this.#at += 1;
  }

  /** The next character after white space; '' at the end. */
  #next(): string {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
    return this.#text.charAt(this.#at);
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`unexpected ${JSON.stringify(this.#text.slice(this.#at, this.#at + 16))} at ${this.#at}`);
  }
}
