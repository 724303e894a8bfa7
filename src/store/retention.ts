/**
 * Limits the rows by number, size and age. The oldest are removed first. Rows beyond the number or the size are removed also if
 * subscribers have not read them. Expired rows are kept until subscribers have read them.
 */
import type { Cursors } from './cursors.ts';
import type { DiskBudget } from './disk_budget.ts';
import { IN_MEMORY, type Placement } from './placement.ts';
import type { RowDatabase } from './rows/row_database.ts';

export interface RetentionLimits {
  readonly maxRows: number;
  readonly budget: DiskBudget;
  readonly expiryMs: number;
  /** A subscriber that has not read for this time does not keep expired rows. */
  readonly subscriberIdleMs: number;
}

interface RetentionOptions {
  readonly placement: Placement;
  readonly cursors: Cursors;
  readonly limits: RetentionLimits;
  /** Starts a checkpoint if the log has grown. */
  readonly tidyLog: () => void;
}

/** Memory for rows: while the disk cannot be used, and with the setting :memory:. */
const MEMORY_BYTES = { withoutDisk: 16 * 1024 * 1024, wanted: 64 * 1024 * 1024 };
/** Bytes of free pages that are returned to the disk in one step. Pages are returned if free pages exceed FREE_SHARE of the file. */
const GIVE_BACK_BYTES = 1024 * 1024;
const FREE_SHARE = 1 / 8;
/** Share of the size that is removed in addition, so that not every batch removes a segment. */
const SPARE_SHARE = 1 / 64;
/** Steps in one turn of the event loop. */
const DROPS_A_TURN = 4;
const STEP_ROWS = 1000;
const SIZED_EVERY_BYTES = 64 * 1024;
/** Rows from at most this far in the future count as new: the clock may have been ahead. */
const CLOCK_SLACK_MS = 60_000;

