/**
 * Copies the write-ahead log into the database file. The thread pool first syncs the log to disk, which takes most of the time.
 * SQLite then copies the pages and waits for them (disk_budget.ts limits their number). A thread with its own SQLite would wait
 * for them too, and would take 20 MB.
 */
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

/** Longest wait for a lock of another program. It blocks the event loop. */
const BUSY_MS = 20;

/** Resolves when it is done; with the error if it failed. */
export async function checkpoint(database: string): Promise<Error | undefined> {
  try {
    await synchronize(`${database}-wal`);
    const db = new DatabaseSync(database, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64');
      // The second checkpoint has nothing left to copy, and truncates the log.
      db.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
      db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    } finally {
      db.close();
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Safe, because SQLite holds no lock on the log file: closing a file releases all locks of the process on it. */
async function synchronize(log: string): Promise<void> {
  const file = await open(log);
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
