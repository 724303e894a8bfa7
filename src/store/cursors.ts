/**
 * Subscribers and their cursors, in memory and in the database. Changes are made in memory first. If the disk fails, they are
 * written when it works again.
 */
import type { Logger } from '../program/log.ts';
import type { RowDatabase } from './rows/row_database.ts';
import { type Batch, SUBSCRIBERS_MAX, type Subscriber, Subscribers, usedForMs } from './subscribers.ts';

interface CursorsOptions {
  readonly log: Logger;
  /** Monotonic clock and Unix time, in milliseconds. */
  readonly now: () => number;
  readonly unixNow: () => number;
  /** Runs `work` on the database on disk. May do nothing if there is none, or if it fails. */
  readonly write: (work: (database: RowDatabase) => void) => void;
}

/** How often the losses of subscribers are stored: under load, many rows are removed many times per second. */
const LOSERS_KEPT_MS = 1000;
/** Evicted subscribers are logged together: how often, and how many by name. */
const EVICTIONS_LOG = { everyMs: 60_000, names: 20 };

export class Cursors {
  readonly subscribers: Subscribers;
  readonly #options: CursorsOptions;
  #evicted = 0;
  /** Evictions that are not logged yet, and when evictions were last logged. */
  #evictions: { count: number; used: string[] } = { count: 0, used: [] };
  #evictionsLoggedMs = Number.NEGATIVE_INFINITY;
  /** Subscribers with losses that are not in the database yet. */
  readonly #losers = new Set<Subscriber>();
  #losersKeptMs = Number.NEGATIVE_INFINITY;

  constructor(options: CursorsOptions) {
    this.#options = options;
    this.subscribers = new Subscribers(options);
  }

  /** Subscribers that were evicted because there were too many names. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The subscriber of this name. A new one may evict another. @throws {SubscriberError} the name is too long */
  get(name: string, idleMs: number): Subscriber {
    const { subscriber, evicted } = this.subscribers.get(name, idleMs);
    if (evicted) this.#forget(evicted);
    return subscriber;
  }

  keep(subscribers: readonly Subscriber[]): void {
    if (subscribers.length > 0) this.#options.write((database) => database.putSubscribers(subscribers));
  }

  keepAll(): void {
    this.keep([...this.subscribers]);
  }

  delivered(batch: Batch): void {
    const subscriber = this.subscribers.delivered(batch);
    if (subscriber) this.keep([subscriber]);
  }

  unread(batch: Batch): void {
    const subscriber = this.subscribers.unread(batch);
    if (subscriber) this.keep([subscriber]);
  }

  confirm(): void {
    this.keep(this.subscribers.confirm());
  }

  /** Marks these subscribers as changed by a loss of rows. */
  lost(losers: readonly Subscriber[]): void {
    for (const subscriber of losers) this.#losers.add(subscriber);
    if (this.#options.now() - this.#losersKeptMs >= LOSERS_KEPT_MS) this.#keepLosers();
  }

  /** Periodic work. */
  tidy(): void {
    this.#keepLosers();
    if (this.#options.now() - this.#evictionsLoggedMs >= EVICTIONS_LOG.everyMs) this.logEvictions();
  }

  logEvictions(): void {
    const { count, used } = this.#evictions;
    if (count === 0) return;
    this.#evictions = { count: 0, used: [] };
    this.#evictionsLoggedMs = this.#options.now();
    this.#options.log.warn(
      { evicted: count, ...(used.length > 0 ? { subscribers: used } : {}) },
      `subscribers were removed because there are more than ${SUBSCRIBERS_MAX} names: their next query gets all stored rows`,
    );
  }

  clear(): void {
    this.subscribers.clear();
    this.#losers.clear();
  }

  #keepLosers(): void {
    if (this.#losers.size === 0) return;
    this.#losersKeptMs = this.#options.now();
    this.#options.write((database) => {
      database.putSubscribers(this.#losers);
      // Cleared only after the write: if the database is locked, it is retried.
      this.#losers.clear();
    });
  }

  #forget(evicted: Subscriber): void {
    this.#evicted++;
    this.#evictions.count++;
    if (usedForMs(evicted) > 0 && this.#evictions.used.length < EVICTIONS_LOG.names) {
      this.#evictions.used.push(evicted.name);
    }
    this.#losers.delete(evicted);
    this.#options.write((database) => database.removeSubscriber(evicted.name));
  }
}
