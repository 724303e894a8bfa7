/**
 * What is on disk: the directory that this extension has for itself, the database in it, and the note of what that should
 * hold. A database that is damaged, of a newer version or somebody else's is moved aside, and a new one begun.
 */
import { statSync } from 'node:fs';
import { messageOf } from '../error_message.ts';
import type { Logger } from '../log.ts';
import { checkpoint } from './checkpoint.ts';
import { DatabaseDirectory } from './database_directory.ts';
import { EventDatabase } from './event_database.ts';
import { type Expected, ExpectedRows } from './expected_rows.ts';
import { OpenedFiles } from './opened_files.ts';
import { NewerSchemaError } from './schema.ts';
import { isDamage, isForeign } from './sqlite_error.ts';

/** The write-ahead log is brought into the database beyond this size, and is a problem far beyond it. */
const LOG_BYTES = 8 * 1024 * 1024;
const LOG_PROBLEM_BYTES = 16 * LOG_BYTES;

export interface DiskOptions {
  readonly log: Logger;
  readonly unixNow: () => number;
  /** What this process knows that the database should hold, where it has used it before. */
  readonly expected?: Expected | undefined;
}

export class Disk {
  readonly count: ExpectedRows;
  readonly database: EventDatabase;
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
  #released = false;

  /** @throws {DirectoryError | Error} nobody else may use it, the system says no, or SQLite does */
  constructor(path: string, { log, unixNow, expected }: DiskOptions) {
    this.#log = log;
    this.#unixNow = unixNow;
    this.#directory = new DatabaseDirectory(path);
    let database: EventDatabase | undefined;
    let count: ExpectedRows | undefined;
    try {
      const opened = this.#open();
      database = opened.database;
      count = new ExpectedRows(this.#directory.countFile);
      const should = expected ?? count.found;
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

  /** Bytes of the log that is to be brought into the database, where that cannot be done any more. */
  get tooLargeLog(): number | undefined {
    const size = this.#logBytes;
    return size > LOG_PROBLEM_BYTES ? size : undefined;
  }

  /**
   * Brings the log into the database when it has grown, and does not wait for it.
   *
   * @throws {Error} the system does not say how large it is
   */
  tidy(done: () => void): void {
    if (this.#checkpointing || this.#logBytes < LOG_BYTES) return;
    this.#checkpointing = true;
    void checkpoint(this.#directory.database).then((error) => {
      this.#checkpointing = false;
      if (error) this.#log.warn({ err: error }, 'the database could not be checkpointed; it is tried again');
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

  get #logBytes(): number {
    return statSync(this.#directory.wal, { throwIfNoEntry: false })?.size ?? 0;
  }

  #open(): { database: EventDatabase; isReplaced: boolean } {
    try {
      return { database: new EventDatabase(this.#directory.database), isReplaced: false };
    } catch (error) {
      if (!(error instanceof NewerSchemaError || isDamage(error) || isForeign(error))) throw error;
      this.#moveAside(error);
      return { database: new EventDatabase(this.#directory.database), isReplaced: true };
    }
  }

  #moveAside(error: unknown): void {
    const newer = error instanceof NewerSchemaError;
    const aside = this.#directory.moveAside(newer ? 'newer' : 'corrupt', this.#unixNow());
    const why = messageOf(error);
    this.#log.error(`the database of events cannot be used (${why}): it is now ${aside}, and a new one is begun`);
  }
}
