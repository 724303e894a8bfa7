/**
 * The store on disk: the locked directory, the database in it, and the file with the expected rows. A database that is damaged,
 * of a newer version or of another program is moved aside, and a new one is made.
 */
import { statSync } from 'node:fs';
import type { Logger } from '../program/log.ts';
import { messageOf } from '../text/error_message.ts';
import { checkpoint } from './checkpoint.ts';
import { CompactionError, rewrite } from './compaction.ts';
import { DatabaseDirectory } from './database_directory.ts';
import { type Expected, ExpectedRows } from './expected_rows.ts';
import { OpenedFiles } from './opened_files.ts';
import { RowDatabase } from './rows/row_database.ts';
import { NewerSchemaError } from './rows/schema.ts';
import { isDamage, isForeign } from './sqlite_error.ts';

/** After this many checkpoints in a row that leave the log full, another process is assumed to hold the log. */
const CHECKPOINTS_IN_VAIN = 8;
/** Databases that could not be rewritten. They are used as they are. */
const notCompacted = new Set<string>();

interface DiskOptions {
  readonly log: Logger;
  readonly unixNow: () => number;
  /** The expected rows, if this process has used the database before. */
  readonly expected?: Expected | undefined;
}

export class Disk {
  readonly count: ExpectedRows;
  readonly database: RowDatabase;
  /** Number of expected rows that are not in the database. */
  readonly missing: number;
  /** The probable reason. */
  readonly missingBecause: string;
  readonly #directory: DatabaseDirectory;
  readonly #log: Logger;
  readonly #unixNow: () => number;
  readonly #files: OpenedFiles;
  readonly #startEid: number;
  #checkpointing = false;
  #inVain = 0;
  #logBytesMax = Number.POSITIVE_INFINITY;
  #released = false;

