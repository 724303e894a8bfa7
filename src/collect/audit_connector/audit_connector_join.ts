/**
 * Joins the two halves that audit and the proc connector tell into whole events. The connector's messages are the order: they
 * wait in a queue, an exec until audit's record of it has come, and everything else until audit has gone past it, for only
 * then is it known which process groups were set before. A record of an exec says that audit has told all that happened
 * before that exec, so that nothing waits longer than the next exec. What does not come is given up after a while, and the
 * kernel is asked first whether more is on its way.
 */
import { MEMORY_BOUNDS, textBytes } from '../../memory/memory_bounds.ts';
import type { ExecDetails, Pid, ProcessEvent } from '../event.ts';
import type { EventJoin, JoinOptions, JoinStats } from '../event_join.ts';
import type { ExecEvent, ExitEvent, ForkEvent, SensorEvent, SetsidEvent } from '../events.ts';
import { type GroupChange, GroupChanges } from '../group_changes.ts';
import { type AnnouncedExec, ExecPairing } from './exec_pairing.ts';

/** While audit is behind, an event waits for it so many times longer at most. */
const LAGGING_WAIT_FACTOR = 20;
/** For so long a late record is told from one of an exec that was not announced. */
const LATE_RECORD_MS = 10_000;
/** The wall clock was set when it moved against CLOCK_BOOTTIME by more; stamps from before are not compared for a while. */
const CLOCK_SET_MS = 2;
const CLOCK_SETTLES_MS = 5_000;

/** An exec that the connector announced. */
interface Exec extends AnnouncedExec {
  details: ExecDetails | undefined;
  /** What /proc showed at once, where audit had to be expected to tell nothing. */
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

/** What the connector told, while it waits. */
type Entry = Exec | OtherMessage;

const isExec = (entry: Entry): entry is Exec => entry.event.kind === 'exec';

/** What an entry of the queue takes beside its texts, about. */
const ENTRY_BYTES = 300;

/**
 * Whether a change is of a process that had the pid before this fork. The sensor empties audit's socket before the
 * connector's: whatever a process did that audit has told, the connector has told its fork before.
 */
const isFormer = ({ forkedMs = Number.NEGATIVE_INFINITY }: GroupChange, fork: ForkEvent) => forkedMs < fork.bootMs;

export class AuditConnectorJoin implements EventJoin {
  readonly #options: JoinOptions;
  readonly #pairing = new ExecPairing<Exec>();
  readonly #groups = new GroupChanges();
  readonly #queue: Entry[] = [];
  /** Execs in the queue, and those of them that have their details: audit has told all that happened before. */
  #execs = 0;
  #complete = 0;
  /** The last exec of each pid that waits. */
  readonly #lastExecs = new Map<Pid, Exec>();
  /** Of the queue: what its entries take, and the texts of execs. */
  #queueBytes = 0;
  /** When the last process of each pid was forked, by CLOCK_BOOTTIME, until its end is handed over. */
  readonly #forkedMs = new Map<Pid, number>();
  #clockOffsetMs = Number.NaN;
  #clockSetMs = Number.NEGATIVE_INFINITY;
  /** By a clock that is not set. */
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
          if (event.kind === 'fork') this.#forkedMs.set(event.pid, event.bootMs);
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

