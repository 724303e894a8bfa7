import { CHUNK_BYTES } from './response_encoder.ts';

/** Memory of all answers that are being built or sent, on all connections. */
export class AnswerMemory {
  readonly #limit: () => number;
  readonly #onGrown: (bytes: number) => void;
  #bytes = 0;

  /**
   * @param limit bytes; called when an answer grows
   * @param onGrown called with the number of bytes by which an answer grew
   */
  constructor(limit: () => number, onGrown: (bytes: number) => void) {
    this.#limit = limit;
    this.#onGrown = onGrown;
  }

  /** Bytes that all answers hold now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A share for a new answer, which holds nothing yet. */
  share(): AnswerShare {
    let own = 0;
    return {
      othersBytes: () => this.#bytes - own,
      hold: (bytes) => {
        const others = this.#bytes - own;
        // A small answer always has room, although slow readers hold memory; a single answer has room too.
        if (bytes > own && bytes > CHUNK_BYTES && others > 0 && others + bytes > this.#limit()) return false;
        if (bytes > own) this.#onGrown(bytes - own);
        this.#bytes = others + bytes;
        own = bytes;
        return true;
      },
    };
  }
}

/** The part of the memory that one answer holds. */
export interface AnswerShare {
  /** Sets the number of held bytes. Returns false, and changes nothing, where there is no room. */
  hold(bytes: number): boolean;
  /** Bytes that all other answers hold now. */
  othersBytes(): number;
}
