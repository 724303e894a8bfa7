/** Detects that many rows of the last minutes have no exec details. A pure class: the caller passes the time. */
import type { CollectorProblem } from '../collect/source.ts';

interface Sample {
  readonly atMs: number;
  readonly published: number;
  readonly missing: number;
}

const WINDOW_MS = 60_000;
/** From this share of rows without details, a problem is reported. */
const MANY_SHARE = 0.01;
const FEWEST = 10;

export class MissingDetails {
  /** The samples at the start of the previous window, at the start of this window, and the last sample. */
  #before: Sample = { atMs: 0, published: 0, missing: 0 };
  #began = this.#before;
  #last = this.#before;

  /** Adds the counters since the start. */
  sample(atMs: number, published: number, missing: number): void {
    this.#last = { atMs, published, missing };
    if (atMs - this.#began.atMs < WINDOW_MS) return;
    this.#before = this.#began;
    this.#began = this.#last;
    // The previous window is too old.
    if (atMs - this.#before.atMs >= 2 * WINDOW_MS) this.#before = this.#began;
  }

  get problems(): readonly CollectorProblem[] {
    const missing = this.#last.missing - this.#before.missing;
    const published = this.#last.published - this.#before.published;
    if (missing < FEWEST || missing < published * MANY_SHARE) return [];
    const percent = Math.min(100, (100 * missing) / Math.max(1, published)).toFixed(0);
    const message = `${percent} % of the rows of the last minutes (${missing} of ${published}) have no exec details: see the other problems, events_lost and kernel_lost; raise process_ancestry_publish_wait_ms if the host is busy`;
    return [{ code: 'details_missing_many', message }];
  }
}
