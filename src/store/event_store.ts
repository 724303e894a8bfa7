/**
 * The rows of process_ancestry_events: kept on disk, in memory while there is no disk to be had, up to a number, a size
 * and an age. Rows are written a batch at a time, and every query sees all that were written before it.
 */

import { resolve } from 'node:path';
import type { CollectorProblem } from '../collect/source.ts';
import { messageOf } from '../error_message.ts';
import type { Logger } from '../log.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory_bounds.ts';
import type { SharedFacts } from '../process/session_context.ts';
import type { PublishedEvent } from '../process/tree.ts';
import { CompactionError } from './compaction.ts';
import { Disk } from './disk.ts';
import { type DiskBudget, diskBudget } from './disk_budget.ts';
import type { EidRange } from './eid_range.ts';
import type { Expected } from './expected_rows.ts';
import { moveDatabase } from './move_database.ts';
import { type NumberedEvent, RowDatabase, type Search } from './rows/row_database.ts';
import type { StoredEvent } from './rows/stored_event.ts';
import { isBusy, isDamage, isUnstorable, LogHeldError, problemCode, resultCode } from './sqlite_error.ts';
import { type Batch, SUBSCRIBERS_MAX, type Subscriber, Subscribers, usedForMs } from './subscribers.ts';

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

export interface EventStoreOptions {
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

/** What a database held that is not used any more, to be compared with the one that is opened in its place. */
interface Abandoned {
  readonly path: string;
  /** Where it was given up because of what was found in it: why. */
  readonly because: string | undefined;
  readonly expected: Expected;
  /** How many rows each of the subscribers' cursors had still before it. */
  readonly unread: ReadonlyMap<number, number>;
}

/** How much a subscriber is given at a time: bytes of the answer that it makes. */
export interface Portion {
  readonly bytes: number;
}

const FLUSH_MS = 50;
/** Of rows that came together. */
const MANY_ROWS = 16;
/** A batch is written at once when it has so many rows: 5 ms of work. */
const BATCH_ROWS = 500;
/** Rows wait for a locked database, or to be told where it is, up to so many. */
const WAITING_MAX = 5000;
/** Rows that are kept in memory may take so much of it: for want of a disk, and where no disk is wanted. */
const MEMORY_BYTES = { withoutDisk: 16 * 1024 * 1024, wanted: 64 * 1024 * 1024 };
/** How often another directory is tried while the files of this one are in use. */
const CONFIGURE_AGAIN_MS = 50;
const RETRY_MS = { least: 1000, most: 30_000 };
/** Pages that are given back to the disk without a pause; more of them than this part of the file are. */
const GIVE_BACK_BYTES = 1024 * 1024;
const FREE_SHARE = 1 / 8;
/** What is dropped after a batch, in steps, before others have their turn. */
const DROPS_A_TURN = 4;
/** Rows that are let go, or moved, in one go. */
const STEP_ROWS = 1000;
const MOVED_ROWS = 200;
/** How long a clock may have been ahead and rows be taken for new. */
const CLOCK_SLACK_MS = 60_000;
/** How often a database that is locked is tried again before leaving. */
const CLOSING_TRIES = 20;
/** Under load rows are let go many times a second, and very many subscribers may lose them: that is stored so often. */
const LOSERS_KEPT_MS = 1000;
/** Forgotten subscribers are logged together, so often, and so many of them by name. */
const EVICTIONS_LOG = { everyMs: 60_000, names: 20 };

export class EventStore {
  readonly #log: Logger;
  readonly #unixNow: () => number;
  readonly #now: () => number;
  readonly #subscribers: Subscribers;
  readonly #onWritten: ((milliseconds: number) => void) | undefined;
  readonly #host: (() => SharedFacts) | undefined;
  #settings: EventStoreSettings;
  #disk: Disk | undefined;
  /** Where rows are kept while there is no disk, or it fails. */
  #memory: RowDatabase | undefined;
  #diskFails = false;
  #problem: CollectorProblem | undefined;
  #pending: NumberedEvent[] = [];
  #pendingBytes = 0;
  /** Rows that come before it is known where the database is, and so which number is the next. */
  #unnumbered: PublishedEvent[] = [];
  #unnumberedBytes = 0;
  #budget: DiskBudget;
  #compacting = false;
  /** Of databases that are closed. */
  #cutBefore = 0;
  #lastEid = 0;
  #waiting = 0;
  /** By somebody else, when it was written last: each try waits for a while. */
  #isLocked = false;
  /** How often rows went from memory to the disk. */
  #moves = 0;
  #discarded = 0;
  #lost = 0;
  #abandoned: Abandoned | undefined;
  #subscribersEvicted = 0;
  /** Evictions that have not been logged, and when some were logged last. */
  #evictions: { count: number; used: string[] } = { count: 0, used: [] };
  #evictionsToldMs = Number.NEGATIVE_INFINITY;
  /** Subscribers that lost rows, which is not on disk yet. */
  readonly #losers = new Set<Subscriber>();
  #losersKeptMs = Number.NEGATIVE_INFINITY;
  #flushTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS.least;
  #trimming = false;
  #givingBack = false;
  /** The database that is opened next is the one that was used until now. */
  #isTakenAlong = false;
  #configureTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: EventStoreSettings, options: EventStoreOptions) {
    this.#log = options.log;
    this.#settings = settings;
    this.#budget = diskBudget(settings.maxBytes);
    this.#unixNow = options.unixNow ?? Date.now;
    this.#onWritten = options.onWritten;
    this.#host = options.host;
    this.#now = options.now ?? (() => performance.now());
    this.#subscribers = new Subscribers({ now: this.#now, unixNow: this.#unixNow });
    this.#open();
  }

