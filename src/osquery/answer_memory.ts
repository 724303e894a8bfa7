import { CHUNK_BYTES } from './response_encoder.ts';

/** Bytes of answers that are being made or read, of all connections together. */
export class AnswerMemory {
  readonly #limit: () => number;
  readonly #onGrown: (bytes: number) => void;
  #bytes = 0;

  /**
   * @param limit bytes; asked for whenever an answer grows
   * @param onGrown called with the bytes by which one has grown
   */
  constructor(limit: () => number, onGrown: (bytes: number) => void) {
    this.#limit = limit;
    this.#onGrown = onGrown;
  }

  /** What all answers hold now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** For one more answer, which holds nothing yet. */
  share(): AnswerShare {
    let own = 0;
    return {
      othersBytes: () => this.#bytes - own,
      hold: (bytes) => {
        const others = this.#bytes - own;
        // Whoever stops reading must not keep others from a small answer, nor is one that is alone ever too many.
        if (bytes > own && bytes > CHUNK_BYTES && others > 0 && others + bytes > this.#limit()) return false;
        if (bytes > own) this.#onGrown(bytes - own);
        this.#bytes = others + bytes;
        own = bytes;
        return true;
      },
    };
  }
}

/** What one answer holds of the memory for all. */
export interface AnswerShare {
  /** Holds so many bytes from now on, in place of what it held; false, and nothing changes, where there is no room. */
  hold(bytes: number): boolean;
  /** What all other answers hold now. */
  othersBytes(): number;
}
