/**
 * The rows of process_ancestry_events: kept on disk, in memory while there is no disk to be had, up to a number, a size
 * and an age. Rows are written a batch at a time, and every query sees all that were written before it.
 *
 * row_queue.ts has those that wait to be written, placement.ts the databases, retention.ts lets rows go, cursors.ts has
 * the subscribers, rows/ what a database holds.
 */
import type { CollectorProblem } from '../collect/source.ts';
import { MEMORY_BOUNDS } from '../memory/memory_bounds.ts';
import type { SharedFacts } from '../process/session_context.ts';
import type { PublishedEvent } from '../process/tree.ts';
import type { Logger } from '../program/log.ts';
import { Cursors } from './cursors.ts';
import { type DiskBudget, diskBudget } from './disk_budget.ts';
import type { EidRange } from './eid_range.ts';
import { Placement } from './placement.ts';
import { Retention, type RetentionLimits } from './retention.ts';
import { QUEUED_MAX, RowQueue } from './row_queue.ts';
import type { Search } from './rows/row_database.ts';
import type { StoredEvent } from './rows/stored_event.ts';
import { isUnstorable, LogHeldError } from './sqlite_error.ts';
import { isBusy } from './sqlite_result.ts';
import type { Batch, Subscriber } from './subscribers.ts';

export interface EventStoreSettings {
  /** Where the database is; `:memory:` for none; undefined: rows wait until it is known. */
  readonly directory: string | undefined;
  readonly maxRows: number;
  /** Of disk: database and log together take at most 1.1 times of it. */
  readonly maxBytes: number;
  readonly expirySeconds: number;
  /** A subscriber that reads no more holds rows back for so long. */
  readonly subscriberExpirySeconds: number;
}

interface EventStoreOptions {
  readonly log: Logger;
  /** After every batch that was written: how long that took, in milliseconds. */
  readonly onWritten?: (milliseconds: number) => void;
  /** Where events happen: a row keeps what it was then. The same object as long as nothing changed. */
  readonly host?: () => SharedFacts;
  /** For tests: milliseconds of performance.now()'s clock, and of Unix time. */
  readonly now?: () => number;
  readonly unixNow?: () => number;
}

export interface EventStoreStats {
  readonly rows: number;
  /** On disk, with the log. */
  readonly bytes: number;
  /** Rows that made room for newer ones, or were too old. */
  readonly discarded: number;
  /** Rows whose arguments were cut, because the row was too large for the database. */
  readonly cut: number;
  /** What rows that wait to be written take in memory, at most. */
  readonly waitingBytes: number;
  /** Rows that could not be written, or that went with a kill or with a database that was damaged, removed or replaced. */
  readonly lost: number;
  /** Subscribers that were forgotten because there were too many names. */
  readonly subscribersEvicted: number;
  /** The directory that rows are written to now, or `:memory:`. */
  readonly database: string;
  readonly problems: readonly CollectorProblem[];
}

/** How much a subscriber is given at a time: bytes of the answer that it makes. */
interface Portion {
  readonly bytes: number;
}

/** Rows wait for others so long, before they are written together. A query does not wait, and a kill loses these rows. */
const FLUSH_MS = 1000;
/** A batch is written at once when it has so many rows: a few ms of work. */
const BATCH_ROWS = 500;
/** Of rows that wait when a batch of events ends: they are written with what else is done then. */
const MANY_ROWS = 64;
/** How often another directory is tried while the files of this one are in use. */
const CONFIGURE_AGAIN_MS = 50;
/** How often a database that is locked is tried again before leaving. */
const CLOSING_TRIES = 20;

