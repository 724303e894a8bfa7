/**
 * Named readers and how far each has read. A batch is handed out again to whoever asks within the second, or before its
 * answer has arrived; after that the next one begins where it ended. That a batch arrived is only believed when its reader
 * has lived on: osqueryd can be killed between taking rows and logging them.
 */
import type { EidRange } from './eid_range.ts';
import type { StoredSubscriber } from './event_database.ts';

export interface Subscriber {
  readonly name: string;
  /** Up to here it was given all rows. */
  lastEid: number;
  /** Up to here it has them for sure. */
  confirmedEid: number;
  /** Who was given those between: one process of osqueryd. */
  reader: string;
  lastReadMs: number;
  /** Rows that went before it had them. */
  lostRows: number;
}

/** Rows that a subscriber is given by one query. */
export interface Batch extends EidRange {
  readonly name: string;
  /** The batch ends where its answer has so many. */
  readonly bytes: number;
  /** It has been given as it is, and must not end elsewhere. */
  readonly isGivenAgain: boolean;
  upTo: number;
}

interface OpenBatch {
  readonly batch: { -readonly [Key in keyof Batch]: Batch[Key] };
  /** Milliseconds of a clock that does not jump. */
  readonly firstMs: number;
  lastMs: number;
  /** Undefined while the last answer to it has not arrived. */
  deliveredMs: number | undefined;
  /** Up to here it is on disk that it was given them. */
  toldEid: number;
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
const SAME_QUERY_MS = 1000;
/** A join that asks row by row may pause for as long as it has been going on, within these. */
const JOIN_PAUSE_MS = { least: 250, most: 5000 };
const JOIN_MAX_MS = 300_000;
/** Who has not been heard for long may come back for so long, when neither it nor this extension could run until now. */
const COME_BACK_MS = 3_600_000;
/** A reader that lives so long after its batch has logged it. */
const LOGGED_WITHIN_MS = 30_000;
/** What a reader took just before it died may have killed it: less from then on, but never less than this, and growing. */
const SUSPECT = { leastBytes: 4 * 1024 * 1024, growth: 1.25 };

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #batches = new Map<string, OpenBatch>();
  readonly #beganMs: number;
  /** What those whose reader died had been given, and are to be given again. */
  readonly #suspects = new Map<string, EidRange>();
  /** Bytes that such are given at once, while that is less than they would be. */
  readonly #cautious = new Map<string, number>();
  #reader: string | undefined;

  constructor(options: SubscribersOptions) {
    this.#options = options;
    this.#beganMs = options.now();
  }

