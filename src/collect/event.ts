/**
 * The one event type that crosses from the collectors to the process tree. Every collector produces it: native
 * audit and proc connector, and the replay of a recorded log.
 *
 * Times: `bootMs` is CLOCK_BOOTTIME in milliseconds (with a fraction), `unixMs` Unix time in milliseconds. The
 * kernel gives one of them with each event and the other is computed with the clocks' offset at that moment:
 * the connector's is exact, audit's is coarse (a scheduler tick) and taken when the system call was entered.
 * A replayed log has no boot time: there both are Unix time.
 */

/** A process id (a tgid) in the initial pid namespace. A process is a pid *and* a start time: see EntityId. */
export type Pid = number & { readonly brand: 'Pid' };

export type EventOrigin = 'none' | 'proc_events' | 'audit';

interface EventBase {
  readonly origin: EventOrigin;
  readonly pid: Pid;
  readonly bootMs: number;
  readonly unixMs: number;
}

/** `pid` was created. Threads are not processes and make no event. */
export interface ForkEvent extends EventBase {
  readonly kind: 'fork';
  /** The kernel's parent at the fork: with CLONE_PARENT the caller's parent. */
  readonly parent: Pid;
  /** Whose image the child inherits where that is not the parent's and the source knows it (CLONE_PARENT in audit). */
  readonly imageFrom: Pid | undefined;
  /** The parent of the process that called, where the source tells it. */
  readonly callerParent?: Pid | undefined;
  /**
   * Whether `pid` is only what the caller was given: a number of the caller's own pid namespace, which may be another than
   * the initial one.
   */
  readonly isClaimed?: boolean;
}

/** `pid` executes a new image. The proc connector tells only that it happened; audit carries the details. */
export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
  readonly details: ExecDetails | undefined;
}

/** The last thread of `pid` has ended. */
export interface ExitEvent extends EventBase {
  readonly kind: 'exit';
  /** As wait(2) gives it: exit code << 8, or the signal in the low 7 bits. */
  readonly status: number;
}

/** `pid` became the leader of a new session. */
export interface SetSidEvent extends EventBase {
  readonly kind: 'setsid';
}

/** The process group of `pid` was set by setpgid(2). */
export interface SetPgidEvent extends EventBase {
  readonly kind: 'setpgid';
  readonly origin: 'audit';
  /**
   * Undefined where the caller may count pids of another namespace: then `pid` is the caller, and what was set is to be
   * read from /proc.
   */
  readonly pgid: Pid | undefined;
  /**
   * The caller, where its namespace could not be read, as in a recorded log: `pid` and `pgid` are as it counted, and to be
   * believed only where it could have done that.
   */
  readonly goneCaller: Pid | undefined;
  /** Audit's serial number. */
  readonly serial: number;
}

/**
 * A program that lets people in (sshd, login, cron, sudo by PAM) said that it opened a session: audit's USER_LOGIN and
 * USER_START. `pid` is that program's process. Of one login there are often two, the first without a terminal.
 */
export interface LoginEvent extends EventBase {
  readonly kind: 'login';
  readonly origin: 'audit';
  /** Audit's session id. */
  readonly ses: number | undefined;
  /** IPv4 or IPv6 (with its zone, where it has one) of where it came from; '' if that is not known, or local. */
  readonly address: string;
  /** As the program names it: a terminal as in ExecDetails (pts/1), or a word such as ssh or cron; '' if unknown. */
  readonly terminal: string;
  /** The program; '' if unknown. */
  readonly exe: string;
}

/** At least `count` messages of `origin` were lost before this point. */
export interface LossEvent extends EventBase {
  readonly kind: 'loss';
  readonly count: number;
}

export type ProcessEvent = ForkEvent | ExecEvent | ExitEvent | SetSidEvent | SetPgidEvent | LoginEvent | LossEvent;

/** What an exec loaded and as whom. Numbers that the source did not tell are undefined; text that it did not is ''. */
export interface ExecDetails {
  readonly from: 'audit' | 'procfs';
  /** Audit's serial number of the event; 0 where there is none. */
  readonly serial: number;
  /** The kernel's parent at the exec: an adoptive one counts. */
  readonly ppid: number | undefined;
  readonly syscall: '' | 'execve' | 'execveat';
  readonly auid: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly euid: number | undefined;
  readonly suid: number | undefined;
  readonly fsuid: number | undefined;
  readonly egid: number | undefined;
  readonly sgid: number | undefined;
  readonly fsgid: number | undefined;
  /** Audit's session id. */
  readonly ses: number | undefined;
  /** st_mode of the program. */
  readonly mode: number | undefined;
  readonly ownerUid: number | undefined;
  readonly ownerGid: number | undefined;
  /** Unix seconds. */
  readonly atime: number | undefined;
  readonly mtime: number | undefined;
  readonly ctime: number | undefined;
  readonly btime: number | undefined;
  /** Of the program's file, where its times are known. */
  readonly inode: number | undefined;
  /** Inode number of the pid namespace. */
  readonly pidNamespace: number | undefined;
  /** Session, process group and controlling terminal's device number (0 for none) as in /proc/PID/stat: from procfs only. */
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
  readonly ttyNr: number | undefined;
  /** As the kernel counted them, also where `args` was cut. */
  readonly argsCount: number | undefined;
  /** Bytes of all arguments joined by one byte, before any cut. */
  readonly argsBytes: number;
  readonly argsCut: boolean;
  readonly comm: string;
  /** What the kernel loaded: for a script its interpreter. */
  readonly path: string;
  readonly cwd: string;
  /** As osquery shows it: pts/1, tty1; '' for none. */
  readonly tty: string;
  /** The arguments separated by NUL, without a trailing one. */
  readonly args: string;
  /** The name that was executed, as given to the system call: for a script the script. */
  readonly name: string;
  /** Control group: a path in its hierarchy. '' where the process was gone, and in a replayed log. */
  readonly cgroup: string;
  /**
   * The root directory in which `path` is a path: / where the host's path leads to the executed file, the host's path of a
   * chroot, mnt:[INODE] for another mount namespace. '' where it is not known: the process was gone, or the log is recorded.
   */
  readonly root: string;
}
