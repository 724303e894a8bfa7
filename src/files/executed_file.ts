/**
 * Opens the file of an exec, or says why this is not possible. /proc/PID/exe leads to the file itself, also if it was deleted or
 * replaced, never had a name, or is in a container. But the process may run another image by now, or the pid may be reused. If the
 * process is gone, the path is used if the file there is provably the executed one.
 *
 * Synchronous: it takes 3 to 15 µs, and a process may live for only a millisecond.
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

/** The known facts of an exec. */
export interface Executed {
  readonly pid: Pid;
  /** Time of the exec, in Unix ms. */
  readonly unixMs: number;
  /** Possible starts in /proc/PID/stat; undefined if unknown. */
  readonly startTicks: readonly [earliest: number, latest: number] | undefined;
  /** Times, mode and owner of the loaded file, as audit and the collector saw it. */
  readonly details: Pick<
    ExecDetails,
    'path' | 'mtime' | 'ctime' | 'btime' | 'mode' | 'ownerUid' | 'ownerGid' | 'fromProcfs'
  >;
  /** Inode number of the loaded file. With the times it identifies the file, so that fewer checks are needed. */
  readonly inode?: number;
  /** Whether the process still runs that image, by the events so far. */
  readonly stillRuns?: () => boolean;
}

/**
 * gone: process and file do not exist any more. replaced: another file is in its place. not_regular, served (on a network file
 * system or FUSE), unreadable: the kind of file is not opened. no_descriptor: the extension cannot open more files.
 */
export type Unavailable = 'gone' | 'replaced' | 'not_regular' | 'served' | 'unreadable' | 'no_descriptor';

export interface OpenedFile {
  /** The caller closes it. */
  readonly fd: number;
  readonly stat: BigIntStats;
}

/** The file of an exec, found but not opened yet. */
interface FoundFile {
  readonly path: string;
  readonly by: 'process' | 'path';
  readonly stat: BigIntStats;
}

/** The converted time of the connector is a little after the exec. */
const CLOCK_SLACK_MS = 20;
/** Audit takes the time of the execve entry from the same coarse clock as file times (kernel/auditsc.c, fs/inode.c). */
const earliestMs = ({ unixMs, details }: Executed): number =>
  Math.floor(!details.fromProcfs ? unixMs : unixMs - CLOCK_SLACK_MS);
/** Newer kernels give a file whose times are read a time ahead of that clock, by less than a tick (fs/inode.c, inode_set_ctime_current). */
const LONGEST_TICK_MS = 10;
const latestMs = ({ unixMs, details }: Executed): number =>
  Math.ceil(unixMs + (!details.fromProcfs ? LONGEST_TICK_MS : CLOCK_SLACK_MS));
const isBefore = (ns: bigint, unixMs: number): boolean => ns < BigInt(unixMs) * 1_000_000n;
const BY_PROCESS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** The path from the kernel has no symbolic links. A link at the path was made later. */
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

/** Whether this file matches all known facts. Its last change may be its deletion. */
function mayBe({ details, inode }: Executed, stat: BigIntStats): boolean {
  const ctime = seconds(stat.ctimeNs);
  const deletedSince = stat.nlink === 0n && details.ctime !== undefined && ctime > details.ctime;
  return (
    // An empty file cannot be executed. A file that is being truncated still has its old times (fs/ext4/inode.c, ext4_truncate).
    stat.size > 0n &&
    agrees(inode, Number(stat.ino)) &&
    agrees(details.mtime, seconds(stat.mtimeNs)) &&
    agrees(details.mode, Number(stat.mode)) &&
    // 0 if the file system does not store it.
    (stat.birthtimeNs === 0n || agrees(details.btime, seconds(stat.birthtimeNs))) &&
    (agrees(details.ctime, ctime) || deletedSince || inode !== undefined)
  );
}

const isOlder = (executed: Executed, { ctimeNs }: BigIntStats): boolean => isBefore(ctimeNs, earliestMs(executed));

/**
 * Whether the file of a process still has the executed content. It cannot be written while it runs (man 2 execve, ETXTBSY), but a
 * process may execute another file, write to this one, and execute it again.
 */
function isUnwritten(executed: Executed, stat: BigIntStats, nowMs: number): boolean {
  if (isOlder(executed, stat)) return true;
  const { mtimeNs, ctimeNs } = stat;
  // An mtime after the ctime was set by a program. A ctime in the future is from before the clock was set back.
  const comparable = mtimeNs <= ctimeNs && isBefore(ctimeNs, Math.ceil(nowMs) + LONGEST_TICK_MS);
  const wasWritten = comparable && !isBefore(mtimeNs, latestMs(executed));
  return !wasWritten && (executed.stillRuns?.() ?? true);
}

interface ExecutedFilesOptions {
  /** As in ProcReader. */
  readonly startTicks: (pid: Pid) => number | undefined;
  /** Mount point of proc. */
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
   * `skip` is called before the file is opened, and again if the opened file is another one. Its result is returned. Without an inode
   * number, the file of the process is only certain once it is open.
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
    // Without times, the file cannot be distinguished from a replacement, or from a host file with the path of a container file.
    if (!path.startsWith('/') || !timesKnown(executed)) return 'gone';
    try {
      const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stat) return 'gone';
      if (!stat.isFile()) return 'not_regular';
      const sameOwner = agrees(ownerUid, Number(stat.uid)) && agrees(ownerGid, Number(stat.gid));
      // A file that was written, renamed or linked to this name after the exec has a later time.
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

  /** Why the opened file is not the executed one; undefined if it is. */
  #check(executed: Executed, { by, stat }: FoundFile, opened: OpenedFile): Unavailable | undefined {
    if (!opened.stat.isFile()) return 'not_regular';
    if (by === 'path') {
      const same = opened.stat.ino === stat.ino && opened.stat.dev === stat.dev && opened.stat.ctimeNs === stat.ctimeNs;
      return same ? undefined : 'replaced';
    }
    if (!mayBe(executed, opened.stat) || !isUnwritten(executed, opened.stat, this.#unixNow())) return 'replaced';
    // The process may have stopped running it, and it may have been written, since it was opened.
    if (!isOlder(executed, opened.stat) && !this.#leadsTo(opened.stat, executed.pid)) return 'replaced';
    if (executed.inode !== undefined) return undefined;
    // Files of one package have the same times, mode and owner. For a process with another root, its path is the end of our path.
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

/** Opens a file without a change of its access time, if this is allowed (man 2 open). */
function openQuietly(path: string, flags: number): number {
  try {
    return openSync(path, flags | O_NOATIME);
  } catch (error) {
    if (code(error) !== 'EPERM') throw error;
    return openSync(path, flags);
  }
}
