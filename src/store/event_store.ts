/**
 * The rows of process_ancestry_events: kept on disk, in memory while there is no disk to be had, up to a number, a size
 * and an age. Rows are written a batch at a time, and every query sees all that were added before it.
 */
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { CollectorProblem } from '../collect/source.ts';
import type { Logger } from '../log.ts';
import type { PublishedExec } from '../process/tree.ts';
import { checkpoint } from './checkpoint.ts';
import { DatabaseDirectory, DirectoryError } from './database_directory.ts';
import { type EidRange, EventDatabase, type NumberedExec, type Selection, type SqlRow } from './event_database.ts';
import { NewerSchemaError } from './schema.ts';
import { type Batch, type Subscriber, Subscribers } from './subscribers.ts';

export interface EventStoreSettings {
  /** Where the database is; `:memory:` for none. */
  readonly directory: string;
  readonly maxRows: number;
  /** Of disk, about. */
  readonly maxBytes: number;
  readonly expirySeconds: number;
  /** A subscriber that reads no more holds rows back for so long. */
  readonly subscriberExpirySeconds: number;
}

export interface EventStoreOptions {
  readonly log: Logger;
  /** For tests: milliseconds of performance.now()'s clock, and of Unix time. */
  readonly now?: () => number;
  readonly unixNow?: () => number;
}

export interface EventStoreStats {
  readonly rows: number;
  /** About, on disk. */
  readonly bytes: number;
  /** Rows that made room for newer ones, or were too old. */
  readonly discarded: number;
  /** Rows that were never written because the extension was killed, or that were in a damaged database. */
  readonly lost: number;
  /** The directory that rows are written to now, or `:memory:`. */
  readonly database: string;
  readonly problems: readonly CollectorProblem[];
}

/** How much a subscriber is given at a time, at most. */
export interface Portion {
  /** Of rows that the selection gives. */
  readonly rows: number | undefined;
  /** Of the answer that they make, about. */
  readonly bytes: number;
}

const FLUSH_MS = 40;
/** A batch is written at once when it has so many rows: 5 ms of work. */
const BATCH_ROWS = 500;
/** Rows wait for a locked database up to so many; then they are kept in memory. */
const WAITING_MAX = 5000;
/** The write-ahead log is brought into the database beyond this size. */
const LOG_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 30_000;
/** Rows that are let go, or moved, in one go. */
const STEP_ROWS = 1000;
/** What an answer's row takes beside the texts that are stored: 59 names and lengths, and numbers. */
const ANSWER_ROW_BYTES = 1400;

// SQLite's primary result codes (sqlite.org/rescode.html).
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const FULL = 13;
const READ_ONLY = 8;

interface Disk {
  readonly directory: DatabaseDirectory;
  readonly database: EventDatabase;
  readonly countFile: number;
}

export class EventStore {
  readonly #log: Logger;
  readonly #unixNow: () => number;
  readonly #subscribers: Subscribers;
  #settings: EventStoreSettings;
  #disk: Disk | undefined;
  /** Where rows are kept while there is no disk, or it fails. */
  #memory: EventDatabase | undefined;
  #diskFails = false;
  #problem: CollectorProblem | undefined;
  #pending: NumberedExec[] = [];
  #lastEid = 0;
  #waiting = 0;
  /** How often rows went from memory to the disk. */
  #moves = 0;
  #discarded = 0;
  #lost = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #countDue = false;
  #checkpointing = false;
  #closed = false;

  constructor(settings: EventStoreSettings, options: EventStoreOptions) {
    this.#log = options.log;
    this.#settings = settings;
    this.#unixNow = options.unixNow ?? Date.now;
    const now = options.now ?? (() => performance.now());
    this.#subscribers = new Subscribers({ now, unixNow: this.#unixNow });
    this.#open();
  }

  configure(settings: EventStoreSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (settings.directory !== before.directory && !this.#closed) {
      this.#flush();
      this.#closeAll();
      this.#open();
    }
    this.#trim();
  }

