/**
 * The events that cross from the native sensors, as types, and the decoder of their packed form (native/batch.h).
 * Generated from native/events/declaration.ts by `npm run generate`. Do not edit.
 */
import { terminalNamed } from '../linux/terminal.ts';

/** A process id (a tgid) in the initial pid namespace. A process is a pid *and* a start time: see EntityId. */
export type Pid = number & { readonly brand: 'Pid' };

export type EventOrigin = 'none' | 'proc_events' | 'audit' | 'ebpf';
const ORIGINS: readonly EventOrigin[] = ['none', 'proc_events', 'audit', 'ebpf'];

export type ExecCall = '' | 'execve' | 'execveat';
const EXEC_CALL: readonly ExecCall[] = ['', 'execve', 'execveat'];

export type DescriptorKind = '' | 'closed' | 'tty' | 'pipe' | 'socket' | 'file' | 'null' | 'other';
const DESCRIPTOR_KIND: readonly DescriptorKind[] = ['', 'closed', 'tty', 'pipe', 'socket', 'file', 'null', 'other'];

/** A batch that does not follow native/batch.h. That is a bug: native code and this file disagree. */
export class BatchFormatError extends Error {
  override readonly name = 'BatchFormatError';
}

interface EventBase {
  readonly origin: EventOrigin;
  readonly pid: Pid;
  /** CLOCK_BOOTTIME in milliseconds; Unix time in a recorded log, which has no boot time. */
  readonly bootMs: number;
  readonly unixMs: number;
}

