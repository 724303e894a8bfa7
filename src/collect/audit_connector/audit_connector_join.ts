/**
 * Joins the records of audit and the messages of the proc connector into complete events. The connector gives the order: its
 * messages wait in a queue. An exec waits for its audit record. Every other event waits until audit has passed it, because
 * only then all earlier changes of process groups are known. The audit record of an exec shows that audit has reported
 * everything before that exec, so no event waits longer than the next exec. A missing record is given up after a timeout,
 * after a check whether the kernel has more records.
 */
import { KTHREADD } from '../../linux/kernel_pids.ts';
import { MEMORY_BOUNDS, textBytes } from '../../memory/memory_bounds.ts';
import type { ExecDetails, Pid, ProcessEvent } from '../event.ts';
import type { EventJoin, JoinOptions, JoinStats } from '../event_join.ts';
import type { ExecEvent, ExitEvent, ForkEvent, SensorEvent, SetsidEvent } from '../events.ts';
import { type GroupChange, GroupChanges } from '../group_changes.ts';
import { type AnnouncedExec, ExecPairing } from './exec_pairing.ts';

/** While audit lags behind, an event waits at most this many times longer. */
const LAGGING_WAIT_FACTOR = 20;
/** For this time, a late record is distinguished from the record of an unannounced exec. */
const LATE_RECORD_MS = 10_000;
/** A larger move of the wall clock against CLOCK_BOOTTIME means that it was set. Timestamps are not compared for a while after. */
const CLOCK_SET_MS = 2;
const CLOCK_SETTLES_MS = 5_000;

/** An exec that the connector announced. */
interface Exec extends AnnouncedExec {
  details: ExecDetails | undefined;
  /** Details from /proc at the announcement, if no audit record is expected. */
  fallback: ExecDetails | undefined;
  /** See ExecEvent. */
  groupsUntold: boolean;
  cgroupUntold: boolean;
  isUnrecorded: boolean;
}

interface OtherMessage {
  readonly event: ForkEvent | ExitEvent | SetsidEvent;
  readonly heardMs: number;
}

/** A connector message that waits. */
type Entry = Exec | OtherMessage;

const isExec = (entry: Entry): entry is Exec => entry.event.kind === 'exec';

/** Approximate size of a queue entry without its texts, in bytes. */
const ENTRY_BYTES = 300;

/**
 * Whether a change belongs to a former process with the pid of this fork. The sensor reads the audit socket before the
 * connector socket, so the connector has reported the fork of a process before audit reports its calls.
 */
const isFormer = ({ forkedMs = Number.NEGATIVE_INFINITY }: GroupChange, fork: ForkEvent) => forkedMs < fork.bootMs;

export class AuditConnectorJoin implements EventJoin {
  readonly #options: JoinOptions;
  readonly #pairing = new ExecPairing<Exec>();
  readonly #groups = new GroupChanges();
  readonly #queue: Entry[] = [];
  /** Number of execs in the queue, and of those with details: audit has reported everything before these. */
  #execs = 0;
  #complete = 0;
  /** The last waiting exec of each pid. */
  readonly #lastExecs = new Map<Pid, Exec>();
  /** Size of the queue: its entries and the texts of its execs. */
  #queueBytes = 0;
  /** By pid: when the last process was forked (CLOCK_BOOTTIME), until its exit is released. */
  readonly #forkedMs = new Map<Pid, number>();
  /** Kernel threads, until their exit. Audit has no records of them. */
  readonly #kernelThreads = new Set<Pid>();
  #clockOffsetMs = Number.NaN;
  #clockSetMs = Number.NEGATIVE_INFINITY;
  /** By CLOCK_BOOTTIME, which cannot be set. */
  #lastAuditMs = Number.NEGATIVE_INFINITY;
  #lastAuditHeardMs = Number.NEGATIVE_INFINITY;
  #hurried = 0;

  constructor(options: JoinOptions) {
    this.#options = options;
  }

