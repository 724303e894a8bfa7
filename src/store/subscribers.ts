/**
 * Subscribers (named readers) and their cursors. The protocol has no statement id, so queries of one statement cannot be
 * recognized. Therefore the same batch is sent again for a short time: a join that queries row by row gets the same rows. An
 * answer that did not arrive is sent again completely. osqueryd can be killed between reading rows and logging them, so a batch
 * counts as logged only if the reader is still alive some time later.
 */
import type { EidRange } from './eid_range.ts';
import type { StoredSubscriber } from './rows/row_database.ts';

export interface Subscriber {
  readonly name: string;
  /** It has received all rows up to this eid. */
  lastEid: number;
  /** It has logged all rows up to this eid. */
  confirmedEid: number;
  /** The process of osqueryd that received the rows between confirmedEid and lastEid. */
  reader: string;
  /** Time of its first and its last batch, in Unix ms. The time between them is how long it has been in use. */
  firstReadMs: number;
  lastReadMs: number;
  /** Rows that were removed before it read them. */
  lostRows: number;
}

/** The rows of one query of a subscriber. */
export interface Batch extends EidRange {
  readonly name: string;
  /** The batch ends when its answer has this many bytes. */
  readonly bytes: number;
  /** It was sent before, and must end at the same row. */
  readonly isGivenAgain: boolean;
  upTo: number;
}

interface OpenBatch {
  readonly batch: { -readonly [Key in keyof Batch]: Batch[Key] };
  /** When its first answer arrived. Monotonic clock, in milliseconds, as for the next one. */
  firstAnswerMs: number | undefined;
  /** When its last answer arrived; undefined until it arrives. */
  lastAnswerMs: number | undefined;
  /** The cursor on disk. */
  toldEid: number;
}

/** A subscriber with its state that is not stored. */
interface Entry {
  readonly subscriber: Subscriber;
  open: OpenBatch | undefined;
  /** The reader died with rows that it had not logged. */
  diedReading: boolean;
  /** Time of its last query. Monotonic clock, in milliseconds. */
  askedMs: number;
}

interface SubscribersOptions {
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  readonly unixNow: () => number;
}

/** A name that is too long. */
class SubscriberError extends Error {
  override readonly name = 'SubscriberError';
}