/** What was executed, and with which ids. Fields that the source did not report are undefined or empty texts. */
export interface ExecDetails {
  /** Audit's serial number of the event; 0 for none. */
  readonly serial: number;
  /** The kernel's parent at the exec, which may be an adoptive parent. 0 for a process that the kernel itself made. */
  readonly ppid: number | undefined;
  /** The system call of the exec. */
  readonly syscall: ExecCall;
  /** The login user id. */
  readonly auid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly uid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly gid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly euid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly suid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly fsuid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly egid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly sgid: number | undefined;
  /** User or group id as in man 7 credentials, in the initial user namespace. */
  readonly fsgid: number | undefined;
  /** Audit's session id. */
  readonly ses: number | undefined;
  /** st_mode of the program file. */
  readonly mode: number | undefined;
  /** User id of the program file's owner. */
  readonly ownerUid: number | undefined;
  /** Group id of the program file. */
  readonly ownerGid: number | undefined;
  /** Access time of the program file: Unix seconds. */
  readonly atime: number | undefined;
  /** Modification time of the program file: Unix seconds. */
  readonly mtime: number | undefined;
  /** Change time of the program file: Unix seconds. */
  readonly ctime: number | undefined;
  /** Creation time of the program file: Unix seconds. */
  readonly btime: number | undefined;
  /** Inode number of the program file, if its times are known. */
  readonly inode: number | undefined;
  /** Device of the program file, as st_dev in stat(2): see deviceOf. */
  readonly device: number | undefined;
  /** Bytes of the program file. */
  readonly size: number | undefined;
  /** Hard links to the program file. */
  readonly linkCount: number | undefined;
  /** Inode number of the pid namespace. */
  readonly pidNamespace: number | undefined;
  /** Inode number of the user namespace. */
  readonly userNamespace: number | undefined;
  /** Inode number of the mount namespace. */
  readonly mountNamespace: number | undefined;
  /** Inode number of the network namespace. */
  readonly networkNamespace: number | undefined;
  /** The process's pid in its own pid namespace. */
  readonly pidInNamespace: number | undefined;
  /** The session id. */
  readonly sid: number | undefined;
  /** The process group id. */
  readonly pgid: number | undefined;
  /** Device number of the controlling terminal, as in /proc/PID/stat; 0 for none. */
  readonly ttyNr: number | undefined;
  /** When the process was created: CLOCK_BOOTTIME in milliseconds. */
  readonly startMs: number | undefined;
  /** Permitted capabilities, as bits (man 7 capabilities). */
  readonly capPermitted: number | undefined;
  /** Effective capabilities, as bits. */
  readonly capEffective: number | undefined;
  /** What descriptor 0 is. */
  readonly stdinKind: DescriptorKind;
  /** What descriptor 1 is. */
  readonly stdoutKind: DescriptorKind;
  /** What descriptor 2 is. */
  readonly stderrKind: DescriptorKind;
  /** The kernel's id of the control group. */
  readonly cgroupId: number | undefined;
  /** Number of arguments as the kernel counted them, even if `args` was cut. */
  readonly argsCount: number | undefined;
  /** Bytes of all arguments with one separator byte between them, before any cut. */
  readonly argsBytes: number;
  /** Number of environment variables. */
  readonly envCount: number | undefined;
  /** Bytes of the environment. */
  readonly envBytes: number | undefined;
  /** Bits of the namespaces that the parent is not in: 1 mnt, 2 pid, 4 net, 8 user, 16 ipc, 32 uts, 64 cgroup, 128 time. */
  readonly newNamespaces: number | undefined;
  /** Arguments are missing or cut. */
  readonly argsCut: boolean;
  /** The details were read from /proc after the exec. */
  readonly fromProcfs: boolean;
  /** The program file had no name at the exec: it was removed, or never had one (a memfd). */
  readonly isDeleted: boolean;
  /** `name` is a script, and the program is its interpreter. */
  readonly isScript: boolean;
  /** The program has privileges that its real user has not (AT_SECURE): by set-user-ID, set-group-ID or file capabilities. */
  readonly gainsPrivilege: boolean;
  /** The program file is in the upper layer of an overlay: it was added after the image was made. */
  readonly isUpperLayer: boolean;
  /** `path` or `cwd` lacks its beginning, because it is longer than the kernel programs can read. */
  readonly pathCut: boolean;
  /** The program file was made by memfd_create(2) and has no directory. */
  readonly isMemfd: boolean;
  /** The program file has capabilities (man 7 capabilities). */
  readonly hasFileCapabilities: boolean;
  /** `environment` may lack variables: the environment is too long, or could not be read. */
  readonly environmentCut: boolean;
  /** The thread's name. */
  readonly comm: string;
  /** The file that the kernel loaded: for a script its interpreter. */
  readonly path: string;
  /** The working directory. */
  readonly cwd: string;
  /** The controlling terminal as osquery shows it: pts/1, tty1; '' for none. */
  readonly tty: string;
  /** The arguments, separated by NUL, without a trailing NUL. */
  readonly args: string;
  /** The file name passed to the system call: for a script the script. */
  readonly name: string;
  /** Control group: a path in its hierarchy. '' if unknown. */
  readonly cgroup: string;
  /** The root directory of `path`: / if the path leads to the executed file on the host, the host's path of a chroot, or mnt:[INODE] for another mount namespace. '' if unknown. */
  readonly root: string;
  /** The requested environment variables as NAME=value, separated by NUL. */
  readonly environment: string;
}

/** The details of an exec without any known fact. */
export const NO_DETAILS: ExecDetails = {
  serial: 0,
  ppid: undefined,
  syscall: '',
  auid: undefined,
  uid: undefined,
  gid: undefined,
  euid: undefined,
  suid: undefined,
  fsuid: undefined,
  egid: undefined,
  sgid: undefined,
  fsgid: undefined,
  ses: undefined,
  mode: undefined,
  ownerUid: undefined,
  ownerGid: undefined,
  atime: undefined,
  mtime: undefined,
  ctime: undefined,
  btime: undefined,
  inode: undefined,
  device: undefined,
  size: undefined,
  linkCount: undefined,
  pidNamespace: undefined,
  userNamespace: undefined,
  mountNamespace: undefined,
  networkNamespace: undefined,
  pidInNamespace: undefined,
  sid: undefined,
  pgid: undefined,
  ttyNr: undefined,
  startMs: undefined,
  capPermitted: undefined,
  capEffective: undefined,
  stdinKind: '',
  stdoutKind: '',
  stderrKind: '',
  cgroupId: undefined,
  argsCount: undefined,
  argsBytes: 0,
  envCount: undefined,
  envBytes: undefined,
  newNamespaces: undefined,
  argsCut: false,
  fromProcfs: false,
  isDeleted: false,
  isScript: false,
  gainsPrivilege: false,
  isUpperLayer: false,
  pathCut: false,
  isMemfd: false,
  hasFileCapabilities: false,
  environmentCut: false,
  comm: '',
  path: '',
  cwd: '',
  tty: '',
  args: '',
  name: '',
  cgroup: '',
  root: '',
  environment: '',
};

