import { MessageScanner } from './message_scanner.ts';
import type { ProtocolLimits } from './protocol.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Splits the bytes of a connection into messages. A message that arrives in one chunk is not copied; of other messages,
 * every byte is scanned once. The memory is at most twice the received bytes: a declared length allocates nothing.
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

  /** Number of buffered bytes. */
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
   * Takes out the next whole message; undefined while it is incomplete. Its bytes do not change later.
   *
   * @throws {ProtocolError} the bytes are not a message; the connection is unusable
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
