/**
 * What is certain about the program of a process (R16). The kernel reports user ids and file owners in the initial user
 * namespace. Only root can map its id 0 into another namespace, so an ordinary user never has id 0.
 */
import type { ExecDetails } from '../collect/event.ts';
import type { ProcessAtFork } from './process.ts';

/** include/linux/proc_ns.h */
const INITIAL_USER_NAMESPACE = 0xeffffffd;
const INITIAL_PID_NAMESPACE = 0xeffffffc;
/** Write permission of group and others (man 7 inode). */
const WRITABLE = 0o022;

/**
 * Root owns the executed file, and others cannot write to it. An event has no facts about the directories: a user may have a
 * hard link to such a file (if fs.protected_hardlinks is 0), or mount it under another path in a mount namespace.
 */
export function isRootsFile({ mode, ownerUid }: Pick<ExecDetails, 'mode' | 'ownerUid'>): boolean {
  return mode !== undefined && (mode & WRITABLE) === 0 && ownerUid === 0;
}

/**
 * Root executed a file of root on the host itself: in the initial user and pid namespace, by a path of the host. Unknown ids
 * or an unknown file prove nothing. An unknown namespace or root directory is taken as that of the host.
 */
export function isRootsProgram({ process, image }: Pick<ProcessAtFork, 'process' | 'image'>): boolean {
  const { uid, euid } = image.details;
  // The real user id must be root too: a user controls a setuid program.
  return image.known && uid === 0 && euid === 0 && isRootsFile(image.details) && isOnHost({ process, image });
}

function isOnHost(atFork: Pick<ProcessAtFork, 'process' | 'image'>): boolean {
  const { pidNamespace = atFork.process.pidNamespace } = atFork.image.details;
  return (pidNamespace === undefined || pidNamespace === INITIAL_PID_NAMESPACE) && hasHostsPaths(atFork);
}

/**
 * Whether its paths are those of the host. In another root or user namespace, an ordinary user may give any file any path. An
 * unknown root or namespace is taken as that of the host.
 */
export function hasHostsPaths({ process, image }: Pick<ProcessAtFork, 'process' | 'image'>): boolean {
  const { root, userNamespace = process.userNamespace } = image.details;
  return (root === '' || root === '/') && (userNamespace === undefined || userNamespace === INITIAL_USER_NAMESPACE);
}
