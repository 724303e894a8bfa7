/**
 * Named readers and how far each has read. A batch is handed out again to whoever asks within the second, or before its
 * answer has arrived; after that the next one begins where it ended.
 */
import type { EidRange, StoredSubscriber } from './event_database.ts';

export interface Subscriber extends StoredSubscriber {
  /** Up to here it has all rows. */
  lastEid: number;
  lastReadMs: number;
  /** Rows that went before it had them. */
  lostRows: number;
}

/** Rows that a subscriber is given by one query. */
export interface Batch extends EidRange {
  readonly name: string;
}

interface OpenBatch {
  readonly batch: Batch;
  /** Milliseconds of a clock that does not jump. */
  readonly firstMs: number;
  lastMs: number;
  deliveredMs: number | undefined;
}

export interface SubscribersOptions {
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  readonly unixNow: () => number;
}

/** Too many names, or one that is too long: a query that makes them up would hold rows for nobody. */
export class SubscriberError extends Error {
  override readonly name = 'SubscriberError';
}

export const SUBSCRIBERS_MAX = 256;
const NAME_MAX = 256;
/** A join may call again and again, and goes on where it was within this time. */
const SAME_QUERY_MS = 1000;
const JOIN_PAUSE_MS = 250;
const JOIN_MAX_MS = 60_000;

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #batches = new Map<string, OpenBatch>();

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  load(stored: readonly StoredSubscriber[]): void {
    this.#subscribers.clear();
    this.#batches.clear();
    for (const one of stored) this.#subscribers.set(one.name, { ...one });
  }

  [Symbol.iterator](): IterableIterator<Subscriber> {
    return this.#subscribers.values();
  }

  /** The batch that it is being given, when a query is repeated; otherwise undefined. */
  again(name: string): Batch | undefined {
    const open = this.#batches.get(name);
    if (!open) return undefined;
    const now = this.#options.now();
    const joins = now - open.lastMs < JOIN_PAUSE_MS && now - open.firstMs < JOIN_MAX_MS;
    if (now - open.firstMs >= SAME_QUERY_MS && !joins) return undefined;
    open.lastMs = now;
    return open.batch;
  }

  /**
   * The subscriber of this name, a new one if need be. `idleMs` is the time after which one may make room.
   *
   * @throws {SubscriberError}
   */
  get(name: string, idleMs: number): { subscriber: Subscriber; dropped?: string } {
    const known = this.#subscribers.get(name);
    if (known) return { subscriber: known };
    if (name.length > NAME_MAX) throw new SubscriberError(`a subscriber's name has ${NAME_MAX} characters at most`);
    let dropped: string | undefined;
    if (this.#subscribers.size >= SUBSCRIBERS_MAX) {
      const idlest = [...this].reduce((a, b) => (a.lastReadMs <= b.lastReadMs ? a : b));
      if (this.#options.unixNow() - idlest.lastReadMs < idleMs) {
        throw new SubscriberError(`there are ${SUBSCRIBERS_MAX} subscribers already: use fewer names`);
      }
      dropped = idlest.name;
      this.#subscribers.delete(dropped);
      this.#batches.delete(dropped);
    }
    const subscriber = { name, lastEid: 0, lastReadMs: this.#options.unixNow(), lostRows: 0 };
    this.#subscribers.set(name, subscriber);
    return dropped === undefined ? { subscriber } : { subscriber, dropped };
  }

  handOut(subscriber: Subscriber, upTo: number): Batch {
    const now = this.#options.now();
    const batch = { name: subscriber.name, after: subscriber.lastEid, upTo };
    this.#batches.set(subscriber.name, { batch, firstMs: now, lastMs: now, deliveredMs: undefined });
    subscriber.lastReadMs = this.#options.unixNow();
    return batch;
  }

  /** Its answer has arrived. Answers the subscriber when that is news. */
  delivered(batch: Batch): Subscriber | undefined {
    const subscriber = this.#subscribers.get(batch.name);
    const open = this.#batches.get(batch.name);
    if (!subscriber || open?.batch !== batch) return undefined;
    open.lastMs = this.#options.now();
    open.deliveredMs = open.lastMs;
    if (subscriber.lastEid >= batch.upTo) return undefined;
    subscriber.lastEid = batch.upTo;
    return subscriber;
  }

  /** Whoever was given rows since then may have died with them: they are given again. */
  takeBack(sinceMs: number): Subscriber[] {
    const changed: Subscriber[] = [];
    for (const [name, { batch, deliveredMs }] of this.#batches) {
      const subscriber = this.#subscribers.get(name);
      if (deliveredMs === undefined || deliveredMs < sinceMs || !subscriber) continue;
      subscriber.lastEid = Math.min(subscriber.lastEid, batch.after);
      this.#batches.delete(name);
      changed.push(subscriber);
    }
    return changed;
  }

  /** The eid up to which every subscriber that was not idle for so long has all rows; Infinity without any. */
  readByAll(idleMs: number): number {
    const now = this.#options.unixNow();
    let least = Number.POSITIVE_INFINITY;
    for (const { lastEid, lastReadMs } of this) if (now - lastReadMs < idleMs) least = Math.min(least, lastEid);
    return least;
  }
}
