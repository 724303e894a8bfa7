/** Brings what was written into the database's own file, in a thread of its own: waiting for a disk stops nobody. */
import { Worker } from 'node:worker_threads';

/** A thread without work ends after so long: a storm has many checkpoints in a row, a quiet host one an hour. */
const LINGER_MS = 5_000;

// The first pass does the work while rows are being written; the second, with little left, makes the log begin anew.
const PROGRAM = `
const { DatabaseSync } = require('node:sqlite');
const { parentPort } = require('node:worker_threads');
let idle;
parentPort.on('message', ({ id, database }) => {
  clearTimeout(idle);
  let error;
  try {
    const db = new DatabaseSync(database, { timeout: 100 });
    try {
      db.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256');
      db.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
      db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    } finally {
      db.close();
    }
  } catch (thrown) {
    error = thrown;
  }
  parentPort.postMessage({ id, error });
  idle = setTimeout(() => parentPort.close(), ${LINGER_MS});
});`;

interface Reply {
  readonly id: number;
  readonly error: Error | undefined;
}

let worker: Worker | undefined;
let lastId = 0;

function start(): Worker {
  const started = new Worker(PROGRAM, {
    eval: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
  });
  started.unref();
  started.setMaxListeners(0);
  started.once('exit', () => {
    if (worker === started) worker = undefined;
  });
  return started;
}

/** Resolves when it is done, or with why it could not be. */
export function checkpoint(database: string): Promise<Error | undefined> {
  worker ??= start();
  const used = worker;
  const id = ++lastId;
  return new Promise((resolve) => {
    const answered = (reply: Reply) => {
      if (reply.id === id) finish(reply.error);
    };
    const ended = () => finish();
    const finish = (error?: Error) => {
      used.off('message', answered);
      used.off('error', finish);
      used.off('exit', ended);
      resolve(error);
    };
    used.on('message', answered);
    used.once('error', finish);
    used.once('exit', ended);
    used.postMessage({ id, database });
  });
}
