/**
 * A small model of a kernel: processes fork, execute and exit. It records the events of the proc connector and of audit,
 * each in its own order, the same as whole events, and the truth, with which the tree is compared.
 */
import { type ExecDetails, NO_DETAILS, type Pid, type ProcessEvent } from '../../../src/collect/event.ts';
import type {
  ExecEvent,
  ExitEvent,
  ForkEvent,
  LoginEvent,
  LossEvent,
  SensorEvent,
  SetpgidEvent,
} from '../../../src/collect/events.ts';

export interface TrueAncestor {
  readonly pid: number;
  readonly cmdline: string;
}

export interface TrueExec {
  readonly pid: number;
  readonly cmdline: string;
  readonly ancestry: readonly TrueAncestor[];
  readonly bootMs: number;
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
}

interface ModelProcess {
  readonly pid: number;
  readonly startMs?: number;
  cmdline: string;
  readonly creator: readonly TrueAncestor[];
  /** The kernel's parent now. */
  parent: number;
  alive: boolean;
  sid: number;
  pgid: number;
}

/** Unix ms at boot. */
export const BOOT_UNIX_MS = 1_700_000_000_000;

export function detailsOf(cmdline: string, ppid: number, more: Partial<ExecDetails> = {}): ExecDetails {
  const args = cmdline.split(' ');
  return {
    ...NO_DETAILS,
    fromProcfs: false,
    serial: 1,
    ppid,
    syscall: 'execve',
    auid: 1000,
    uid: 0,
    gid: 0,
    euid: 0,
    suid: 0,
    fsuid: 0,
    egid: 0,
    sgid: 0,
    fsgid: 0,
    ses: 1,
    mode: 0o100755,
    ownerUid: 0,
    ownerGid: 0,
    atime: undefined,
    mtime: undefined,
    ctime: undefined,
    btime: undefined,
    inode: undefined,
    pidNamespace: undefined,
    sid: undefined,
    pgid: undefined,
    ttyNr: undefined,
    argsCount: args.length,
    argsBytes: cmdline.length,
    argsCut: false,
    comm: args[0] ?? '',
    path: `/bin/${args[0]}`,
    cwd: '/',
    tty: '',
    args: args.join('\0'),
    name: `/bin/${args[0]}`,
    cgroup: '',
    root: '',
    ...more,
  };
}

export class KernelModel {
  readonly processes = new Map<number, ModelProcess>();
  /** Events of the proc connector, in its order. */
  readonly connector: SensorEvent[] = [];
  /** Events of audit, in its order: execs, each at the return from the system call. */
  readonly audit: (ExecEvent | SetpgidEvent | LoginEvent)[] = [];
  /** For each of audit's records, the number of connector messages sent before it: they are received before it. */
  readonly toldBefore = new Map<SensorEvent, number>();
  /** The whole events, in order. */
  readonly whole: ProcessEvent[] = [];
  /** The same as one ordered stream with all ids and starts in each event, without calls that change ids. */
  readonly exact: ProcessEvent[] = [];
  readonly truth: TrueExec[] = [];
  /** Boot time of the next event. */
  bootMs = 1_000_000;
  /** Delay of audit's coarse clock. */
  lateMs = 3;
  readonly #stepMs: number;
  #serial = 0;

  constructor(stepMs = 1) {
    this.#stepMs = stepMs;
    this.processes.set(1, { pid: 1, cmdline: 'init', creator: [], parent: 0, alive: true, sid: 1, pgid: 1 });
  }

