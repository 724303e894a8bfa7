/** Reads a file that only root, or only root and one user, can have written or put there. */
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** A FIFO is not waited for (man 2 open), and the last name is not followed if it was replaced by a link. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;
const LINKS_MAX = 8;
/** Bits of the mode that let others write. Many users are alone in their group, and let it write. */
const ROOTS_OTHERS = 0o022;
const USERS_OTHERS = 0o002;

/** Whose files are read. */
export interface Ownership {
  /** Root of the host file system. It is not checked. */
  readonly root: string;
  /** A user whose files are read beside those of root. */
  readonly uid: number;
}

/**
 * The text of a file; undefined if it does not exist.
 *
 * @throws {Error} another user can change the file or its path, it is no regular file, it has more than `maxBytes`, or a system error
 */
export async function readOwnedFile(path: string, maxBytes: number, by: Ownership): Promise<string | undefined> {
  try {
    const file = await open(await ownedPath(path, by), WITHOUT_WAITING);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new Error(`${path} is not a regular file`);
      if (found.size > maxBytes) throw new Error(`${path} has ${found.size} bytes, more than ${maxBytes}`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(found.size), 0, found.size, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (isAbsent) return undefined;
    throw error;
  }
}

/** The path without symbolic links, below `root`. */
async function ownedPath(path: string, by: Ownership, links = LINKS_MAX): Promise<string> {
  const names = path.split('/').filter((name) => name !== '');
  let at = '/';
  for (const [n, name] of names.entries()) {
    const next = join(at, name);
    const found = await lstat(join(by.root, next));
    checkOwner(next, found, by);
    if (found.isSymbolicLink()) {
      if (links === 0) throw new Error(`${path} has too many symbolic links`);
      const target = await readlink(join(by.root, next));
      return ownedPath(resolve(at, target, ...names.slice(n + 1)), by, links - 1);
    }
    at = next;
  }
  return join(by.root, at);
}

function checkOwner(path: string, found: Stats, { uid }: Ownership): void {
  if (found.uid !== 0 && found.uid !== uid) throw new Error(`${path} belongs to user ${found.uid}`);
  if (found.isSymbolicLink()) {
    // A user could point it to another place at any time.
    if (found.uid !== 0) throw new Error(`${path} is a symbolic link of user ${found.uid}`);
  } else if ((found.mode & (found.uid === 0 ? ROOTS_OTHERS : USERS_OTHERS)) !== 0) {
    throw new Error(`other users can write ${path}`);
  }
}
