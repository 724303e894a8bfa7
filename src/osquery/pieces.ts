/** Work in pieces: a generator whose `undefined` values are pauses in which other work may use the event loop. */
import type { EventLoopShare } from './event_loop_share.ts';

export type Pieces<Result> = Generator<undefined, Result, void>;

/** Runs the work, and gives way at a pause when the share of the event loop is spent. */
export async function inTurns<Result>(pieces: Pieces<Result>, share: EventLoopShare): Promise<Result> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    if (share.spent()) await share.turn();
  }
}

/** Runs the work without pauses. */
export function runToEnd<Result>(pieces: Pieces<Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}