  #tick(): { bootMs: number; unixMs: number } {
    this.bootMs += this.#stepMs;
    return { bootMs: this.bootMs, unixMs: BOOT_UNIX_MS + this.bootMs };
  }

  #living(pid: number): ModelProcess {
    const process = this.processes.get(pid);
    if (!process?.alive) throw new Error(`no process ${pid}`);
    return process;
  }

  get alive(): number[] {
    return [...this.processes.values()].filter(({ alive }) => alive).map(({ pid }) => pid);
  }

  fork(by: number, child: number, options: { cloneParent?: boolean } = {}): ForkEvent {
    const caller = this.#living(by);
    const parent = options.cloneParent ? this.#living(caller.parent) : caller;
    const creator = [{ pid: parent.pid, cmdline: parent.cmdline }, ...parent.creator];
    const { cmdline, sid, pgid } = caller;
    const at = this.#tick();
    const startMs = at.bootMs - 0.03;
    this.processes.set(child, { pid: child, startMs, cmdline, creator, parent: parent.pid, alive: true, sid, pgid });
    const event: ForkEvent = {
      kind: 'fork',
      origin: 'proc_events',
      pid: child as Pid,
      ...at,
      parent: parent.pid as Pid,
      imageFrom: undefined,
    };
    this.tell(event);
    const { startMs: parentStartMs } = parent;
    const imageFrom = parent === caller ? undefined : (by as Pid);
    this.exact.push({ ...event, imageFrom, startMs, parentStartMs, sid, pgid });
    return event;
  }

  exec(pid: number, cmdline: string, more: Partial<ExecDetails> = {}): void {
    const process = this.#living(pid);
    process.cmdline = cmdline;
    const at = this.#tick();
    const event = { kind: 'exec', origin: 'proc_events', pid: pid as Pid, ...at } as const;
    this.connector.push({ ...event, details: undefined });
    const details = detailsOf(cmdline, process.parent, { serial: ++this.#serial, ...more });
    this.#record({ kind: 'exec', origin: 'audit', pid: pid as Pid, ...this.#coarse(at), details });
    this.whole.push({ ...event, details });
    const { creator: ancestry, sid, pgid, startMs } = process;
    this.exact.push({ ...event, details: { ...details, startMs, sid, pgid } });
    this.truth.push({ pid, cmdline, ancestry, bootMs: at.bootMs, sid, pgid });
  }

  #record(record: ExecEvent | SetpgidEvent | LoginEvent): void {
    this.audit.push(record);
    this.toldBefore.set(record, this.connector.length);
  }

  /** Audit's clock is coarse, and read when the call was entered. */
  #coarse(at: { unixMs: number }): { bootMs: number; unixMs: number } {
    const unixMs = Math.floor(at.unixMs) - this.lateMs;
    return { bootMs: unixMs - BOOT_UNIX_MS, unixMs };
  }

  setsid(pid: number): void {
    const process = this.#living(pid);
    process.sid = pid;
    process.pgid = pid;
    this.tell({ kind: 'setsid', origin: 'proc_events', pid: pid as Pid, ...this.#tick() });
  }

  /** `goneCaller` as reported by the collector if the caller has ended when its record is read. */
  setpgid(pid: number, pgid: number, goneCaller?: number): void {
    this.#living(pid).pgid = pgid;
    const at = this.#coarse(this.#tick());
    const serial = ++this.#serial;
    const event = {
      kind: 'setpgid',
      origin: 'audit',
      pid: pid as Pid,
      ...at,
      pgid: pgid as Pid,
      goneCaller: goneCaller as Pid,
      serial,
    } as const;
    this.#record(event);
    this.whole.push(event);
  }

  /** Sends a login record of sshd or another program. */
  login(ses: number, address: string, exe = '/usr/sbin/sshd'): void {
    const at = this.#coarse(this.#tick());
    const event = { kind: 'login', origin: 'audit', pid: 1 as Pid, ...at, ses, address, terminal: '', exe } as const;
    this.#record(event);
    this.whole.push(event);
  }

  exit(pid: number, status = 0): void {
    const process = this.#living(pid);
    process.alive = false;
    for (const child of this.processes.values()) if (child.alive && child.parent === pid) child.parent = 1;
    const event: ExitEvent = { kind: 'exit', origin: 'proc_events', pid: pid as Pid, ...this.#tick(), status };
    this.tell(event);
    const { startMs, sid, pgid } = process;
    this.exact.push({ ...event, startMs, sid, pgid });
  }

  /** The connector's exit event. */
  exitEvent(pid: number, status: number): ExitEvent {
    return { kind: 'exit', origin: 'proc_events', pid: pid as Pid, ...this.#tick(), status };
  }

  /** Its loss event. */
  loss(): LossEvent {
    return { kind: 'loss', origin: 'proc_events', pid: 0 as Pid, ...this.#tick(), count: 1 };
  }

  /** The connector's exit event of a leader whose process continues. */
  leaderExit(pid: number): void {
    this.tell(this.exitEvent(pid, 0));
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.bootMs += ms;
  }

  /** Adds a message of the connector that is a whole event. */
  tell(event: SensorEvent): void {
    this.connector.push(event);
    this.whole.push(event);
  }

  /** All events so far, as whole events. */
  take(): ProcessEvent[] {
    this.connector.length = 0;
    this.audit.length = 0;
    return this.whole.splice(0);
  }

  /** All events so far from both, the connector's first, as the collector delivers one drain. */
  takeHalves(): SensorEvent[] {
    this.whole.length = 0;
    return [...this.connector.splice(0), ...this.audit.splice(0)];
  }
}
