/**
 * Loads a native addon of which there are only the bytes, as in the single executable. The linker takes files alone: it is
 * given one that never has a name, so nobody can plant, change or find it, and a kill leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** include/uapi/asm-generic/fcntl.h: __O_TMPFILE. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Memory first. /run is mounted noexec by Debian; where we were executed from is never, but may be read-only. */
const DIRECTORIES = ['/dev/shm', '/run', dirname(process.execPath), '/var/tmp', '/tmp'];

/**
 * Gives what the addon exports. Throws with what each directory lacks. Once in a process: the linker knows a library that it
 * has loaded by its path, which here is a descriptor's.
 */
export function loadUnnamed(bytes: Uint8Array, directories: readonly string[] = DIRECTORIES): unknown {
  const refusals: string[] = [];
  for (const directory of directories) {
    try {
      return loadThrough(directory, bytes);
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      refusals.push(`${directory}: ${why}`);
    }
  }
  throw new Error(
    `one of these directories has to be writable by this user and not mounted noexec (${refusals.join('; ')})`,
  );
}

function loadThrough(directory: string, bytes: Uint8Array): unknown {
  const file = openUnnamed(directory);
  try {
    writeFileSync(file, bytes);
    const module = { exports: {} };
    process.dlopen(module, `/proc/self/fd/${file}`);
    return module.exports;
  } finally {
    closeSync(file);
  }
}

function openUnnamed(directory: string): number {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
  try {
    // O_EXCL: nor can it be given a name later (man 2 open).
    return openSync(directory, O_TMPFILE | O_EXCL | O_RDWR, 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EOPNOTSUPP')) throw error;
  }
  // Not every file system has files without a name: a new one of ours, which loses its name before anything is in it.
  const path = join(directory, `.process_ancestry-${randomBytes(16).toString('hex')}`);
  const file = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
  unlinkSync(path);
  return file;
}