  get waitingSinceMs(): number | undefined {
    const since = [this.#queue[0]?.heardMs, this.#pairing.earlySinceMs].filter((ms) => ms !== undefined);
    return since.length === 0 ? undefined : Math.min(...since);
  }

  get stats(): JoinStats {
    return { waiting: this.#execs, hurried: this.#hurried, textBytes: this.#queueBytes + this.#pairing.earlyBytes };
  }

  executing(): readonly Pid[] {
    return [...this.#lastExecs.keys(), ...this.#pairing.earlyPids];
  }

  take(events: readonly SensorEvent[]): readonly ProcessEvent[] {
    const whole: ProcessEvent[] = [];
    const now = this.#options.now();
    for (const event of events) {
      this.#keepClock(event, now);
      switch (event.kind) {
        case 'exec':
          if (event.origin === 'audit') this.#record(event, now);
          else this.#announce(event, now);
          break;
        case 'setpgid':
          this.#groups.add(event, this.#forkedMs.get(event.pid));
          break;
        case 'fork':
        case 'exit':
        case 'setsid':
          if (event.kind === 'fork') this.#keepFork(event);
          this.#queue.push({ event, heardMs: now });
          this.#queueBytes += ENTRY_BYTES;
          break;
        default:
          whole.push(event);
      }
    }
    this.#releaseHead(whole);
    this.#makeRoom(whole);
    return whole;
  }

  release(which: 'overdue' | 'all', isOnItsWay: () => boolean): readonly ProcessEvent[] {
    const whole: ProcessEvent[] = [];
    const now = this.#options.now();
    let asked: boolean | undefined;
    const isLagging = () => {
      asked ??= isOnItsWay();
      return asked;
    };
    this.#releaseHead(whole, which === 'all' ? () => true : (entry) => this.#isOverdue(entry, now, isLagging));
    const since = which === 'all' ? Number.POSITIVE_INFINITY : now - this.#options.publishWaitMs();
    this.#releaseUnannounced(since, whole);
    this.#pairing.forgetGivenUp(now - LATE_RECORD_MS);
    return whole;
  }

  #keepFork({ pid, parent, bootMs }: ForkEvent): void {
    this.#forkedMs.set(pid, bootMs);
    if (parent === KTHREADD) this.#kernelThreads.add(pid);
    else this.#kernelThreads.delete(pid);
  }

  #keepClock(event: SensorEvent, now: number): void {
    const offsetMs = event.unixMs - event.bootMs;
    if (Math.abs(offsetMs - this.#clockOffsetMs) > CLOCK_SET_MS) this.#clockSetMs = now;
    this.#clockOffsetMs = offsetMs;
    if (event.origin !== 'audit') return;
    this.#lastAuditHeardMs = now;
    if (this.#timesCompare) this.#lastAuditMs = Math.max(this.#lastAuditMs, event.bootMs);
  }

  /** Whether timestamps can be compared. False just after the clock was set: waiting records may have old or new timestamps. */
  get #timesCompare(): boolean {
    return this.#options.now() - this.#clockSetMs > CLOCK_SETTLES_MS;
  }

  /** Adds an exec of the connector. */
  #announce(event: ExecEvent, heardMs: number): void {
    const { groupsUntold = false, cgroupUntold = false } = event;
    const exec: Exec = {
      ...{ event, heardMs, details: undefined, fallback: undefined, isGivenUp: false },
      ...{ groupsUntold, cgroupUntold, isUnrecorded: false },
    };
    this.#queue.push(exec);
    this.#queueBytes += ENTRY_BYTES;
    // The kernel's helpers begin as kernel threads (kernel/umh.c).
    this.#kernelThreads.delete(event.pid);
    this.#lastExecs.set(event.pid, exec);
    this.#execs++;
    // No audit record will come for it. A later record belongs to a later exec.
    if (event.isUnrecorded && !event.details) {
      exec.isUnrecorded = true;
      this.#complete++;
      return;
    }
    // The event has details from /proc if audit does not work: then no audit record will come.
    const details = event.details ?? this.#pairing.announce(exec, this.#timesCompare);
    if (details) {
      this.#addDetails(exec, details);
    } else if (!this.#forkedMs.has(event.pid)) {
      // A process that started before audit was first enabled has no audit context, and makes no records (kernel/auditsc.c,
      // audit_alloc). Its details must be read from /proc now.
      exec.fallback = this.#read(exec);
      this.#queueBytes += textBytes(exec.fallback);
    }
  }

  /** Adds the audit record of an exec. */
  #record(event: ExecEvent, heardMs: number): void {
    if (!event.details) return;
    const exec = this.#pairing.record(event, event.details, heardMs, this.#timesCompare);
    // A record that comes too late changes nothing: its exec was already released.
    if (!exec || exec.isGivenUp) return;
    exec.groupsUntold = event.groupsUntold ?? false;
    exec.cgroupUntold = event.cgroupUntold ?? false;
    this.#addDetails(exec, event.details);
  }

  #addDetails(exec: Exec, details: ExecDetails): void {
    exec.details = details;
    this.#complete++;
    this.#queueBytes += textBytes(details);
  }

