/**
 * How long rows are kept: up to a number, a size and an age. The oldest go first. Rows that are too many or too large go
 * whatever has been read; rows that are too old wait for their subscribers.
 */
import type { Cursors } from './cursors.ts';
import type { DiskBudget } from './disk_budget.ts';
import { IN_MEMORY, type Placement } from './placement.ts';
import type { RowDatabase } from './rows/row_database.ts';

export interface RetentionLimits {
  readonly maxRows: number;
  readonly budget: DiskBudget;
  readonly expiryMs: number;
  /** A subscriber that has not read for so long holds nothing back. */
  readonly subscriberIdleMs: number;
}

interface RetentionOptions {
  readonly placement: Placement;
  readonly cursors: Cursors;
  readonly limits: RetentionLimits;
  /** Brings the log into the database when it has grown. */
  readonly tidyLog: () => void;
}

/** Rows that are kept in memory may take so much of it: for want of a disk, and where no disk is wanted. */
const MEMORY_BYTES = { withoutDisk: 16 * 1024 * 1024, wanted: 64 * 1024 * 1024 };
/** Pages that are given back to the disk without a pause; more of them than this part of the file are. */
const GIVE_BACK_BYTES = 1024 * 1024;
const FREE_SHARE = 1 / 8;
/** Where a database is too large, this part of it goes beyond what is too much: not a segment after each batch. */
const SPARE_SHARE = 1 / 64;
/** What is dropped after a batch, in steps, before others have their turn. */
const DROPS_A_TURN = 4;
const STEP_ROWS = 1000;
const SIZED_EVERY_BYTES = 64 * 1024;
/** How long a clock may have been ahead and rows be taken for new. */
const CLOCK_SLACK_MS = 60_000;

export class Retention {
  readonly #options: RetentionOptions;
  #limits: RetentionLimits;
  #discarded = 0;
  /** What had been written to each database when its size was asked for, and was not too large. */
  #sizedAt = new WeakMap<RowDatabase, number>();
  /** Pages may be free for good. */
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

  /** Rows that made room for newer ones, or were too old. */
  get discarded(): number {
    return this.#discarded;
  }

  close(): void {
    this.#closed = true;
  }

  /** Lets go of rows that are too many or too large, a step at a time: there may be very many when a limit has changed. */
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

  /** Lets go of what is older than the expiry, but for what subscribers still have to read. */
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

  /** Gives pages that are free for good back to the disk, a few at a time. */
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

  /** Whether there may be more to let go. */
  #trimStep(database: RowDatabase): boolean {
    const { placement } = this.#options;
    const bytesMax = this.#bytesMax(database);
    const tooManyRows = placement.deletable.reduce((sum, { rows }) => sum + rows, 0) - this.#limits.maxRows;
    const tooManyBytes = this.#isSizeDue(database) ? database.usedBytes - bytesMax : 0;
    if (tooManyBytes <= 0) this.#sizedAt.set(database, database.writtenBytes);
    if (tooManyRows <= 0 && tooManyBytes <= 0) return false;
    const bytes = tooManyBytes > 0 ? tooManyBytes + bytesMax * SPARE_SHARE : 0;
    const upTo = database.eidToDrop(tooManyRows, bytes, STEP_ROWS);
    if (upTo !== undefined) this.#discard(database, upTo, tooManyBytes > 0);
    return database.dropUnneeded() || upTo !== undefined;
  }

  /** Its size is asked for after some rows only: that takes longer than to write a few. */
  #isSizeDue(database: RowDatabase): boolean {
    const before = this.#sizedAt.get(database);
    if (before === undefined) return true;
    return database.writtenBytes - before >= Math.min(SIZED_EVERY_BYTES, this.#limits.budget.rowBytes);
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
    // Of those that are far behind, each loses all of these rows: they are counted once.
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
