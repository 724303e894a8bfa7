/**
 * The file of an exec, opened, or why it cannot be had. /proc/PID/exe leads to the file itself, also when it was deleted,
 * replaced, never had a name, or is a container's; but by now the process may run another image, or its pid be another
 * process's. Once it is gone, the path is as good where the file there is provably the one that was executed.
 *
 * Synchronous: 3 to 15 µs, and a process that lives for a millisecond cannot be waited for.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import type { ExecDetails, Pid } from '../collect/event.ts';
import { isNoDescriptor } from '../linux/descriptors.ts';
import { RemoteFileSystems } from './remote_file_systems.ts';

/** What is known of an exec whose file is wanted. */
export interface Executed {
  readonly pid: Pid;
  /** When, in Unix ms. */
  readonly unixMs: number;
  /** What /proc/PID/stat may say of its start; undefined if nothing is known of it. */
  readonly startTicks: readonly [earliest: number, latest: number] | undefined;
  /** Times, mode and owner are those of the file that was loaded, as audit and the collector saw it. */
  readonly details: Pick<
    ExecDetails,
    'path' | 'mtime' | 'ctime' | 'btime' | 'mode' | 'ownerUid' | 'ownerGid' | 'fromProcfs'
  >;
  /** Of the file that was loaded. With its times it tells the file from all others, so that fewer checks are needed. */
  readonly inode?: number;
  /** Whether the process still runs what it executed then, as far as anybody has told. */
  readonly stillRuns?: () => boolean;
}

/**
 * gone: neither process nor file are there; replaced: another file is in its place; not_regular, served (on a network file
 * system or FUSE), unreadable: not opened because of what it is; no_descriptor: the extension can open no more files.
 */
export type Unavailable = 'gone' | 'replaced' | 'not_regular' | 'served' | 'unreadable' | 'no_descriptor';

export interface OpenedFile {
  /** The caller closes it. */
  readonly fd: number;
  readonly stat: BigIntStats;
}

/** The file of an exec, found and not opened yet. */
interface FoundFile {
  readonly path: string;
  readonly by: 'process' | 'path';
  readonly stat: BigIntStats;
}

/** The connector's time, converted, lies a little after the exec. */
const CLOCK_SLACK_MS = 20;
/** Audit stamps the entry into execve with the clock that ticks for files too (kernel/auditsc.c, fs/inode.c). */
const earliestMs = ({ unixMs, details }: Executed): number =>
  Math.floor(!details.fromProcfs ? unixMs : unixMs - CLOCK_SLACK_MS);
/** Newer kernels stamp a file that is looked at with a clock that is ahead of that, by less than a tick (fs/inode.c, inode_set_ctime_current). */
const LONGEST_TICK_MS = 10;
const latestMs = ({ unixMs, details }: Executed): number =>
  Math.ceil(unixMs + (!details.fromProcfs ? LONGEST_TICK_MS : CLOCK_SLACK_MS));
const isBefore = (ns: bigint, unixMs: number): boolean => ns < BigInt(unixMs) * 1_000_000n;
const BY_PROCESS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** The kernel's name of a file goes through no link. A link in its place was put there afterwards. */
const BY_PATH = BY_PROCESS | constants.O_NOFOLLOW;
const O_NOATIME = 0o1000000;

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
function whyNot(error: unknown): Unavailable {
  if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(code(error))) return 'gone';
  if (isNoDescriptor(error)) return 'no_descriptor';
  return code(error) === 'ELOOP' ? 'replaced' : 'unreadable';
}

const seconds = (ns: bigint): number => Number(ns / 1_000_000_000n);
const agrees = (known: number | undefined, seen: number): boolean => known === undefined || known === seen;
const withoutDeleted = (path: string): string => path.replace(/ \(deleted\)$/, '');

const timesKnown = ({ details }: Executed): boolean => details.mtime !== undefined && details.ctime !== undefined;

