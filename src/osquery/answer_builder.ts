import type { AnswerShare } from './answer_memory.ts';
import type { ResponseEncoder } from './response_encoder.ts';

/** How large an answer may be. */
export interface ResultLimit {
  /** What the one who can change it knows it by: the name of a flag, say. */
  readonly name: string;
  /** Bytes; asked for at each query. */
  readonly bytes: () => number;
}

export const DEFAULT_RESULT_LIMIT: ResultLimit = { name: 'resultMaxBytes', bytes: () => 64 * 1024 * 1024 };

const ADVICE = 'add constraints, or ask for fewer columns';

/** An answer that is too large, or one too many. The message says by how much, and what to do. */
class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused';
}

/**
 * Makes the bytes of an answer and keeps them within the bounds. One that has become too large is not cut: its bytes are
 * let go of, the rest of its rows is counted, and it is refused with its true size. A single row is never too large.
 */
export class AnswerBuilder<Row> {
  readonly #encoder: ResponseEncoder<Row>;
  readonly #share: AnswerShare;
  readonly #limit: ResultLimit;
  readonly #maxBytes: number;
  readonly #advice: string;
  #tooLarge = false;

  constructor(encoder: ResponseEncoder<Row>, share: AnswerShare, limit: ResultLimit, advice = ADVICE) {
    this.#encoder = encoder;
    this.#share = share;
    this.#limit = limit;
    this.#maxBytes = limit.bytes();
    this.#advice = advice;
  }

  /** @throws {AnswerRefused} the answers of others leave no room for it */
  add(row: Row): void {
    const encoder = this.#encoder;
    encoder.row(row);
    if (this.#tooLarge) return;
    if (encoder.byteCount > this.#maxBytes && encoder.rowCount > 1) {
      this.#tooLarge = true;
      this.release();
    } else if (!this.#share.hold(encoder.byteCount)) {
      const others = inWords(this.#share.othersBytes());
      throw new AnswerRefused(`busy: ${others} of answers are still being read by others: try again`);
    }
  }

  /** @throws {AnswerRefused} all of its rows together are more than one answer may be */
  check(): void {
    if (!this.#tooLarge) return;
    const { rowCount, byteCount } = this.#encoder;
    const [bytes, allowed] = inDifferentWords(byteCount, this.#maxBytes);
    throw new AnswerRefused(
      `the answer would be ${grouped(rowCount)} rows and ${bytes}, more than ${this.#limit.name} allows (${allowed}): ${this.#advice}`,
    );
  }

  /** The reply, once. A chunk is held until the next is asked for. */
  *chunks(): Generator<Buffer, void, void> {
    let left = this.#encoder.byteCount;
    for (const chunk of this.#encoder.end()) {
      yield chunk;
      left -= chunk.length;
      this.#share.hold(left);
    }
  }

  /** Holds nothing any more. Can be called again. */
  release(): void {
    this.#encoder.discard();
    this.#share.hold(0);
  }
}

const grouped = (n: number) => n.toLocaleString('en-US');

function inWords(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1000 ? `${(bytes / 1000).toFixed(1)} kB` : `${bytes} bytes`;
}

/** Rounded, unless that would hide which is more. */
function inDifferentWords(a: number, b: number): [string, string] {
  const words: [string, string] = [inWords(a), inWords(b)];
  return words[0] === words[1] ? [`${grouped(a)} bytes`, `${grouped(b)} bytes`] : words;
}
