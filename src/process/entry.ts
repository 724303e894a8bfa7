/** How a tree of processes came into the host: the entry leader of ECS RFC 0030. */
import type { Image } from './image.ts';
import type { Entry, EntryType, Process, ProcessAtFork } from './process.ts';
import { isRootsFile, isRootsProgram } from './proof.ts';

const UNKNOWN: Entry = { type: 'unknown', leader: undefined };
/** OpenSSH's server programs: sshd-session since 9.8, sshd-auth since 10.0. */
const SSHD = /^sshd(-session|-auth)?$/;
const SSM = /^ssm-session-worker$/;
/** What creates containers. In a snapshot of /proc also what keeps them: who created them is gone by then. */
const CONTAINER_RUNTIME =
  /^((docker-|buildkit-)?runc|crun|youki|runsc|kata-runtime|(docker-)?containerd-shim.*|conmon(rs)?|lxc-(start|attach|execute)|systemd-nspawn)$/;
const CONMON = /^conmon(rs)?$/;
const PODMAN = /^podman$/;
/** A runtime that runs from a copy of itself, so that what is in the container cannot write to its file (CVE-2019-5736). */
const CLONED_RUNTIME = /^\/memfd:\w+_cloned:\/proc\/self\/exe( |$)/;
/** First processes of containers, which a runtime puts there to reap orphans. */
const CONTAINER_INIT = /^(docker-init|tini(-static)?|catatonit)$/;
const ENTRY_NAMES = new RegExp(
  [SSHD, SSM, CONTAINER_RUNTIME, PODMAN, CONTAINER_INIT].map(({ source }) => source).join('|'),
);
/** The control group of a user's own service manager, as pid 1 makes it (man 5 user@.service). */
const USER_MANAGER = /^\/user\.slice\/user-(\d+)\.slice\/user@\1\.service(\/|$)/;
/** Serial lines and hypervisors' consoles (Documentation/admin-guide/devices.txt); virtual terminals. */
const CONSOLE_TTY = /^(console|tty(S|AMA|USB|MFD|mxc|PS)\d+|hvc\d+|xvc\d+|sclp_line\d+)$/;
const VIRTUAL_TERMINAL = /^tty\d+$/;

/**
 * The entry of a process as it was at a fork. Its own where it came in by itself, otherwise its creator's; kept there.
 * Only for settled processes.
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

/**
 * The sshd processes that an entry by ssh came in by, from the privileged one down to its creator. Those between are forks
 * that have not executed.
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

/** Whether an image has a name by which entries are told, if more proves it. */
export function hasEntryName({ exeName, details }: Image): boolean {
  return ENTRY_NAMES.test(exeName) || CLONED_RUNTIME.test(details.path);
}

/** Whether a file name is one of OpenSSH's server programs. */
export function isSshdName(name: string): boolean {
  return SSHD.test(name);
}

export function isSshd(atFork: ProcessAtFork): boolean {
  return isProven(atFork, SSHD);
}

function ownEntry(atFork: ProcessAtFork): Entry | undefined {
  const { process, image } = atFork;
  // Pid 1 and the kernel's own threads came in by nothing else.
  if (process.pid === 1) return { type: 'init', leader: undefined };
  if (process.pid === 2 && process.creatorState === 'top') return { type: 'kthread', leader: undefined };
  const { creator } = process;
  if (creator && isKernelThread(creator) && image.known && image.details.path !== '')
    return { type: 'kthread', leader: atFork };
  const type = ownType(atFork, creator);
  // What was adopted came in by what is gone, and not by what adopted it.
  return type === 'unknown' ? UNKNOWN : type && { type, leader: atFork };
}

