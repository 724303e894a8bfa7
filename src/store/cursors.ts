/**
 * Subscribers and how far each has read, in memory and in the database. What is told of readers is in memory first: a disk
 * that fails gets it when it works again.
 */
import type { Logger } from '../program/log.ts';
import type { RowDatabase } from './rows/row_database.ts';
import { type Batch, SUBSCRIBERS_MAX, type Subscriber, Subscribers, usedForMs } from './subscribers.ts';

interface CursorsOptions {
  readonly log: Logger;
  /** Milliseconds of a clock that does not jump, and of Unix time. */
  readonly now: () => number;
  readonly unixNow: () => number;
  /** Does some work on the database that rows are written to; nothing where there is none. It may be left undone. */
  readonly write: (work: (database: RowDatabase) => void) => void;
}

/** Under load rows are let go many times a second, and very many subscribers may lose them: that is stored so often. */
const LOSERS_KEPT_MS = 1000;
/** Forgotten subscribers are logged together, so often, and so many of them by name. */
const EVICTIONS_LOG = { everyMs: 60_000, names: 20 };

export class Cursors {
  readonly subscribers: Subscribers;
  readonly #options: CursorsOptions;
  #evicted = 0;
  /** Evictions that have not been logged, and when some were logged last. */
  #evictions: { count: number; used: string[] } = { count: 0, used: [] };
  #evictionsLoggedMs = Number.NEGATIVE_INFINITY;
  /** Subscribers that lost rows, which is not in the database yet. */
  readonly #losers = new Set<Subscriber>();
  #losersKeptMs = Number.NEGATIVE_INFINITY;

  constructor(options: CursorsOptions) {
    this.#options = options;
    this.subscribers = new Subscribers(options);
  }

  /** Subscribers that were forgotten because there were too many names. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The subscriber of this name; another may be forgotten for it. @throws {SubscriberError} the name is too long */
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

  /** These have lost rows. */
  lost(losers: readonly Subscriber[]): void {
    for (const subscriber of losers) this.#losers.add(subscriber);
    if (this.#options.now() - this.#losersKeptMs >= LOSERS_KEPT_MS) this.#keepLosers();
  }

  /** What is left to be done from time to time. */
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
      `subscribers were forgotten, as there are more than ${SUBSCRIBERS_MAX} names: those that ask again get all rows that are kept`,
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
      // Not before: a locked database gets them the next time.
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
