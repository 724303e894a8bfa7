/**
 * The process tree: takes process events in the order of their sources, has the process table keep who is whose child,
 * and publishes every exec once its details and its ancestors are known (R8, R10). No clock, file or socket of its own.
 */
import type { ExecDetails, ExecEvent, ProcessEvent } from '../collect/event.ts';
import { type Ancestry, isSettled, renderAncestry } from './ancestry.ts';
import type { CacheStats } from './cache.ts';
import { ExecPairing, Execution } from './execution.ts';
import { Image } from './image.ts';
import type { Link, Process } from './process.ts';
import { ProcessTable, type ProcessTableOptions } from './process_table.ts';

/** An exec as it is published: nothing in it changes any more. */
export interface PublishedExec {
  readonly process: Process;
  /** Undefined when nobody can tell what was executed. */
  readonly details: ExecDetails | undefined;
  readonly creator: Link | undefined;
  readonly ancestry: Ancestry;
  readonly entityId: string;
  readonly parentEntityId: string;
  /** The kernel's parent at the exec. */
  readonly ppid: number;
  readonly pidNamespace: number | undefined;
  readonly unixMs: number;
  readonly bootMs: number;
}

export interface TreeSettings {
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  readonly maxDepth: number;
  readonly ancestorCmdlineMax: number;
  /** How long an exec waits for what is still missing of it. */
  readonly publishWaitMs: number;
}

export interface TreeOptions extends TreeSettings, ProcessTableOptions {
  /** Whether an exec and its details come from two sources (connector and audit). */
  readonly detailsApart: boolean;
  readonly publish: (exec: PublishedExec) => void;
}

export interface TreeStats extends CacheStats {
  readonly eventsReceived: number;
  readonly eventsPublished: number;
  /** Execs that wait to be published. */
  readonly waiting: number;
  /** Execs that were published without the details that audit should have brought. */
  readonly detailsMissing: number;
}

/** While audit is behind, an exec waits for it so many times longer at most. */
const LAGGING_WAIT_FACTOR = 20;
/** For so long a late record is told from one of an exec that nobody announced. */
const LATE_RECORD_MS = 10_000;
/** The wall clock was set when it moved against CLOCK_BOOTTIME by more; stamps from before are not compared for a while. */
const CLOCK_SET_MS = 2;
const CLOCK_SETTLES_MS = 5_000;

