/** How processes came into the host: the entry leader of ECS RFC 0030. */
import { INIT, KTHREADD } from '../linux/kernel_pids.ts';
import type { Image } from './image.ts';
import type { Entry, EntryType, Process, ProcessAtFork } from './process.ts';
import { isRootsFile, isRootsProgram } from './proof.ts';

const UNKNOWN: Entry = { type: 'unknown', leader: undefined };
/** OpenSSH server programs: sshd-session since 9.8, sshd-auth since 10.0. */
const SSHD = /^sshd(-session|-auth)?$/;
const SSM = /^ssm-session-worker$/;
/** Container runtimes, and the monitors that stay: in a snapshot of /proc the runtime has already ended. */
const CONTAINER_RUNTIME =
  /^((docker-|buildkit-)?runc|crun|youki|runsc|kata-runtime|(docker-)?containerd-shim.*|conmon(rs)?|lxc-(start|attach|execute)|systemd-nspawn)$/;
const CONMON = /^conmon(rs)?$/;
const PODMAN = /^podman$/;
/** A runtime that runs from a copy of itself, so that a container cannot write to its file (CVE-2019-5736). */
const CLONED_RUNTIME = /^\/memfd:\w+_cloned:\/proc\/self\/exe( |$)/;
/** Init programs that a runtime adds to a container to reap orphans. */
const CONTAINER_INIT = /^(docker-init|tini(-static)?|catatonit)$/;
const ENTRY_NAMES = new RegExp(
  [SSHD, SSM, CONTAINER_RUNTIME, PODMAN, CONTAINER_INIT].map(({ source }) => source).join('|'),
);
/** The control group of a user's service manager, made by pid 1 (man 5 user@.service). */
const USER_MANAGER = /^\/user\.slice\/user-(\d+)\.slice\/user@\1\.service(\/|$)/;
/** Serial lines and hypervisor consoles (Documentation/admin-guide/devices.txt). */
const CONSOLE_TTY = /^(console|tty(S|AMA|USB|MFD|mxc|PS)\d+|hvc\d+|xvc\d+|sclp_line\d+)$/;
const VIRTUAL_TERMINAL = /^tty\d+$/;

/**
 * The entry of a process at a fork: its own if it is an entry leader, otherwise that of its creator. The result is cached in
 * `entry`. Only for settled processes.
 */
export function entryOf(atFork: ProcessAtFork): Entry {
  let last = atFork;
  let entry = atFork.entry ?? ownEntry(atFork);
  for (let one = atFork.process.creator; one && !entry; one = one.process.creator) {
    entry = one.entry ?? ownEntry(one);
    last = one;
  }
  entry ??= UNKNOWN;
  for (let one: ProcessAtFork | undefined = atFork; one; one = one === last ? undefined : one.process.creator)
    one.entry = entry;
  return entry;
}

/** The type of its entry; `unknown` if no event reported a creator from the entry leader on. Only for settled processes. */
export function certainEntryTypeOf(atFork: ProcessAtFork): EntryType {
  const { type, leader } = entryOf(atFork);
  for (let one: ProcessAtFork | undefined = atFork; one && type !== 'unknown'; one = one.process.creator) {
    if (one.process.creatorState === 'likely') return 'unknown';
    if (one.process === leader?.process) break;
  }
  return type;
}

/**
 * The sshd processes of an ssh entry, from the privileged server down to the creator of the entry leader. All but the first
 * are forks that have not executed.
 */
export function sshServersOf({ process }: ProcessAtFork): readonly Process[] {
  const servers: Process[] = [];
  let one = process.creator;
  while (one && isForkOfSshd(one)) {
    servers.unshift(one.process);
    one = one.process.creator;
  }
  return one && isSshd(one) ? [one.process, ...servers] : [];
}

/** Whether an image has the name of an entry program. The name alone is no proof. */
export function hasEntryName({ exeName, details }: Image): boolean {
  return ENTRY_NAMES.test(exeName) || CLONED_RUNTIME.test(details.path);
}

/** Whether a file name is the name of an OpenSSH server program. */
export function isSshdName(name: string): boolean {
  return SSHD.test(name);
}

export function isSshd(atFork: ProcessAtFork): boolean {
  return isProven(atFork, SSHD);
}

function ownEntry(atFork: ProcessAtFork): Entry | undefined {
  const { process, image } = atFork;
  // Pid 1 and kthreadd have no entry leader.
  if (process.pid === INIT) return { type: 'init', leader: undefined };
  if (process.pid === KTHREADD && process.creatorState === 'top') return { type: 'kthread', leader: undefined };
  const { creator } = process;
  if (creator && isKernelThread(creator) && image.known && image.details.path !== '')
    return { type: 'kthread', leader: atFork };
  const type = ownType(atFork, creator);
  // The creator of an adopted process is gone. The process that adopted it is not its entry leader.
  return type === 'unknown' ? UNKNOWN : type && { type, leader: atFork };
}