/** A process was created. Threads are not processes and make no event. */
export interface ForkEvent extends EventBase {
  readonly kind: 'fork';
  /** The kernel's parent at the fork: with CLONE_PARENT the caller's parent. */
  readonly parent: Pid;
  /** The caller, if the child inherits its image from it and not from the parent (CLONE_PARENT). */
  readonly imageFrom?: Pid | undefined;
  /** The parent of the calling process, if `isClaimed`. */
  readonly callerParent?: Pid | undefined;
  /** When the process was created: CLOCK_BOOTTIME in milliseconds. */
  readonly startMs?: number | undefined;
  /** When the parent was created: CLOCK_BOOTTIME in milliseconds. */
  readonly parentStartMs?: number | undefined;
  /** The session id. */
  readonly sid?: number | undefined;
  /** The process group id. */
  readonly pgid?: number | undefined;
  /** Inode number of the pid namespace. */
  readonly pidNamespace?: number | undefined;
  /** The process's pid in its own pid namespace. */
  readonly pidInNamespace?: number | undefined;
  /** The pid is the number that the caller received. It is in the caller's pid namespace, which may not be the initial one. */
  readonly isClaimed?: boolean | undefined;
}

/** A process executes a new image. */
export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
  /** Calls of setpgid are not recorded now, because there were too many. `details.pgid` was read from /proc at the exec; undefined if unknown. */
  readonly groupsUntold?: boolean | undefined;
  /** The process may be in another control group than its creator. `details.cgroup` is '' if the group is unknown. */
  readonly cgroupUntold?: boolean | undefined;
  /** The kernel itself executes a helper without a system call, so audit has no record of it. Fields missing in `details` stay unknown. */
  readonly isUnrecorded?: boolean | undefined;
  readonly details: ExecDetails | undefined;
}

/** The last thread of a process has ended. */
export interface ExitEvent extends EventBase {
  readonly kind: 'exit';
  /** As in wait(2): exit code << 8, or the signal in the low 7 bits. */
  readonly status: number;
  /** When the process was created: CLOCK_BOOTTIME in milliseconds. */
  readonly startMs?: number | undefined;
  /** The session id. */
  readonly sid?: number | undefined;
  /** The process group id. */
  readonly pgid?: number | undefined;
}

/** A process became the leader of a new session. */
export interface SetsidEvent extends EventBase {
  readonly kind: 'setsid';
}

/** Events of this source were lost before this point. */
export interface LossEvent extends EventBase {
  readonly kind: 'loss';
  /** How many events were lost, at least. */
  readonly count: number;
}

/** setpgid(2) set the process group of a process. src/collect completes the event. */
export interface SetpgidEvent extends EventBase {
  readonly kind: 'setpgid';
  /** Undefined if the caller may be in another pid namespace. Then the pid is the caller's, and the group must be read from /proc. */
  readonly pgid?: Pid | undefined;
  /** The caller, if its pid namespace could not be read, as in a recorded log. The numbers are from that namespace; use them only if the caller could have set this group. */
  readonly goneCaller?: Pid | undefined;
  /** Audit's serial number. */
  readonly serial: number;
}

