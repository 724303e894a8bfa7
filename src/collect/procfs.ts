/**
 * Reads one process from /proc (man 5 proc). Synchronous, a few small files. Used for the snapshot at the start and after a
 * loss, and for the rare process that no event reported; never for each event (R13).
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, type Stats, statSync } from 'node:fs';
import { MS_PER_TICK } from '../linux/clock_ticks.ts';
import { isNoDescriptor } from '../linux/descriptors.ts';
import { cgroupPath, groupsOf, idsOf, inodeOf, parseStat, type Stat, ttyNameOf } from '../linux/process_files.ts';
import { type ExecDetails, NO_DETAILS, type Pid, type SnapshotEvent } from './event.ts';

/** The present state of a process. Its start is in whole ticks, as in /proc. */
export interface ProcessSnapshot extends Omit<SnapshotEvent, 'kind' | 'bootMs' | 'unixMs'> {
  /** Undefined if not read. */
  readonly supplementalGroups?: readonly number[] | undefined;
}

export interface ProcReader {
  /** All pids. */
  pids(): Pid[];
  /** Undefined if there is no such process, or if it ends while it is read. */
  read(pid: Pid): ProcessSnapshot | undefined;
  /** Reads only the start; undefined if there is no such process. */
  startTicks(pid: Pid): number | undefined;
  /** Undefined if there is no such process. */
  supplementalGroups(pid: Pid): readonly number[] | undefined;
  /** Inode number; undefined if there is no such process. */
  userNamespace(pid: Pid): number | undefined;
  /** The peer address of the first internet connection of the process; '' if unknown. */
  connectionPeer(pid: Pid): string;
}

/** A bound is needed: a process can set start and end of its own arguments (man 2 prctl, PR_SET_MM_MAP). */
const CMDLINE_MAX = 2 * 1024 * 1024;

/** include/linux/sched.h */
const PF_FORKNOEXEC = 0x40;
const PF_KTHREAD = 0x200000;

export class Procfs implements ProcReader {
  readonly #root: string;
  readonly #connectionPeer: (pid: Pid) => string;
  #ownMounts: string | undefined;
  #noDescriptor = 0;
  readonly #room = Buffer.alloc(64 * 1024);

  /** `root` is the mount point of proc. The addon reads the connections of other processes. */
  constructor(root = '/proc', connectionPeer: (pid: Pid) => string = () => '') {
    this.#root = root;
    this.#connectionPeer = connectionPeer;
  }

  /** Files that were not read because this process has no free file descriptor. Their processes look as if they had ended. */
  get noDescriptor(): number {
    return this.#noDescriptor;
  }

