/** Work in pieces: a generator, of which every `undefined` is a pause in which others may have the event loop. */
import type { EventLoopShare } from './event_loop_share.ts';

export type Pieces<Result> = Generator<undefined, Result, void>;

/** Does the work with pauses, when the share of the event loop is spent. */
export async function inTurns<Result>(pieces: Pieces<Result>, share: EventLoopShare): Promise<Result> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    if (share.spent()) await share.turn();
  }
}

/** Does the work in one go. */
export function runToEnd<Result>(pieces: Pieces<Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}
