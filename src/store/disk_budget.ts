/**
 * How `process_ancestry_events_max_bytes` is divided, so that the database and its write-ahead log together take at most
 * 1.1 times of it: the file grows by what is written before the oldest rows are dropped, and the log by one transaction
 * beyond its bound.
 */
export interface DiskBudget {
  /** Pages in use beyond which the oldest rows are dropped. */
  readonly databaseBytes: number;
  /** A log of this size takes no more rows until it has been brought into the database. */
  readonly logBytes: number;
  /** Texts of the largest row; the arguments of a larger one are cut. */
  readonly rowBytes: number;
  /** What is written in one transaction, unless a single row has more. */
  readonly batchBytes: number;
  /** A generation of what rows share ends after so much of it, so that what only old rows need can be dropped. */
  readonly generationBytes: number;
}

const TOTAL = 1.1;
const LOG_BYTES = { least: 256 * 1024, most: 2 * 1024 * 1024 };
/** Pages that a transaction changes beside those of its rows: indexes, and the lists of free pages. */
const TRANSACTION_BYTES = 128 * 1024;
/** The file and the log grow by a batch each, and by what is changed to drop as many old rows. */
const TRANSACTIONS = 3;

export function diskBudget(maxBytes: number): DiskBudget {
  const share = Math.floor(maxBytes / 16);
  const logBytes = Math.min(LOG_BYTES.most, Math.max(LOG_BYTES.least, share));
  const rowBytes = Math.floor(share / 2);
  const batchBytes = Math.min(1024 * 1024, rowBytes);
  const growth = TRANSACTIONS * Math.min(rowBytes + TRANSACTION_BYTES, share * 2);
  return {
    databaseBytes: Math.min(maxBytes, Math.floor(TOTAL * maxBytes) - logBytes - growth),
    ...{ logBytes, rowBytes, batchBytes, generationBytes: share },
  };
}
