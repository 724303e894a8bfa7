import type { AnswerShare } from './answer_memory.ts';
import type { ResponseEncoder } from './response_encoder.ts';

/** How large an answer may be. */
export interface ResultLimit {
  /** The name of the setting, for the error message: the name of a flag, for instance. */
  readonly name: string;
  /** Bytes; called for each query. */
  readonly bytes: () => number;
}

export const DEFAULT_RESULT_LIMIT: ResultLimit = { name: 'resultMaxBytes', bytes: () => 64 * 1024 * 1024 };

const ADVICE = 'add constraints, or ask for fewer columns';

/** The answer is too large, or too many answers are held. The message has the sizes and what to do. */
class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused';
}

/**
 * Builds the bytes of an answer within the limits. An answer that is too large is not cut: its bytes are released, its
 * remaining rows are counted, and it is refused with its full size. A single row is never too large.
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

  /** @throws {AnswerRefused} other answers hold all the memory */
  add(row: Row): void {
    const encoder = this.#encoder;
    encoder.row(row);
    if (this.#tooLarge) return;
    this.#share.grow(encoder.byteCount);
    if (encoder.byteCount > this.#maxBytes && encoder.rowCount > 1) {
      this.#tooLarge = true;
      this.release();
    } else if (!this.#share.hold(encoder.keptBytes)) {
      const others = inWords(this.#share.othersBytes());
      throw new AnswerRefused(`busy: other answers hold ${others}: try again`);
    }
  }

  /** @throws {AnswerRefused} the answer with all its rows is too large */
  check(): void {
    if (!this.#tooLarge) return;
    const { rowCount, byteCount } = this.#encoder;
    const [bytes, allowed] = inDifferentWords(byteCount, this.#maxBytes);
    throw new AnswerRefused(
      `the answer would be ${grouped(rowCount)} rows and ${bytes}, more than ${this.#limit.name} allows (${allowed}): ${this.#advice}`,
    );
  }

  /** The chunks of the reply; only once. A chunk is valid, and counts as held, until the next one is taken. */
  *chunks(): Generator<Buffer, void, void> {
    for (const chunk of this.#encoder.end()) {
      this.#share.set(this.#encoder.keptBytes);
      yield chunk;
    }
  }

  /** Releases all bytes. May be called several times. */
  release(): void {
    this.#encoder.discard();
    this.#share.set(0);
  }
}

const grouped = (n: number) => n.toLocaleString('en-US');

function inWords(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1000 ? `${(bytes / 1000).toFixed(1)} kB` : `${bytes} bytes`;
}

/** Rounded sizes; exact ones where rounding makes them equal. */
function inDifferentWords(a: number, b: number): [string, string] {
  const words: [string, string] = [inWords(a), inWords(b)];
  return words[0] === words[1] ? [`${grouped(a)} bytes`, `${grouped(b)} bytes`] : words;
}