  #keepClock(event: SensorEvent, now: number): void {
    const offsetMs = event.unixMs - event.bootMs;
    if (Math.abs(offsetMs - this.#clockOffsetMs) > CLOCK_SET_MS) this.#clockSetMs = now;
    this.#clockOffsetMs = offsetMs;
    if (event.origin !== 'audit') return;
    this.#lastAuditHeardMs = now;
    if (this.#timesCompare) this.#lastAuditMs = Math.max(this.#lastAuditMs, event.bootMs);
  }

  /** False while the clock was just set: what is on its way may be stamped by either. */
  get #timesCompare(): boolean {
    return this.#options.now() - this.#clockSetMs > CLOCK_SETTLES_MS;
  }

  /** The connector's exec. */
  #announce(event: ExecEvent, heardMs: number): void {
    const { groupsUntold = false, cgroupUntold = false } = event;
    const exec: Exec = {
      ...{ event, heardMs, details: undefined, fallback: undefined, isGivenUp: false },
      ...{ groupsUntold, cgroupUntold, isUnrecorded: false },
    };
    this.#queue.push(exec);
    this.#queueBytes += ENTRY_BYTES;
    this.#lastExecs.set(event.pid, exec);
    this.#execs++;
    // What it was read as is all that will be told: a later record is of a later exec.
    if (event.isUnrecorded && !event.details) {
      exec.isUnrecorded = true;
      this.#complete++;
      return;
    }
    // With details from /proc where audit does not work: it will tell nothing.
    const details = event.details ?? this.#pairing.announce(exec, this.#timesCompare);
    if (details) {
      this.#addDetails(exec, details);
    } else if (!this.#forkedMs.has(event.pid)) {
      // A process from before audit was first enabled has no audit context, and makes no record (kernel/auditsc.c,
      // audit_alloc): what it runs is to be read now or never.
      exec.fallback = this.#read(exec);
      this.#queueBytes += textBytes(exec.fallback);
    }
  }

  /** Audit's record of an exec. */
  #record(event: ExecEvent, heardMs: number): void {
    if (!event.details) return;
    const exec = this.#pairing.record(event, event.details, heardMs, this.#timesCompare);
    // A record that comes too late changes nothing: its row is out.
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

  /** Releases what is whole, up to the first entry that is not, and is not to be given up. */
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
    return this.#complete > 0 || this.#lastAuditMs > entry.event.bootMs;
  }

  #releaseOther({ event }: OtherMessage, whole: ProcessEvent[]): void {
    this.#groups.release(event, (change) => this.#isBefore(change, event), isFormer, whole);
    whole.push(event);
    const isOver = event.kind === 'exit' && (this.#forkedMs.get(event.pid) ?? 0) <= event.bootMs;
    if (isOver) this.#forkedMs.delete(event.pid);
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
   * Whether a group was set before an event of the same pid. Audit's stamp is never later than the call, but may be earlier
   * by as long as the kernel's tick was late: a stamp from after the event proves the contrary, one from before proves nothing
   * where the pid was another process's by the time that the change was told.
   */
  #isBefore(change: GroupChange, { bootMs }: SensorEvent): boolean {
    const { event, forkedMs = Number.NEGATIVE_INFINITY } = change;
    if (forkedMs <= bootMs) return event.bootMs <= bootMs;
    if (this.#timesCompare && event.bootMs > bootMs) return false;
    // All in the queue happened after this event, which is its head or was.
    const isAfter = this.#queue.some((entry) => isExec(entry) && (entry.details?.serial || Infinity) < event.serial);
    change.isDoubtful ||= !isAfter;
    return false;
  }

  /** What /proc shows of a process that lives, if it still runs what this exec loaded. */
  #read(exec: Exec): ExecDetails | undefined {
    const { pid, bootMs } = exec.event;
    if (this.#lastExecs.get(pid) !== exec) return undefined;
    const shown = this.#options.readProcess(pid);
    // Another process may have the pid by now.
    const isSame = shown?.details.startMs !== undefined && shown.details.startMs <= bootMs;
    return isSame && !shown.hasEnded ? shown.details : undefined;
  }

  #isOverdue({ event, heardMs }: Entry, now: number, isLagging: () => boolean): boolean {
    const waitMs = this.#options.publishWaitMs();
    const waitedMs = now - heardMs;
    if (waitedMs < waitMs) return false;
    if (waitedMs >= waitMs * LAGGING_WAIT_FACTOR) return true;
    // Audit that has gone past it will not come back to it; one that is still busy with earlier execs will come to it.
    if (this.#lastAuditMs > event.bootMs + waitMs) return true;
    return now - this.#lastAuditHeardMs >= waitMs && !isLagging();
  }

  /** Records of execs that the connector did not announce are execs of their own. */
  #releaseUnannounced(heardBeforeMs: number, whole: ProcessEvent[]): number {
    const records = this.#pairing.takeUnannounced(heardBeforeMs);
    for (const { event } of records) whole.push({ ...event, isCoarse: true });
    return records.length;
  }

  /** Releases the oldest until what waits fits into the memory that is for it. */
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
