/**
 * Named readers and how far each has read. Answers are not told apart by statement (the protocol has no statement id), so a
 * batch is given again for a bounded time: a join that asks row by row gets the same rows. An answer that did not arrive is
 * given again whole. A batch counts as logged when its reader has lived on: osqueryd can be killed between taking rows and
 * logging them.
 */
import type { EidRange } from './eid_range.ts';
import type { StoredSubscriber } from './rows/row_database.ts';

export interface Subscriber {
  readonly name: string;
  /** It was given all rows up to this eid. */
  lastEid: number;
  /** It has logged all rows up to this eid. */
  confirmedEid: number;
  /** The process of osqueryd that was given the rows between these two. */
  reader: string;
  /** When it asked for its first and for its last batch, in Unix ms. The time between them is how long it has been in use. */
  firstReadMs: number;
  lastReadMs: number;
  /** Rows that went before it had them. */
  lostRows: number;
}

/** Rows that a subscriber is given by one query. */
export interface Batch extends EidRange {
  readonly name: string;
  /** The batch ends where its answer has so many bytes. */
  readonly bytes: number;
  /** It was given before, and must not end elsewhere. */
  readonly isGivenAgain: boolean;
  upTo: number;
}

interface OpenBatch {
  readonly batch: { -readonly [Key in keyof Batch]: Batch[Key] };
  /** When its first answer arrived. Milliseconds of a clock that does not jump, as the next one. */
  firstAnswerMs: number | undefined;
  /** When its last answer arrived; undefined while that is on its way, or when it never arrived. */
  lastAnswerMs: number | undefined;
  /** The cursor on disk. */
  toldEid: number;
}

/** What is known of a name beside what is stored of it. */
interface Entry {
  readonly subscriber: Subscriber;
  open: OpenBatch | undefined;
  /** The batch that its reader died with. */
  fatal: EidRange | undefined;
  /** Bytes of full rows that a batch may take after one has failed; undefined: no limit. */
  mostBytes: number | undefined;
  /** When it asked last. Milliseconds of a clock that does not jump. */
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
/** The same rows are given again within `pause` of their last answer and within `whole` of their first one. */
export const GIVEN_AGAIN_MS = { pause: 300, whole: 5000 };
/** A subscriber that was silent for long may come back for so long after its host was off or asleep. */
const COME_BACK_MS = 3_600_000;
/** A reader that lives so long after its batch has logged it. */
const LOGGED_WITHIN_MS = 30_000;
/** A batch that failed is halved (to `least` bytes of full rows), and the next ones grow again: it may have killed osqueryd. */
const AFTER_FAILURE = { least: 4 * 1024 * 1024, growth: 1.25 };

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #entries = new Map<string, Entry>();
  #reader: string | undefined;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  /** Adds those of a database. One that is known already has what both have. */
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

