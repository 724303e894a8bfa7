/**
 * Events that wait to be written. They are numbered in the order of publication, or wait until the next eid is known. No eid is
 * used again.
 */
import { textBytes } from '../memory/memory_bounds.ts';
import type { PublishedEvent } from '../process/tree.ts';
import type { NumberedEvent } from './rows/row_database.ts';

/** Number of events that may wait for a locked database, or until its directory is known. */
export const QUEUED_MAX = 5000;

export class RowQueue {
  #numbered: NumberedEvent[] = [];
  #numberedBytes = 0;
  /** Events that came before the directory of the database, and so the next eid, was known. */
  #unnumbered: PublishedEvent[] = [];
  #unnumberedBytes = 0;
  #lastEid = 0;

  /** Numbered events that wait to be written, the oldest first. */
  get numbered(): readonly NumberedEvent[] {
    return this.#numbered;
  }

  /** Upper estimate of the memory for their texts. */
  get numberedBytes(): number {
    return this.#numberedBytes;
  }

  get size(): number {
    return this.#numbered.length + this.#unnumbered.length;
  }

  get bytes(): number {
    return this.#numberedBytes + this.#unnumberedBytes;
  }

  /** The last eid that was used. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** The eid of the last written event. */
  get writtenEid(): number {
    return this.#lastEid - this.#numbered.length;
  }

  /** Continues after this eid, and renumbers the waiting rows: the database already has rows up to it. */
  skipTo(eid: number): void {
    if (eid <= this.#lastEid) return;
    this.#lastEid = eid;
    this.#numbered = this.#numbered.map(({ event }) => ({ eid: ++this.#lastEid, event }));
  }

  add(event: PublishedEvent): void {
    this.#numbered.push({ eid: ++this.#lastEid, event });
    this.#numberedBytes += textBytes(event.details);
  }

  /** Keeps an event until the next eid is known. Returns how many of the oldest were dropped to stay within the bounds. */
  addUnnumbered(event: PublishedEvent, maxBytes: number): number {
    this.#unnumbered.push(event);
    this.#unnumberedBytes += textBytes(event.details);
    let lost = 0;
    for (; this.#unnumbered.length > QUEUED_MAX || this.#unnumberedBytes > maxBytes; lost++) {
      this.#unnumberedBytes -= textBytes(this.#unnumbered.shift()?.details);
    }
    return lost;
  }

  /** Numbers the events that waited for it. */
  numberAll(): void {
    this.#unnumberedBytes = 0;
    for (const event of this.#unnumbered.splice(0)) this.add(event);
  }

  /** Removes the oldest numbered events, which are written. */
  remove(count: number): void {
    for (const { event } of this.#numbered.splice(0, count)) this.#numberedBytes -= textBytes(event.details);
  }

  /** Removes and returns all numbered events. */
  removeAll(): NumberedEvent[] {
    this.#numberedBytes = 0;
    return this.#numbered.splice(0);
  }

  /** Number of numbered events after an eid. */
  countAfter(eid: number): number {
    return Math.min(this.#numbered.length, Math.max(0, this.#lastEid - eid));
  }
}
