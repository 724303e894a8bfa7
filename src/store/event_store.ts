/**
 * The rows of process_ancestry_events. They are kept on disk, or in memory while the disk cannot be used, up to a number, a size
 * and an age. Rows are written in batches. A query first writes all waiting rows, so it sees them.
 *
 * row_queue.ts: rows that wait to be written. placement.ts: the databases. retention.ts: removes old rows. cursors.ts: the
 * subscribers. rows/: the content of a database.
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
  /** Directory of the database; `:memory:` for none; undefined if not known yet: rows wait until then. */
  readonly directory: string | undefined;
  readonly maxRows: number;
  /** Disk space: database and log together take at most 1.1 times this size. */
  readonly maxBytes: number;
  readonly expirySeconds: number;
  /** How long an idle subscriber keeps expired rows. */
  readonly subscriberExpirySeconds: number;
}

interface EventStoreOptions {
  readonly log: Logger;
  /** Called after each written batch, with its duration in milliseconds. */
  readonly onWritten?: (milliseconds: number) => void;
  /** The host facts for new rows. The same object while nothing changes. */
  readonly host?: () => SharedFacts;
  /** For tests: the clock of performance.now() and Unix time, in milliseconds. */
  readonly now?: () => number;
  readonly unixNow?: () => number;
}

export interface EventStoreStats {
  readonly rows: number;
  /** Disk space with the log. */
  readonly bytes: number;
  /** Rows that expired or were removed to make room for newer ones. */
  readonly discarded: number;
  /** Rows whose arguments were cut, because the row was too large for the database. */
  readonly cut: number;
  /** Upper estimate of the memory for rows that wait to be written. */
  readonly waitingBytes: number;
  /** Rows lost because they could not be written, the process was killed, or the database was damaged, removed or replaced. */
  readonly lost: number;
  /** Subscribers that were evicted because there were too many names. */
  readonly subscribersEvicted: number;
  /** The present directory of rows, or `:memory:`. */
  readonly database: string;
  readonly problems: readonly CollectorProblem[];
}

/** The size of a batch for a subscriber, in bytes of the answer. */
interface Portion {
  readonly bytes: number;
}