  /** Sets the reader from now on. What another reader was given and has not logged is given again. */
  readBy(reader: string): void {
    this.#reader = reader;
    for (const entry of this.#entries.values()) {
      const { subscriber, open } = entry;
      if (reader !== '' && subscriber.reader === reader) continue;
      const { confirmedEid } = subscriber;
      const upTo = Math.max(subscriber.lastEid, open?.batch.upTo ?? 0);
      if (confirmedEid < upTo) entry.fatal = { after: confirmedEid, upTo };
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
   * The batch that a name was given last, where it is to be given again; undefined when the next one is due. It has been
   * given when the last answer to it has arrived: a join is one statement, and one answer that is missing makes it fail.
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
   * The subscriber of this name. A new one may make another one leave, which is then `evicted`: the one that has been in use
   * for the shortest time, so names that were read only once go first. One that was silent for `idleMs` is not in use.
   *
   * @throws {SubscriberError}
   */
  get(name: string, idleMs: number): { subscriber: Subscriber; evicted?: Subscriber } {
    const known = this.#entries.get(name)?.subscriber;
    if (known) return { subscriber: known };
    if (name.length > NAME_MAX) throw new SubscriberError(`a subscriber's name has ${NAME_MAX} characters at most`);
    const evicted = this.#entries.size >= SUBSCRIBERS_MAX ? this.#leastUsed(idleMs) : undefined;
    if (evicted) this.#entries.delete(evicted.name);
    const now = this.#options.unixNow();
    const none = { lastEid: 0, confirmedEid: 0, reader: '', lostRows: 0 };
    const subscriber = this.#add({ name, firstReadMs: now, lastReadMs: now, ...none });
    return evicted ? { subscriber, evicted } : { subscriber };
  }

  /**
   * How many bytes of full rows the next batch may take, to be asked once a batch; undefined: as many as there are. It is
   * half of a batch whose answer did not arrive, or whose reader died with it, as osqueryd does where rows take more memory
   * than it may have; then it grows until it is `bytes`. `sizeOf` tells a range's bytes.
   */
  mostBytes({ name }: Subscriber, bytes: number, sizeOf: (range: EidRange) => number): number | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const { open, fatal, mostBytes } = entry;
    const failed = open && open.lastAnswerMs === undefined ? open.batch : fatal;
    entry.fatal = undefined;
    let most = mostBytes && mostBytes * AFTER_FAILURE.growth;
    if (failed) most = Math.max(AFTER_FAILURE.least, Math.min(mostBytes ?? bytes, sizeOf(failed)) / 2);
    entry.mostBytes = most !== undefined && most < bytes ? most : undefined;
    return entry.mostBytes;
  }

  /** Begins a batch. A subscriber that asks for more has done with what it had. */
  handOut(subscriber: Subscriber, upTo: number, bytes: number): Batch {
    const batch = { name: subscriber.name, after: subscriber.lastEid, upTo, bytes, isGivenAgain: false };
    const entry = this.#entries.get(subscriber.name);
    if (entry) {
      entry.open = { batch, firstAnswerMs: undefined, lastAnswerMs: undefined, toldEid: batch.after };
      entry.askedMs = this.#options.now();
    }
    subscriber.confirmedEid = subscriber.lastEid;
    subscriber.lastReadMs = this.#options.unixNow();
    // A clock that was ahead then must not make a subscriber look new for ever.
    subscriber.firstReadMs = Math.min(subscriber.firstReadMs, subscriber.lastReadMs);
    return batch;
  }

  /** The answer to a batch has arrived. Returns the subscriber when its cursor is to be stored. */
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

  /** The last answer to a batch was not read to its end. Returns the subscriber when its cursor is to be stored. */
  unread(batch: Batch): Subscriber | undefined {
    const entry = this.#entries.get(batch.name);
    const open = entry?.open;
    if (!open || open.batch !== batch || open.lastAnswerMs === undefined) return undefined;
    open.lastAnswerMs = undefined;
    open.toldEid = batch.after;
    entry.subscriber.lastEid = batch.after;
    return entry.subscriber;
  }

  /** The reader lives now: it has logged what it was given before `withinMs`. Returns those whose cursors moved. */
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
   * What each loses with rows that are about to go, where `count` tells how many of them come after an eid. They are
   * counted when the returned function is called, which is when the rows are gone: a locked database keeps them. That
   * function returns the subscribers that lost any.
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
    for (const entry of this.#entries.values()) {
      if (!this.#isIdle(entry, idleMs)) least = Math.min(least, entry.subscriber.confirmedEid);
    }
    return least;
  }

  #add(subscriber: Subscriber): Subscriber {
    const askedMs = this.#entries.get(subscriber.name)?.askedMs ?? this.#options.now();
    this.#entries.set(subscriber.name, {
      subscriber,
      open: undefined,
      fatal: undefined,
      mostBytes: undefined,
      askedMs,
    });
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

  /** Not for the time alone: a host may have been off or asleep for it, or its clock been set. */
  #isIdle({ subscriber, askedMs }: Entry, idleMs: number): boolean {
    const couldAskMs = this.#options.now() - askedMs;
    return this.#options.unixNow() - subscriber.lastReadMs >= idleMs && couldAskMs >= Math.min(idleMs, COME_BACK_MS);
  }
}

/** From a subscriber's first batch to its last one; 0 for a name that was read once. */
export function usedForMs({ firstReadMs, lastReadMs }: Subscriber): number {
  return Math.max(0, lastReadMs - firstReadMs);
}
