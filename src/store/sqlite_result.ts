/** Primary result codes of SQLite (sqlite.org/rescode.html), and the code of an error. */

export const ERROR = 1;
const BUSY = 5;
const LOCKED = 6;
export const READ_ONLY = 8;
export const CORRUPT = 11;
export const FULL = 13;
export const TOO_BIG = 18;
export const CONSTRAINT = 19;
export const MISMATCH = 20;
export const NOT_A_DATABASE = 26;

/** Undefined if it is no SQLite error. */
export function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}

/** Another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}
