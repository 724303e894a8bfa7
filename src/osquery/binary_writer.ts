import { Type, VERSION_1 } from './protocol.ts';

/** Small enough for Node's pool (below half of Buffer.poolSize): an ArrayBuffer of its own takes a microsecond. */
const FIRST_BYTES = 1024;
/** Up to this length, writing a string by characters is faster than a call into native code. */
const SHORT = 40;
const LONG = 8 * 1024;

/**
 * Writes Thrift's strict binary protocol into buffers. `take` returns the written bytes, which are not written to again.
 */
export class BinaryWriter {
  readonly #blockBytes: number;
  #bytes: Buffer;
  #start = 0;
  #position = 0;

  /** @param blockBytes most bytes of a buffer, unless more are written between two `take`s; the first ones are smaller */
  constructor(blockBytes = FIRST_BYTES) {
    this.#blockBytes = blockBytes;
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
  }

  /** Number of bytes written since the last `take`. */
  get pending(): number {
    return this.#position - this.#start;
  }

  /** The bytes written since the last `take`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(this.#start, this.#position);
    this.#start = this.#position;
    return taken;
  }

  /** `take` for bytes that are kept: their buffer has no unused space. */
  takeTight(): Buffer {
    // The buffer was allocated for these bytes: a copy would double the memory.
    if (this.pending > this.#blockBytes * 2) return this.take();
    const taken = Buffer.allocUnsafe(this.pending);
    this.#bytes.copy(taken, 0, this.#start, this.#position);
    this.discard();
    return taken;
  }

  /** Drops the bytes written since the last `take`. */
  discard(): void {
    this.#position = this.#start;
  }

  message(name: string, type: number, seqid: number): void {
    this.i16(VERSION_1);
    this.i16(type);
    this.string(name);
    this.i32(seqid);
  }

  field(type: number, id: number): void {
    this.byte(type);
    this.i16(id);
  }

  stop(): void {
    this.byte(Type.STOP);
  }

  map(key: number, value: number, count: number): void {
    this.byte(key);
    this.byte(value);
    this.i32(count);
  }

  /** Sets the count of a map whose header begins at pending byte `at`. */
  mapCount(at: number, count: number): void {
    this.#i32At(this.#start + at + 2, count);
  }

  list(element: number, count: number): void {
    this.byte(element);
    this.i32(count);
  }

  stringMap(record: Readonly<Record<string, string>>): void {
    const entries = Object.entries(record);
    this.map(Type.STRING, Type.STRING, entries.length);
    for (const [key, value] of entries) {
      this.string(key);
      this.string(value);
    }
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#position++] = value;
  }

  i16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#position++] = value >>> 8;
    this.#bytes[this.#position++] = value;
  }

  i32(value: number): void {
    this.#reserve(4);
    this.#i32At(this.#position, value);
    this.#position += 4;
  }

  i64(value: bigint): void {
    this.#reserve(8);
    this.#position = this.#bytes.writeBigInt64BE(BigInt.asIntN(64, value), this.#position);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    const length = value.length;
    this.#reserve(length);
    if (length > SHORT) {
      this.#bytes.set(value, this.#position);
      this.#position += length;
      return;
    }
    const bytes = this.#bytes;
    let at = this.#position;
    for (let i = 0; i < length; i++) bytes[at++] = value[i] as number;
    this.#position = at;
  }

  /** UTF-8; a lone surrogate becomes U+FFFD. */
  string(value: string): void {
    const length = value.length;
    // A UTF-16 unit takes at most three bytes of UTF-8. For long text the exact size is worth its cost.
    this.#reserve(4 + (length > LONG ? Buffer.byteLength(value) : length * 3));
    const bytes = this.#bytes;
    const start = this.#position + 4;
    if (length <= SHORT) {
      let i = 0;
      for (; i < length; i++) {
        const unit = value.charCodeAt(i);
        if (unit > 0x7f) break;
        bytes[start + i] = unit;
      }
      if (i === length) {
        this.#i32At(this.#position, length);
        this.#position = start + length;
        return;
      }
    }
    const written = bytes.write(value, start, 'utf8');
    this.#i32At(this.#position, written);
    this.#position = start + written;
  }

  /** A string: the decimal text of a number. */
  decimal(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0 || value > 0x7fffffff || value !== (value | 0)) {
      this.string(String(value));
      return;
    }
    let digits = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits += 1;
    this.#reserve(4 + digits);
    this.#i32At(this.#position, digits);
    this.#position += 4 + digits;
    let at = this.#position;
    let rest = value;
    do {
      const next = (rest / 10) | 0;
      this.#bytes[--at] = 0x30 + rest - next * 10;
      rest = next;
    } while (rest > 0);
  }

  #i32At(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #reserve(count: number): void {
    if (this.#position + count > this.#bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const pending = this.pending;
    // Of the size of all bytes so far: a short answer needs no large buffer.
    const more = Math.max(pending, Math.min(this.#blockBytes, 3 * this.#bytes.length));
    const bytes = Buffer.allocUnsafe(pending + count + more);
    this.#bytes.copy(bytes, 0, this.#start, this.#position);
    this.#bytes = bytes;
    this.#start = 0;
    this.#position = pending;
  }
}
