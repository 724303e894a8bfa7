/** Brings what was written into the database's own file, in a thread of its own: waiting for a disk stops nobody. */
import { Worker } from 'node:worker_threads';

// The first pass does the work while rows are being written; the second, with little left, makes the log begin anew.
const PROGRAM = `
const { DatabaseSync } = require('node:sqlite');
const { workerData } = require('node:worker_threads');
const db = new DatabaseSync(workerData, { timeout: 100 });
db.exec('PRAGMA synchronous = NORMAL');
db.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
db.close();`;

/** Resolves when it is done, or with why it could not be. */
export function checkpoint(database: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: database,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    worker.once('error', resolve);
    worker.once('exit', () => resolve(undefined));
  });
}
