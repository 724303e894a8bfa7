/** Determines which user could have made a control group: only root can make a group below a group that belongs to root. */
import { statSync } from 'node:fs';
import { join } from 'node:path';

const OTHERS = 0o022;

/** Mount points of whole hierarchies of control groups, from the text of /proc/PID/mountinfo (man 5 proc_pid_mountinfo). */
export function cgroupMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, root, point = ''] = /^(?:\S+ ){3}(\S+) (\S+) (?:\S+ )*?- cgroup2? /.exec(line) ?? [];
    return root === '/' ? [point] : [];
  });
}

/**
 * The user who could make a group below the group `above`: 0 if only root could, in every hierarchy that has `above`. Undefined if
 * unknown. Synchronous: the group may be gone soon, and these directories are in memory.
 */
export function cgroupMaker(above: string, mounts: readonly string[]): number | undefined {
  const names = above.split('/').filter((name) => name !== '');
  // A path relative to another cgroup namespace (man 7 cgroup_namespaces).
  if (names.includes('..')) return undefined;
  let isFound = false;
  try {
    for (const mount of mounts) {
      const uid = ownerOfAll(mount, names);
      if (uid === 'absent') continue;
      if (uid !== 0) return uid;
      isFound = true;
    }
  } catch {
    // A sandbox may forbid it.
    return undefined;
  }
  return isFound ? 0 : undefined;
}

/** The owner of the first directory that is not of root alone; 0 if there is none, undefined if others can write one. */
function ownerOfAll(mount: string, names: readonly string[]): number | 'absent' | undefined {
  let path = mount;
  for (const name of ['.', ...names]) {
    path = join(path, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) return 'absent';
    if (found.uid !== 0) return found.uid;
    if ((found.mode & OTHERS) !== 0) return undefined;
  }
  return 0;
}
