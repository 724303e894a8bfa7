import { MessageScanner } from './message_scanner.ts';
import type { ProtocolLimits } from './protocol.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Bytes of a connection, and the messages in them. A message that comes in one piece is not copied; of one that comes in
 * many, every byte is looked at once. Memory is what has come, doubled at most: a length is never allocated on trust.
 */
export class MessageBuffer {
  readonly #scanner: MessageScanner;
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  #owned = false;

  constructor(limits: ProtocolLimits) {
    this.#scanner = new MessageScanner(limits);
  }

  /** Bytes that belong to no message taken so far. */
  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Buffer): void {
    if (this.length === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#end + chunk.length > this.#bytes.length) {
      const wanted = this.length + chunk.length;
      const bytes = Buffer.allocUnsafeSlow(Math.max(1024, wanted * 2));
      this.#bytes.copy(bytes, 0, this.#start, this.#end);
      this.#bytes = bytes;
      this.#end -= this.#start;
      this.#start = 0;
      this.#owned = true;
    }
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole message, taken out; undefined while there is none. Its bytes stay what they are.
   *
   * @throws {ProtocolError} the connection cannot be read any further
   */
  next(): Buffer | undefined {
    if (this.length < this.#scanner.needed) return undefined;
    const length = this.#scanner.scan(this.#bytes.subarray(this.#start, this.#end));
    if (length === undefined) return undefined;
    const message = this.#bytes.subarray(this.#start, this.#start + length);
    this.#scanner.reset();
    this.#start += length;
    if (this.length === 0) this.clear();
    return message;
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#owned = false;
    this.#scanner.reset();
  }
}
