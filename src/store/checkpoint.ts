/**
 * Brings what was written into the database's own file. The thread pool waits until the log is on disk, which is most of it;
 * SQLite then copies pages, and waits for as many as the log has (disk_budget.ts bounds it). A thread with a SQLite of its
 * own would wait for those too, and takes 20 MB while it lives.
 */
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

/** For a lock of another program. The event loop waits for it. */
const BUSY_MS = 20;

/** Resolves when it is done, or with why it could not be. */
export async function checkpoint(database: string): Promise<Error | undefined> {
  try {
    await synchronize(`${database}-wal`);
    const db = new DatabaseSync(database, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64');
      // The second one, with nothing left to copy, makes the log empty.
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

/** SQLite has no lock on this file, which a close of it here would let go of. */
async function synchronize(log: string): Promise<void> {
  const file = await open(log);
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
