/**
 * What is certain of the program that a process runs (R16). The kernel tells user ids and owners of files as the initial user
 * namespace counts them, and only root can map its id 0 into another: an ordinary user never has it.
 */
import type { ExecDetails } from '../collect/event.ts';
import type { ProcessAtFork } from './process.ts';

/** include/linux/proc_ns.h */
const INITIAL_USER_NAMESPACE = 0xeffffffd;
const INITIAL_PID_NAMESPACE = 0xeffffffc;
/** Of group and others (man 7 inode). */
const WRITABLE = 0o022;

/**
 * Root owns the executed file, and others cannot write it. An event does not tell of its directories: a user may hold a hard
 * link to such a file (where fs.protected_hardlinks is 0) or mount it under a path of theirs in a namespace of their own.
 */
export function isRootsFile({ mode, ownerUid }: Pick<ExecDetails, 'mode' | 'ownerUid'>): boolean {
  return mode !== undefined && (mode & WRITABLE) === 0 && ownerUid === 0;
}

/**
 * Root executed a file of root's on the host itself: in no user or pid namespace but the initial one, by a path of the host.
 * Ids or a file that are not known prove nothing. A namespace or a root that is not known is the creator's.
 */
export function isRootsProgram({ process, image }: Pick<ProcessAtFork, 'process' | 'image'>): boolean {
  const { uid, euid } = image.details;
  // The real user id too: a setuid program does what its user asks for.
  return image.known && uid === 0 && euid === 0 && isRootsFile(image.details) && isOnHost({ process, image });
}

function isOnHost({ process, image }: Pick<ProcessAtFork, 'process' | 'image'>): boolean {
  const { root, pidNamespace = process.pidNamespace } = image.details;
  if (root !== '' && root !== '/') return false;
  if (pidNamespace !== undefined && pidNamespace !== INITIAL_PID_NAMESPACE) return false;
  return process.userNamespace === undefined || process.userNamespace === INITIAL_USER_NAMESPACE;
}