export const SUBSCRIBERS_MAX = 1024;
const NAME_MAX = 256;
/** The same rows are sent again within `pause` after their last answer and within `whole` after their first answer. */
export const GIVEN_AGAIN_MS = { pause: 300, whole: 5000 };
/** After the host was off or asleep, a subscriber has this time to query again. */
const COME_BACK_MS = 3_600_000;
/** A reader that is alive this long after a batch has logged it. */
const LOGGED_WITHIN_MS = 30_000;
/** After a failed batch, the answer with the next one has at most this size: the failed one may have killed osqueryd. */
const AFTER_FAILURE_BYTES = 4 * 1024 * 1024;

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #entries = new Map<string, Entry>();
  #reader: string | undefined;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  /** Adds the subscribers of a database, and merges those that are already known. */
  load(stored: readonly StoredSubscriber[]): void {
    for (const one of stored) {
      const known = this.#entries.get(one.name)?.subscriber;
      this.#add({
        name: one.name,
        reader: one.reader,
        lastEid: Math.min(known?.confirmedEid ?? one.lastEid, one.lastEid),
        confirmedEid: Math.min(known?.confirmedEid ?? one.confirmedEid, one.confirmedEid),
        firstReadMs: Math.min(known?.firstReadMs ?? one.firstReadMs, one.firstReadMs),
        lastReadMs: Math.max(known?.lastReadMs ?? 0, one.lastReadMs),
        lostRows: one.lostRows + (known?.lostRows ?? 0),
      });
    }
    if (this.#reader !== undefined) this.readBy(this.#reader);
  }

  /** Sets the present reader. Rows that another reader received and did not log are sent again. */
  readBy(reader: string): void {
    this.#reader = reader;
    for (const entry of this.#entries.values()) {
      const { subscriber, open } = entry;
      if (reader !== '' && subscriber.reader === reader) continue;
      const { confirmedEid, lastEid } = subscriber;
      if (confirmedEid < Math.max(lastEid, open?.batch.upTo ?? 0)) entry.diedReading = true;
      entry.open = undefined;
      subscriber.lastEid = confirmedEid;
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  *[Symbol.iterator](): IterableIterator<Subscriber> {
    for (const { subscriber } of this.#entries.values()) yield subscriber;
  }

  /**
   * The last batch of a name, if it must be sent again; undefined if the next one is due. A batch is delivered when its last answer
   * has arrived: a join is one statement, and fails if one answer is missing.
   */
  again(name: string): Batch | undefined {
    const entry = this.#entries.get(name);
    const open = entry?.open;
    if (!open || open.firstAnswerMs === undefined || open.lastAnswerMs === undefined) return undefined;
    const now = this.#options.now();
    if (now - open.lastAnswerMs > GIVEN_AGAIN_MS.pause || now - open.firstAnswerMs > GIVEN_AGAIN_MS.whole)
      return undefined;
    open.lastAnswerMs = undefined;
    open.batch.isGivenAgain = true;
    entry.subscriber.lastEid = open.batch.after;
    return open.batch;
  }

  /**
   * The subscriber of this name. A new one may evict another one: the one that has been in use for the shortest time, so names that
   * were read only once are evicted first. A subscriber without a query for `idleMs` is not in use.
   *
   * @throws {SubscriberError}
   */
  get(name: string, idleMs: number): { subscriber: Subscriber; evicted?: Subscriber } {
    const known = this.#entries.get(name)?.subscriber;
    if (known) return { subscriber: known };
    if (name.length > NAME_MAX) throw new SubscriberError(`a subscriber name can have at most ${NAME_MAX} characters`);
    const evicted = this.#entries.size >= SUBSCRIBERS_MAX ? this.#leastUsed(idleMs) : undefined;
    if (evicted) this.#entries.delete(evicted.name);
    const now = this.#options.unixNow();
    const none = { lastEid: 0, confirmedEid: 0, reader: '', lostRows: 0 };
    const subscriber = this.#add({ name, firstReadMs: now, lastReadMs: now, ...none });
    return evicted ? { subscriber, evicted } : { subscriber };
  }

  /**
   * Starts a batch of at most `mostBytes`. A subscriber that asks for more rows has logged the former ones. The batch is smaller if
   * the former answer did not arrive, or if its reader died: osqueryd is killed if it takes too much memory.
   */
  handOut(subscriber: Subscriber, upTo: number, mostBytes: number): Batch {
    const entry = this.#entries.get(subscriber.name);
    const hasFailed = entry?.diedReading || (entry?.open && entry.open.lastAnswerMs === undefined);
    const bytes = hasFailed ? Math.min(mostBytes, AFTER_FAILURE_BYTES) : mostBytes;
    const batch = { name: subscriber.name, after: subscriber.lastEid, upTo, bytes, isGivenAgain: false };
    if (entry) {
      entry.open = { batch, firstAnswerMs: undefined, lastAnswerMs: undefined, toldEid: batch.after };
      entry.diedReading = false;
      entry.askedMs = this.#options.now();
    }
    subscriber.confirmedEid = subscriber.lastEid;
    subscriber.lastReadMs = this.#options.unixNow();
    // The clock may have been ahead at the first read.
    subscriber.firstReadMs = Math.min(subscriber.firstReadMs, subscriber.lastReadMs);
    return batch;
  }

  /** The answer with a batch has arrived. Returns the subscriber if its cursor must be stored. */
  delivered(batch: Batch): Subscriber | undefined {
    const entry = this.#entries.get(batch.name);
    const open = entry?.open;
    if (!open || open.batch !== batch) return undefined;
    const { subscriber } = entry;
    open.lastAnswerMs = this.#options.now();
    open.firstAnswerMs ??= open.lastAnswerMs;
    subscriber.lastEid = Math.max(subscriber.lastEid, batch.upTo);
    if (open.toldEid >= subscriber.lastEid) return undefined;
    open.toldEid = subscriber.lastEid;
    subscriber.reader = this.#reader ?? '';
    return subscriber;
  }

  /** The last answer with a batch was not read to its end. Returns the subscriber if its cursor must be stored. */
  unread(batch: Batch): Subscriber | undefined {
    const entry = this.#entries.get(batch.name);
    const open = entry?.open;
    if (!open || open.batch !== batch || open.lastAnswerMs === undefined) return undefined;
    open.lastAnswerMs = undefined;
    open.toldEid = batch.after;
    entry.subscriber.lastEid = batch.after;
    return entry.subscriber;
  }

  /** The reader is alive, so it has logged the rows that it received more than `withinMs` ago. Returns the changed subscribers. */
  confirm(withinMs = LOGGED_WITHIN_MS): Subscriber[] {
    const now = this.#options.now();
    const moved: Subscriber[] = [];
    for (const { subscriber, open } of this.#entries.values()) {
      const isNews = subscriber.confirmedEid < subscriber.lastEid;
      if (!isNews || (open?.lastAnswerMs !== undefined && now - open.lastAnswerMs < withinMs)) continue;
      subscriber.confirmedEid = subscriber.lastEid;
      moved.push(subscriber);
    }
    return moved;
  }

  /**
   * Computes what each subscriber loses when rows are removed. `count` returns how many of the rows come after an eid. Call the
   * returned function once the rows are removed (a locked database keeps them): it adds the losses and returns the subscribers
   * that lost rows.
   */
  losing(count: (afterEid: number) => number): () => Subscriber[] {
    const losses = [...this].map((subscriber) => ({ subscriber, lost: count(subscriber.lastEid) }));
    return () =>
      losses.flatMap(({ subscriber, lost }) => {
        subscriber.lostRows += lost;
        return lost > 0 ? [subscriber] : [];
      });
  }

  /** The eid up to which all subscribers that are not idle have logged all rows; Infinity if there are none. */
  readByAll(idleMs: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (!this.#isIdle(entry, idleMs)) least = Math.min(least, entry.subscriber.confirmedEid);
    }
    return least;
  }

  #add(subscriber: Subscriber): Subscriber {
    const askedMs = this.#entries.get(subscriber.name)?.askedMs ?? this.#options.now();
    this.#entries.set(subscriber.name, { subscriber, open: undefined, diedReading: false, askedMs });
    return subscriber;
  }

  #leastUsed(idleMs: number): Subscriber | undefined {
    let least: { subscriber: Subscriber; usedMs: number } | undefined;
    for (const entry of this.#entries.values()) {
      const { subscriber } = entry;
      const usedMs = this.#isIdle(entry, idleMs) ? 0 : usedForMs(subscriber);
      const isLess =
        !least ||
        usedMs < least.usedMs ||
        (usedMs === least.usedMs && subscriber.lastReadMs < least.subscriber.lastReadMs);
      if (isLess) least = { subscriber, usedMs };
    }
    return least?.subscriber;
  }

  /** Compares Unix time and the monotonic clock: the host may have been off or asleep, or its clock may have been set. */
  #isIdle({ subscriber, askedMs }: Entry, idleMs: number): boolean {
    const couldAskMs = this.#options.now() - askedMs;
    return this.#options.unixNow() - subscriber.lastReadMs >= idleMs && couldAskMs >= Math.min(idleMs, COME_BACK_MS);
  }
}

/** Time from the first to the last batch of a subscriber; 0 for a name that was read once. */
export function usedForMs({ firstReadMs, lastReadMs }: Subscriber): number {
  return Math.max(0, lastReadMs - firstReadMs);
}
