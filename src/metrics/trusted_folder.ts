/** Folders in which nobody else can put something else in the place of ours. */
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

const STICKY = 0o1000;
const OTHERS = 0o022;

/**
 * Makes the last folder of a path where it is missing, and looks at all of them.
 *
 * @throws {Error} it cannot be made, or somebody else than root and ourselves could change what is in it
 */
export function trustedFolder(folder: string, uid = process.getuid?.() ?? 0): void {
  // What is above comes first: nothing is made where others have a say.
  if (dirname(folder) !== folder) checkAbove(dirname(folder), uid);
  try {
    mkdirSync(folder, { mode: 0o700 });
    // A group that may connect has to get there, whatever the umask.
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
    // /var/run is one: root's own links lead where root wants, and that is looked at too.
    if (found.uid === 0) return;
    throw new Error(`${folder} is a symbolic link of user ${found.uid}: name the folder that it leads to`);
  }
  if (!found.isDirectory()) throw new Error(`${folder} is no folder`);
  if (found.uid !== 0 && found.uid !== uid) {
    throw new Error(`${folder} belongs to user ${found.uid}, who could put something else there: chown root ${folder}`);
  }
  // In a sticky folder only its owner can replace what we made; the file itself is not to lie in one.
  const isGuarded = which === 'above' && (found.mode & STICKY) !== 0;
  if ((found.mode & OTHERS) !== 0 && !isGuarded) {
    throw new Error(`others can write ${folder}: chmod go-w ${folder}, or name another folder`);
  }
}
