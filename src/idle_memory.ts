/**
 * Gives memory back once a storm is over. V8 keeps what its heap has grown to for as long as nothing else is allocated
 * (measured: 155 MB resident after a storm, of which 56 MB were given back), and on a quiet host that is for good.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So many events in a row are worth it, and so few in an interval are quiet. */
const STORM_EVENTS = 20_000;
const QUIET_EVENTS = 100;

type CollectGarbage = (options: { type: 'major'; flavor: 'last-resort' }) => void;

export class IdleMemory {
  #released = 0;
  #before = 0;
  #collect: CollectGarbage | undefined;

  /** To be called at intervals, with how many events there were so far. Takes about 35 ms when it does something. */
  sample(events: number): void {
    const isQuiet = events - this.#before < QUIET_EVENTS;
    this.#before = events;
    if (!isQuiet || events - this.#released < STORM_EVENTS) return;
    this.#released = events;
    this.#collect ??= collector();
    this.#collect({ type: 'major', flavor: 'last-resort' });
  }
}

/** What --expose-gc gives every context from now on; this one does not show it to others. */
function collector(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? (collect as CollectGarbage) : () => undefined;
}