/** A login program (sshd, login, cron, sudo by PAM) reported that it opened a session: audit's USER_LOGIN and USER_START. The pid is the program's. One login often makes two events, the first without a terminal. */
export interface LoginEvent extends EventBase {
  readonly kind: 'login';
  /** Audit's session id. */
  readonly ses?: number | undefined;
  /** Source address: IPv4 or IPv6, with its zone if it has one; '' if unknown or local. */
  readonly address: string;
  /** The terminal as the program reported it: pts/1 as in ExecDetails, or a word such as ssh or cron; '' if unknown. */
  readonly terminal: string;
  /** Path of the program; '' if unknown. */
  readonly exe: string;
}

/** A live process in a snapshot, at the start or after a loss. */
export interface SnapshotEvent extends EventBase {
  readonly kind: 'snapshot';
  /** When the parent was created: CLOCK_BOOTTIME in milliseconds. */
  readonly parentStartMs?: number | undefined;
  /** A zombie: it has ended, and its parent has not waited for it. */
  readonly hasEnded?: boolean | undefined;
  /** It has executed its image itself and did not inherit it at a fork. */
  readonly hasExecuted?: boolean | undefined;
  readonly details: ExecDetails;
}

/** All records of the requested snapshot came before this point, or were counted as lost. */
export interface SnapshotEndEvent extends EventBase {
  readonly kind: 'snapshotEnd';
  /** Whether the snapshot has all processes. */
  readonly isWhole?: boolean | undefined;
}

/** setuid(2) or a similar call changed user or group ids of a process, in the initial user namespace. */
export interface SetidEvent extends EventBase {
  readonly kind: 'setid';
  /** After the call. */
  readonly uid?: number | undefined;
  /** After the call. */
  readonly gid?: number | undefined;
  /** After the call. */
  readonly euid?: number | undefined;
  /** After the call. */
  readonly egid?: number | undefined;
  /** After the call. */
  readonly suid?: number | undefined;
  /** After the call. */
  readonly sgid?: number | undefined;
  /** After the call. */
  readonly fsuid?: number | undefined;
  /** After the call. */
  readonly fsgid?: number | undefined;
  /** Before the call. */
  readonly uidBefore?: number | undefined;
  /** Before the call. */
  readonly gidBefore?: number | undefined;
  /** Before the call. */
  readonly euidBefore?: number | undefined;
  /** Before the call. */
  readonly egidBefore?: number | undefined;
  /** Before the call. */
  readonly suidBefore?: number | undefined;
  /** Before the call. */
  readonly sgidBefore?: number | undefined;
  /** Before the call. */
  readonly fsuidBefore?: number | undefined;
  /** Before the call. */
  readonly fsgidBefore?: number | undefined;
}

export type SensorEvent =
  | ForkEvent
  | ExecEvent
  | ExitEvent
  | SetsidEvent
  | LossEvent
  | SetpgidEvent
  | LoginEvent
  | SnapshotEvent
  | SnapshotEndEvent
  | SetidEvent;

const idAt = (batch: Buffer, at: number): number | undefined => {
  const value = batch.readUInt32LE(at);
  return value === 4294967295 ? undefined : value;
};
const pidAt = (batch: Buffer, at: number): Pid | undefined => {
  const value = batch.readInt32LE(at);
  return value > 0 ? (value as Pid) : undefined;
};
const measureAt = (batch: Buffer, at: number): number | undefined => {
  const value = batch.readDoubleLE(at);
  return Number.isNaN(value) ? undefined : value;
};

/** Reads the texts of a record in order. */
class Texts {
  readonly #batch: Buffer;
  #at: number;

  constructor(batch: Buffer, at: number) {
    this.#batch = batch;
    this.#at = at;
  }

  next(): string {
    const length = this.#batch.readUInt32LE(this.#at);
    this.#at += 4;
    if (length === 0) return '';
    if (length > this.#batch.length - this.#at) {
      throw new BatchFormatError(`text of ${length} bytes at byte ${this.#at}`);
    }
    const text = this.#batch.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return text;
  }
}