export class Retention {
  readonly #options: RetentionOptions;
  #limits: RetentionLimits;
  #discarded = 0;
  /** By database: its written bytes when its size was last checked and within the bound. */
  #sizedAt = new WeakMap<RowDatabase, number>();
  /** There may be free pages to return. */
  #arePagesFree = false;
  #isTrimDue = false;
  #isGivingBack = false;
  #closed = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  set limits(limits: RetentionLimits) {
    this.#limits = limits;
    this.#sizedAt = new WeakMap();
  }

  /** Number of rows that expired or were removed to make room for newer ones. */
  get discarded(): number {
    return this.#discarded;
  }

  close(): void {
    this.#closed = true;
  }

  /** Removes rows beyond the number or the size, in steps: there may be many after a change of a limit. */
  trim(): void {
    const { placement } = this.#options;
    placement.attempt(() => {
      const { deletable } = placement;
      for (const database of deletable) {
        for (let n = 1; this.#trimStep(database); n++) {
          if (n < DROPS_A_TURN) continue;
          this.#trimLater();
          break;
        }
      }
      for (const database of deletable) if (database.dropUnneeded()) this.#trimLater();
    });
    if (this.#arePagesFree) this.giveBack();
  }

  /** Removes expired rows, except those that subscribers have not read yet. */
  expire(nowUnixMs: number): void {
    const { placement, cursors } = this.#options;
    const { expiryMs, subscriberIdleMs } = this.#limits;
    placement.attempt(() => {
      for (const database of placement.deletable) {
        const old = database.eidBefore(nowUnixMs - expiryMs, nowUnixMs + CLOCK_SLACK_MS, STEP_ROWS) ?? 0;
        const upTo = Math.min(old, cursors.subscribers.readByAll(subscriberIdleMs));
        const gone = upTo > 0 ? this.#discard(database, upTo, true) : 0;
        if (gone >= STEP_ROWS) setImmediate(() => !this.#closed && this.expire(nowUnixMs)).unref();
      }
    });
  }

  /** Returns free pages to the disk, in steps. */
  giveBack(): void {
    const { placement, tidyLog } = this.#options;
    const disk = placement.writableDisk;
    if (!disk || this.#isGivingBack || this.#isTrimDue || this.#closed) return;
    placement.attempt(() => {
      const { database } = disk;
      const { fileBytes, freeBytes } = database;
      const { databaseBytes, rowBytes } = this.#limits.budget;
      const isTooLarge = fileBytes > databaseBytes + rowBytes && freeBytes > 0;
      this.#arePagesFree = isTooLarge || freeBytes > fileBytes * FREE_SHARE + GIVE_BACK_BYTES;
      if (!this.#arePagesFree) return;
      if (disk.isLogFull) {
        tidyLog();
        return;
      }
      if (!database.giveBack(GIVE_BACK_BYTES)) return;
      tidyLog();
      this.#isGivingBack = true;
      setImmediate(() => {
        this.#isGivingBack = false;
        this.giveBack();
      });
    });
  }

  /** Removes some rows. Returns whether there may be more. */
  #trimStep(database: RowDatabase): boolean {
    const { placement } = this.#options;
    const bytesMax = this.#bytesMax(database);
    const tooManyRows = placement.deletable.reduce((sum, { rows }) => sum + rows, 0) - this.#limits.maxRows;
    const tooManyBytes = this.#bytesBeyond(database, bytesMax);
    if (tooManyRows <= 0 && tooManyBytes <= 0) return false;
    const bytes = tooManyBytes > 0 ? tooManyBytes + bytesMax * SPARE_SHARE : 0;
    const upTo = database.eidToDrop(tooManyRows, bytes, STEP_ROWS);
    if (upTo !== undefined) this.#discard(database, upTo, tooManyBytes > 0);
    return database.dropUnneeded() || upTo !== undefined;
  }

  /** Whether to check the size: not after every row, because the check takes longer than writing a few rows. */
  #isSizeDue(database: RowDatabase): boolean {
    const before = this.#sizedAt.get(database);
    if (before === undefined) return true;
    return database.writtenBytes - before >= Math.min(SIZED_EVERY_BYTES, this.#limits.budget.rowBytes);
  }

  /** Bytes beyond the bound, 0 where the check is not due. While there are some, the next check is due at once. */
  #bytesBeyond(database: RowDatabase, bytesMax: number): number {
    if (!this.#isSizeDue(database)) return 0;
    const bytes = database.usedBytes - bytesMax;
    if (bytes <= 0) this.#sizedAt.set(database, database.writtenBytes);
    return Math.max(bytes, 0);
  }

  #bytesMax(database: RowDatabase): number {
    const { placement } = this.#options;
    const { databaseBytes } = this.#limits.budget;
    if (!placement.isMemory(database)) return databaseBytes;
    const isWanted = placement.directory === IN_MEMORY;
    return Math.min(databaseBytes, isWanted ? MEMORY_BYTES.wanted : MEMORY_BYTES.withoutDisk);
  }

  #trimLater(): void {
    if (this.#isTrimDue) return;
    this.#isTrimDue = true;
    setImmediate(() => {
      this.#isTrimDue = false;
      if (!this.#closed) this.trim();
    });
  }

  #discard(database: RowDatabase, upTo: number, atOnce: boolean): number {
    const { placement, cursors } = this.#options;
    // Subscribers that are far behind lose the same rows: these are counted once.
    const counts = new Map<number, number>();
    const lose = cursors.subscribers.losing((cursor) => {
      if (cursor >= upTo) return 0;
      const after = Math.max(cursor, database.discardedEid);
      const count = counts.get(after) ?? database.count({ after, upTo });
      counts.set(after, count);
      return count;
    });
    const gone = database.letGo(upTo);
    this.#arePagesFree = true;
    this.#discarded += gone;
    placement.writeExpected();
    cursors.lost(lose());
    database.deleteGone(atOnce);
    return gone;
  }
}