  pids(): Pid[] {
    return readdirSync(this.#root)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => Number(name) as Pid);
  }

  startTicks(pid: Pid): number | undefined {
    return this.#stat(pid)?.startTicks;
  }

  supplementalGroups(pid: Pid): readonly number[] | undefined {
    const status = this.#text(pid, 'status');
    return status === '' ? undefined : groupsOf(status);
  }

  userNamespace(pid: Pid): number | undefined {
    return inodeOf(this.#link(pid, 'ns/user'));
  }

  connectionPeer(pid: Pid): string {
    return this.#connectionPeer(pid);
  }

  read(pid: Pid): ProcessSnapshot | undefined {
    const before = this.#stat(pid);
    if (!before) return undefined;
    const status = this.#text(pid, 'status');
    const args = this.#args(pid);
    const path = this.#link(pid, 'exe');
    const [uid, euid, suid, fsuid] = idsOf(status, 'Uid');
    const [gid, egid, sgid, fsgid] = idsOf(status, 'Gid');
    const file = path === '' ? undefined : this.#fileOf(pid);
    const { sid, pgid, ttyNr } = before;
    const details: ExecDetails = {
      ...NO_DETAILS,
      fromProcfs: true,
      ppid: before.ppid,
      syscall: '',
      auid: this.#id(pid, 'loginuid'),
      uid,
      gid,
      euid,
      suid,
      fsuid,
      egid,
      sgid,
      fsgid,
      ses: this.#id(pid, 'sessionid'),
      mode: file?.mode,
      ownerUid: file?.uid,
      ownerGid: file?.gid,
      atime: file && Math.floor(file.atimeMs / 1000),
      mtime: file && Math.floor(file.mtimeMs / 1000),
      ctime: file && Math.floor(file.ctimeMs / 1000),
      btime: file && Math.floor(file.birthtimeMs / 1000),
      inode: file?.ino,
      pidNamespace: inodeOf(this.#link(pid, 'ns/pid')),
      userNamespace: this.userNamespace(pid),
      startMs: before.startTicks * MS_PER_TICK,
      sid,
      pgid,
      ttyNr,
      argsCount: args.count,
      argsBytes: args.bytes,
      argsCut: args.bytes >= CMDLINE_MAX - 1,
      comm: before.comm,
      path,
      cwd: this.#link(pid, 'cwd'),
      tty: ttyNameOf(ttyNr),
      args: args.text,
      name: '',
      cgroup: cgroupPath(this.#text(pid, 'cgroup')),
      root: file ? this.#rootOf(pid, path, file) : '',
    };
    // The pid may have been reused while the files were read.
    const after = this.#stat(pid);
    if (after?.startTicks !== before.startTicks) return undefined;
    return {
      pid,
      hasEnded: after.state === 'Z' || after.state === 'X',
      hasExecuted: (before.flags & (PF_FORKNOEXEC | PF_KTHREAD)) === 0,
      supplementalGroups: groupsOf(status),
      details,
    };
  }

  #stat(pid: Pid): Stat | undefined {
    return parseStat(this.#text(pid, 'stat'));
  }

  #args(pid: Pid): { text: string; count: number; bytes: number } {
    const raw = this.#readStart(pid, 'cmdline', CMDLINE_MAX);
    if (!raw || raw.length === 0) return { text: '', count: 0, bytes: 0 };
    // A process that sets its title fills the rest of its arguments with NULs.
    let end = raw.length;
    while (end > 0 && raw[end - 1] === 0) end--;
    const text = raw.toString('utf8', 0, end);
    let count = 1;
    for (let at = raw.indexOf(0); at >= 0 && at < end; at = raw.indexOf(0, at + 1)) count++;
    return { text, count, bytes: end };
  }

  #fileOf(pid: Pid): Stats | undefined {
    try {
      return statSync(`${this.#root}/${pid}/exe`);
    } catch {
      return undefined;
    }
  }

  /** See ExecDetails. For processes in our mount namespace, /proc shows paths relative to our root. */
  #rootOf(pid: Pid, path: string, { dev, ino }: Stats): string {
    const mounts = this.#link(pid, 'ns/mnt');
    this.#ownMounts ??= this.#link('self', 'ns/mnt');
    if (mounts === '') return '';
    if (mounts === this.#ownMounts) return '/';
    try {
      const onHost = statSync(path);
      return onHost.dev === dev && onHost.ino === ino ? '/' : mounts;
    } catch {
      return mounts;
    }
  }

  #id(pid: Pid, file: string): number | undefined {
    const text = this.#text(pid, file);
    const value = Number(text);
    // 4294967295 is (uid_t)-1: unset.
    return text === '' || !Number.isInteger(value) || value === 0xffffffff ? undefined : value;
  }

  #text(pid: Pid, file: string): string {
    return this.#read(pid, file)?.toString('utf8') ?? '';
  }

  /** A file that cannot be read any more means that the process has ended. It is not an error: the value is missing. */
  #read(pid: Pid, file: string): Buffer | undefined {
    try {
      return readFileSync(`${this.#root}/${pid}/${file}`);
    } catch (error) {
      if (isNoDescriptor(error)) this.#noDescriptor++;
      return undefined;
    }
  }

  /** Reads at most `max` bytes. */
  #readStart(pid: Pid, file: string, max: number): Buffer | undefined {
    try {
      const fd = openSync(`${this.#root}/${pid}/${file}`, 'r');
      try {
        const parts: Buffer[] = [];
        for (let left = max; left > 0; ) {
          const got = readSync(fd, this.#room, 0, Math.min(left, this.#room.length), null);
          if (got === 0) break;
          parts.push(Buffer.from(this.#room.subarray(0, got)));
          left -= got;
        }
        return parts.length === 1 ? parts[0] : Buffer.concat(parts);
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined;
    }
  }

  #link(pid: Pid | 'self', file: string): string {
    try {
      return readlinkSync(`${this.#root}/${pid}/${file}`);
    } catch {
      return '';
    }
  }
}