function detailsAt(batch: Buffer, at: number, flags: number, texts: Texts): ExecDetails {
  return {
    serial: batch.readUInt32LE(at),
    ppid: idAt(batch, at + 4),
    syscall: EXEC_CALL[batch.readUInt8(at + 8)] ?? '',
    auid: idAt(batch, at + 9),
    uid: idAt(batch, at + 13),
    gid: idAt(batch, at + 17),
    euid: idAt(batch, at + 21),
    suid: idAt(batch, at + 25),
    fsuid: idAt(batch, at + 29),
    egid: idAt(batch, at + 33),
    sgid: idAt(batch, at + 37),
    fsgid: idAt(batch, at + 41),
    ses: idAt(batch, at + 45),
    mode: idAt(batch, at + 49),
    ownerUid: idAt(batch, at + 53),
    ownerGid: idAt(batch, at + 57),
    atime: measureAt(batch, at + 61),
    mtime: measureAt(batch, at + 69),
    ctime: measureAt(batch, at + 77),
    btime: measureAt(batch, at + 85),
    inode: batch.readDoubleLE(at + 93) || undefined,
    device: idAt(batch, at + 101),
    size: measureAt(batch, at + 105),
    linkCount: idAt(batch, at + 113),
    pidNamespace: batch.readDoubleLE(at + 117) || undefined,
    userNamespace: batch.readDoubleLE(at + 125) || undefined,
    mountNamespace: batch.readDoubleLE(at + 133) || undefined,
    networkNamespace: batch.readDoubleLE(at + 141) || undefined,
    pidInNamespace: idAt(batch, at + 149),
    sid: idAt(batch, at + 153),
    pgid: idAt(batch, at + 157),
    ttyNr: idAt(batch, at + 161),
    startMs: batch.readDoubleLE(at + 165) || undefined,
    capPermitted: measureAt(batch, at + 173),
    capEffective: measureAt(batch, at + 181),
    stdinKind: DESCRIPTOR_KIND[batch.readUInt8(at + 189)] ?? '',
    stdoutKind: DESCRIPTOR_KIND[batch.readUInt8(at + 190)] ?? '',
    stderrKind: DESCRIPTOR_KIND[batch.readUInt8(at + 191)] ?? '',
    cgroupId: batch.readDoubleLE(at + 192) || undefined,
    argsCount: idAt(batch, at + 200),
    argsBytes: batch.readUInt32LE(at + 204),
    envCount: idAt(batch, at + 208),
    envBytes: idAt(batch, at + 212),
    newNamespaces: idAt(batch, at + 216),
    argsCut: (flags & 0x2) !== 0,
    fromProcfs: (flags & 0x4) !== 0,
    isDeleted: (flags & 0x8) !== 0,
    isScript: (flags & 0x10) !== 0,
    gainsPrivilege: (flags & 0x20) !== 0,
    isUpperLayer: (flags & 0x40) !== 0,
    pathCut: (flags & 0x80) !== 0,
    isMemfd: (flags & 0x100) !== 0,
    hasFileCapabilities: (flags & 0x200) !== 0,
    environmentCut: (flags & 0x400) !== 0,
    // Read in the order of the texts in the record.
    comm: texts.next(),
    path: texts.next(),
    cwd: texts.next(),
    tty: terminalNamed(texts.next()),
    args: texts.next(),
    name: texts.next(),
    cgroup: texts.next(),
    root: texts.next(),
    environment: texts.next(),
  };
}

/** A clock record has Unix ms minus CLOCK_BOOTTIME ms for the records after it. */
export type ClockRecord = { readonly kind: 'clock'; readonly offset: number | undefined };

