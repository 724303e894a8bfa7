/** Classifies errors of the database (damaged, foreign, full), and maps them to problem codes. */

import { CompactionError } from './compaction.ts';
import { DirectoryError } from './database_directory.ts';
import { DamagedRowError } from './rows/event_facts.ts';
import { ForeignSchemaError } from './rows/schema.ts';
import {
  CONSTRAINT,
  CORRUPT,
  ERROR,
  FULL,
  MISMATCH,
  NOT_A_DATABASE,
  READ_ONLY,
  resultCode,
  TOO_BIG,
} from './sqlite_result.ts';

/** Another program prevents the checkpoint of the write-ahead log. */
export class LogHeldError extends Error {
  override readonly name = 'LogHeldError';
}

/** The database is intact, but the row cannot be stored. */
export function isUnstorable(error: unknown): boolean {
  const code = resultCode(error);
  return code === undefined || code === TOO_BIG || code === CONSTRAINT || code === MISMATCH;
}

export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return code === CORRUPT || code === NOT_A_DATABASE || error instanceof DamagedRowError;
}

/** For an error at opening: the tables are of another program. */
export function isForeign(error: unknown): boolean {
  return error instanceof ForeignSchemaError || resultCode(error) === ERROR;
}

/** The stable code of the problem. */
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