/** Whether nothing that is known of the file speaks against this one. Its last change may be its deletion. */
function mayBe({ details, inode }: Executed, stat: BigIntStats): boolean {
  const ctime = seconds(stat.ctimeNs);
  const deletedSince = stat.nlink === 0n && details.ctime !== undefined && ctime > details.ctime;
  return (
    // Nothing executes an empty file. One that is being emptied still has its old times (fs/ext4/inode.c, ext4_truncate).
    stat.size > 0n &&
    agrees(inode, Number(stat.ino)) &&
    agrees(details.mtime, seconds(stat.mtimeNs)) &&
    agrees(details.mode, Number(stat.mode)) &&
    // 0 where the file system does not keep it.
    (stat.birthtimeNs === 0n || agrees(details.btime, seconds(stat.birthtimeNs))) &&
    (agrees(details.ctime, ctime) || deletedSince || inode !== undefined)
  );
}

const isOlder = (executed: Executed, { ctimeNs }: BigIntStats): boolean => isBefore(ctimeNs, earliestMs(executed));

/**
 * Whether a file that a process leads to has in it what was executed. It cannot be written as long as that runs (man 2
 * execve, ETXTBSY), but a process may execute something else, write to the file, and execute it again.
 */
function isUnwritten(executed: Executed, stat: BigIntStats, nowMs: number): boolean {
  if (isOlder(executed, stat)) return true;
  const { mtimeNs, ctimeNs } = stat;
  // A time of writing beyond the last change was set by hand; a change in the future is from before the clock was set back.
  const comparable = mtimeNs <= ctimeNs && isBefore(ctimeNs, Math.ceil(nowMs) + LONGEST_TICK_MS);
  const wasWritten = comparable && !isBefore(mtimeNs, latestMs(executed));
  return !wasWritten && (executed.stillRuns?.() ?? true);
}

interface ExecutedFilesOptions {
  /** As ProcReader has it. */
  readonly startTicks: (pid: Pid) => number | undefined;
  /** Where proc is mounted. */
  readonly proc?: string;
  readonly remote?: Pick<RemoteFileSystems, 'has'>;
  readonly unixNow?: () => number;
}

export class ExecutedFiles {
  readonly #startTicks: (pid: Pid) => number | undefined;
  readonly #proc: string;
  readonly #remote: Pick<RemoteFileSystems, 'has'>;
  readonly #unixNow: () => number;

  constructor(options: ExecutedFilesOptions) {
    this.#startTicks = options.startTicks;
    this.#proc = options.proc ?? '/proc';
    this.#remote = options.remote ?? new RemoteFileSystems(this.#proc);
    this.#unixNow = options.unixNow ?? Date.now;
  }

  /**
   * `skip` is asked before the file is opened, and again if it is another one by then: what it answers is the answer.
   * A file that the process leads to is only surely the right one once it is open, unless its inode number is known.
   */
  open<Skipped>(
    executed: Executed,
    skip: (stat: BigIntStats) => Skipped | undefined,
  ): OpenedFile | Unavailable | Skipped {
    const byProcess = this.#byProcess(executed);
    const opened = typeof byProcess === 'string' ? byProcess : this.#open(executed, byProcess, skip);
    if (opened !== 'gone' && opened !== 'replaced') return opened;
    const byPath = this.#byPath(executed);
    if (typeof byPath !== 'string') return this.#open(executed, byPath, skip);
    return byPath === 'gone' ? opened : byPath;
  }

