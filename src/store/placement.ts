/**
 * Decides where rows are kept: on disk, or in memory while the disk cannot be used. Opens the database on disk, changes to memory
 * when it cannot be written, makes a new one when it is damaged or gone, and moves rows from memory to the disk.
 *
 * Rows on disk are older than those in memory, and no row is in both.
 */
import { resolve } from 'node:path';
import type { CollectorProblem } from '../collect/source.ts';
import type { Logger } from '../program/log.ts';
import { messageOf } from '../text/error_message.ts';
import { CompactionError } from './compaction.ts';
import type { Cursors } from './cursors.ts';
import { Disk } from './disk.ts';
import type { DiskBudget } from './disk_budget.ts';
import type { Expected } from './expected_rows.ts';
import { moveDatabase } from './move_database.ts';
import type { RowQueue } from './row_queue.ts';
import { RowDatabase } from './rows/row_database.ts';
import { isDamage, LogHeldError, problemCode } from './sqlite_error.ts';
import { isBusy, resultCode } from './sqlite_result.ts';

/** The directory that keeps no rows on disk. */
export const IN_MEMORY = ':memory:';

interface PlacementOptions {
  readonly log: Logger;
  readonly unixNow: () => number;
  readonly queue: RowQueue;
  readonly cursors: Cursors;
  readonly budget: DiskBudget;
  /** Number of execs that will become rows. */
  readonly expected: () => number;
  readonly onLost: (rows: number) => void;
  /** Called when rows are written to another database, or can be written again. */
  readonly onMoved: () => void;
}

/** The content of a database that is not used any more, to compare it with the one that replaces it. */
interface Abandoned {
  readonly path: string;
  /** The reason, if the database was damaged. */
  readonly because: string | undefined;
  readonly expected: Expected;
  /** By cursor: the number of rows that were not read yet. */
  readonly unread: ReadonlyMap<number, number>;
}

const RETRY_MS = { least: 1000, most: 30_000 };
const MOVED_ROWS = 200;