  /** Adds those of a database. One that is known already has what both have. */
  load(stored: readonly StoredSubscriber[]): void {
    for (const one of stored) {
      const known = this.#subscribers.get(one.name);
      this.#batches.delete(one.name);
      this.#subscribers.set(one.name, {
        name: one.name,
        reader: one.reader,
        lastEid: Math.min(known?.confirmedEid ?? one.lastEid, one.lastEid),
        confirmedEid: Math.min(known?.confirmedEid ?? one.confirmedEid, one.confirmedEid),
        lastReadMs: Math.max(known?.lastReadMs ?? 0, one.lastReadMs),
        lostRows: one.lostRows + (known?.lostRows ?? 0),
      });
    }
    if (this.#reader !== undefined) this.readBy(this.#reader);
  }

  /** Who asks from now on. What is not confirmed of what was given to others is given again. */
  readBy(reader: string): void {
    this.#reader = reader;
    for (const subscriber of this) {
      if (reader !== '' && subscriber.reader === reader) continue;
      const { name, confirmedEid, lastEid } = subscriber;
      if (confirmedEid < lastEid) this.#suspects.set(name, { after: confirmedEid, upTo: lastEid });
      this.#batches.delete(name);
      subscriber.lastEid = subscriber.confirmedEid;
    }
  }

  clear(): void {
    this.#subscribers.clear();
    this.#batches.clear();
    this.#suspects.clear();
    this.#cautious.clear();
  }

  [Symbol.iterator](): IterableIterator<Subscriber> {
    return this.#subscribers.values();
  }

  /**
   * The batch that it is being given, when a query is repeated; otherwise undefined. It has been given when the last answer
   * to it has arrived: a join is one statement, and one answer that is missing makes it fail.
   */
  again(name: string): Batch | undefined {
    const open = this.#batches.get(name);
    const subscriber = this.#subscribers.get(name);
    if (!open || !subscriber) return undefined;
    const now = this.#options.now();
    const lasted = open.lastMs - open.firstMs;
    const pauseMs = Math.min(JOIN_PAUSE_MS.most, Math.max(JOIN_PAUSE_MS.least, lasted));
    const joins = now - open.lastMs < pauseMs && now - open.firstMs < JOIN_MAX_MS;
    if (now - open.firstMs >= SAME_QUERY_MS && !joins) return undefined;
    open.lastMs = now;
    if (open.deliveredMs !== undefined) {
      open.deliveredMs = undefined;
      open.batch.isGivenAgain = true;
      subscriber.lastEid = open.batch.after;
      subscriber.confirmedEid = Math.min(subscriber.confirmedEid, subscriber.lastEid);
    }
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
      if (!this.#isIdle(idlest, idleMs)) {
        throw new SubscriberError(`there are ${SUBSCRIBERS_MAX} subscribers already: use fewer names`);
      }
      dropped = idlest.name;
      this.#subscribers.delete(dropped);
      this.#batches.delete(dropped);
      this.#suspects.delete(dropped);
      this.#cautious.delete(dropped);
    }
    const lastReadMs = this.#options.unixNow();
    const subscriber = { name, lastEid: 0, confirmedEid: 0, reader: '', lastReadMs, lostRows: 0 };
    this.#subscribers.set(name, subscriber);
    return dropped === undefined ? { subscriber } : { subscriber, dropped };
  }

  /**
   * How large an answer may be made for it, once for each batch: half of the last one's, when that did not arrive, or when
   * its reader died with it, as osqueryd does where rows take more memory than it may have. `sizeOf` tells a range's bytes.
   */
  portion({ name }: Subscriber, bytes: number, sizeOf: (range: EidRange) => number): number {
    const open = this.#batches.get(name);
    if (open && open.deliveredMs === undefined) return Math.max(1, Math.min(bytes, open.batch.bytes / 2));
    const suspect = this.#suspects.get(name);
    const before = this.#cautious.get(name) ?? bytes;
    const now = suspect ? Math.max(SUSPECT.leastBytes, Math.min(before, sizeOf(suspect)) / 2) : before * SUSPECT.growth;
    this.#suspects.delete(name);
    if (now < bytes) this.#cautious.set(name, now);
    else this.#cautious.delete(name);
    return Math.min(now, bytes);
  }

  /** Whoever asks for more has done with what it had. */
  handOut(subscriber: Subscriber, upTo: number, bytes: number): Batch {
    const now = this.#options.now();
    const batch = { name: subscriber.name, after: subscriber.lastEid, upTo, bytes, isGivenAgain: false };
    const times = { firstMs: now, lastMs: now, deliveredMs: undefined };
    this.#batches.set(subscriber.name, { batch, ...times, toldEid: batch.after });
    subscriber.confirmedEid = subscriber.lastEid;
    subscriber.lastReadMs = this.#options.unixNow();
    return batch;
  }

  /** Its answer has arrived. Answers the subscriber when that is news. */
  delivered(batch: Batch): Subscriber | undefined {
    const subscriber = this.#subscribers.get(batch.name);
    const open = this.#batches.get(batch.name);
    if (!subscriber || !open || open.batch !== batch) return undefined;
    open.lastMs = this.#options.now();
    open.deliveredMs = open.lastMs;
    subscriber.lastEid = Math.max(subscriber.lastEid, batch.upTo);
    if (open.toldEid >= subscriber.lastEid) return undefined;
    open.toldEid = subscriber.lastEid;
    subscriber.reader = this.#reader ?? '';
    return subscriber;
  }

  /** The readers live now: what some of them were given a while ago they have. Answers those of whom that is news. */
  confirm(withinMs = LOGGED_WITHIN_MS): Subscriber[] {
    const now = this.#options.now();
    return [...this].filter((subscriber) => {
      const deliveredMs = this.#batches.get(subscriber.name)?.deliveredMs;
      const isNews = subscriber.confirmedEid < subscriber.lastEid;
      if (!isNews || (deliveredMs !== undefined && now - deliveredMs < withinMs)) return false;
      subscriber.confirmedEid = subscriber.lastEid;
      return true;
    });
  }

  /**
   * What each loses with rows that are about to go, where `count` tells how many of them come after an eid. Counts them
   * when it is called, which is when they are gone: a locked database keeps them. Answers those who lost any.
   */
  losing(count: (afterEid: number) => number): () => Subscriber[] {
    const losses = [...this].map((subscriber) => ({ subscriber, lost: count(subscriber.lastEid) }));
    return () =>
      losses.flatMap(({ subscriber, lost }) => {
        subscriber.lostRows += lost;
        return lost > 0 ? [subscriber] : [];
      });
  }

  /** The eid up to which every subscriber that was not idle for so long has all rows; Infinity without any. */
  readByAll(idleMs: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const subscriber of this) {
      if (!this.#isIdle(subscriber, idleMs)) least = Math.min(least, subscriber.confirmedEid);
    }
    return least;
  }

  /** Not for the time alone: a host may have been off or asleep for it, or its clock been set. */
  #isIdle({ name, lastReadMs }: Subscriber, idleMs: number): boolean {
    const sinceMs = this.#batches.get(name)?.lastMs ?? this.#beganMs;
    const couldAskMs = this.#options.now() - sinceMs;
    return this.#options.unixNow() - lastReadMs >= idleMs && couldAskMs >= Math.min(idleMs, COME_BACK_MS);
  }
}
