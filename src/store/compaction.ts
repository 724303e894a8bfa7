/**
 * Rewrites a database of an earlier version, once. First its rows get the present form, a few at a time. Then a separate thread
 * enables auto_vacuum, so that free pages can be returned to the disk (sqlite.org/pragma.html, auto_vacuum). No other process
 * has the database open during this time.
 */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { checkpoint } from './checkpoint.ts';
import type { RowDatabase } from './rows/row_database.ts';
import { isBusy } from './sqlite_result.ts';

/** The database is being rewritten. Rows wait in memory until `done`. */
export class CompactionError extends Error {
  override readonly name = 'CompactionError';
  readonly done: Promise<void>;

  constructor(message: string, done: Promise<void>) {
    super(message);
    this.done = done;
  }
}

const PROGRAM = `
const { DatabaseSync } = require('node:sqlite');
const { workerData } = require('node:worker_threads');
const db = new DatabaseSync(workerData, { timeout: 100 });
db.exec('PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
db.close();`;

/** Rows that are moved in one turn of the event loop: about 5 ms of work. */
const MOVED_ROWS = 100;
/** Longest log. Without a bound it would grow to the size of all rows, and closing the database would copy it at once. */
const LOG_BYTES = 2 * 1024 * 1024;
/** Retries for a database that another program has locked. A query finds a row only after it is moved. */
const LOCKED = { tries: 50, againMs: 100 };

/** Resolves when it is done; with the error if it failed. Closes the database. */
export async function rewrite(database: RowDatabase, file: string): Promise<Error | undefined> {
  const canShrink = database.canShrink;
  try {
    for (let tries = 1; database.hasLegacyRows; ) {
      try {
        database.moveLegacyRows(MOVED_ROWS);
        tries = 1;
      } catch (error) {
        if (!isBusy(error) || tries === LOCKED.tries) throw error;
        tries++;
        await pause(LOCKED.againMs);
      }
      if (logBytes(file) > LOG_BYTES) await checkpoint(file);
      else await new Promise(setImmediate);
    }
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    database.close();
  }
  return canShrink ? undefined : compact(file);
}

function logBytes(file: string): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

function compact(database: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: database,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    });
    worker.unref();
    worker.once('error', resolve);
    worker.once('exit', () => resolve(undefined));
  });
}
