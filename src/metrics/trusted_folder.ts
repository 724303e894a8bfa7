/** Checks folders in which other users cannot replace our files. */
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

const STICKY = 0o1000;
const OTHERS = 0o022;

/**
 * Checks all folders of a path, and creates the last one if it is missing.
 *
 * @throws {Error} it cannot be created, or a user other than root and this user can change its content
 */
export function trustedFolder(folder: string, uid = process.getuid?.() ?? 0): void {
  // The parent is checked first: nothing is created in a folder that other users can change.
  if (dirname(folder) !== folder) checkAbove(dirname(folder), uid);
  try {
    mkdirSync(folder, { mode: 0o700 });
    // A group that may connect needs access to the folder, independent of the umask.
    chmodSync(folder, 0o755);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  check(folder, uid, 'itself');
  const real = realpathSync(folder);
  if (real !== folder) trustedFolder(real, uid);
}

function checkAbove(folder: string, uid: number): void {
  for (let at = folder; ; at = dirname(at)) {
    check(at, uid, 'above');
    if (dirname(at) === at) return;
  }
}

function check(folder: string, uid: number, which: 'itself' | 'above'): void {
  const found = lstatSync(folder);
  if (found.isSymbolicLink()) {
    // Links of root, such as /var/run, are trusted. Their target is checked too.
    if (found.uid === 0) return;
    throw new Error(`${folder} is a symbolic link of user ${found.uid}: use the folder that it points to`);
  }
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (found.uid !== 0 && found.uid !== uid) {
    throw new Error(`${folder} belongs to user ${found.uid}, who could replace the socket: chown root ${folder}`);
  }
  // In a sticky folder only the owner can replace our folder. The file itself must not be in a sticky folder.
  const isGuarded = which === 'above' && (found.mode & STICKY) !== 0;
  if ((found.mode & OTHERS) !== 0 && !isGuarded) {
    throw new Error(`other users can write ${folder}: chmod go-w ${folder}, or use another folder`);
  }
}