  /** Releases entries up to the first one that is incomplete and not given up. */
  #releaseHead(whole: ProcessEvent[], isGivenUp: (entry: Entry) => boolean = () => false): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      if (!this.#isWhole(head) && !isGivenUp(head)) return;
      this.#queue.shift();
      this.#queueBytes -= ENTRY_BYTES;
      if (isExec(head)) this.#releaseExec(head, whole);
      else this.#releaseOther(head, whole);
    }
  }

  #isWhole(entry: Entry): boolean {
    if (isExec(entry)) return entry.details !== undefined || entry.isUnrecorded;
    // The kernel makes a thread for each answer to a request for audit's status (kernel/audit.c, audit_send_reply): the question
    // whether records are on their way must not begin another wait.
    if (this.#kernelThreads.has(entry.event.pid)) return true;
    return this.#complete > 0 || this.#lastAuditMs > entry.event.bootMs;
  }

  #releaseOther({ event }: OtherMessage, whole: ProcessEvent[]): void {
    this.#groups.release(event, (change) => this.#isBefore(change, event), isFormer, whole);
    whole.push(event);
    const isOver = event.kind === 'exit' && (this.#forkedMs.get(event.pid) ?? 0) <= event.bootMs;
    if (!isOver) return;
    this.#forkedMs.delete(event.pid);
    this.#kernelThreads.delete(event.pid);
  }

  #releaseExec(exec: Exec, whole: ProcessEvent[]): void {
    const { event, details, fallback } = exec;
    this.#execs--;
    if (details || exec.isUnrecorded) this.#complete--;
    else exec.isGivenUp = true;
    this.#queueBytes -= textBytes(details) + textBytes(fallback);
    const serial = details?.serial || undefined;
    this.#groups.release(
      event,
      (change) => (serial === undefined ? this.#isBefore(change, event) : change.event.serial < serial),
      isFormer,
      whole,
    );
    const { groupsUntold, cgroupUntold } = exec;
    const known = details ?? fallback ?? (exec.isUnrecorded ? undefined : this.#read(exec));
    whole.push({ ...event, groupsUntold, cgroupUntold, details: known });
    if (this.#lastExecs.get(event.pid) === exec) this.#lastExecs.delete(event.pid);
  }

  /**
   * Whether a group change came before an event of the same pid. The audit timestamp is never later than the call, but it may be
   * earlier by a late kernel tick. A timestamp after the event proves that the change came after it. A timestamp before the
   * event proves nothing if the pid was reused when the change was reported.
   */
  #isBefore(change: GroupChange, { bootMs }: SensorEvent): boolean {
    const { event, forkedMs = Number.NEGATIVE_INFINITY } = change;
    if (forkedMs <= bootMs) return event.bootMs <= bootMs;
    if (this.#timesCompare && event.bootMs > bootMs) return false;
    // Every entry of the queue is later than this event, which is or was its head.
    const isAfter = this.#queue.some((entry) => isExec(entry) && (entry.details?.serial || Infinity) < event.serial);
    change.isDoubtful ||= !isAfter;
    return false;
  }

  /** Details from /proc of a living process, if it still runs the image of this exec. */
  #read(exec: Exec): ExecDetails | undefined {
    const { pid, bootMs } = exec.event;
    if (this.#lastExecs.get(pid) !== exec) return undefined;
    const shown = this.#options.readProcess(pid);
    // The pid may have been reused.
    const isSame = shown?.details.startMs !== undefined && shown.details.startMs <= bootMs;
    return isSame && !shown.hasEnded ? shown.details : undefined;
  }

  #isOverdue({ event, heardMs }: Entry, now: number, isLagging: () => boolean): boolean {
    const waitMs = this.#options.publishWaitMs();
    const waitedMs = now - heardMs;
    if (waitedMs < waitMs) return false;
    if (waitedMs >= waitMs * LAGGING_WAIT_FACTOR) return true;
    // If audit has passed the event, no record will come. If audit is still reporting earlier execs, it may come.
    if (this.#lastAuditMs > event.bootMs + waitMs) return true;
    return now - this.#lastAuditHeardMs >= waitMs && !isLagging();
  }

  /** Releases records of execs that the connector did not announce, as separate execs. */
  #releaseUnannounced(heardBeforeMs: number, whole: ProcessEvent[]): number {
    const records = this.#pairing.takeUnannounced(heardBeforeMs);
    for (const { event } of records) whole.push({ ...event, isCoarse: true });
    return records.length;
  }

  /** Releases the oldest entries until the queue is within its memory bound. */
  #makeRoom(whole: ProcessEvent[]): void {
    const isTooMuch = () => this.#queueBytes + this.#pairing.earlyBytes > MEMORY_BOUNDS.waitingEvents;
    if (!isTooMuch()) return;
    this.#releaseHead(whole, (entry) => {
      if (!isTooMuch()) return false;
      if (isExec(entry)) this.#hurried++;
      return true;
    });
    if (isTooMuch()) this.#hurried += this.#releaseUnannounced(Number.POSITIVE_INFINITY, whole);
  }
}
