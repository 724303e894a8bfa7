/**
 * Releases memory after the start, after a storm of events and after large answers. V8 does not shrink its heap while the process
 * is idle (measured: 139 MB resident after a storm, of which 53 MB were released). Most of Node's own file is used only at the start:
 * 50 MB of it were resident, of which 15 MB were used again.
 */
import { collectGarbage } from './collect_garbage.ts';

/** Minimum number of events of a storm, and maximum number in an interval that counts as quiet. */
const STORM_EVENTS = 20_000;
const QUIET_EVENTS = 100;
/** The same for bytes of answers. */
const LARGE_ANSWERS_BYTES = 32 * 1024 * 1024;
const SMALL_ANSWERS_BYTES = 1024 * 1024;
/** The start is over at this sample. */
const START_SAMPLES = 2;

/** Work since the start. */
interface Work {
  readonly events: number;
  /** Size of all answers. */
  readonly answerBytes: number;
}

export class IdleMemory {
  readonly #releaseFilePages: () => void;
  #samples = 0;
  #released: Work = { events: 0, answerBytes: 0 };
  #before: Work = { events: 0, answerBytes: 0 };

  /** @param releaseFilePages unmaps pages of the program's own files that can be read again */
  constructor(releaseFilePages: () => void) {
    this.#releaseFilePages = releaseFilePages;
  }

  /** Called at intervals. Takes about 35 ms when it collects garbage. */
  sample(now: Work): void {
    const stormIsOver =
      now.events - this.#before.events < QUIET_EVENTS && now.events - this.#released.events >= STORM_EVENTS;
    const answersAreOver =
      now.answerBytes - this.#before.answerBytes < SMALL_ANSWERS_BYTES &&
      now.answerBytes - this.#released.answerBytes >= LARGE_ANSWERS_BYTES;
    this.#before = now;
    this.#samples++;
    if (!stormIsOver && !answersAreOver && this.#samples !== START_SAMPLES) return;
    this.#released = now;
    // Not the kind last-resort: it also drops compiled code, and compiling again took 200 ms of CPU.
    collectGarbage({ type: 'major' });
    this.#releaseFilePages();
  }
}
