/**
 * Rewrites a database of an earlier version, once, so that its freed pages can be given back to the disk a few at a time
 * (sqlite.org/pragma.html, auto_vacuum). In a thread of its own, and while no other process has the database open.
 */
import { Worker } from 'node:worker_threads';

/** Rows wait in memory while it goes on. */
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

/** Resolves when it is done, or with why it could not be. */
export function compact(database: string): Promise<Error | undefined> {
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