function ownType(atFork: ProcessAtFork, creator: ProcessAtFork | undefined): EntryType | undefined {
  const { process, session, tty } = atFork;
  if (creator && isInNewContainer(creator, atFork)) return 'container';
  // A command of ssm without a terminal does not lead a session.
  if (isProven(atFork, SSM) || (creator && isProven(creator, SSM))) return 'ssm';
  // A log without session ids: a session starts where the terminal changes.
  const mayLead = session ? session.id === process.pid : creator?.tty !== tty;
  if ((mayLead || !session) && creator && isOfSshd(creator) && !isOfSshd(atFork)) return 'sshd';
  const isAdopted = creator?.process.pid === INIT && !isOfInit(atFork, creator);
  if (mayLead && isGivenByRoot(atFork, isAdopted ? undefined : creator)) {
    if (VIRTUAL_TERMINAL.test(tty)) return 'terminal';
    if (CONSOLE_TTY.test(tty)) return 'console';
  }
  // A service usually leads its own session, but a small init may not call setsid for its children.
  if (isAdopted) return 'unknown';
  return creator?.process.pid === INIT ? 'init' : undefined;
}

/**
 * Whether pid 1 certainly created this child of pid 1. The parent of an orphan is pid 1 too, and so is the parent of a process
 * that an orphan creates with CLONE_PARENT. Pid 1 is certain if its call of fork was reported; if the process has the login
 * uid and the login session of pid 1, because a login sets them and an ordinary user cannot set them back (man 5 proc,
 * loginuid); or if the process is in a user's service manager, which adopts its own orphans.
 */
function isOfInit({ process, image }: ProcessAtFork, init: ProcessAtFork): boolean {
  if (process.isForkedByCreator || USER_MANAGER.test(process.cgroup)) return true;
  // If uid is unknown, a missing auid or ses may be unset or unknown.
  const { uid, auid, ses } = image.details;
  const above = init.image.details;
  return image.known && uid !== undefined && auid === above.auid && ses === above.ses;
}

function isProven(atFork: ProcessAtFork, names: RegExp): boolean {
  return names.test(atFork.image.exeName) && isRootsProgram(atFork);
}

function isKernelThread({ process, image }: ProcessAtFork): boolean {
  const isOne = process.pid === KTHREADD || process.creator?.process.pid === KTHREADD;
  return isOne && image.known && image.details.path === '';
}

/**
 * Whether root gave the session its terminal. Getty, login and display managers run as root. A user's process that opens a
 * serial line as its terminal did not come in by it.
 */
function isGivenByRoot(atFork: ProcessAtFork, creator: ProcessAtFork | undefined): boolean {
  return isRootsProgram(atFork) || (creator !== undefined && isRootsProgram(creator));
}

/** Whether it is sshd, or a fork of sshd that has dropped its privileges. */
function isOfSshd(atFork: ProcessAtFork): boolean {
  let one: ProcessAtFork | undefined = atFork;
  while (one && isForkOfSshd(one)) one = one.process.creator;
  return one !== undefined && isSshd(one);
}

/** A fork has the same image as its forker. A process from /proc has its own image, with its present ids. */
function isForkOfSshd({ process, image }: ProcessAtFork): boolean {
  const above = process.creator?.image;
  if (!above || !SSHD.test(image.exeName)) return false;
  if (image === above) return true;
  const isFork = process.discoveredBy === 'procfs' && !process.hasExecuted && process.execUnixMs === 0;
  return isFork && isRootsFile(image.details) && isSameFile(image, above);
}

function isSameFile({ details: one }: Image, { details: other }: Image): boolean {
  return one.path === other.path && (one.inode ?? other.inode) === (other.inode ?? one.inode);
}

function isInNewContainer(creator: ProcessAtFork, own: ProcessAtFork): boolean {
  // When a container ends, conmon runs podman on the host.
  if (CONMON.test(creator.image.exeName) && isProven(own, PODMAN)) return false;
  if (isContainerRuntime(creator)) return !isContainerRuntime(own);
  // A container init is an entry leader only if a runtime started it; then its children share that entry.
  const above = creator.process.creator;
  return isProven(creator, CONTAINER_INIT) && !isProven(own, CONTAINER_INIT) && !(above && isContainerRuntime(above));
}

function isContainerRuntime(atFork: ProcessAtFork): boolean {
  return isProven(atFork, CONTAINER_RUNTIME) || isCopyOfRuntime(atFork);
}

/** A memory file with a runtime's copy of itself. Its mode proves nothing, but the file is sealed. */
function isCopyOfRuntime({ process, image }: ProcessAtFork): boolean {
  const { path, uid, euid, ownerUid } = image.details;
  if (!CLONED_RUNTIME.test(path) || uid !== 0 || euid !== 0 || ownerUid !== 0) return false;
  const { creator } = process;
  if (creator && isContainerRuntime(creator)) return true;
  return process.previous.some(
    (earlier) => CONTAINER_RUNTIME.test(earlier.exeName) && isRootsProgram({ process, image: earlier }),
  );
}
