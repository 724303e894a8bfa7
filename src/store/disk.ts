/**
 * What is on disk: the directory that this extension has for itself, the database in it, and the count of what was written.
 * A database that is damaged, of a newer version or somebody else's is moved aside, and a new one begun.
 */
import { statSync } from 'node:fs';
import { messageOf } from '../error_message.ts';
import type { Logger } from '../log.ts';
import { checkpoint } from './checkpoint.ts';
import { DatabaseDirectory } from './database_directory.ts';
import { EventDatabase } from './event_database.ts';
import { NewerSchemaError } from './schema.ts';
import { isDamage, isForeign } from './sqlite_error.ts';
import { WrittenCount } from './written_count.ts';

/** The write-ahead log is brought into the database beyond this size, and is a problem far beyond it. */
const LOG_BYTES = 8 * 1024 * 1024;
const LOG_PROBLEM_BYTES = 16 * LOG_BYTES;

export interface DiskOptions {
  readonly log: Logger;
  readonly unixNow: () => number;
}

export class Disk {
  readonly count: WrittenCount;
  /** Rows that should be there and are not: they were not written when the extension was killed. */
  readonly missing: number;
  readonly #directory: DatabaseDirectory;
  readonly #log: Logger;
  readonly #unixNow: () => number;
  #database: EventDatabase;
  #checkpointing = false;
  #released = false;

  /** @throws {DirectoryError | Error} nobody else may use it, the system says no, or SQLite does */
  constructor(path: string, { log, unixNow }: DiskOptions) {
    this.#log = log;
    this.#unixNow = unixNow;
    this.#directory = new DatabaseDirectory(path);
    try {
      const { database, isReplaced } = this.#open();
      this.#database = database;
      this.count = new WrittenCount(this.#directory.countFile);
      // Of a database that is gone nobody knows what it held.
      const isOther = isReplaced || database.isNew;
      this.missing = isOther ? 0 : Math.max(0, this.count.value - database.lastEid);
    } catch (error) {
      this.#directory.release();
      throw error;
    }
  }

  get path(): string {
    return this.#directory.path;
  }

  get database(): EventDatabase {
    return this.#database;
  }

  /** Of the last row that was ever numbered here. */
  get lastEid(): number {
    return Math.max(this.count.value, this.#database.lastEid);
  }

  /**
   * Somebody has removed its files: what is written now is seen by nobody after us. Others in their place are not noticed:
   * on some file systems a file has another number each time.
   *
   * @throws {Error} the system does not say
   */
  get isRemoved(): boolean {
    const { database, wal } = this.#directory;
    return [database, wal].some((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
  }

  /** While its log is brought into the database: a new database would be taken for the old one then. */
  get isCheckpointing(): boolean {
    return this.#checkpointing;
  }

  /**
   * Begins a new database in place of one that is damaged.
   *
   * @throws {Error} where that fails too; then only release() is left to be done
   */
  replace(error: unknown): void {
    this.#database.close();
    this.#moveAside(error);
    this.#database = new EventDatabase(this.#directory.database);
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

  /** Lets others have the directory. `lastEid` is that of the last row that was numbered. */
  release(lastEid: number): void {
    if (this.#released) return;
    this.#released = true;
    try {
      this.count.close(lastEid);
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
