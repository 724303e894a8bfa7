import { minimumSize, ProtocolError, type ProtocolLimits, Type, VERSION_1 } from './protocol.ts';

const STRUCT = 0;

/**
 * Finds the end of a message while its bytes arrive, in one pass: each scan continues where the last one stopped, and
 * decodes nothing. Each declared size is checked against the limits at once, so a length of two gigabytes is refused
 * before its bytes arrive.
 */
export class MessageScanner {
  readonly #limits: ProtocolLimits;
  #position = 0;
  #needed = 8;
  #started = false;
  #depth = 0;
  /** Number of values that the message may still have. */
  #valuesLeft: number;
  // Per level: the type of keys (0: a struct), the type of values, and the number of both that follow.
  readonly #first: number[] = [];
  readonly #second: number[] = [];
  readonly #left: number[] = [];

  constructor(limits: ProtocolLimits) {
    this.#limits = limits;
    this.#valuesLeft = limits.maxValues ?? Number.POSITIVE_INFINITY;
  }

  /** The least number of bytes, from the start of the message, that the next `scan` needs. */
  get needed(): number {
    return this.#needed;
  }

  /**
   * @param bytes the received bytes, from the start of the message; later calls get the same bytes and more
   * @returns the length of the message; undefined while it is incomplete
   * @throws {ProtocolError} the bytes are not a message, or exceed a limit
   */
  scan(bytes: Uint8Array): number | undefined {
    const available = bytes.length;
    if (available < this.#needed) return undefined;
    if (!this.#started && !this.#header(bytes, available)) return undefined;
    while (this.#depth > 0) {
      const level = this.#depth - 1;
      let type: number;
      if (this.#first[level] === STRUCT) {
        if (!this.#has(1, available)) return undefined;
        type = bytes[this.#position] as number;
        if (type === Type.STOP) {
          this.#position += 1;
          this.#depth -= 1;
          continue;
        }
        // Type and id of a field take 3 bytes.
        if (!this.#value(bytes, available, type, 3)) return undefined;
        this.#counted();
        continue;
      }
      const left = this.#left[level] as number;
      if (left === 0) {
        this.#depth -= 1;
        continue;
      }
      type = ((left & 1) === 0 ? this.#first[level] : this.#second[level]) as number;
      // Set back where the head of the value is incomplete. Nested containers are other levels.
      this.#left[level] = left - 1;
      if (!this.#value(bytes, available, type, 0)) {
        this.#left[level] = left;
        return undefined;
      }
      this.#counted();
    }
    // The end of the last string may not have arrived.
    return this.#has(0, available) ? this.#position : undefined;
  }

  /** Resets the scanner to the start of a message. */
  reset(): void {
    this.#position = 0;
    this.#needed = 8;
    this.#started = false;
    this.#depth = 0;
    this.#valuesLeft = this.#limits.maxValues ?? Number.POSITIVE_INFINITY;
  }

  #header(bytes: Uint8Array, available: number): boolean {
    const version = ((bytes[0] as number) << 8) | (bytes[1] as number);
    if (version !== VERSION_1) {
      throw new ProtocolError(`not a strict binary Thrift message: it starts with 0x${version.toString(16)}`);
    }
    const length = readI32(bytes, 4);
    if (length < 0 || length > this.#limits.maxNameBytes) throw new ProtocolError(`method name of ${length} bytes`);
    this.#position = 8;
    if (!this.#has(length + 4, available)) return false;
    this.#position += length + 4;
    this.#started = true;
    this.#push(STRUCT, STRUCT, 0);
    return true;
  }

  /** Skips `before` bytes and a value, or enters a container. Returns false where the head of the value is incomplete. */
  #value(bytes: Uint8Array, available: number, type: number, before: number): boolean {
    const at = this.#position + before;
    switch (type) {
      case Type.STRING: {
        if (!this.#has(before + 4, available)) return false;
        const length = readI32(bytes, at);
        this.#within(length, at + 4);
        this.#position = at + 4 + length;
        return true;
      }
      case Type.STRUCT:
        if (!this.#has(before, available)) return false;
        this.#position = at;
        this.#push(STRUCT, STRUCT, 0);
        return true;
      case Type.MAP: {
        if (!this.#has(before + 6, available)) return false;
        const count = readI32(bytes, at + 2);
        const key = bytes[at] as number;
        const value = bytes[at + 1] as number;
        this.#position = at + 6;
        if (count !== 0) {
          this.#within(count < 0 ? count : count * (minimumSize(key) + minimumSize(value)), this.#position);
          this.#push(key, value, count * 2);
        }
        return true;
      }
      case Type.LIST:
      case Type.SET: {
        if (!this.#has(before + 5, available)) return false;
        const count = readI32(bytes, at + 1);
        const element = bytes[at] as number;
        this.#position = at + 5;
        if (count !== 0) {
          this.#within(count < 0 ? count : count * minimumSize(element), this.#position);
          this.#push(element, element, count);
        }
        return true;
      }
      default: {
        // A fixed size: skipped although its bytes may not have arrived.
        if (!this.#has(before, available)) return false;
        const size = minimumSize(type);
        this.#within(size, at);
        this.#position = at + size;
        return true;
      }
    }
  }

  #push(first: number, second: number, left: number): void {
    if (this.#depth === this.#limits.maxDepth) throw new ProtocolError(`nested deeper than ${this.#limits.maxDepth}`);
    this.#first[this.#depth] = first;
    this.#second[this.#depth] = second;
    this.#left[this.#depth] = left;
    this.#depth += 1;
  }

  #counted(): void {
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) throw new ProtocolError(`more than ${this.#limits.maxValues} values`);
  }

  #has(count: number, available: number): boolean {
    this.#needed = this.#position + count;
    return this.#needed <= available;
  }

  #within(size: number, at: number): void {
    if (size < 0) throw new ProtocolError(`negative size ${size}`);
    if (at + size > this.#limits.maxMessageBytes) {
      throw new ProtocolError(`${at + size} bytes or more, ${this.#limits.maxMessageBytes} at most`);
    }
  }
}

function readI32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
