/**
 * How many rows there should be, in a file beside them: written once a turn of the event loop and not synced, it outlives
 * a process that is killed, as the page cache does, and tells the next one what was lost.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';

export class WrittenCount {
  /** The eid that was noted last before this process. */
  readonly value: number;
  readonly #file: number;
  #next = 0;
  #due = false;
  #closed = false;

  constructor(path: string) {
    const value = Number.parseInt(readFileSync(path, 'utf8'), 10);
    this.value = Number.isSafeInteger(value) ? value : 0;
    this.#file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  }

  note(eid: number): void {
    this.#next = eid;
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#write());
  }

  /** Nothing that was noted beyond this will come. */
  close(eid: number): void {
    if (this.#closed) return;
    this.#next = eid;
    this.#write();
    this.#closed = true;
    closeSync(this.#file);
  }

  #write(): void {
    this.#due = false;
    if (this.#closed) return;
    try {
      writeSync(this.#file, String(this.#next).padStart(20, '0'), 0);
    } catch {
      // What counts losses must not make one: a disk that fails is told by the rows' own writing.
    }
  }
}