/** How long rows wait to be written together. A query writes them at once. A kill loses these rows. */
const FLUSH_MS = 1000;
/** Rows that are written without a wait: a few ms of work. */
const BATCH_ROWS = 500;
/** With this many waiting rows at the end of a batch of events, they are written at once. */
const MANY_ROWS = 256;
/** Retry interval for a change of the directory while the files of the present one are in use. */
const CONFIGURE_AGAIN_MS = 50;
/** Number of tries to write to a locked database at the end. */
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
  /** Number of execs that will become rows. */
  #expected = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  #flushedMs = Number.NEGATIVE_INFINITY;
  /** Another program held the lock at the last write. Each try takes some time. */
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

  /** Never throws: an error becomes a problem. */
  configure(settings: EventStoreSettings): void {
    const before = this.#settings.directory;
    const { directory } = settings;
    clearTimeout(this.#configureTimer);
    if (directory !== before && this.#placement.isInUse) {
      // A thread still uses its files, for a short time.
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

  /** Whether the directory of rows is known. */
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

  /** Adds a row. Rows get increasing eids in the order of publication, and no eid is used again. */
  add(event: PublishedEvent): void {
    const queue = this.#queue;
    if (!this.isOpen) {
      // If they take too much memory, the oldest are dropped and counted as lost.
      this.#lost += queue.addUnnumbered(event, MEMORY_BOUNDS.unwrittenRows);
      return;
    }
    const isTooMuch = queue.numberedBytes > 2 * this.#queuedBytesMax || queue.numbered.length >= QUEUED_MAX;
    queue.add(event);
    this.#placement.noteExpected();
    const isMuch = queue.numbered.length % BATCH_ROWS === 0 || queue.numberedBytes >= this.#budget.batchBytes;
    // The caller did not check `hasRoom`: write in any case.
    if (isTooMuch) this.#flush();
    else if (isMuch) this.#flushIfRoom();
    else this.#scheduleFlush();
  }

  /**
   * The end of a batch of events. Rows are written now if there are many, or if nothing was written for a while: this saves a wake-up
   * of the timer.
   */
  batchEnds(): void {
    const { length } = this.#queue.numbered;
    if (length === 0 || this.#isLocked) return;
    if (length >= MANY_ROWS || performance.now() - this.#flushedMs >= FLUSH_MS / 2) this.#flushIfRoom();
  }

  /** Whether a checkpoint is running. It locks the database for short times. */
  get isCheckpointing(): boolean {
    return this.#placement.isCheckpointing;
  }

  /** Whether the queue has room for more rows. */
  get hasRoom(): boolean {
    return this.#queue.numberedBytes < this.#queuedBytesMax && this.#queue.numbered.length * 2 < QUEUED_MAX;
  }

  /** Sets the number of execs that will become rows. They count as lost if the extension is killed before. */
  expect(rows: number): void {
    if (rows === this.#expected) return;
    this.#expected = rows;
    this.#placement.noteExpected();
  }

  /** The rows of a range that may match, oldest first. `undefined` is a pause in a long search. */
  *select(search: Search, range: EidRange = WHOLE): IterableIterator<StoredEvent | undefined> {
    this.#flush();
    const placement = this.#placement;
    // Rows that come during the search are not part of it.
    const { after, upTo } = { after: range.after, upTo: Math.min(range.upTo, this.#queue.writtenEid) };
    const { moves } = placement;
    const failIfMoved = () => {
      if (moves !== placement.moves) throw new Error('rows are being moved to the disk: retry the query');
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
   * The batch for a subscriber: for a short time the same rows as before (see GIVEN_AGAIN_MS), otherwise the new rows. The
   * answer takes `bytes` of the batch. Rows of an answer that did not arrive are sent again, in a smaller batch.
   *
   * @throws {SubscriberError} the name is too long
   */
  batchFor(name: string, portion: Portion): Batch {
    const { subscribers } = this.#cursors;
    const again = subscribers.again(name);
    if (again) return again;
    this.#flush();
    const subscriber = this.#cursors.get(name, this.#limits.subscriberIdleMs);
    const batch = subscribers.handOut(subscriber, this.#queue.writtenEid, portion.bytes);
    this.#cursors.keep([subscriber]);
    return batch;
  }

  /** The answer with this batch has arrived. */
  delivered(batch: Batch): void {
    this.#cursors.delivered(batch);
  }

  /** The answer with this batch arrived, but was not read to its end. */
  unread(batch: Batch): void {
    this.#cursors.unread(batch);
  }

  /** osqueryd is alive, so it has logged the rows that it received some time ago. */
  confirm(): void {
    this.#cursors.confirm();
  }

  /**
   * Sets the reader: the process of osqueryd that queries, '' if unknown. If it is another process than before, the former one has
   * died, possibly before it logged its last rows. Those rows are sent again.
   */
  readBy(reader: string): void {
    this.#cursors.subscribers.readBy(reader);
  }

  /** All subscribers, with the number of rows that each has not read yet. */
  subscribers(): (Subscriber & { lagRows: number })[] {
    this.#flush();
    const queue = this.#queue;
    return [...this.#cursors.subscribers].map((one) => {
      const range = { after: one.lastEid, upTo: queue.lastEid };
      const written = this.#placement.databases.reduce((sum, database) => sum + database.count(range), 0);
      return { ...one, lagRows: written + queue.countAfter(one.lastEid) };
    });
  }

  /** Removes expired rows, except those that subscribers have not read yet. */
  expire(nowUnixMs: number): void {
    this.#retention.expire(nowUnixMs);
  }

  /** Periodic work: starts a checkpoint if the log has grown, and does not wait for it. Never throws. */
  tidy(): void {
    this.#cursors.tidy();
    if (!this.#placement.writableDisk || this.#closed) return;
    try {
      if (this.#placement.reopenIfReplaced()) return;
      this.#tidyLog();
      this.#retention.giveBack();
    } catch (error) {
      this.#log.warn({ err: error }, 'the checkpoint of the database failed; it is retried');
    }
  }

  /** Writes the waiting rows and closes the store. Never throws. */
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

  /** Writes waiting rows. `isAsked`: also if the log is full, because a query needs them. */
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
      // Our own checkpoint locks it as long as the disk takes.
      else if (isBusy(error) && (this.#mayWait || disk.isCheckpointing)) this.#scheduleFlush();
      else this.#placement.leaveDisk(error);
    }
  }

  /** Writes waiting rows. If the log is full, they are written after a checkpoint. */
  #flushIfRoom(): void {
    const disk = this.#placement.writableDisk;
    if (disk && attempt(() => disk.isLogFull)) this.#tidyLog();
    else this.#flush(false);
  }

  /** Whether the queue may wait longer for a locked database. */
  get #mayWait(): boolean {
    return this.#queue.numberedBytes < this.#queuedBytesMax && this.#queue.numbered.length < QUEUED_MAX;
  }

  /** Writes the rows one by one, and drops those that cannot be stored. */
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
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const WHOLE: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
