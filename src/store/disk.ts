/**
 * What is on disk: the directory that this extension has for itself, the database in it, and the note of what that should
 * hold. A database that is damaged, of a newer version or of another program is moved aside, and a new one begun.
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

/** So many checkpoints in a row that leave the log full are taken for one that another process keeps from being shortened. */
const CHECKPOINTS_IN_VAIN = 8;
/** Databases that could not be rewritten: they are used as they are. */
const notCompacted = new Set<string>();

interface DiskOptions {
  readonly log: Logger;
  readonly unixNow: () => number;
  /** What this process knows that the database should hold, where it has used it before. */
  readonly expected?: Expected | undefined;
}

export class Disk {
  readonly count: ExpectedRows;
  readonly database: RowDatabase;
  /** Rows that should be in the database and are not. */
  readonly missing: number;
  /** Why they may be missing. */
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
   * @throws {CompactionError} it is being rewritten, once
   * @throws {DirectoryError | Error} no other process may use it, the system refuses, or SQLite does
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
      // Rows that were let go and not deleted before a kill.
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
      // Where nothing tells which numbers were given, those from now on are beyond all of them.
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

  /** The last number that was ever given to a row here. */
  get lastEid(): number {
    return Math.max(this.#startEid, this.database.lastEid);
  }

  /**
   * Its files were removed, or others are in their place: what is written now is not seen by the next process.
   *
   * @throws {Error} the system does not say
   */
  get isReplaced(): boolean {
    const { database, wal } = this.#directory;
    const isGone = [database, wal].some((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
    return isGone || !this.#files.areInPlace || !this.count.isInPlace;
  }

  /** While its log is brought into the database: a new database would be taken for the old one then. */
  get isCheckpointing(): boolean {
    return this.#checkpointing;
  }

  set logBytesMax(bytes: number) {
    this.#logBytesMax = bytes;
  }

  /** Of the write-ahead log. @throws {Error} the system does not say */
  get logBytes(): number {
    return statSync(this.#directory.wal, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** While its log is as large as it may be: it takes no rows before it has been brought into the database. */
  get isLogFull(): boolean {
    return this.logBytes >= this.#logBytesMax;
  }

  /** The log is full and cannot be shortened: another program reads the database without end. */
  get isLogHeld(): boolean {
    return this.#inVain >= CHECKPOINTS_IN_VAIN && this.isLogFull;
  }

  /**
   * Brings the log into the database when it is half full, or the file becomes shorter by it, and does not wait for it;
   * `done` is called when rows may be written again.
   *
   * @throws {Error} the system does not say how large it is
   */
  tidy(done: () => void): void {
    if (this.#checkpointing || (this.logBytes * 2 < this.#logBytesMax && !this.#isTooLong)) return;
    this.#checkpointing = true;
    void checkpoint(this.#directory.database).then((error) => {
      this.#checkpointing = false;
      if (error) this.#log.warn({ err: error }, 'the database could not be checkpointed; it is tried again');
      if (this.#released) return;
      this.#inVain = this.isLogFull ? this.#inVain + 1 : 0;
      done();
    });
  }

  /** Closes the database and moves its files aside, for a new one. */
  moveAside(error: unknown): void {
    this.database.close();
    this.#moveAside(error);
  }

  /** Lets others have the directory. `expected` is what the database holds; without it, what was noted last stays. */
  release(expected?: Expected): void {
    if (this.#released) return;
    this.#released = true;
    try {
      this.count.close(expected);
    } finally {
      this.#directory.release();
    }
  }

  /** Pages that were given back are in the file until the log is brought into it. */
  get #isTooLong(): boolean {
    const size = statSync(this.#directory.database, { throwIfNoEntry: false })?.size ?? 0;
    return size > this.database.fileBytes;
  }

  /** Lets the directory go only when it is done: no other process may use the database meanwhile. */
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