export class EventStore {
  readonly #log: Logger;
  readonly #onWritten: ((milliseconds: number) => void) | undefined;
  readonly #host: (() => SharedFacts) | undefined;
  readonly #queue = new RowQueue();
  readonly #cursors: Cursors;
  readonly #placement: Placement;
  readonly #retention: Retention;
  #settings: EventStoreSettings;
  #budget: DiskBudget;
  #lost = 0;
  /** Execs that will become rows. */
  #expected = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  #flushedMs = Number.NEGATIVE_INFINITY;
  /** By another program, when it was written last: each try waits for a while. */
  #isLocked = false;
  #configureTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: EventStoreSettings, options: EventStoreOptions) {
    const { log, now = () => performance.now(), unixNow = Date.now } = options;
    this.#log = log;
    this.#onWritten = options.onWritten;
    this.#host = options.host;
    this.#settings = { ...settings, directory: undefined };
    this.#budget = diskBudget(settings.maxBytes);
    const queue = this.#queue;
    const cursors = new Cursors({
      ...{ log, now, unixNow },
      write: (work) => {
        const database = this.#placement.writableDisk?.database;
        if (database) this.#placement.attempt(() => work(database));
      },
    });
    this.#cursors = cursors;
    this.#placement = new Placement({
      ...{ log, unixNow, queue, cursors, budget: this.#budget },
      expected: () => this.#expected,
      onLost: (rows) => {
        this.#lost += rows;
      },
      onMoved: () => {
        this.#flush();
        this.#retention.trim();
      },
    });
    const tidyLog = () => this.#tidyLog();
    this.#retention = new Retention({ placement: this.#placement, cursors, limits: this.#limits, tidyLog });
    this.configure(settings);
  }

  /** Never throws: what cannot be done is a problem that is told. */
  configure(settings: EventStoreSettings): void {
    const before = this.#settings.directory;
    const { directory } = settings;
    clearTimeout(this.#configureTimer);
    if (directory !== before && this.#placement.isInUse) {
      // Its files are in use by a thread, which is done soon.
      this.#configureTimer = setTimeout(() => this.configure(settings), CONFIGURE_AGAIN_MS);
      this.#configureTimer.unref();
      return;
    }
    if (directory !== before && before !== undefined) this.#flush();
    this.#settings = settings;
    this.#budget = diskBudget(settings.maxBytes);
    this.#placement.budget = this.#budget;
    this.#retention.limits = this.#limits;
    if (this.#closed) return;
    if (directory !== before && directory !== undefined) {
      this.#placement.place(directory);
      this.#queue.numberAll();
      this.#flush();
    }
    this.#retention.trim();
  }

  /** Whether it is known where rows are kept. */
  get isOpen(): boolean {
    return this.#settings.directory !== undefined;
  }

  get stats(): EventStoreStats {
    const placement = this.#placement;
    return {
      rows: placement.rows + this.#queue.size,
      bytes: attempt(() => placement.bytes) ?? 0,
      discarded: this.#retention.discarded,
      cut: placement.cutRows,
      waitingBytes: this.#queue.bytes,
      lost: this.#lost,
      subscribersEvicted: this.#cursors.evicted,
      database: placement.writableDisk?.path ?? ':memory:',
      problems: placement.problems,
    };
  }

  /** Takes a row in. Rows are numbered in the order of publication, and no number is used again. */
  add(event: PublishedEvent): void {
    const queue = this.#queue;
    if (!this.isOpen) {
      // The oldest are given up and counted, rather than all of memory.
      this.#lost += queue.addUnnumbered(event, MEMORY_BOUNDS.unwrittenRows);
      return;
    }
    const isTooMuch = queue.numberedBytes > 2 * this.#queuedBytesMax || queue.numbered.length >= QUEUED_MAX;
    queue.add(event);
    this.#placement.noteExpected();
    const isMuch = queue.numbered.length % BATCH_ROWS === 0 || queue.numberedBytes >= this.#budget.batchBytes;
    // Who adds rows without asking whether there is room has them written in any case.
    if (isTooMuch) this.#flush();
    else if (isMuch) this.#flushIfRoom();
    else this.#scheduleFlush();
  }

  /**
   * What came together has come. It is written with what else is done now where it is much, or where nothing was written for
   * a while: then it has waited in the collector, and no timer has to wake for it.
   */
  batchEnds(): void {
    const { length } = this.#queue.numbered;
    if (length === 0 || this.#isLocked) return;
    if (length >= MANY_ROWS || performance.now() - this.#flushedMs >= FLUSH_MS / 2) this.#flushIfRoom();
  }

  /** While the log is brought into the database, which locks it for moments. */
  get isCheckpointing(): boolean {
    return this.#placement.isCheckpointing;
  }

  /** Whether rows are written as fast as they come, or may wait in memory for it. */
  get hasRoom(): boolean {
    return this.#queue.numberedBytes < this.#queuedBytesMax && this.#queue.numbered.length * 2 < QUEUED_MAX;
  }

  /** So many execs will become rows soon: they are missing, too, when the extension is killed before. */
  expect(rows: number): void {
    if (rows === this.#expected) return;
    this.#expected = rows;
    this.#placement.noteExpected();
  }

  /** The rows of a range that are written, oldest first; `undefined` is a pause in a long search. */
  *select(search: Search, range: EidRange = WHOLE): IterableIterator<StoredEvent | undefined> {
    this.#flush();
    const placement = this.#placement;
    // Those that come meanwhile are of another query.
    const { after, upTo } = { after: range.after, upTo: Math.min(range.upTo, this.#queue.writtenEid) };
    const { moves } = placement;
    const failIfMoved = () => {
      if (moves !== placement.moves) throw new Error('rows are being moved to the disk: ask again');
    };
    try {
      for (const database of placement.databases) {
        failIfMoved();
        for (const row of database.select(search, { after, upTo })) {
          failIfMoved();
          yield row;
        }
      }
      failIfMoved();
    } catch (error) {
      placement.repair(error);
      throw error;
    }
  }

  /**
   * What a subscriber is given now: the same rows as before for a bounded time (see GIVEN_AGAIN_MS); otherwise all that is
   * new, of which its answer takes `bytes` of the batch. What did not arrive is given again whole, but less at a time.
   *
   * @throws {SubscriberError} the name is too long
   */
  batchFor(name: string, portion: Portion): Batch {
    const { subscribers } = this.#cursors;
    const again = subscribers.again(name);
    if (again) return again;
    this.#flush();
    const subscriber = this.#cursors.get(name, this.#limits.subscriberIdleMs);
    const news = { after: subscriber.lastEid, upTo: this.#queue.writtenEid };
    const upTo = this.#read(() => {
      const most = subscribers.mostBytes(subscriber, portion.bytes, (range) => this.#answerBytesOf(range));
      return most === undefined ? news.upTo : this.#eidWithin(news, most);
    });
    const batch = subscribers.handOut(subscriber, upTo, portion.bytes);
    this.#cursors.keep([subscriber]);
    return batch;
  }

  /** A batch's answer has arrived. */
  delivered(batch: Batch): void {
    this.#cursors.delivered(batch);
  }

  /** A batch's answer had arrived, and was not read to its end. */
  unread(batch: Batch): void {
    this.#cursors.unread(batch);
  }

  /** osqueryd lives: what it was given a while ago it has logged. */
  confirm(): void {
    this.#cursors.confirm();
  }

  /**
   * Who asks from now on: one process of osqueryd, '' if that is not known. Where it is another than before, the one before
   * has died, perhaps before it had logged what it was given last: that is given again.
   */
  readBy(reader: string): void {
    this.#cursors.subscribers.readBy(reader);
  }

  /** Every subscriber, with how many rows it has still to read. */
  subscribers(): (Subscriber & { lagRows: number })[] {
    this.#flush();
    const queue = this.#queue;
    return [...this.#cursors.subscribers].map((one) => {
      const range = { after: one.lastEid, upTo: queue.lastEid };
      const written = this.#placement.databases.reduce((sum, database) => sum + database.count(range), 0);
      return { ...one, lagRows: written + queue.countAfter(one.lastEid) };
    });
  }

  /** Lets go of what is older than the expiry, but for what subscribers still have to read. */
  expire(nowUnixMs: number): void {
    this.#retention.expire(nowUnixMs);
  }

  /** Brings the database's log into its file when it has grown; does not wait for it. Never throws. */
  tidy(): void {
    this.#cursors.tidy();
    if (!this.#placement.writableDisk || this.#closed) return;
    try {
      if (this.#placement.reopenIfReplaced()) return;
      this.#tidyLog();
      this.#retention.giveBack();
    } catch (error) {
      this.#log.warn({ err: error }, 'the database could not be checkpointed; it is tried again');
    }
  }

  /** Writes what is left. The store is of no use after. Never throws. */
  close(): void {
    if (this.#closed) return;
    clearTimeout(this.#configureTimer);
    for (let n = 0; n < CLOSING_TRIES && this.#queue.numbered.length > 0; n++) this.#flush();
    this.#closed = true;
    clearTimeout(this.#flushTimer);
    this.#retention.close();
    this.#expected = 0;
    this.#cursors.logEvictions();
    this.#placement.close();
  }

  get #limits(): RetentionLimits {
    const { maxRows, expirySeconds, subscriberExpirySeconds } = this.#settings;
    return {
      ...{ maxRows, budget: this.#budget, expiryMs: expirySeconds * 1000 },
      subscriberIdleMs: subscriberExpirySeconds * 1000,
    };
  }

  get #queuedBytesMax(): number {
    return Math.min(MEMORY_BOUNDS.unwrittenRows, this.#budget.logBytes);
  }

  #tidyLog(): void {
    const disk = this.#placement.writableDisk;
    disk?.tidy(() => {
      if (this.#closed || this.#placement.writableDisk !== disk) return;
      if (disk.isLogFull) {
        if (!disk.isLogHeld) this.#tidyLog();
        else if (this.#queue.numbered.length > 0)
          this.#placement.leaveDisk(new LogHeldError('another program reads it all the time'));
        return;
      }
      this.#flushIfRoom();
      this.#retention.trim();
    });
  }

  #scheduleFlush(): void {
    if (this.#flushTimer || this.#closed) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flushIfRoom();
    }, FLUSH_MS);
    this.#flushTimer.unref();
  }

  /** `isAsked`: a query asks for rows, and gets those that wait too. */
  #flush(isAsked = true): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const queue = this.#queue;
    if (queue.numbered.length === 0 || this.#closed) return;
    this.#flushedMs = performance.now();
    const disk = this.#placement.writableDisk;
    const database = this.#placement.writable;
    try {
      while (queue.numbered.length > 0 && (isAsked || !disk?.isLogFull)) {
        const began = performance.now();
        queue.remove(database.insert(queue.numbered, this.#host?.()));
        this.#isLocked = false;
        this.#onWritten?.(performance.now() - began);
        this.#retention.trim();
      }
      this.#tidyLog();
    } catch (error) {
      this.#isLocked = isBusy(error);
      if (isUnstorable(error) || !disk) this.#dropUnstorable(error);
      // Our own checkpoint locks it for as long as its disk takes.
      else if (isBusy(error) && (this.#mayWait || disk.isCheckpointing)) this.#scheduleFlush();
      else this.#placement.leaveDisk(error);
    }
  }

  /** Writes what waits, unless the log has to be brought into the database first; then when that is done. */
  #flushIfRoom(): void {
    const disk = this.#placement.writableDisk;
    if (disk && attempt(() => disk.isLogFull)) this.#tidyLog();
    else this.#flush(false);
  }

  /** Whether those that wait may wait on for a database that is locked. */
  get #mayWait(): boolean {
    return this.#queue.numberedBytes < this.#queuedBytesMax && this.#queue.numbered.length < QUEUED_MAX;
  }

  /** Rows that no database takes must not keep the others out. */
  #dropUnstorable(error: unknown): void {
    const database = this.#placement.writable;
    const dropped = this.#queue.removeAll().filter((row) => {
      try {
        database.insert([row], this.#host?.());
        return false;
      } catch {
        return true;
      }
    });
    this.#lost += dropped.length;
    this.#log.error({ err: error, rows: dropped.length }, 'rows could not be stored');
  }

  #eidWithin(range: EidRange, bytes: number): number {
    let left = bytes;
    for (const database of this.#placement.databases) {
      const within = database.eidWithin(range, left, left === bytes);
      if (within.upTo < range.upTo) return within.upTo;
      left -= within.bytes;
    }
    return range.upTo;
  }

  /** As an answer, about. */
  #answerBytesOf(range: EidRange): number {
    const { databases } = this.#placement;
    const sizes = databases.map((database) => database.eidWithin(range, Number.POSITIVE_INFINITY, false).bytes);
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  #read<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      this.#placement.repair(error);
      throw error;
    }
  }
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const WHOLE: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
