import { MessageScanner } from './message_scanner.ts';
import {
  minimumSize,
  ProtocolError,
  type ProtocolLimits,
  REQUEST_LIMITS,
  Type,
  Underrun,
  VERSION_1,
} from './protocol.ts';

/**
 * The length of the message that `bytes` starts with, or how many bytes are needed at least to say more. For bytes that
 * come bit by bit, `MessageBuffer` does it without starting over.
 *
 * @throws {ProtocolError} no message, or not within the limits
 */
export function measureMessage(
  bytes: Uint8Array,
  limits: ProtocolLimits = REQUEST_LIMITS,
): { complete: true; length: number } | { complete: false; needed: number } {
  const scanner = new MessageScanner(limits);
  const length = scanner.scan(bytes);
  return length === undefined ? { complete: false, needed: scanner.needed } : { complete: true, length };
}

/**
 * Reads Thrift's strict binary protocol from bytes in memory. Nothing is read past their end (`Underrun`), no size is
 * taken on trust, and what is wrong is a `ProtocolError`.
 */
export class BinaryReader {
  readonly #bytes: Buffer;
  readonly #maxDepth: number;
  #position = 0;

  constructor(bytes: Buffer, limits: ProtocolLimits = REQUEST_LIMITS) {
    this.#bytes = bytes;
    this.#maxDepth = limits.maxDepth;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  message(): { name: string; type: number; seqid: number } {
    const version = this.#i32();
    if (version >>> 16 !== VERSION_1) throw new ProtocolError(`wrong version 0x${(version >>> 16).toString(16)}`);
    return { name: this.string(), type: version & 0xff, seqid: this.i32() };
  }

  /** The next field's type and id; type `STOP` ends the struct. */
  field(): { type: number; id: number } {
    const type = this.byte();
    return { type, id: type === Type.STOP ? 0 : this.i16() };
  }

  /** Calls `read` for every field of a struct; where it answers false, the field is skipped. */
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
    return this.#i32();
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  string(): string {
    const length = this.length();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /**
   * A string that is likely to be `expected`, with its bytes: comparing is cheaper than decoding. For the names that
   * every row of an answer repeats.
   */
  stringLike(expected: { readonly text: string; readonly bytes: Uint8Array } | undefined): string {
    const length = this.length();
    const at = this.#take(length);
    if (expected !== undefined && expected.bytes.length === length) {
      let i = 0;
      while (i < length && this.#bytes[at + i] === expected.bytes[i]) i += 1;
      if (i === length) return expected.text;
    }
    return this.#bytes.toString('utf8', at, at + length);
  }

  map(): { key: number; value: number; count: number } {
    const key = this.byte();
    const value = this.byte();
    const count = this.#i32();
    if (count !== 0) this.#counted(count, minimumSize(key) + minimumSize(value));
    return { key, value, count };
  }

  list(): { element: number; count: number } {
    const element = this.byte();
    const count = this.#i32();
    if (count !== 0) this.#counted(count, minimumSize(element));
    return { element, count };
  }

  /** A map of strings; empty when it is a map of something else. */
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

  /** Steps over a value of a type. */
  skip(type: number, depth = 1): void {
    if (depth > this.#maxDepth) throw new ProtocolError(`nested deeper than ${this.#maxDepth}`);
    switch (type) {
      case Type.STRING:
        this.#take(this.length());
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

  /** A size that precedes bytes. */
  length(): number {
    const length = this.#i32();
    if (length < 0) throw new ProtocolError(`negative size ${length}`);
    return length;
  }

  #counted(count: number, size: number): void {
    if (count < 0) throw new ProtocolError(`negative size ${count}`);
    if (count * size > this.#bytes.length - this.#position) throw new Underrun(this.#position + count * size);
  }

  #i32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  #take(count: number): number {
    const at = this.#position;
    if (at + count > this.#bytes.length) throw new Underrun(at + count);
    this.#position = at + count;
    return at;
  }
}
