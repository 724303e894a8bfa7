import {
  minimumSize,
  ProtocolError,
  type ProtocolLimits,
  REQUEST_LIMITS,
  Type,
  Underrun,
  VERSION_1,
} from './protocol.ts';

/** A string and its UTF-8 bytes. */
interface ExpectedString {
  readonly text: string;
  readonly bytes: Uint8Array;
}
/** Keys of a row that are remembered. */
const EXPECTED_MAX = 4096;

/**
 * Reads Thrift's strict binary protocol from bytes in memory. A read past the end throws `Underrun`, other invalid bytes
 * throw `ProtocolError`. Sizes are checked before they are used.
 */
export class BinaryReader {
  readonly #bytes: Buffer;
  readonly #maxDepth: number;
  #position = 0;

  constructor(bytes: Buffer, limits: ProtocolLimits = REQUEST_LIMITS) {
    this.#bytes = bytes;
    this.#maxDepth = limits.maxDepth;
  }

  /** Number of bytes read. */
  get position(): number {
    return this.#position;
  }

  message(): { name: string; type: number; seqid: number } {
    const version = this.i32();
    if (version >>> 16 !== VERSION_1) throw new ProtocolError(`wrong version 0x${(version >>> 16).toString(16)}`);
    return { name: this.string(), type: version & 0xff, seqid: this.i32() };
  }

  /** Type and id of the next field; type `STOP` ends the struct. */
  field(): { type: number; id: number } {
    const type = this.byte();
    return { type, id: type === Type.STOP ? 0 : this.i16() };
  }

  /** Calls `read` for each field of a struct; a field is skipped where it returns false. */
  struct(read: (id: number, type: number) => boolean): void {
    for (;;) {
      const { type, id } = this.field();
      if (type === Type.STOP) return;
      if (!read(id, type)) this.skip(type);
    }
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  i16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  i32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  string(): string {
    const length = this.#length();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  map(): { key: number; value: number; count: number } {
    const key = this.byte();
    const value = this.byte();
    const count = this.i32();
    if (count !== 0) this.#counted(count, minimumSize(key) + minimumSize(value));
    return { key, value, count };
  }

  list(): { element: number; count: number } {
    const element = this.byte();
    const count = this.i32();
    if (count !== 0) this.#counted(count, minimumSize(element));
    return { element, count };
  }

  /** A map of strings; empty where keys or values have another type. */
  stringMap(): Map<string, string> {
    const { key, value, count } = this.map();
    const entries = new Map<string, string>();
    for (let i = 0; i < count; i++) {
      if (key === Type.STRING && value === Type.STRING) entries.set(this.string(), this.string());
      else {
        this.skip(key);
        this.skip(value);
      }
    }
    return entries;
  }

  /** A map with string keys; `read` reads a value of type `valueType`. Entries of other types are skipped. */
  mapOf<Value>(valueType: number, read: () => Value): [string, Value][] {
    const { key, value, count } = this.map();
    const entries: [string, Value][] = [];
    for (let i = 0; i < count; i++) {
      if (key === Type.STRING && value === valueType) entries.push([this.string(), read()]);
      else {
        this.skip(key);
        this.skip(value);
      }
    }
    return entries;
  }

  /** A list of maps of strings: the rows of an answer. */
  stringMaps(): Record<string, string>[] {
    const { element, count } = this.list();
    const rows: Record<string, string>[] = [];
    // Nearly all rows have the same keys in the same order: the first row with a key at an index says what to expect.
    const names: ExpectedString[] = [];
    for (let i = 0; i < count; i++) {
      if (element !== Type.MAP) {
        this.skip(element);
        continue;
      }
      const map = this.map();
      const row: Record<string, string> = {};
      for (let k = 0; k < map.count; k++) {
        if (map.key !== Type.STRING || map.value !== Type.STRING) {
          this.skip(map.key);
          this.skip(map.value);
          continue;
        }
        const expected = names[k];
        const name = this.#stringLike(expected);
        if (expected === undefined && k < EXPECTED_MAX) names[k] = { text: name, bytes: Buffer.from(name) };
        const value = this.string();
        // A plain assignment would set the prototype.
        if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true });
        else row[name] = value;
      }
      rows.push(row);
    }
    return rows;
  }

  /** Skips a value of a type. */
  skip(type: number, depth = 1): void {
    if (depth > this.#maxDepth) throw new ProtocolError(`nested deeper than ${this.#maxDepth}`);
    switch (type) {
      case Type.STRING:
        this.#take(this.#length());
        return;
      case Type.STRUCT:
        for (let field = this.field(); field.type !== Type.STOP; field = this.field()) this.skip(field.type, depth + 1);
        return;
      case Type.MAP: {
        const { key, value, count } = this.map();
        for (let i = 0; i < count; i++) {
          this.skip(key, depth + 1);
          this.skip(value, depth + 1);
        }
        return;
      }
      case Type.LIST:
      case Type.SET: {
        const { element, count } = this.list();
        for (let i = 0; i < count; i++) this.skip(element, depth + 1);
        return;
      }
      default:
        this.#take(minimumSize(type));
    }
  }

  /** The size before a string. */
  #length(): number {
    const length = this.i32();
    if (length < 0) throw new ProtocolError(`negative size ${length}`);
    return length;
  }

  /** Reads a string that is probably `expected`: comparing its bytes is cheaper than decoding them. */
  #stringLike(expected: ExpectedString | undefined): string {
    const length = this.#length();
    const at = this.#take(length);
    if (expected !== undefined && expected.bytes.length === length) {
      let i = 0;
      while (i < length && this.#bytes[at + i] === expected.bytes[i]) i += 1;
      if (i === length) return expected.text;
    }
    return this.#bytes.toString('utf8', at, at + length);
  }

  #counted(count: number, size: number): void {
    if (count < 0) throw new ProtocolError(`negative size ${count}`);
    if (count * size > this.#bytes.length - this.#position) throw new Underrun(this.#position + count * size);
  }

  #take(count: number): number {
    const at = this.#position;
    if (at + count > this.#bytes.length) throw new Underrun(at + count);
    this.#position = at + count;
    return at;
  }
}