  /** Never throws: what cannot be done is a problem that is told. */
  configure(settings: EventStoreSettings): void {
    const before = this.#settings.directory;
    clearTimeout(this.#configureTimer);
    if (settings.directory !== before && (this.#disk?.isCheckpointing || this.#compacting)) {
      // Its files are in use by a thread, which is done soon.
      this.#configureTimer = setTimeout(() => this.configure(settings), CONFIGURE_AGAIN_MS);
      this.#configureTimer.unref();
      return;
    }
    this.#settings = settings;
    this.#budget = diskBudget(settings.maxBytes);
    this.#applyBudget();
    if (this.#closed) return;
    if (settings.directory !== before && settings.directory !== undefined) {
      if (before !== undefined) this.#leaveDirectory(before, settings.directory);
      this.#open();
    }
    this.#trim();
  }

  /** Whether it is known where rows are kept. */
  get isOpen(): boolean {
    return this.#settings.directory !== undefined;
  }

  get stats(): EventStoreStats {
    const databases = this.#databases;
    const waiting = this.#pending.length + this.#unnumbered.length;
    return {
      rows: databases.reduce((sum, { rows }) => sum + rows, waiting),
      bytes: attempt(() => databases.reduce((sum, { fileBytes }) => sum + fileBytes, this.#disk?.logBytes ?? 0)) ?? 0,
      discarded: this.#discarded,
      cut: databases.reduce((sum, { cutRows }) => sum + cutRows, this.#cutBefore),
      waitingBytes: this.#pendingBytes + this.#unnumberedBytes,
      lost: this.#lost,
      subscribersEvicted: this.#subscribersEvicted,
      database: this.#writableDisk?.path ?? ':memory:',
      problems: this.#problem ? [this.#problem] : [],
    };
  }

  /** Takes a row in. Rows are numbered in the order of publication, and no number is used again. */
  add(exec: PublishedEvent): void {
    if (!this.isOpen) {
      this.#unnumbered.push(exec);
      this.#unnumberedBytes += textBytes(exec.details);
      // The oldest are given up and counted, rather than all of memory.
      while (this.#unnumbered.length > WAITING_MAX || this.#unnumberedBytes > MEMORY_BOUNDS.unwrittenRows) {
        this.#unnumberedBytes -= textBytes(this.#unnumbered.shift()?.details);
        this.#lostRows(1);
      }
      return;
    }
    const isTooMuch = this.#pendingBytes > 2 * this.#waitingMax || this.#pending.length >= WAITING_MAX;
    this.#number(exec);
    const isMuch = this.#pending.length % BATCH_ROWS === 0 || this.#pendingBytes >= this.#budget.batchBytes;
    // Who adds rows without asking whether there is room has them written in any case.
    if (isTooMuch) this.#flush();
    else if (isMuch) this.#flushIfRoom();
    else this.#scheduleFlush();
  }

  /** While the log is brought into the database, which locks it for moments. */
  get isCheckpointing(): boolean {
    return this.#disk?.isCheckpointing ?? false;
  }

  /** Whether rows are written as fast as they come, or may wait in memory for it. */
  get hasRoom(): boolean {
    return this.#pendingBytes < this.#waitingMax && this.#pending.length * 2 < WAITING_MAX;
  }

  get #waitingMax(): number {
    return Math.min(MEMORY_BOUNDS.unwrittenRows, this.#budget.logBytes);
  }

  /** What came together has come. Many rows are written at once, with what else is done now; for few it is waited. */
  batchEnds(): void {
    if (this.isOpen && this.#pending.length >= MANY_ROWS && !this.#isLocked) this.#flushIfRoom();
  }

  /** So many execs will become rows soon: they are missing, too, when the extension is killed before. */
  expect(waiting: number): void {
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    this.#disk?.count.note();
  }

  /** The rows of a range that are written, oldest first; `undefined` is a pause in a long search. */
  *select(search: Search, range: EidRange = WHOLE): IterableIterator<StoredEvent | undefined> {
    this.#flush();
    // Those that come meanwhile are of another query.
    const { after, upTo } = { after: range.after, upTo: Math.min(range.upTo, this.#writtenEid) };
    const moves = this.#moves;
    const databases = this.#databases;
    try {
      for (const database of databases) {
        this.#failIfMoved(moves);
        for (const row of database.select(search, { after, upTo })) {
          this.#failIfMoved(moves);
          yield row;
        }
      }
      this.#failIfMoved(moves);
    } catch (error) {
      this.#repairIfDamaged(error);
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
    const again = this.#subscribers.again(name);
    if (again) return again;
    this.#flush();
    const { subscriber, evicted } = this.#subscribers.get(name, this.#idleMs);
    if (evicted) this.#forget(evicted);
    const news = { after: subscriber.lastEid, upTo: this.#writtenEid };
    const upTo = this.#read(() => {
      const most = this.#subscribers.mostBytes(subscriber, portion.bytes, (range) => this.#bytesOf(range));
      return most === undefined ? news.upTo : this.#eidWithin(news, most);
    });
    const batch = this.#subscribers.handOut(subscriber, upTo, portion.bytes);
    this.#keepSubscribers([subscriber]);
    return batch;
  }

  /** A batch's answer has arrived. */
  delivered(batch: Batch): void {
    const subscriber = this.#subscribers.delivered(batch);
    if (subscriber) this.#keepSubscribers([subscriber]);
  }

  /** A batch's answer had arrived, and was not read to its end. */
  unread(batch: Batch): void {
    const subscriber = this.#subscribers.unread(batch);
    if (subscriber) this.#keepSubscribers([subscriber]);
  }

  /** osqueryd lives: what it was given a while ago it has logged. */
  confirm(): void {
    this.#keepSubscribers(this.#subscribers.confirm());
  }

  /**
   * Who asks from now on: one process of osqueryd, '' if that is not known. Where it is another than before, the one before
   * has died, perhaps before it had logged what it was given last: that is given again.
   */
  readBy(reader: string): void {
    this.#subscribers.readBy(reader);
  }

  /** Every subscriber, with how many rows it has still to read. */
  subscribers(): (Subscriber & { lagRows: number })[] {
    this.#flush();
    return this.#read(() =>
      [...this.#subscribers].map((one) => {
        const range = { after: one.lastEid, upTo: this.#lastEid };
        const unwritten = this.#pending.filter(({ eid }) => eid > one.lastEid).length;
        const lagRows = this.#databases.reduce((sum, database) => sum + database.count(range), unwritten);
        return { ...one, lagRows };
      }),
    );
  }

  /** Lets go of what is older than the expiry, but for what subscribers still have to read. */
  expire(nowUnixMs: number): void {
    const oldest = nowUnixMs - this.#settings.expirySeconds * 1000;
    this.#attempt(() => {
      for (const database of this.#deletable) {
        const old = database.eidBefore(oldest, nowUnixMs + CLOCK_SLACK_MS, STEP_ROWS) ?? 0;
        const upTo = Math.min(old, this.#subscribers.readByAll(this.#idleMs));
        const gone = upTo > 0 ? this.#discard(database, upTo) : 0;
        if (gone >= STEP_ROWS) setImmediate(() => !this.#closed && this.expire(nowUnixMs)).unref();
      }
    });
  }

  /** Brings the database's log into its file when it has grown; does not wait for it. Never throws. */
  tidy(): void {
    this.#keepLosers();
    if (this.#now() - this.#evictionsToldMs >= EVICTIONS_LOG.everyMs) this.#tellEvictions();
    const disk = this.#writableDisk;
    if (!disk || this.#closed) return;
    try {
      if (disk.isReplaced && !disk.isCheckpointing) {
        this.#reopen(disk);
        return;
      }
      this.#tidyLog(disk);
      this.#giveBack();
    } catch (error) {
      this.#log.warn({ err: error }, 'the database could not be checkpointed; it is tried again');
    }
  }

  #tidyLog(disk: Disk): void {
    disk.tidy(() => {
      if (this.#closed || this.#disk !== disk) return;
      if (disk.isLogFull) {
        if (!disk.isLogHeld) this.#tidyLog(disk);
        else if (this.#pending.length > 0)
          this.#leaveDisk(disk, new LogHeldError('another program reads it all the time'));
        return;
      }
      this.#flushIfRoom();
      this.#trim();
    });
  }

  /** Gives pages that are free for good back to the disk, a few at a time. */
  #giveBack(): void {
    const disk = this.#writableDisk;
    if (!disk || this.#givingBack || this.#trimming || this.#closed) return;
    this.#attempt(() => {
      const { database } = disk;
      const { fileBytes, freeBytes } = database;
      const tooLarge = fileBytes > this.#budget.databaseBytes + this.#budget.rowBytes && freeBytes > 0;
      if (!tooLarge && freeBytes <= fileBytes * FREE_SHARE + GIVE_BACK_BYTES) return;
      if (disk.isLogFull) {
        this.#tidyLog(disk);
        return;
      }
      if (!database.giveBack(GIVE_BACK_BYTES)) return;
      this.#tidyLog(disk);
      this.#givingBack = true;
      setImmediate(() => {
        this.#givingBack = false;
        this.#giveBack();
      });
    });
  }

  #applyBudget(): void {
    if (this.#disk) {
      this.#disk.database.budget = this.#budget;
      this.#disk.logBytesMax = this.#budget.logBytes;
    }
    if (this.#memory) this.#memory.budget = this.#budget;
  }

  /** Writes what is left. The store is of no use after. Never throws. */
  close(): void {
    if (this.#closed) return;
    clearTimeout(this.#configureTimer);
    for (let n = 0; n < CLOSING_TRIES && this.#pending.length > 0; n++) this.#flush();
    if (this.#memory && this.#settings.directory !== ':memory:') this.#retry(Number.POSITIVE_INFINITY);
    this.#closed = true;
    this.#waiting = 0;
    this.#tellEvictions();
    this.#closeDisk();
    this.#closeMemory(this.#settings.directory);
  }

  /** Of the last row that can be asked for. */
  get #writtenEid(): number {
    return this.#lastEid - this.#pending.length;
  }

  get #idleMs(): number {
    return this.#settings.subscriberExpirySeconds * 1000;
  }

  /** Oldest rows first. */
  get #databases(): RowDatabase[] {
    return [this.#disk?.database, this.#memory].filter((database) => database !== undefined);
  }

  get #writableDisk(): Disk | undefined {
    return this.#diskFails ? undefined : this.#disk;
  }

  /** A disk that fails keeps its rows. */
  get #deletable(): RowDatabase[] {
    return this.#diskFails ? this.#databases.filter((one) => one !== this.#disk?.database) : this.#databases;
  }

  get #memoryDatabase(): RowDatabase {
    if (!this.#memory) {
      this.#memory = new RowDatabase(':memory:');
      this.#applyBudget();
    }
    return this.#memory;
  }

  #open(): void {
    const { directory } = this.#settings;
    this.#problem = undefined;
    this.#diskFails = false;
    if (directory === undefined) return;
    if (directory !== ':memory:') {
      try {
        this.#openDisk(directory);
        if (this.#memory) {
          this.#diskFails = true;
          this.#retryMs = RETRY_MS.least;
          this.#scheduleRetry();
        }
      } catch (error) {
        // Beyond any number on disk, so that rows can be moved there.
        this.#lastEid = Math.max(this.#lastEid, this.#unixNow() * 10);
        this.#tell({ code: problemCode(error), message: `${messageOf(error)}; rows are kept in memory meanwhile` });
        this.#waitForDisk(error);
      }
    }
    this.#unnumberedBytes = 0;
    for (const exec of this.#unnumbered.splice(0)) this.#number(exec);
    this.#flush();
    this.#trim();
  }

  /** Tries again when a database has been rewritten, and otherwise after a while. */
  #waitForDisk(error: unknown): void {
    if (!(error instanceof CompactionError)) {
      this.#scheduleRetry();
      return;
    }
    this.#compacting = true;
    void error.done.then(() => {
      this.#compacting = false;
      if (!this.#closed) this.#retry(MOVED_ROWS);
    });
  }

  /** Takes the rows along from one directory to another. Rows that wait in memory for a disk wait for the next one. */
  #leaveDirectory(before: string, next: string): void {
    this.#flush();
    this.#abandoned = undefined;
    this.#closeDisk();
    const areOnDisk = before !== ':memory:' && next !== ':memory:';
    if (!areOnDisk || !this.#takeAlong(before, next)) {
      this.#log.info(`rows are kept in ${next} from now on; those that are in ${before} stay there`);
    }
    if (this.#memory && areOnDisk) return;
    this.#closeMemory(before);
    // Those on disk have been taken along.
    this.#subscribers.clear();
    this.#losers.clear();
  }

  #takeAlong(before: string, next: string): boolean {
    try {
      const aside = moveDatabase(before, next, this.#unixNow());
      this.#log.info(`rows are kept in ${next} from now on, with those that were in ${before}`);
      this.#isTakenAlong = true;
      if (aside) this.#log.warn(`a database was in ${next} already: it is now ${aside}`);
      return true;
    } catch (error) {
      this.#log.error({ err: error }, `rows could not be taken along from ${before} to ${next}`);
      return false;
    }
  }

  #openDisk(path: string): void {
    const abandoned = this.#abandoned?.path === resolve(path) ? this.#abandoned : undefined;
    const disk = new Disk(path, { log: this.#log, unixNow: this.#unixNow, expected: abandoned?.expected });
    try {
      const known = new Set(abandoned ? [...this.#subscribers].map(({ name }) => name) : []);
      const stored = disk.database.subscribers().filter(({ name }) => !known.has(name));
      if (abandoned) {
        this.#subscribers.losing((after) => {
          const left = disk.database.count({ after, upTo: Number.MAX_SAFE_INTEGER });
          return Math.max(0, (abandoned.unread.get(after) ?? 0) - left);
        })();
      }
      this.#subscribers.load(stored);
    } catch (error) {
      disk.database.close();
      disk.release();
      throw error;
    }
    this.#abandoned = undefined;
    if (disk.missing > 0) {
      this.#lostRows(disk.missing);
      const because = abandoned?.because ?? disk.missingBecause;
      this.#log.error({ lost: disk.missing }, `rows are missing in ${disk.path}: ${because}`);
    }
    this.#lastEid = Math.max(this.#lastEid, disk.lastEid);
    this.#disk = disk;
    this.#applyBudget();
    // What waits in memory has numbers of its own when it waited for another database: there is no place among these.
    if (this.#memory && !abandoned && !this.#isTakenAlong) this.#lostRows(this.#memory.deleteUpTo(disk.lastEid));
    this.#isTakenAlong = false;
    disk.count.follow(() => {
      const { lastEid, discardedEid, rows } = expectedIn(disk.database, this.#lastEid + this.#waiting);
      return { lastEid, discardedEid, rows: rows + (this.#memory?.rows ?? 0) + this.#pending.length + this.#waiting };
    });
  }

  #closeDisk(): void {
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#retryTimer);
    this.#flushTimer = undefined;
    this.#retryTimer = undefined;
    this.#lostRows(this.#pending.splice(0).length);
    this.#pendingBytes = 0;
    const disk = this.#disk;
    this.#disk = undefined;
    if (!disk) return;
    this.#cutBefore += disk.database.cutRows;
    try {
      // Who is asked to leave has let its readers finish.
      this.#subscribers.confirm(0);
      if (!this.#diskFails) disk.database.replaceSubscribers(this.#subscribers);
      disk.database.close();
    } catch (error) {
      this.#log.warn({ err: error }, 'the database could not be closed as it should be');
    } finally {
      disk.release(expectedIn(disk.database, this.#lastEid));
    }
  }

  #closeMemory(directory: string | undefined): void {
    const rows = directory === ':memory:' ? 0 : (this.#memory?.rows ?? 0);
    this.#cutBefore += this.#memory?.cutRows ?? 0;
    this.#memory?.close();
    this.#memory = undefined;
    if (rows > 0) this.#log.error({ lost: this.#lostRows(rows) }, 'rows that waited in memory for the disk are lost');
  }

  #number(exec: PublishedEvent): void {
    this.#pending.push({ eid: ++this.#lastEid, event: exec });
    this.#pendingBytes += textBytes(exec.details);
    this.#disk?.count.note();
  }

  #lostRows(count: number): number {
    this.#lost += count;
    return count;
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
    if (this.#pending.length === 0 || this.#closed) return;
    const disk = this.#writableDisk;
    try {
      while (this.#pending.length > 0 && (isAsked || !disk?.isLogFull)) {
        const began = performance.now();
        const count = (disk?.database ?? this.#memoryDatabase).insert(this.#pending, this.#host?.());
        this.#onWritten?.(performance.now() - began);
        for (const { event } of this.#pending.splice(0, count)) this.#pendingBytes -= textBytes(event.details);
        this.#isLocked = false;
        this.#trim();
      }
      if (disk) this.#tidyLog(disk);
    } catch (error) {
      this.#isLocked = isBusy(error);
      if (isUnstorable(error) || !disk) this.#dropUnstorable(disk?.database ?? this.#memoryDatabase, error);
      // Our own checkpoint locks it for as long as its disk takes.
      else if (isBusy(error) && (this.#mayWait || disk.isCheckpointing)) this.#scheduleFlush();
      else this.#leaveDisk(disk, error);
    }
  }

  /** Writes what waits, unless the log has to be brought into the database first; then when that is done. */
  #flushIfRoom(): void {
    const disk = this.#writableDisk;
    if (disk && attempt(() => disk.isLogFull)) this.#tidyLog(disk);
    else this.#flush(false);
  }

  /** Whether those that wait may wait on for a database that is locked. */
  get #mayWait(): boolean {
    return this.#pendingBytes < this.#waitingMax && this.#pending.length < WAITING_MAX;
  }

  /** Rows that no database takes must not keep the others out. */
  #dropUnstorable(database: RowDatabase, error: unknown): void {
    this.#pendingBytes = 0;
    const dropped = this.#pending.splice(0).filter((row) => {
      try {
        database.insert([row], this.#host?.());
        return false;
      } catch {
        return true;
      }
    });
    this.#lostRows(dropped.length);
    this.#log.error({ err: error, rows: dropped.length }, 'rows could not be stored');
  }

  /** Goes on with a new database where this one is damaged, otherwise in memory. */
  #leaveDisk(disk: Disk, error: unknown): void {
    if (this.#disk !== disk || this.#diskFails) return;
    if (isDamage(error) && !disk.isCheckpointing) {
      this.#replaceDatabase(disk, error);
      return;
    }
    this.#diskFails = true;
    const message = `${disk.path} cannot be written (${messageOf(error)}): rows are kept in memory until it can be`;
    this.#tell({ code: problemCode(error), message });
    this.#scheduleRetry();
    this.#flush();
  }

  /** Begins a new database in place of a damaged one, whose rows are lost to queries; in memory where that fails too. */
  #replaceDatabase(disk: Disk, error: unknown): void {
    this.#openAnew(disk, () => disk.moveAside(error), 'the database was damaged');
  }

  /** Goes on with what is at the path now, where another process has removed or replaced the files that are open. */
  #reopen(disk: Disk): void {
    this.#log.error(
      `the database in ${disk.path} was removed or replaced while it was used: what is there now is opened`,
    );
    // Closing it brings its log into its file, if that is still there.
    this.#openAnew(disk, () => disk.database.close());
  }

  #openAnew(disk: Disk, leave: () => void, because?: string): void {
    const { database, path } = disk;
    const expected = expectedIn(database, this.#lastEid);
    this.#abandoned = { path, because, expected, unread: this.#unreadIn(database) };
    this.#disk = undefined;
    try {
      try {
        leave();
      } finally {
        disk.release(expected);
      }
      this.#openDisk(path);
      this.#keepSubscribers([...this.#subscribers]);
    } catch (error) {
      this.#tell({ code: problemCode(error), message: `${messageOf(error)}; rows are kept in memory meanwhile` });
      this.#scheduleRetry();
    }
    this.#flush();
  }

  #unreadIn(database: RowDatabase): Map<number, number> {
    const { rows, lastEid } = database;
    const unread = (after: number) =>
      // One that is damaged may not say: it is no more than all, and no more than there are numbers.
      attempt(() => database.count({ after, upTo: lastEid })) ?? Math.max(0, Math.min(rows, lastEid - after));
    const cursors = new Set([...this.#subscribers].map((subscriber) => subscriber.lastEid));
    return new Map([...cursors].map((after) => [after, unread(after)]));
  }

  #scheduleRetry(): void {
    if (this.#closed || this.#retryTimer) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#retry(MOVED_ROWS);
    }, this.#retryMs);
    this.#retryTimer.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
  }

  /** Opens the disk again where there is none, and moves rows there from memory, so many at a time. */
  #retry(rows: number): void {
    if (this.#compacting) return;
    if (this.#disk?.isCheckpointing) {
      this.#scheduleRetry();
      return;
    }
    try {
      if (this.#disk?.isLogHeld) {
        this.#disk.tidy(() => undefined);
        throw new LogHeldError('another program reads it all the time');
      }
      if (!this.#disk) this.#openDisk(this.#settings.directory ?? ':memory:');
      const disk = this.#disk;
      if (!disk) return;
      this.#diskFails = true;
      if (this.#memory && this.#moveRows(disk.database, this.#memory, rows)) {
        setImmediate(() => !this.#closed && this.#retry(rows));
        return;
      }
      disk.database.replaceSubscribers(this.#subscribers);
      this.#memory?.close();
      this.#memory = undefined;
      this.#diskFails = false;
      this.#problem = undefined;
      this.#retryMs = RETRY_MS.least;
      this.#log.info(`${disk.path} can be written: rows are kept there`);
      this.#trim();
    } catch (error) {
      const code = problemCode(error);
      if (code !== this.#problem?.code)
        this.#tell({ code, message: `${messageOf(error)}; rows are kept in memory meanwhile` });
      // What waits in memory is older than what comes: it goes into the new database first.
      if (this.#disk && isDamage(error)) this.#replaceDatabase(this.#disk, error);
      this.#waitForDisk(error);
    }
  }

  /** Whether there is more to be moved. */
  #moveRows(disk: RowDatabase, memory: RowDatabase, rows: number): boolean {
    this.#moves++;
    do {
      if (disk.takeOldest(memory, MOVED_ROWS) === 0) return false;
    } while (rows === Number.POSITIVE_INFINITY);
    return true;
  }

  #failIfMoved(moves: number): void {
    if (moves !== this.#moves) throw new Error('rows are being moved to the disk: ask again');
  }

  #eidWithin(range: EidRange, bytes: number): number {
    let left = bytes;
    for (const database of this.#databases) {
      const within = database.eidWithin(range, left, left === bytes);
      if (within.upTo < range.upTo) return within.upTo;
      left -= within.bytes;
    }
    return range.upTo;
  }

  /** As an answer, about. */
  #bytesOf(range: EidRange): number {
    const sizes = this.#databases.map((database) => database.eidWithin(range, Number.POSITIVE_INFINITY, false).bytes);
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  #read<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      this.#repairIfDamaged(error);
      throw error;
    }
  }

  #repairIfDamaged(error: unknown): void {
    // Also while rows are kept in memory for another reason.
    if (this.#disk && isDamage(error) && !this.#disk.isCheckpointing) this.#replaceDatabase(this.#disk, error);
  }

  /** A step at a time: there may be very many at once when there are to be fewer from now on. */
  #trim(): void {
    this.#attempt(() => {
      const { maxRows } = this.#settings;
      const { databaseBytes } = this.#budget;
      const databases = this.#deletable;
      for (const database of databases) {
        const bytesMax = database === this.#memory ? Math.min(databaseBytes, this.#memoryBytes) : databaseBytes;
        for (let n = 0; n < DROPS_A_TURN; n++) {
          const rows = databases.reduce((sum, one) => sum + one.rows, 0);
          const [tooMany, tooLarge] = [rows - maxRows, database.usedBytes - bytesMax];
          if (tooMany <= 0 && tooLarge <= 0) break;
          const upTo = database.eidToDrop(tooMany, tooLarge, STEP_ROWS);
          if (upTo !== undefined) this.#discard(database, upTo, tooLarge > 0);
          if (!database.dropUnneeded() && upTo === undefined) break;
          if (n === DROPS_A_TURN - 1) this.#trimLater();
        }
      }
      for (const database of databases) if (database.dropUnneeded()) this.#trimLater();
    });
    this.#giveBack();
  }

  get #memoryBytes(): number {
    return this.#settings.directory === ':memory:' ? MEMORY_BYTES.wanted : MEMORY_BYTES.withoutDisk;
  }

  #trimLater(): void {
    if (this.#trimming) return;
    this.#trimming = true;
    setImmediate(() => {
      this.#trimming = false;
      if (!this.#closed) this.#trim();
    });
  }

  #discard(database: RowDatabase, upTo: number, atOnce = false): number {
    // Of those that are far behind, each loses all of these rows: they are counted once.
    const counts = new Map<number, number>();
    const lose = this.#subscribers.losing((cursor) => {
      if (cursor >= upTo) return 0;
      const after = Math.max(cursor, database.discardedEid);
      const count = counts.get(after) ?? database.count({ after, upTo });
      counts.set(after, count);
      return count;
    });
    const gone = database.deleteUpTo(upTo, atOnce);
    this.#discarded += gone;
    this.#disk?.count.write();
    for (const subscriber of lose()) this.#losers.add(subscriber);
    if (this.#now() - this.#losersKeptMs >= LOSERS_KEPT_MS) this.#keepLosers();
    return gone;
  }

  /** What is told of readers is in memory first: a disk that fails gets it when it works again. */
  #keepSubscribers(subscribers: readonly Subscriber[]): void {
    const disk = this.#writableDisk;
    if (!disk || subscribers.length === 0) return;
    this.#attempt(() => disk.database.putSubscribers(subscribers));
  }

  #keepLosers(): void {
    this.#losersKeptMs = this.#now();
    this.#keepSubscribers([...this.#losers]);
    this.#losers.clear();
  }

  /** Work on a database that may be left for later. Never throws. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      const disk = this.#writableDisk;
      if (disk && resultCode(error) !== undefined && !isBusy(error)) this.#leaveDisk(disk, error);
      else if (!isBusy(error)) this.#log.error({ err: error }, 'the rows could not be kept in order');
    }
  }

  #forget(evicted: Subscriber): void {
    this.#subscribersEvicted++;
    this.#evictions.count++;
    if (usedForMs(evicted) > 0 && this.#evictions.used.length < EVICTIONS_LOG.names) {
      this.#evictions.used.push(evicted.name);
    }
    this.#losers.delete(evicted);
    const disk = this.#writableDisk;
    if (disk) this.#attempt(() => disk.database.removeSubscriber(evicted.name));
  }

  #tellEvictions(): void {
    const { count, used } = this.#evictions;
    if (count === 0) return;
    this.#evictions = { count: 0, used: [] };
    this.#evictionsToldMs = this.#now();
    this.#log.warn(
      { evicted: count, ...(used.length > 0 ? { subscribers: used } : {}) },
      `subscribers were forgotten, as there are more than ${SUBSCRIBERS_MAX} names: those that ask again get all rows that are kept`,
    );
  }

  #tell(problem: CollectorProblem): void {
    this.#problem = problem;
    this.#log.error({ code: problem.code }, problem.message);
  }
}

/** What a database holds, where `lastEid` is the last number that was given. */
function expectedIn({ discardedEid, rows }: RowDatabase, lastEid: number): Expected {
  return { lastEid, discardedEid, rows };
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const WHOLE: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