  #byProcess(executed: Executed): FoundFile | Unavailable {
    const path = `${this.#proc}/${executed.pid}/exe`;
    try {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stat) return 'gone';
      const isIt = mayBe(executed, stat) && isUnwritten(executed, stat, this.#unixNow());
      return isIt ? { path, by: 'process', stat } : 'replaced';
    } catch (error) {
      return whyNot(error);
    }
  }

  #byPath(executed: Executed): FoundFile | Unavailable {
    const { path, ownerUid, ownerGid } = executed.details;
    // Without its times, nothing would tell the file from what came in its place, or from the host's of a container's path.
    if (!path.startsWith('/') || !timesKnown(executed)) return 'gone';
    try {
      const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stat) return 'gone';
      if (!stat.isFile()) return 'not_regular';
      const sameOwner = agrees(ownerUid, Number(stat.uid)) && agrees(ownerGid, Number(stat.gid));
      // Whatever was written, renamed or linked to this name after the exec was stamped after it.
      const older = isOlder(executed, stat);
      const unchanged = executed.details.ctime === seconds(stat.ctimeNs);
      return mayBe(executed, stat) && sameOwner && older && unchanged ? { path, by: 'path', stat } : 'replaced';
    } catch (error) {
      return whyNot(error);
    }
  }

  #open<Skipped>(
    executed: Executed,
    found: FoundFile,
    skip: (stat: BigIntStats) => Skipped | undefined,
  ): OpenedFile | Unavailable | Skipped {
    if (!found.stat.isFile()) return 'not_regular';
    const certain = found.by === 'path' || executed.inode !== undefined;
    if (certain) {
      const skipped = skip(found.stat);
      if (skipped !== undefined) return skipped;
    }
    if (this.#remote.has(found.stat.dev, executed.pid)) return 'served';
    let fd: number | undefined;
    try {
      fd = openQuietly(found.path, found.by === 'process' ? BY_PROCESS : BY_PATH);
      const stat = fstatSync(fd, { bigint: true });
      const answer = this.#check(executed, found, { fd, stat }) ?? skip(stat);
      if (answer === undefined) {
        const opened = { fd, stat };
        fd = undefined;
        return opened;
      }
      return answer;
    } catch (error) {
      return whyNot(error);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** Why the file that was opened is not the one that was executed. */
  #check(executed: Executed, { by, stat }: FoundFile, opened: OpenedFile): Unavailable | undefined {
    if (!opened.stat.isFile()) return 'not_regular';
    if (by === 'path') {
      const same = opened.stat.ino === stat.ino && opened.stat.dev === stat.dev && opened.stat.ctimeNs === stat.ctimeNs;
      return same ? undefined : 'replaced';
    }
    if (!mayBe(executed, opened.stat) || !isUnwritten(executed, opened.stat, this.#unixNow())) return 'replaced';
    // It may have been let go, and written, since it was opened.
    if (!isOlder(executed, opened.stat) && !this.#leadsTo(opened.stat, executed.pid)) return 'replaced';
    if (executed.inode !== undefined) return undefined;
    // Files of one package share their times, mode and owner. A process with a root of its own has the end of our name.
    const path = withoutDeleted(executed.details.path);
    if (path === '' || !withoutDeleted(readlinkSync(`${this.#proc}/self/fd/${opened.fd}`)).endsWith(path)) {
      return 'replaced';
    }
    const sameTimes = timesKnown(executed) && executed.details.ctime === seconds(opened.stat.ctimeNs);
    return sameTimes || this.#isSameProcess(executed) ? undefined : 'replaced';
  }

  #leadsTo({ ino, dev }: BigIntStats, pid: Pid): boolean {
    const stat = statSync(`${this.#proc}/${pid}/exe`, { bigint: true, throwIfNoEntry: false });
    return stat?.ino === ino && stat.dev === dev;
  }

  #isSameProcess({ pid, startTicks }: Executed): boolean {
    if (!startTicks) return false;
    const ticks = this.#startTicks(pid);
    return ticks !== undefined && ticks >= startTicks[0] && ticks <= startTicks[1];
  }
}

/** Leaves the time of the last access as it is, where that is allowed (man 2 open). */
function openQuietly(path: string, flags: number): number {
  try {
    return openSync(path, flags | O_NOATIME);
  } catch (error) {
    if (code(error) !== 'EPERM') throw error;
    return openSync(path, flags);
  }
}