export class Placement {
  readonly #options: PlacementOptions;
  readonly #log: Logger;
  #budget: DiskBudget;
  /** Undefined until it is known. */
  #directory: string | undefined;
  #disk: Disk | undefined;
  #memory: RowDatabase | undefined;
  #diskFails = false;
  #problem: CollectorProblem | undefined;
  #isRewriting = false;
  /** Cut rows in databases that are closed. */
  #cutBefore = 0;
  /** How often rows were moved from memory to the disk. */
  #moves = 0;
  #abandoned: Abandoned | undefined;
  /** The next database was moved from the former directory. */
  #isTakenAlong = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS.least;
  #closed = false;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#budget = options.budget;
  }

  get directory(): string | undefined {
    return this.#directory;
  }

  /** The disk, while rows are written to it. */
  get writableDisk(): Disk | undefined {
    return this.#diskFails ? undefined : this.#disk;
  }

  /** The database that rows are written to now. */
  get writable(): RowDatabase {
    return this.writableDisk?.database ?? this.#memoryDatabase;
  }

  /** Oldest rows first. */
  get databases(): RowDatabase[] {
    return [this.#disk?.database, this.#memory].filter((database) => database !== undefined);
  }

  /** The databases that rows may be removed from: a disk that fails keeps its rows. */
  get deletable(): RowDatabase[] {
    return this.#diskFails ? this.databases.filter((one) => one !== this.#disk?.database) : this.databases;
  }

  isMemory(database: RowDatabase): boolean {
    return database === this.#memory;
  }

  get rows(): number {
    return this.databases.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Size of the databases with the log. @throws {Error} a system error */
  get bytes(): number {
    return this.databases.reduce((sum, { fileBytes }) => sum + fileBytes, this.#disk?.logBytes ?? 0);
  }

  get cutRows(): number {
    return this.databases.reduce((sum, { cutRows }) => sum + cutRows, this.#cutBefore);
  }

  get problems(): readonly CollectorProblem[] {
    return this.#problem ? [this.#problem] : [];
  }

  /** Whether a thread uses the files. During this time the directory cannot be changed. */
  get isInUse(): boolean {
    return this.#isRewriting || this.isCheckpointing;
  }

  get isCheckpointing(): boolean {
    return this.#disk?.isCheckpointing ?? false;
  }

  /** Changes when rows are moved. A search that runs at that time could miss rows. */
  get moves(): number {
    return this.#moves;
  }

  set budget(budget: DiskBudget) {
    this.#budget = budget;
    this.#applyBudget();
  }

  /** Sets the directory of rows, and moves the rows of the former one. Never throws. */
  place(directory: string): void {
    const before = this.#directory;
    this.#directory = directory;
    if (before !== undefined) this.#leave(before, directory);
    this.#problem = undefined;
    this.#diskFails = false;
    if (directory === IN_MEMORY) return;
    try {
      this.#openDisk(directory);
      if (this.#memory) {
        this.#diskFails = true;
        this.#retryMs = RETRY_MS.least;
        this.#scheduleRetry();
      }
    } catch (error) {
      // After any eid on disk, so that rows can be moved there later.
      this.#options.queue.skipTo(this.#options.unixNow() * 10);
      this.#report(problemCode(error), messageOf(error));
      this.#waitForDisk(error);
    }
  }

  /** The expected rows have changed: writes them soon. */
  noteExpected(): void {
    this.#disk?.count.note();
  }

  /** Writes the expected rows at once. Used after rows are removed: otherwise they would count as lost after a kill. */
  writeExpected(): void {
    this.#disk?.count.write();
  }

  /** Runs work on the database that can be repeated later. Never throws. */
  attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      const disk = this.writableDisk;
      const isOfDisk = resultCode(error) !== undefined || isDamage(error);
      if (disk && isOfDisk && !isBusy(error)) this.leaveDisk(error);
      else if (!isBusy(error)) this.#log.error({ err: error }, 'the maintenance of the database failed');
    }
  }

  /** Continues with a new database if this one is damaged, otherwise in memory. */
  leaveDisk(error: unknown): void {
    const disk = this.writableDisk;
    if (!disk) return;
    if (this.repair(error)) return;
    this.#diskFails = true;
    const message = `${disk.path} cannot be written (${messageOf(error)}): rows are kept in memory until it can be`;
    this.#setProblem({ code: problemCode(error), message });
    this.#scheduleRetry();
    this.#options.onMoved();
  }

  /** Makes a new database if the error shows that this one is damaged. Queries do not find its rows any more. */
  repair(error: unknown): boolean {
    const disk = this.#disk;
    if (!disk || !isDamage(error) || disk.isCheckpointing) return false;
    this.#openAnew(disk, () => disk.moveAside(error), 'the database was damaged');
    return true;
  }

  /** Opens the files that are at the path now, if another process has removed or replaced the open files. */
  reopenIfReplaced(): boolean {
    const disk = this.writableDisk;
    if (!disk?.isReplaced || disk.isCheckpointing) return false;
    this.#log.error(
      `the database in ${disk.path} was removed or replaced while it was used: what is there now is opened`,
    );
    // Closing it copies the log into its file, if that still exists.
    this.#openAnew(disk, () => disk.database.close());
    return true;
  }

  /** Moves rows from memory to the disk, and closes both. Never throws. */
  close(): void {
    if (this.#memory && this.#directory !== IN_MEMORY) this.#retry(Number.POSITIVE_INFINITY);
    this.#closed = true;
    this.#closeDisk();
    this.#closeMemory(this.#directory);
  }

  get #memoryDatabase(): RowDatabase {
    if (!this.#memory) {
      this.#memory = new RowDatabase(IN_MEMORY);
      this.#applyBudget();
    }
    return this.#memory;
  }

  #applyBudget(): void {
    if (this.#disk) {
      this.#disk.database.budget = this.#budget;
      this.#disk.logBytesMax = this.#budget.logBytes;
    }
    if (this.#memory) this.#memory.budget = this.#budget;
  }

  /** Leaves a directory. Rows that wait in memory for the disk then wait for the next one. */
  #leave(before: string, next: string): void {
    const { cursors } = this.#options;
    this.#abandoned = undefined;
    this.#closeDisk();
    const areOnDisk = before !== IN_MEMORY && next !== IN_MEMORY;
    if (!areOnDisk || !this.#takeAlong(before, next)) {
      this.#log.info(`rows are now kept in ${next}; the rows in ${before} stay there`);
    }
    if (this.#memory && areOnDisk) return;
    this.#closeMemory(before);
    // The subscribers on disk were moved with the database.
    cursors.clear();
  }

  #takeAlong(before: string, next: string): boolean {
    try {
      const aside = moveDatabase(before, next, this.#options.unixNow());
      this.#log.info(`rows are now kept in ${next}, with the rows from ${before}`);
      this.#isTakenAlong = true;
      if (aside) this.#log.warn(`${next} already had a database: it was moved to ${aside}`);
      return true;
    } catch (error) {
      this.#log.error({ err: error }, `rows could not be moved from ${before} to ${next}`);
      return false;
    }
  }

  #openDisk(path: string): void {
    const { queue, cursors, unixNow, onLost, expected } = this.#options;
    const { subscribers } = cursors;
    const abandoned = this.#abandoned?.path === resolve(path) ? this.#abandoned : undefined;
    const disk = new Disk(path, { log: this.#log, unixNow, expected: abandoned?.expected });
    try {
      const known = new Set(abandoned ? [...subscribers].map(({ name }) => name) : []);
      const stored = disk.database.subscribers().filter(({ name }) => !known.has(name));
      if (abandoned) {
        subscribers.losing((after) => {
          const left = disk.database.count({ after, upTo: Number.MAX_SAFE_INTEGER });
          return Math.max(0, (abandoned.unread.get(after) ?? 0) - left);
        })();
      }
      subscribers.load(stored);
    } catch (error) {
      disk.database.close();
      disk.release();
      throw error;
    }
    this.#abandoned = undefined;
    if (disk.missing > 0) {
      onLost(disk.missing);
      const because = abandoned?.because ?? disk.missingBecause;
      this.#log.error({ lost: disk.missing }, `rows are missing in ${disk.path}: ${because}`);
    }
    queue.skipTo(disk.lastEid);
    this.#disk = disk;
    this.#applyBudget();
    // Rows in memory that waited for another database have eids that may collide with this one.
    if (this.#memory && !abandoned && !this.#isTakenAlong) onLost(this.#memory.letGo(disk.lastEid));
    this.#isTakenAlong = false;
    disk.count.follow(() => {
      const { lastEid, discardedEid, rows } = expectedIn(disk.database, queue.lastEid + expected());
      return { lastEid, discardedEid, rows: rows + (this.#memory?.rows ?? 0) + queue.numbered.length + expected() };
    });
  }

  #closeDisk(): void {
    const { queue, cursors, onLost } = this.#options;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    onLost(queue.removeAll().length);
    const disk = this.#disk;
    this.#disk = undefined;
    if (!disk) return;
    this.#cutBefore += disk.database.cutRows;
    try {
      // At a regular end, all readers have finished.
      cursors.subscribers.confirm(0);
      if (!this.#diskFails) disk.database.replaceSubscribers(cursors.subscribers);
      disk.database.close();
    } catch (error) {
      this.#log.warn({ err: error }, 'the database could not be closed cleanly');
    } finally {
      disk.release(expectedIn(disk.database, queue.lastEid));
    }
  }

  #closeMemory(directory: string | undefined): void {
    const rows = directory === IN_MEMORY ? 0 : (this.#memory?.rows ?? 0);
    this.#cutBefore += this.#memory?.cutRows ?? 0;
    this.#memory?.close();
    this.#memory = undefined;
    if (rows === 0) return;
    this.#options.onLost(rows);
    this.#log.error({ lost: rows }, 'rows that waited in memory for the disk are lost');
  }

  #openAnew(disk: Disk, leave: () => void, because?: string): void {
    const { queue, cursors, onMoved } = this.#options;
    const { database, path } = disk;
    const expected = expectedIn(database, queue.lastEid);
    this.#abandoned = { path, because, expected, unread: this.#unreadIn(database) };
    this.#disk = undefined;
    try {
      try {
        leave();
      } finally {
        disk.release(expected);
      }
      this.#openDisk(path);
      cursors.keepAll();
    } catch (error) {
      this.#report(problemCode(error), messageOf(error));
      this.#scheduleRetry();
    }
    onMoved();
  }

  #unreadIn(database: RowDatabase): Map<number, number> {
    const { lastEid } = database;
    const cursors = new Set([...this.#options.cursors.subscribers].map((subscriber) => subscriber.lastEid));
    return new Map([...cursors].map((after) => [after, database.count({ after, upTo: lastEid })]));
  }

  /** Retries after the rewriting of the database, or after a pause. */
  #waitForDisk(error: unknown): void {
    if (!(error instanceof CompactionError)) {
      this.#scheduleRetry();
      return;
    }
    this.#isRewriting = true;
    void error.done.then(() => {
      this.#isRewriting = false;
      if (!this.#closed) this.#retry(MOVED_ROWS);
    });
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

  /** Opens the disk if it is not open, and moves rows there from memory, `rows` at a time. */
  #retry(rows: number): void {
    if (this.#isRewriting) return;
    // At the end there is no later retry.
    if (this.isCheckpointing && rows !== Number.POSITIVE_INFINITY) {
      this.#scheduleRetry();
      return;
    }
    try {
      if (this.#disk?.isLogHeld) {
        this.#disk.tidy(() => undefined);
        throw new LogHeldError('another program reads it all the time');
      }
      if (!this.#disk) this.#openDisk(this.#directory ?? IN_MEMORY);
      const disk = this.#disk;
      if (!disk) return;
      this.#diskFails = true;
      if (this.#memory && this.#moveRows(disk.database, this.#memory, rows)) {
        setImmediate(() => !this.#closed && this.#retry(rows));
        return;
      }
      disk.database.replaceSubscribers(this.#options.cursors.subscribers);
      this.#memory?.close();
      this.#memory = undefined;
      this.#diskFails = false;
      this.#problem = undefined;
      this.#retryMs = RETRY_MS.least;
      this.#log.info(`${disk.path} can be written: rows are kept there`);
      this.#options.onMoved();
    } catch (error) {
      if (problemCode(error) !== this.#problem?.code) this.#report(problemCode(error), messageOf(error));
      // Rows in memory are older than new rows: they are moved to the new database first.
      this.repair(error);
      this.#waitForDisk(error);
    }
  }

  /** Moves rows. Returns whether there may be more. */
  #moveRows(disk: RowDatabase, memory: RowDatabase, rows: number): boolean {
    this.#moves++;
    do {
      if (disk.takeOldest(memory, MOVED_ROWS) === 0) return false;
    } while (rows === Number.POSITIVE_INFINITY);
    return true;
  }

  #report(code: string, why: string): void {
    this.#setProblem({ code, message: `${why}; until this is solved, rows are kept in memory` });
  }

  #setProblem(problem: CollectorProblem): void {
    this.#problem = problem;
    this.#log.error({ code: problem.code }, problem.message);
  }
}

/** The expected rows of a database. `lastEid` is the last eid that was used. */
function expectedIn({ discardedEid, rows }: RowDatabase, lastEid: number): Expected {
  return { lastEid, discardedEid, rows };
}
