/** What SQLite's errors mean to us: its primary result codes (sqlite.org/rescode.html). */
import { CompactionError } from './compaction.ts';
import { DirectoryError } from './database_directory.ts';
import { DamagedRowError } from './rows/event_facts.ts';
import { ForeignSchemaError } from './rows/schema.ts';

const ERROR = 1;
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const TOO_BIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
const NOT_A_DATABASE = 26;

/** Another program keeps the write-ahead log from being brought into the database. */
export class LogHeldError extends Error {
  override readonly name = 'LogHeldError';
}

/** Undefined for what is none of SQLite's errors. */
export function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}

/** Somebody else has locked it, for now. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}

/** The database is well; what it was given is not to be stored. */
export function isUnstorable(error: unknown): boolean {
  const code = resultCode(error);
  return code === undefined || code === TOO_BIG || code === CONSTRAINT || code === MISMATCH;
}

export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return code === CORRUPT || code === NOT_A_DATABASE || error instanceof DamagedRowError;
}

/** Of opening a database: its tables are not ours. */
export function isForeign(error: unknown): boolean {
  return error instanceof ForeignSchemaError || resultCode(error) === ERROR;
}

/** The stable name of what keeps rows from the disk. */
export function problemCode(error: unknown): string {
  if (error instanceof DirectoryError) return error.code;
  if (error instanceof CompactionError) return 'database_compacting';
  if (error instanceof LogHeldError) return 'database_log_large';
  const code = resultCode(error);
  if (code === FULL) return 'database_full';
  if (code === CORRUPT || code === NOT_A_DATABASE) return 'database_corrupt';
  const system = error instanceof Error && 'code' in error ? error.code : undefined;
  if (system === 'ENOSPC') return 'database_full';
  return code === READ_ONLY || system === 'EROFS' ? 'database_read_only' : 'database_failed';
}
