import { CHUNK_BYTES } from './response_encoder.ts';

/** Memory of all answers that are being built or sent, on all connections. */
export class AnswerMemory {
  readonly #limit: () => number;
  readonly #onGrown: (bytes: number) => void;
  #bytes = 0;

  /**
   * @param limit bytes; called when an answer grows
   * @param onGrown called with the number of bytes by which an answer grew, as it is sent
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
    let [own, sent] = [0, 0];
    const set = (bytes: number) => {
      this.#bytes += bytes - own;
      own = bytes;
    };
    return {
      othersBytes: () => this.#bytes - own,
      hold: (bytes) => {
        const others = this.#bytes - own;
        // A small answer always has room, although slow readers hold memory; a single answer has room too.
        if (bytes > own && bytes > CHUNK_BYTES && others > 0 && others + bytes > this.#limit()) return false;
        set(bytes);
        return true;
      },
      set,
      grow: (bytes) => {
        this.#onGrown(bytes - sent);
        sent = bytes;
      },
    };
  }
}

/** The part of the memory that one answer holds. */
export interface AnswerShare {
  /** Sets the number of held bytes. Returns false, and changes nothing, where there is no room. */
  hold(bytes: number): boolean;
  /** Sets the number of held bytes, also where there is no room: an answer that is being sent is not refused. */
  set(bytes: number): void;
  /** Sets the size of the answer as it is sent. */
  grow(bytes: number): void;
  /** Bytes that all other answers hold now. */
  othersBytes(): number;
}
