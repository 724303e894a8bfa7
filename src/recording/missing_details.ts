/** Whether many of the rows of the last minutes came without what audit should have told of them. Pure: time is told. */
import type { CollectorProblem } from '../collect/source.ts';

interface Sample {
  readonly atMs: number;
  readonly published: number;
  readonly missing: number;
}

const WINDOW_MS = 60_000;
/** Where this much is missing, what there is cannot be relied on. */
const MANY_SHARE = 0.01;
const FEWEST = 10;

export class MissingDetails {
  /** From the beginning of the window before, of this one, and the last. */
  #before: Sample = { atMs: 0, published: 0, missing: 0 };
  #began = this.#before;
  #last = this.#before;

  /** What was counted since the start, as of now. */
  sample(atMs: number, published: number, missing: number): void {
    this.#last = { atMs, published, missing };
    if (atMs - this.#began.atMs < WINDOW_MS) return;
    this.#before = this.#began;
    this.#began = this.#last;
    // The last sample is too old: what was counted since is of no window.
    if (atMs - this.#before.atMs >= 2 * WINDOW_MS) this.#before = this.#began;
  }

  get problems(): readonly CollectorProblem[] {
    const missing = this.#last.missing - this.#before.missing;
    const published = this.#last.published - this.#before.published;
    if (missing < FEWEST || missing < published * MANY_SHARE) return [];
    const percent = Math.min(100, (100 * missing) / Math.max(1, published)).toFixed(0);
    const message = `${percent} % of the rows of the last minutes (${missing} of ${published}) lack what was executed: see the other problems, events_lost and kernel_lost; raise process_ancestry_publish_wait_ms where the host is busy`;
    return [{ code: 'details_missing_many', message }];
  }
}
