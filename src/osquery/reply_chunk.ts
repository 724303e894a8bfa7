/**
 * A part of a reply as it is kept until it is sent. Rows have many values in common with the row before: those bytes are not kept, but
 * copied when the chunk is sent.
 */
export class ReplyChunk {
  /** Size as it is sent. */
  readonly sentBytes: number;
  readonly #bytes: Buffer;
  readonly #copies: Int32Array;

  /**
   * @param bytes all that is not copied
   * @param copies three numbers for each copy, in order: where the copy begins, where its original begins, and the length.
   *   Positions are those in the chunk as it is sent.
   */
  constructor(bytes: Buffer, copies: readonly number[]) {
    this.#bytes = bytes;
    this.#copies = Int32Array.from(copies);
    this.sentBytes = bytes.length;
    for (let index = 2; index < copies.length; index += 3) this.sentBytes += copies[index] as number;
  }

  get keptBytes(): number {
    return this.#bytes.length + this.#copies.byteLength;
  }

  /** The bytes that are kept: without copies, those that are sent. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Writes the chunk as it is sent. `into` has at least `sentBytes` bytes. */
  expand(into: Buffer): void {
    const [bytes, copies] = [this.#bytes, this.#copies];
    let [position, read] = [0, 0];
    for (let index = 0; index < copies.length; index += 3) {
      const [at, from, length] = [copies[index], copies[index + 1], copies[index + 2]] as [number, number, number];
      const next = read + at - position;
      bytes.copy(into, position, read, next);
      into.copyWithin(at, from, from + length);
      read = next;
      position = at + length;
    }
    bytes.copy(into, position, read);
  }
}