export class ProcessTree {
  readonly #options: TreeOptions;
  #settings: TreeSettings;
  readonly processes: ProcessTable;
  readonly #pairing = new ExecPairing();
  /** Execs that are not published yet, by their images. */
  readonly #waiting = new Map<Image, Execution>();
  #clockOffsetMs = Number.NaN;
  #clockSetMs = Number.NEGATIVE_INFINITY;
  #lastAuditUnixMs = 0;
  #lastAuditHeardMs = Number.NEGATIVE_INFINITY;
  #eventsReceived = 0;
  #eventsPublished = 0;
  #detailsMissing = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#settings = options;
    this.processes = new ProcessTable(options);
  }

  /** Takes effect for what is published from now on. */
  configure(settings: TreeSettings): void {
    this.#settings = settings;
    this.processes.resize(settings);
  }

  get stats(): TreeStats {
    return {
      ...this.processes.stats,
      eventsReceived: this.#eventsReceived,
      eventsPublished: this.#eventsPublished,
      waiting: this.#waiting.size,
      detailsMissing: this.#detailsMissing,
    };
  }

  /** Applies events in their order, then publishes what has become complete. */
  apply(events: readonly ProcessEvent[]): void {
    for (const event of events) {
      this.#eventsReceived++;
      this.#keepClock(event);
      switch (event.kind) {
        case 'fork':
          this.processes.fork(event);
          break;
        case 'exec':
          this.#exec(event);
          break;
        case 'exit':
          this.processes.exit(event);
          break;
        case 'setsid':
        case 'setpgid':
        case 'login':
          break;
        case 'loss':
          this.processes.lost(event.count);
          break;
      }
    }
    for (const execution of this.#waiting.values()) {
      if (execution.image.sealed && isSettled(execution.process)) this.#publish(execution);
    }
  }

  /** Execs that wait to be published. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether something waits, so that `flush` has to be called when `publishWaitMs` have passed. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0 || this.#pairing.hasUnclaimed;
  }

  /**
   * Publishes what has waited long enough, with what is known of it. While the source is `lagging`, with more to hand over,
   * only what audit has gone past; `all` publishes the rest too: at an end.
   */
  flush(which: 'overdue' | 'lagging' | 'all' = 'overdue'): void {
    const now = this.#options.now();
    const since = which === 'all' ? Number.POSITIVE_INFINITY : now - this.#settings.publishWaitMs;
    for (const { event, details } of this.#pairing.takeUnclaimed(since)) this.#wholeExec(event, details);
    for (const execution of this.#waiting.values()) {
      if (which === 'all' || this.#isOverdue(execution, now, which === 'lagging')) this.#giveUpWaiting(execution);
    }
    this.#pairing.forgetClosed(now - LATE_RECORD_MS);
  }

  #keepClock(event: ProcessEvent): void {
    const offsetMs = event.unixMs - event.bootMs;
    this.processes.keepClock(offsetMs);
    if (Math.abs(offsetMs - this.#clockOffsetMs) > CLOCK_SET_MS) this.#clockSetMs = this.#options.now();
    this.#clockOffsetMs = offsetMs;
    if (event.origin === 'audit') {
      this.#lastAuditUnixMs = Math.max(this.#lastAuditUnixMs, event.unixMs);
      this.#lastAuditHeardMs = this.#options.now();
    }
  }

  #exec(event: ExecEvent): void {
    if (!this.#options.detailsApart || (event.origin === 'proc_events' && event.details)) {
      this.#wholeExec(event, event.details);
    } else if (event.origin === 'proc_events') {
      this.#announcedExec(event);
    } else if (event.details) {
      const now = this.#options.now();
      const timesCompare = now - this.#clockSetMs > CLOCK_SETTLES_MS;
      const paired = this.#pairing.addDetails(event, event.details, now, timesCompare);
      if (!paired) return;
      const { execution, late } = paired;
      if (!late && !execution.image.sealed) {
        this.#seal(execution, event.details);
      } else if (execution.process.image === execution.image) {
        // Too late for its row, which is out; not for those who are forked from now on.
        execution.process.image = Image.of(event.details);
      }
    }
  }

  /** The connector's exec, whose details are audit's to tell. */
  #announcedExec(event: ExecEvent): void {
    const process = this.processes.executor(event);
    const execution = this.#execute(process, event);
    const details = this.#pairing.addExecution(execution);
    if (details) {
      this.#seal(execution, details);
    } else if (process.met !== 'event') {
      // A process from before audit was first enabled has no audit context, and makes no record (kernel/auditsc.c,
      // audit_alloc): what it runs is to be read now or never.
      execution.fallback = this.#readDetails(execution);
    }
  }

  /** An exec that comes with all that will be told of it. */
  #wholeExec(event: ExecEvent, details: ExecDetails | undefined): void {
    const process = this.processes.executor(event);
    const execution = this.#execute(process, event);
    this.#seal(execution, details ?? this.#readDetails(execution));
  }

  #execute(process: Process, event: ExecEvent): Execution {
    const image = Image.pending();
    // Who was implied by this very exec has no other image; one implied by a child's fork had an unknown one before.
    const unseen = process.met === 'implied' && process.execUnixMs === 0;
    if (unseen && !process.image.sealed) process.image.seal(undefined);
    process.image = image;
    process.execUnixMs = event.unixMs;
    const heardMs = this.#options.now();
    const execution = new Execution(process, image, { bootMs: event.bootMs, unixMs: event.unixMs, heardMs });
    this.#waiting.set(image, execution);
    return execution;
  }

  #seal(execution: Execution, details: ExecDetails | undefined): void {
    // While a loss is not made good, the order that pairs records with execs may be off by one.
    this.#learn(execution, details, this.processes.losses.sinceResync === 0);
    if (isSettled(execution.process)) this.#publish(execution);
  }

  /** Takes in what an exec loaded, and what that tells of the process. */
  #learn(execution: Execution, details: ExecDetails | undefined, certain: boolean): void {
    const { process, image } = execution;
    image.seal(details, certain);
    execution.details = details;
    if (details?.pidNamespace) process.pidNamespace = details.pidNamespace;
    if (details?.ppid === undefined || process.lineage !== 'awaited') return;
    process.ppid = details.ppid;
    if (details.ppid === 0) process.setTop();
    else process.likelyCreator ??= this.processes.likelyParent(details.ppid, execution);
  }

  /** What /proc says of a process's image, if it is still the one that this exec loaded. */
  #readDetails({ process, image }: Execution): ExecDetails | undefined {
    if (process.image !== image) return undefined;
    const snapshot = this.#options.proc?.read(process.pid);
    return snapshot && this.processes.isSame(process, snapshot.startTicks) && !snapshot.ended
      ? snapshot.details
      : undefined;
  }

  #isOverdue(execution: Execution, now: number, lagging: boolean): boolean {
    const wait = this.#settings.publishWaitMs;
    const waited = now - execution.heardMs;
    if (waited < wait) return false;
    if (execution.image.sealed || waited >= wait * LAGGING_WAIT_FACTOR) return true;
    // Audit that has gone past it will not come back to it; one that is still busy with earlier execs will come to it.
    if (this.#lastAuditUnixMs > execution.unixMs + wait) return true;
    return !lagging && now - this.#lastAuditHeardMs >= wait;
  }

  #giveUpWaiting(execution: Execution): void {
    if (!execution.image.sealed) {
      const details = execution.fallback ?? this.#readDetails(execution);
      if (!details) this.#detailsMissing++;
      this.#learn(execution, details, true);
    }
    this.#settle(execution.process);
    this.#publish(execution);
  }

  /** Decides what nobody told of a process's ancestors, from the next to the top. */
  #settle(process: Process): void {
    for (let child: Process | undefined = process; child; ) {
      if (child.lineage === 'awaited') {
        const likely: Link | undefined = child.likelyCreator;
        child.lineage = likely && child.setCreator(likely) ? 'likely' : 'unknown';
      }
      const link: Link | undefined = child.creator;
      if (link && !link.image.sealed) {
        // Its own exec is older than what depends on it, and has waited longer.
        const open = this.#waiting.get(link.image);
        if (open) this.#giveUpWaiting(open);
        else link.image.seal(undefined);
      }
      child = link?.process;
    }
  }

  #publish(execution: Execution): void {
    this.#waiting.delete(execution.image);
    execution.closed = true;
    this.#eventsPublished++;
    const { process } = execution;
    const { creator } = process;
    const { maxDepth, ancestorCmdlineMax } = this.#settings;
    const entityIdOf = (one: Process) => this.processes.entityIdOf(one);
    const ancestry = renderAncestry(process, { maxDepth, cmdlineMax: ancestorCmdlineMax, entityIdOf });
    // Until /proc was read again, an exec or a fork of any ancestor may be among what was lost.
    const certain = this.processes.losses.sinceResync === 0;
    this.#options.publish({
      process,
      details: execution.details,
      creator,
      ancestry: certain ? ancestry : { ...ancestry, complete: false },
      entityId: this.processes.entityIdOf(process),
      parentEntityId: creator ? this.processes.entityIdOf(creator.process) : '',
      ppid: execution.details?.ppid ?? process.ppid,
      pidNamespace: process.pidNamespace,
      unixMs: execution.unixMs,
      bootMs: execution.bootMs,
    });
  }
}