  get stats(): EventStoreStats {
    const { rows, bytes } = this.#databases.reduce(
      (sum, one) => ({ rows: sum.rows + one.rows, bytes: sum.bytes + one.bytes }),
      {
        rows: this.#pending.length,
        bytes: 0,
      },
    );
    return {
      rows,
      bytes,
      discarded: this.#discarded,
      lost: this.#lost,
      database: this.#disk && !this.#diskFails ? this.#disk.directory.path : ':memory:',
      problems: this.#problem ? [this.#problem] : [],
    };
  }

  /** The newest row's, or the last one that there ever was. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** Takes a row in, and answers its eid: they count up from 1, in the order of publication, and are never used again. */
  add(exec: PublishedExec): number {
    const eid = ++this.#lastEid;
    this.#pending.push({ eid, exec });
    this.#noteCount();
    if (this.#pending.length >= BATCH_ROWS) this.#flush();
    else this.#scheduleFlush();
    return eid;
  }

  /** So many execs will become rows soon: they are missing, too, when the extension is killed before. */
  expect(waiting: number): void {
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    this.#noteCount();
  }

  /** The rows of a range, oldest first; `undefined` is a pause in a long search. */
  *select(selection: Selection, range: EidRange = this.#whole): IterableIterator<SqlRow | undefined> {
    this.#flush();
    // Those that come meanwhile are of another query.
    const { after, upTo } = { after: range.after, upTo: Math.min(range.upTo, this.#lastEid) };
    const moves = this.#moves;
    try {
      for (const database of this.#databases) {
        for (const row of database.select(selection, { after, upTo })) {
          if (moves !== this.#moves) throw new Error('rows are being moved to the disk: ask again');
          yield row;
        }
      }
    } catch (error) {
      this.#repairIfDamaged(error);
      throw error;
    }
  }

  /**
   * What a subscriber is to be given now: the same as before within the second, or while its answer has not arrived.
   *
   * @throws {SubscriberError} too many names, or one too long
   */
  batchFor(name: string, selection: Selection, portion: Portion): Batch {
    const again = this.#subscribers.again(name);
    if (again) return again;
    this.#flush();
    const { subscriber, dropped } = this.#subscribers.get(name, this.#idleMs);
    if (dropped !== undefined) this.#keep((database) => database.removeSubscriber(dropped));
    const range = { after: subscriber.lastEid, upTo: this.#lastEid };
    let upTo = range.upTo;
    for (const database of this.#databases) {
      const within = database.eidWithin(range, portion.bytes, ANSWER_ROW_BYTES);
      upTo = Math.min(upTo, within);
      if (within < range.upTo) break;
    }
    if (portion.rows !== undefined) upTo = this.#eidOfRow(selection, { ...range, upTo }, portion.rows);
    const batch = this.#subscribers.handOut(subscriber, upTo);
    this.#keepSubscriber(subscriber);
    return batch;
  }

  /** A batch's answer has arrived. */
  delivered(batch: Batch): void {
    const subscriber = this.#subscribers.delivered(batch);
    if (subscriber) this.#keepSubscriber(subscriber);
  }

  /** Whoever was given rows since then (by the clock of `now`) has died, perhaps with them: they are given again. */
  deliverAgain(sinceMs: number): void {
    for (const subscriber of this.#subscribers.takeBack(sinceMs)) this.#keepSubscriber(subscriber);
  }

  /** Every subscriber, with how many rows it has still to read. */
  subscribers(): (Subscriber & { lagRows: number })[] {
    this.#flush();
    return [...this.#subscribers].map((one) => {
      const range = { after: one.lastEid, upTo: this.#lastEid };
      return { ...one, lagRows: this.#databases.reduce((sum, database) => sum + database.count(range), 0) };
    });
  }

  /** Lets go of what is older than the expiry, but for what subscribers still have to read. */
  expire(nowUnixMs: number): void {
    const oldest = nowUnixMs - this.#settings.expirySeconds * 1000;
    this.#attempt(() => {
      for (const database of this.#deletable) {
        const upTo = Math.min(database.eidBefore(oldest, STEP_ROWS) ?? 0, this.#subscribers.readByAll(this.#idleMs));
        const gone = upTo > 0 ? this.#discard(database, upTo) : 0;
        if (gone >= STEP_ROWS) setImmediate(() => !this.#closed && this.expire(nowUnixMs)).unref();
      }
    });
  }

  /** Brings the database's log into its file when it has grown; does not wait for it. */
  tidy(): void {
    const { directory, database } = this.#disk ?? {};
    if (!directory || !database || this.#checkpointing || this.#closed) return;
    if ((statSync(directory.wal, { throwIfNoEntry: false })?.size ?? 0) < LOG_BYTES) return;
    this.#checkpointing = true;
    void checkpoint(directory.database).then((error) => {
      this.#checkpointing = false;
      if (error) this.#log.debug({ err: error }, 'the database could not be checkpointed; it is tried again');
    });
  }

  /** Writes what is left. The store is of no use after. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#waiting = 0;
    this.#writeCount();
    this.#closeAll();
  }

  get #whole(): EidRange {
    return { after: 0, upTo: Number.MAX_SAFE_INTEGER };
  }

  get #idleMs(): number {
    return this.#settings.subscriberExpirySeconds * 1000;
  }

  /** Oldest rows first. */
  get #databases(): EventDatabase[] {
    return [this.#disk?.database, this.#memory].filter((database) => database !== undefined);
  }

  /** A disk that fails keeps its rows. */
  get #deletable(): EventDatabase[] {
    return this.#diskFails ? this.#databases.slice(1) : this.#databases;
  }

  #open(): void {
    const { directory } = this.#settings;
    this.#problem = undefined;
    this.#diskFails = false;
    if (directory === ':memory:') {
      this.#memory = new EventDatabase(':memory:');
      return;
    }
    try {
      this.#openDisk(directory);
    } catch (error) {
      this.#memory = new EventDatabase(':memory:');
      const code = error instanceof DirectoryError ? error.code : codeOf(error);
      const why = error instanceof Error ? error.message : String(error);
      this.#tell({ code, message: `${why}; rows are kept in memory until the next start` });
    }
  }

  #openDisk(path: string): void {
    const directory = new DatabaseDirectory(path);
    try {
      const database = this.#openDatabase(directory);
      const countFile = openSync(directory.countFile, 'a+', 0o600);
      closeSync(countFile);
      this.#disk = { directory, database, countFile: openSync(directory.countFile, 'r+', 0o600) };
    } catch (error) {
      directory.release();
      throw error;
    }
    const { database } = this.#disk;
    const counted = Number.parseInt(readFileSync(directory.countFile, 'utf8'), 10) || 0;
    const missing = counted - database.lastEid;
    if (missing > 0 && database.lastEid > 0) {
      this.#lost += missing;
      this.#log.warn({ lost: missing }, 'the extension was killed before it had written these rows');
    }
    this.#lastEid = Math.max(this.#lastEid, counted, database.lastEid);
    this.#subscribers.load(database.subscribers());
  }

  #openDatabase(directory: DatabaseDirectory): EventDatabase {
    try {
      return new EventDatabase(directory.database);
    } catch (error) {
      if (!(error instanceof NewerSchemaError) && !isDamage(error)) throw error;
      this.#moveAside(directory, error);
      return new EventDatabase(directory.database);
    }
  }

  #moveAside(directory: DatabaseDirectory, error: unknown): void {
    const newer = error instanceof NewerSchemaError;
    const aside = directory.moveAside(newer ? 'newer' : 'corrupt', this.#unixNow());
    const why = error instanceof Error ? error.message : String(error);
    this.#log.error(`the database of events cannot be used (${why}): it is now ${aside}, and a new one is begun`);
  }

  #closeAll(): void {
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#retryTimer);
    this.#flushTimer = undefined;
    this.#retryTimer = undefined;
    this.#memory?.close();
    this.#memory = undefined;
    if (!this.#disk) return;
    const { directory, database, countFile } = this.#disk;
    this.#disk = undefined;
    closeSync(countFile);
    try {
      database.close();
    } finally {
      directory.release();
    }
  }

  #scheduleFlush(): void {
    if (this.#flushTimer || this.#closed) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flush();
    }, FLUSH_MS);
    this.#flushTimer.unref();
  }

  /** Once for all rows of a turn of the event loop: it outlives a process that is killed, as the page cache does. */
  #noteCount(): void {
    if (this.#countDue || !this.#disk) return;
    this.#countDue = true;
    queueMicrotask(() => this.#writeCount());
  }

  #writeCount(): void {
    this.#countDue = false;
    if (!this.#disk) return;
    try {
      writeSync(this.#disk.countFile, String(this.#lastEid + this.#waiting).padStart(20, '0'), 0);
    } catch {
      // What counts losses must not make one: a disk that fails is told by the rows' own writing.
    }
  }

  #flush(): void {
    if (this.#pending.length === 0 || this.#closed) return;
    const rows = this.#pending;
    const disk = this.#diskFails ? undefined : this.#disk;
    try {
      if (disk) disk.database.insert(rows);
      else this.#memoryDatabase.insert(rows);
      this.#pending = [];
    } catch (error) {
      if (!disk) throw error;
      this.#cannotWrite(disk, error, rows.length);
      if (this.#pending.length > 0) this.#scheduleFlush();
      return;
    }
    this.#trim();
  }

  #cannotWrite(disk: Disk, error: unknown, waiting: number): void {
    const code = resultCode(error);
    if ((code === BUSY || code === LOCKED) && waiting < WAITING_MAX) return;
    if (isDamage(error)) this.#replaceDatabase(disk, error);
    else this.#goOnInMemory(error);
  }

  #goOnInMemory(error: unknown): void {
    this.#diskFails = true;
    const why = error instanceof Error ? error.message : String(error);
    const { directory } = this.#settings;
    const message = `${directory} cannot be written (${why}): rows are kept in memory until it can be`;
    this.#tell({ code: codeOf(error), message });
    this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
    this.#retryTimer.unref();
    this.#flush();
  }

  /** Moves rows from memory to the disk, as much as it takes. */
  #retry(): void {
    const disk = this.#disk;
    if (!disk || this.#closed) return;
    try {
      this.#moves++;
      if (this.#memory && disk.database.takeOldest(this.#memory, STEP_ROWS) > 0) {
        setImmediate(() => this.#retry());
        return;
      }
      for (const subscriber of this.#subscribers) disk.database.putSubscriber(subscriber);
    } catch {
      this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
      this.#retryTimer.unref();
      return;
    }
    this.#memory?.close();
    this.#memory = undefined;
    this.#diskFails = false;
    this.#problem = undefined;
    this.#log.info(`${disk.directory.path} can be written again: rows are kept there`);
    this.#trim();
  }

  /** Begins a new database in place of a damaged one, whose rows are lost to queries. */
  #replaceDatabase(disk: Disk, error: unknown): void {
    this.#lost += disk.database.rows;
    try {
      disk.database.close();
      this.#moveAside(disk.directory, error);
      this.#disk = { ...disk, database: new EventDatabase(disk.directory.database) };
      for (const subscriber of this.#subscribers) this.#keepSubscriber(subscriber);
      this.#flush();
    } catch (failure) {
      closeSync(disk.countFile);
      disk.directory.release();
      this.#disk = undefined;
      const why = failure instanceof Error ? failure.message : String(failure);
      this.#tell({ code: codeOf(failure), message: `${why}; rows are kept in memory until the next start` });
      this.#flush();
    }
  }

  #repairIfDamaged(error: unknown): void {
    if (this.#disk && isDamage(error)) this.#replaceDatabase(this.#disk, error);
  }

  get #memoryDatabase(): EventDatabase {
    this.#memory ??= new EventDatabase(':memory:');
    return this.#memory;
  }

  #trim(): void {
    const { maxRows, maxBytes } = this.#settings;
    this.#attempt(() => {
      for (const database of this.#deletable) {
        const others = this.#deletable.reduce((sum, one) => sum + (one === database ? 0 : one.rows), 0);
        while (database.rows > 0 && (database.rows + others > maxRows || database.bytes > maxBytes)) {
          const tooMany = Math.max(database.rows + others - maxRows, 1);
          const upTo = database.eidAt(Math.min(tooMany, database.rows, STEP_ROWS) - 1);
          if (upTo === undefined) break;
          this.#discard(database, upTo);
        }
      }
    });
  }

  #discard(database: EventDatabase, upTo: number): number {
    for (const subscriber of this.#subscribers) {
      if (subscriber.lastEid >= upTo) continue;
      const lost = database.count({ after: subscriber.lastEid, upTo });
      if (lost === 0) continue;
      subscriber.lostRows += lost;
      this.#keepSubscriber(subscriber);
    }
    const gone = database.deleteUpTo(upTo);
    this.#discarded += gone;
    return gone;
  }

  #keepSubscriber(subscriber: Subscriber): void {
    this.#keep((database) => database.putSubscriber(subscriber));
  }

  /** What is told of readers is in memory first: a disk that fails gets it when it works again. */
  #keep(write: (database: EventDatabase) => void): void {
    const disk = this.#disk;
    if (disk && !this.#diskFails) this.#attempt(() => write(disk.database));
  }

  /** Work on a database that may be left for later. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      const code = resultCode(error);
      if (code === undefined) throw error;
      if (code !== BUSY && code !== LOCKED && this.#disk && !this.#diskFails) this.#cannotWrite(this.#disk, error, 0);
    }
  }

  #eidOfRow(selection: Selection, range: EidRange, rows: number): number {
    if (rows === 0) return range.after;
    let left = rows;
    for (const row of this.select({ ...selection, expressions: ['e.eid'] }, range)) {
      if (row && --left === 0) return Number(row[0]);
    }
    return range.upTo;
  }

  #tell(problem: CollectorProblem): void {
    this.#problem = problem;
    this.#log.error({ code: problem.code }, problem.message);
  }
}

/** SQLite's primary result code; undefined for what is none of SQLite's errors. */
function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}

function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return code === CORRUPT || code === NOT_A_DATABASE;
}

function codeOf(error: unknown): string {
  switch (resultCode(error)) {
    case FULL:
      return 'database_full';
    case READ_ONLY:
      return 'database_read_only';
    case CORRUPT:
    case NOT_A_DATABASE:
      return 'database_corrupt';
    default:
      return error instanceof Error && 'code' in error && error.code === 'EROFS'
        ? 'database_read_only'
        : 'database_failed';
  }
}