function ownType(atFork: ProcessAtFork, creator: ProcessAtFork | undefined): EntryType | undefined {
  const { process, session, tty } = atFork;
  if (creator && isInNewContainer(creator, atFork)) return 'container';
  // A command without a terminal is no session of its own there.
  if (isProven(atFork, SSM) || (creator && isProven(creator, SSM))) return 'ssm';
  // A log may tell nothing of sessions: then a session begins where there is another terminal.
  const mayLead = session ? session.id === process.pid : creator?.tty !== tty;
  if ((mayLead || !session) && creator && isOfSshd(creator) && !isOfSshd(atFork)) return 'sshd';
  const isAdopted = creator?.process.pid === 1 && !isOfInit(atFork, creator);
  if (mayLead && isGivenByRoot(atFork, isAdopted ? undefined : creator)) {
    if (VIRTUAL_TERMINAL.test(tty)) return 'terminal';
    if (CONSOLE_TTY.test(tty)) return 'console';
  }
  // A service leads a session of its own, but a small init may not give its children one.
  if (isAdopted) return 'unknown';
  return creator?.process.pid === 1 ? 'init' : undefined;
}

/**
 * Whether pid 1 is certain to have created a process whose parent it is. An orphan's parent is pid 1 too, and so is that of what an
 * orphan creates with CLONE_PARENT. Certain are a fork that pid 1 was seen to call; a process with the login id and session of pid 1, since a
 * login sets them and no ordinary user sets them again (man 5 proc, loginuid); a user's service manager, which adopts its orphans.
 */
function isOfInit({ process, image }: ProcessAtFork, init: ProcessAtFork): boolean {
  if (process.isForkedByCreator || USER_MANAGER.test(process.cgroup)) return true;
  // Ids that are set come together: without the others' these may be unset or not known.
  const { uid, auid, ses } = image.details;
  const above = init.image.details;
  return image.known && uid !== undefined && auid === above.auid && ses === above.ses;
}

function isProven(atFork: ProcessAtFork, names: RegExp): boolean {
  return names.test(atFork.image.exeName) && isRootsProgram(atFork);
}

function isKernelThread({ process, image }: ProcessAtFork): boolean {
  const isOne = process.pid === 2 || process.creator?.process.pid === 2;
  return isOne && image.known && image.details.path === '';
}

/** A session that takes a serial line for its terminal has not come in by it: getty, login and display managers are root's. */
function isGivenByRoot(atFork: ProcessAtFork, creator: ProcessAtFork | undefined): boolean {
  return isRootsProgram(atFork) || (creator !== undefined && isRootsProgram(creator));
}

/** sshd, or a process of it that has given up its privileges. */
function isOfSshd(atFork: ProcessAtFork): boolean {
  let one: ProcessAtFork | undefined = atFork;
  while (one && isForkOfSshd(one)) one = one.process.creator;
  return one !== undefined && isSshd(one);
}

/** A fork has the image of its forker; /proc shows it with an image of its own, and with the ids that it has now. */
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
  // When a container has ended, conmon tells podman, on the host.
  if (CONMON.test(creator.image.exeName) && isProven(own, PODMAN)) return false;
  if (isContainerRuntime(creator)) return !isContainerRuntime(own);
  // One that no runtime started has no entry of its own; another has it, and those below share it.
  const above = creator.process.creator;
  return isProven(creator, CONTAINER_INIT) && !isProven(own, CONTAINER_INIT) && !(above && isContainerRuntime(above));
}

function isContainerRuntime(atFork: ProcessAtFork): boolean {
  return isProven(atFork, CONTAINER_RUNTIME) || isCopyOfRuntime(atFork);
}

/** A memory file that a runtime has made of itself: its mode says nothing, because it is sealed. */
function isCopyOfRuntime({ process, image }: ProcessAtFork): boolean {
  const { path, uid, euid, ownerUid } = image.details;
  if (!CLONED_RUNTIME.test(path) || uid !== 0 || euid !== 0 || ownerUid !== 0) return false;
  const { creator } = process;
  if (creator && isContainerRuntime(creator)) return true;
  return process.previous.some(
    (earlier) => CONTAINER_RUNTIME.test(earlier.exeName) && isRootsProgram({ process, image: earlier }),
  );
}
