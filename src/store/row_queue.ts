/**
 * Events on their way into the database: numbered in the order of publication, or waiting to be told which number is the
 * next. No number is used again.
 */
import { textBytes } from '../memory/memory_bounds.ts';
import type { PublishedEvent } from '../process/tree.ts';
import type { NumberedEvent } from './rows/row_database.ts';

/** So many events may wait for a locked database, or to be told where it is. */
export const QUEUED_MAX = 5000;

export class RowQueue {
  #numbered: NumberedEvent[] = [];
  #numberedBytes = 0;
  /** Events that came before it was known where the database is, and so which number is the next. */
  #unnumbered: PublishedEvent[] = [];
  #unnumberedBytes = 0;
  #lastEid = 0;

  /** Numbered events that are to be written, the oldest first. */
  get numbered(): readonly NumberedEvent[] {
    return this.#numbered;
  }

  /** What their texts take in memory, at most. */
  get numberedBytes(): number {
    return this.#numberedBytes;
  }

  get size(): number {
    return this.#numbered.length + this.#unnumbered.length;
  }

  get bytes(): number {
    return this.#numberedBytes + this.#unnumberedBytes;
  }

  /** The last number that was given. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** The number of the last event that is written. */
  get writtenEid(): number {
    return this.#lastEid - this.#numbered.length;
  }

  /** The next numbers are beyond this one, and so are those of the rows that wait: the database has others up to there. */
  skipTo(eid: number): void {
    if (eid <= this.#lastEid) return;
    this.#lastEid = eid;
    this.#numbered = this.#numbered.map(({ event }) => ({ eid: ++this.#lastEid, event }));
  }

  add(event: PublishedEvent): void {
    this.#numbered.push({ eid: ++this.#lastEid, event });
    this.#numberedBytes += textBytes(event.details);
  }

  /** Keeps an event until numbers can be given. Answers how many of the oldest were given up to keep within `maxBytes`. */
  addUnnumbered(event: PublishedEvent, maxBytes: number): number {
    this.#unnumbered.push(event);
    this.#unnumberedBytes += textBytes(event.details);
    let lost = 0;
    for (; this.#unnumbered.length > QUEUED_MAX || this.#unnumberedBytes > maxBytes; lost++) {
      this.#unnumberedBytes -= textBytes(this.#unnumbered.shift()?.details);
    }
    return lost;
  }

  /** Gives numbers to those that waited for them. */
  numberAll(): void {
    this.#unnumberedBytes = 0;
    for (const event of this.#unnumbered.splice(0)) this.add(event);
  }

  /** Takes the oldest numbered ones out: they are written. */
  remove(count: number): void {
    for (const { event } of this.#numbered.splice(0, count)) this.#numberedBytes -= textBytes(event.details);
  }

  /** Takes all numbered ones out. */
  removeAll(): NumberedEvent[] {
    this.#numberedBytes = 0;
    return this.#numbered.splice(0);
  }

  /** How many numbered ones come after an eid. */
  countAfter(eid: number): number {
    return Math.min(this.#numbered.length, Math.max(0, this.#lastEid - eid));
  }
}
