/**
 * One process as /proc shows it now (man 5 proc). Synchronous, a few small files: used for the snapshot at the start,
 * after a loss, and for the rare process that no event tells of; never for each event (R13).
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, type Stats, statSync } from 'node:fs';
import { MS_PER_TICK } from '../linux/clock_ticks.ts';
import { isNoDescriptor } from '../linux/descriptors.ts';
import { cgroupPath, groupsOf, idsOf, inodeOf, parseStat, type Stat, ttyNameOf } from '../linux/process_files.ts';
import { type ExecDetails, NO_DETAILS, type Pid, type SnapshotEvent } from './event.ts';

/** A process as it is now. The details tell its start, as /proc shows it: in whole ticks. */
export interface ProcessSnapshot extends Omit<SnapshotEvent, 'kind' | 'bootMs' | 'unixMs'> {
  /** Undefined where they were not read. */
  readonly supplementalGroups?: readonly number[] | undefined;
}

export interface ProcReader {
  /** All pids. */
  pids(): Pid[];
  /** Undefined when there is no such process, or it is gone halfway through. */
  read(pid: Pid): ProcessSnapshot | undefined;
  /** Only the start; undefined when there is no such process. */
  startTicks(pid: Pid): number | undefined;
  /** Undefined when there is no such process. */
  supplementalGroups(pid: Pid): readonly number[] | undefined;
  /** Inode number; undefined when there is no such process. */
  userNamespace(pid: Pid): number | undefined;
  /** The address at the other end of the first internet connection that the process holds; '' where it is not known. */
  connectionPeer(pid: Pid): string;
}

/** A process may have its arguments begin and end where it likes (man 2 prctl, PR_SET_MM_MAP). */
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

  /** `root` is where proc is mounted. Connections of others are the addon's to look at. */
  constructor(root = '/proc', connectionPeer: (pid: Pid) => string = () => '') {
    this.#root = root;
    this.#connectionPeer = connectionPeer;
  }

  /** Files of processes that were not read because this process can open no more: they look as if they were gone. */
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
    // The pid may have become another process's while its files were read.
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
    // A process that sets its title fills what is left of its arguments with NULs.
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

  /** See ExecDetails. In our mount namespace /proc shows paths in our root. */
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

  /** A file or link that cannot be read any more is the end of a process, not an error: the caller sees the lack. */
  #read(pid: Pid, file: string): Buffer | undefined {
    try {
      return readFileSync(`${this.#root}/${pid}/${file}`);
    } catch (error) {
      if (isNoDescriptor(error)) this.#noDescriptor++;
      return undefined;
    }
  }

  /** No more than so many bytes. */
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