  /**
   * @throws {CompactionError} the database is being rewritten
   * @throws {DirectoryError | Error} the directory cannot be used, or an error of the system or of SQLite
   */
  constructor(path: string, { log, unixNow, expected }: DiskOptions) {
    this.#log = log;
    this.#unixNow = unixNow;
    this.#directory = new DatabaseDirectory(path);
    let database: RowDatabase | undefined;
    let count: ExpectedRows | undefined;
    try {
      const opened = this.#open();
      database = opened.database;
      this.#compactFirst(database);
      count = new ExpectedRows(this.#directory.countFile);
      const should = expected ?? count.found;
      // Rows that were removed from memory but not from the file before a kill.
      if (should && should.discardedEid <= database.lastEid) database.letGo(should.discardedEid);
      const all = Number.MAX_SAFE_INTEGER;
      this.missing = should ? Math.max(0, should.rows - database.count({ after: should.discardedEid, upTo: all })) : 0;
      const isOther = opened.isReplaced || database.isNew;
      if (opened.isReplaced) this.missingBecause = 'the database could not be used and was moved aside';
      else if (database.isNew) this.missingBecause = 'the file of the database was removed or emptied';
      else
        this.missingBecause =
          'the extension was killed before they were written, or the database was damaged or replaced';
      if (!should && this.#directory.wasUsed) {
        log.warn(`${this.#directory.countFile} cannot be read: rows that are missing cannot be counted`);
      }
      // If the last eid is unknown, new eids start beyond any number that was used.
      const beyond = !should && isOther && this.#directory.wasUsed ? unixNow() * 10 : 0;
      const cursors = database.subscribers().map(({ lastEid }) => lastEid);
      this.#startEid = Math.max(should?.lastEid ?? 0, count.found?.lastEid ?? 0, beyond, ...cursors);
      this.database = database;
      this.count = count;
      this.#files = new OpenedFiles([this.#directory.database, this.#directory.wal]);
    } catch (error) {
      if (error instanceof CompactionError) throw error;
      database?.close();
      count?.close();
      this.#directory.release();
      throw error;
    }
  }

  get path(): string {
    return this.#directory.path;
  }

  /** The last eid that was used in this directory. */
  get lastEid(): number {
    return Math.max(this.#startEid, this.database.lastEid);
  }

  /**
   * Whether its files were removed or replaced. The next process would not see rows that are written now.
   *
   * @throws {Error} a system error
   */
  get isReplaced(): boolean {
    const { database, wal } = this.#directory;
    const isGone = [database, wal].some((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
    return isGone || !this.#files.areInPlace || !this.count.isInPlace;
  }

  /** Whether a checkpoint is running. During this time the database must not be replaced by a new one. */
  get isCheckpointing(): boolean {
    return this.#checkpointing;
  }

  set logBytesMax(bytes: number) {
    this.#logBytesMax = bytes;
  }

  /** Size of the write-ahead log. @throws {Error} a system error */
  get logBytes(): number {
    return statSync(this.#directory.wal, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Whether the log has reached its bound. Rows are written after the next checkpoint. */
  get isLogFull(): boolean {
    return this.logBytes >= this.#logBytesMax;
  }

  /** Whether the log is full and cannot be truncated, because another program reads the database all the time. */
  get isLogHeld(): boolean {
    return this.#inVain >= CHECKPOINTS_IN_VAIN && this.isLogFull;
  }

  /**
   * Starts a checkpoint if the log is half full, or if the file would become shorter. Does not wait for it. `done` is called when
   * rows may be written again.
   *
   * @throws {Error} a system error
   */
  tidy(done: () => void): void {
    if (this.#checkpointing || (this.logBytes * 2 < this.#logBytesMax && !this.#isTooLong)) return;
    this.#checkpointing = true;
    void checkpoint(this.#directory.database).then((error) => {
      this.#checkpointing = false;
      if (error) this.#log.warn({ err: error }, 'the checkpoint of the database failed; it is retried');
      if (this.#released) return;
      this.#inVain = this.isLogFull ? this.#inVain + 1 : 0;
      done();
    });
  }

  /** Closes the database and moves its files aside. */
  moveAside(error: unknown): void {
    this.database.close();
    this.#moveAside(error);
  }

  /** Unlocks the directory. `expected` is written as the expected rows; without it, the file does not change. */
  release(expected?: Expected): void {
    if (this.#released) return;
    this.#released = true;
    try {
      this.count.close(expected);
    } finally {
      this.#directory.release();
    }
  }

  /** Whether the file has pages that were returned. They leave the file at the next checkpoint. */
  get #isTooLong(): boolean {
    const size = statSync(this.#directory.database, { throwIfNoEntry: false })?.size ?? 0;
    return size > this.database.fileBytes;
  }

  /** Starts a compaction if needed. The directory stays locked until it is done. */
  #compactFirst(database: RowDatabase): void {
    const file = this.#directory.database;
    if (notCompacted.has(file) || (database.canShrink && !database.hasLegacyRows)) return;
    this.#log.info(`the database in ${this.path} is of an earlier version: it is rewritten once`);
    const done = rewrite(database, file).then((error) => {
      if (error) notCompacted.add(file);
      if (error) this.#log.warn({ err: error }, 'the database could not be rewritten: it is used as it is');
      this.#directory.release();
    });
    throw new CompactionError(`the database in ${this.path} is being rewritten`, done);
  }

  #open(): { database: RowDatabase; isReplaced: boolean } {
    try {
      return { database: new RowDatabase(this.#directory.database), isReplaced: false };
    } catch (error) {
      if (!(error instanceof NewerSchemaError || isDamage(error) || isForeign(error))) throw error;
      this.#moveAside(error);
      return { database: new RowDatabase(this.#directory.database), isReplaced: true };
    }
  }

  #moveAside(error: unknown): void {
    const newer = error instanceof NewerSchemaError;
    const aside = this.#directory.moveAside(newer ? 'newer' : 'corrupt', this.#unixNow());
    const why = messageOf(error);
    this.#log.error(`the database of events cannot be used (${why}): it is now ${aside}, and a new one is begun`);
  }
}
