/**
 * Loads a native addon from its bytes, as in the single executable. The linker only loads files, so the bytes are written to a
 * file without a name. Other processes cannot find or change it, and a kill leaves no file behind.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** include/uapi/asm-generic/fcntl.h: __O_TMPFILE. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Memory file systems first. Debian mounts /run noexec. The directory of our executable is not noexec, but may be read-only. */
const DIRECTORIES = ['/dev/shm', '/run', dirname(process.execPath), '/var/tmp', '/tmp'];

/**
 * Returns the exports of the addon. Throws with the error of each directory. Call it once per process: the linker identifies a
 * loaded library by its path, and this path is of a descriptor.
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
    `one of these directories must be writable by this user and not mounted noexec (${refusals.join('; ')})`,
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
    // O_EXCL: the file cannot get a name later (man 2 open).
    return openSync(directory, O_TMPFILE | O_EXCL | O_RDWR, 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EOPNOTSUPP')) throw error;
  }
  // Some file systems have no O_TMPFILE: then a new file loses its name before data is written.
  const path = join(directory, `.process_ancestry-${randomBytes(16).toString('hex')}`);
  const file = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
  unlinkSync(path);
  return file;
}
