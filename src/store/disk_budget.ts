/**
 * Divides `process_ancestry_events_max_bytes`, so that the database and its write-ahead log together take at most 1.1 times this
 * size. New rows are written before the oldest are removed, and the log may exceed its bound by one transaction.
 */
export interface DiskBudget {
  /** If the pages in use take more, the oldest rows are removed. */
  readonly databaseBytes: number;
  /** A log of this size takes no more rows until the next checkpoint. */
  readonly logBytes: number;
  /** Largest row. The arguments of a larger row are cut. */
  readonly rowBytes: number;
  /** Bytes in one transaction, unless a single row is larger. */
  readonly batchBytes: number;
  /** Bytes of new shared facts in one generation. Facts that only old generations use can be removed. */
  readonly generationBytes: number;
}

const TOTAL = 1.1;
/** A checkpoint has fixed costs, but blocks the event loop longer for a longer log. */
const LOG_BYTES = { least: 256 * 1024, most: 4 * 1024 * 1024 };
/** Pages that a transaction changes in addition to its rows: indexes and lists of free pages. */
const TRANSACTION_BYTES = 128 * 1024;
/** The file and the log grow by one batch each, and by the changes for removing as many old rows. */
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