/** Reads the record at `start`. Its header is complete. `bootToUnixMs` is the offset of the last clock record. */
export function decodeRecord(batch: Buffer, start: number, bootToUnixMs: number): SensorEvent | ClockRecord {
  const kind = batch.readUInt8(start + 4);
  const origin = ORIGINS[batch.readUInt8(start + 5)] ?? 'none';
  const flags = batch.readUInt16LE(start + 6);
  const time = batch.readDoubleLE(start + 12);
  const at = start + 20;
  const base = {
    origin,
    pid: batch.readInt32LE(start + 8) as Pid,
    bootMs: origin === 'audit' ? time - bootToUnixMs : time,
    unixMs: origin === 'audit' ? time : time + bootToUnixMs,
  };
  switch (kind) {
    case 1: {
      return {
        kind: 'fork',
        ...base,
        parent: batch.readInt32LE(at) as Pid,
        imageFrom: pidAt(batch, at + 4),
        callerParent: pidAt(batch, at + 8),
        startMs: batch.readDoubleLE(at + 12) || undefined,
        parentStartMs: batch.readDoubleLE(at + 20) || undefined,
        sid: idAt(batch, at + 28),
        pgid: idAt(batch, at + 32),
        pidNamespace: batch.readDoubleLE(at + 36) || undefined,
        pidInNamespace: idAt(batch, at + 44),
        isClaimed: (flags & 0x1000) !== 0,
      };
    }
    case 2: {
      const texts = new Texts(batch, at + 220);
      return {
        kind: 'exec',
        ...base,
        groupsUntold: (flags & 0x1000) !== 0,
        cgroupUntold: (flags & 0x2000) !== 0,
        isUnrecorded: (flags & 0x4000) !== 0,
        details: (flags & 1) !== 0 ? detailsAt(batch, at + 0, flags, texts) : undefined,
      };
    }
    case 3: {
      return {
        kind: 'exit',
        ...base,
        status: batch.readInt32LE(at),
        startMs: batch.readDoubleLE(at + 4) || undefined,
        sid: idAt(batch, at + 12),
        pgid: idAt(batch, at + 16),
      };
    }
    case 4: {
      return { kind: 'setsid', ...base };
    }
    case 5: {
      return { kind: 'loss', ...base, count: batch.readUInt32LE(at) };
    }
    case 6: {
      return { kind: 'clock', ...base, offset: measureAt(batch, at) };
    }
    case 7: {
      return {
        kind: 'setpgid',
        ...base,
        pgid: pidAt(batch, at),
        goneCaller: pidAt(batch, at + 4),
        serial: batch.readUInt32LE(at + 8),
      };
    }
    case 8: {
      const texts = new Texts(batch, at + 4);
      return {
        kind: 'login',
        ...base,
        ses: idAt(batch, at),
        address: texts.next(),
        terminal: terminalNamed(texts.next()),
        exe: texts.next(),
      };
    }
    case 9: {
      const texts = new Texts(batch, at + 228);
      return {
        kind: 'snapshot',
        ...base,
        parentStartMs: batch.readDoubleLE(at) || undefined,
        hasEnded: (flags & 0x1000) !== 0,
        hasExecuted: (flags & 0x2000) !== 0,
        details: detailsAt(batch, at + 8, flags, texts),
      };
    }
    case 10: {
      return { kind: 'snapshotEnd', ...base, isWhole: (flags & 0x1000) !== 0 };
    }
    case 11: {
      return {
        kind: 'setid',
        ...base,
        uid: idAt(batch, at),
        gid: idAt(batch, at + 4),
        euid: idAt(batch, at + 8),
        egid: idAt(batch, at + 12),
        suid: idAt(batch, at + 16),
        sgid: idAt(batch, at + 20),
        fsuid: idAt(batch, at + 24),
        fsgid: idAt(batch, at + 28),
        uidBefore: idAt(batch, at + 32),
        gidBefore: idAt(batch, at + 36),
        euidBefore: idAt(batch, at + 40),
        egidBefore: idAt(batch, at + 44),
        suidBefore: idAt(batch, at + 48),
        sgidBefore: idAt(batch, at + 52),
        fsuidBefore: idAt(batch, at + 56),
        fsgidBefore: idAt(batch, at + 60),
      };
    }
    default:
      throw new BatchFormatError(`unknown kind ${kind} at byte ${start}`);
  }
}
