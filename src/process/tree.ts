/**
 * The process tree: takes process events in the order of their sources, keeps who is whose child by the rules R1 to
 * R14 of the design, and publishes every exec once its ancestors are known. No clock, file or socket of its own.
 */
import type { ExecDetails, ExecEvent, ExitEvent, ForkEvent, Pid, ProcessEvent } from '../collect/event.ts';
import { type Ancestry, isSettled, renderAncestry } from './ancestry.ts';
import { type CacheStats, ProcessCache } from './cache.ts';
import { ExecPairing, Execution } from './execution.ts';
import { EntityIds, MS_PER_TICK, ticksOf } from './identity.ts';
import { Image } from './image.ts';
import { type Link, Process } from './process.ts';
import type { ProcessSnapshot, ProcReader } from './procfs.ts';

/** An exec as it is published: nothing in it changes any more. */
export interface PublishedExec {
  readonly process: Process;
  readonly image: Image;
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

export interface TreeOptions extends TreeSettings {
  readonly bootId: string;
  /** Whether an exec and its details come from two sources (connector and audit). */
  readonly detailsApart: boolean;
  /** Unix ms minus CLOCK_BOOTTIME ms at the start; events keep it up to date. 0 in a replay. */
  readonly bootToUnixMs: number;
  /** Milliseconds of a clock that does not jump: waits and times to live are measured by it. */
  readonly now: () => number;
  /** Undefined in a replay: this host's /proc knows nothing of a recorded log. */
  readonly proc: ProcReader | undefined;
  readonly publish: (exec: PublishedExec) => void;
}

export interface TreeStats extends CacheStats {
  readonly eventsReceived: number;
  readonly eventsPublished: number;
  /** Execs that wait to be published. */
  readonly waiting: number;
  /** Execs that were published without the details that audit should have brought. */
  readonly detailsMissing: number;
  /** Losses that the source reported, since the last resync and in all. */
  readonly lossesSinceResync: number;
  readonly losses: number;
}

/** A chain longer than this is cut there, or a process that forks itself on and on would hold all of them. */
const LONGEST_CHAIN = 1024;
/** While audit itself is behind by its own clock, an exec waits for it so many times longer. */
const LAGGING_WAIT_FACTOR = 20;
/** For so long a late record is told from one of an exec that nobody announced. */
const LATE_RECORD_MS = 10_000;
/** An event's clock and /proc's start are never apart by more, for the same process (measured: under 1 ms). */
const FORK_TO_EVENT_SLACK_MS = 2;

export class ProcessTree {
  readonly #options: TreeOptions;
  #settings: TreeSettings;
  readonly #cache: ProcessCache;
  readonly #entityIds: EntityIds;
  readonly #pairing = new ExecPairing();
  readonly #waiting = new Set<Execution>();
  #bootToUnixMs: number;
  #lastAuditUnixMs = 0;
  #lastAuditHeardMs = Number.NEGATIVE_INFINITY;
  #eventsReceived = 0;
  #eventsPublished = 0;
  #detailsMissing = 0;
  #losses = 0;
  #lossesSinceResync = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#settings = options;
    this.#bootToUnixMs = options.bootToUnixMs;
    this.#cache = new ProcessCache({
      capacity: options.cacheSize,
      ttlSeconds: options.cacheTtlSeconds,
      now: options.now,
    });
    this.#entityIds = new EntityIds(options.bootId);
  }

  /** Takes effect for what is published from now on. */
  configure(settings: TreeSettings): void {
    this.#settings = settings;
    this.#cache.resize({ capacity: settings.cacheSize, ttlSeconds: settings.cacheTtlSeconds });
  }

  get stats(): TreeStats {
    return {
      ...this.#cache.stats,
      eventsReceived: this.#eventsReceived,
      eventsPublished: this.#eventsPublished,
      waiting: this.#waiting.size,
      detailsMissing: this.#detailsMissing,
      lossesSinceResync: this.#lossesSinceResync,
      losses: this.#losses,
    };
  }

  /** Applies events in their order, then publishes what has become complete. */
  apply(events: readonly ProcessEvent[]): void {
    for (const event of events) {
      this.#eventsReceived++;
      this.#keepClock(event);
      switch (event.kind) {
        case 'fork':
          this.#fork(event);
          break;
        case 'exec':
          this.#exec(event);
          break;
        case 'exit':
          this.#exit(event);
          break;
        case 'setsid':
          break;
        case 'loss':
          this.#losses += event.count;
          this.#lossesSinceResync += event.count;
          break;
      }
    }
    for (const execution of this.#waiting) {
      if (execution.image.sealed && isSettled(execution.process)) this.#publish(execution);
    }
  }

  /** Whether something waits, so that `flush` has to be called when `publishWaitMs` have passed. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0 || this.#pairing.hasUnclaimed;
  }

  /** Publishes what has waited long enough, with what is known of it. `all` publishes the rest too: at an end. */
  flush(all = false): void {
    const now = this.#options.now();
    const since = all ? Number.POSITIVE_INFINITY : now - this.#settings.publishWaitMs;
    for (const { event, details } of this.#pairing.takeUnclaimed(since)) this.#wholeExec(event, details);
    for (const execution of this.#waiting) {
      if (all || this.#isOverdue(execution, now)) this.#giveUpWaiting(execution);
    }
    this.#pairing.forgetClosed(now - LATE_RECORD_MS);
  }

  /** Lets go of dead processes whose time is over. */
  sweep(): void {
    this.#cache.sweep();
  }

  /**
   * Takes over what /proc shows (R13, R14): processes that no event told of, and the ends of those that are gone.
   * `processes` may be some of all; `gone` are pids that /proc no longer has.
   */
  adopt(processes: Iterable<ProcessSnapshot>, gone: Iterable<Pid> = []): void {
    const adopted: Process[] = [];
    for (const snapshot of processes) {
      const known = this.#cache.peek(snapshot.pid);
      if (known && this.#isSame(known, snapshot.startTicks)) {
        if (snapshot.ended && !known.exit) this.#end(known, undefined);
        continue;
      }
      adopted.push(this.#fromProcfs(snapshot));
    }
    for (const process of adopted) this.#linkByPpid(process);
    for (const pid of gone) {
      const process = this.#cache.peek(pid);
      if (process && !process.exit) this.#end(process, undefined);
    }
  }

  /** The losses up to here have been made good by a snapshot. */
  resynced(): void {
    this.#lossesSinceResync = 0;
  }

  /** Pids of the processes that are thought to be alive. */
  livePids(): Pid[] {
    return [...this.#cache.values()].filter((process) => !process.exit).map(({ pid }) => pid);
  }

  entityIdOf(process: Process): string {
    process.entityId ??= this.#makeEntityId(process);
    return process.entityId;
  }

  #keepClock(event: ProcessEvent): void {
    const offset = event.unixMs - event.bootMs;
    // One offset for as long as the clock is not set, so that the same start is the same Unix time for all.
    if (Math.abs(offset - this.#bootToUnixMs) > 500) this.#bootToUnixMs = offset;
    if (event.origin === 'audit') {
      this.#lastAuditUnixMs = event.unixMs;
      this.#lastAuditHeardMs = this.#options.now();
    }
  }

  // ---- processes

  #fork(event: ForkEvent): void {
    const creator = this.#parent(event.parent, event);
    const image = event.imageFrom === undefined ? creator.image : this.#parent(event.imageFrom, event).image;
    const existing = this.#cache.peek(event.pid);
    if (existing && this.#isForkOf(event, existing)) {
      // What was already told of it stays as it was told.
      if (existing.link.rendered || !existing.setCreator(creator.link)) return;
      if (!existing.image.sealed && existing.execUnixMs === 0 && image.sealed) existing.image.seal(image.details);
      return;
    }
    // The pid is somebody else's now, whether or not the end of the one before was reported (R6).
    if (existing && !existing.exit) this.#end(existing, undefined, event.bootMs);
    const startTicks = ticksOf(event.bootMs);
    const twin = existing && existing.startTicks === startTicks ? existing.twin + 1 : 0;
    const process = new Process({
      pid: event.pid,
      met: 'event',
      startTicks,
      startSlackTicks: startSlack(event),
      startUnixHundredths: this.#startUnixHundredths(startTicks),
      twin,
      image,
      ppid: event.parent,
    });
    process.attachCreator(creator.link);
    process.pidNamespace = creator.pidNamespace;
    if (event.origin === 'audit' && existing && existing.execUnixMs > event.unixMs) {
      // A vfork's record comes when the parent goes on, after the child's exec, which was taken for the old one's.
      process.image = existing.image;
      process.execUnixMs = existing.execUnixMs;
    }
    if (process.depth >= LONGEST_CHAIN && process.depth % LONGEST_CHAIN === 0) cutChain(process);
    this.#cache.put(process);
  }

  /** Whether a fork's event tells of a process that was met before it: in the snapshot, or by audit's later record. */
  #isForkOf(event: ForkEvent, existing: Process): boolean {
    const ticks = ticksOf(event.bootMs);
    if (existing.met === 'procfs') {
      const [earlier, later] = startSlack(event);
      return existing.startTicks >= ticks - Math.max(1, earlier) && existing.startTicks <= ticks + Math.max(1, later);
    }
    return existing.met === 'implied' && existing.lineage === 'awaited' && !existing.exit;
  }

  #isSame(process: Process, startTicks: number): boolean {
    const [earlier, later] = process.startSlackTicks;
    return (
      startTicks >= process.startTicks - Math.max(1, earlier) && startTicks <= process.startTicks + Math.max(1, later)
    );
  }

  /** The process that forks: from the cache, else from /proc if it lives, else one of which only the pid is known. */
  #parent(pid: Pid, event: ForkEvent): Process {
    const known = this.#cache.find(pid);
    if (known && !(known.exit && this.#lossesSinceResync > 0)) return known;
    return this.#readLive(pid, event.bootMs) ?? known ?? this.#imply(pid, event);
  }

  /** A process that lives and that no event told of, taken over from /proc with its parents. */
  #readLive(pid: Pid, startedBeforeBootMs: number): Process | undefined {
    const snapshot = this.#options.proc?.read(pid);
    if (!snapshot || snapshot.startTicks > ticksOf(startedBeforeBootMs)) return undefined;
    const process = this.#fromProcfs(snapshot);
    this.#linkByPpid(process);
    return process;
  }

  #fromProcfs(snapshot: ProcessSnapshot): Process {
    const process = new Process({
      pid: snapshot.pid,
      met: 'procfs',
      startTicks: snapshot.startTicks,
      startSlackTicks: [0, 0],
      startUnixHundredths: this.#startUnixHundredths(snapshot.startTicks),
      twin: 0,
      image: Image.of(snapshot.details),
      ppid: snapshot.ppid,
    });
    process.pidNamespace = snapshot.details.pidNamespace;
    if (snapshot.ended) process.exit = { bootMs: snapshot.startTicks * MS_PER_TICK, status: undefined };
    this.#cache.put(process);
    return process;
  }

  /** Parents of what /proc showed, up to the first that is known. */
  #linkByPpid(process: Process): void {
    const chain = [process];
    for (let child: Process | undefined = process; child && child.lineage === 'awaited'; ) {
      if (child.ppid === 0) {
        child.setTop();
        break;
      }
      const ppid = child.ppid as Pid;
      let parent = this.#cache.peek(ppid);
      if (!parent) {
        const snapshot = this.#options.proc?.read(ppid);
        if (snapshot) parent = this.#fromProcfs(snapshot);
      }
      if (!parent || chain.includes(parent) || !child.setCreator(parent.link)) {
        child.lineage = 'unknown';
        break;
      }
      chain.push(parent);
      child = parent;
    }
    // Depths were set from below, before those above had theirs.
    for (const one of chain.reverse()) if (one.creator) one.depth = one.creator.process.depth + 1;
  }

  /** A process that is named by an event, and of which nothing else is known yet. */
  #imply(pid: Pid, at: { bootMs: number }): Process {
    const startTicks = ticksOf(at.bootMs);
    const process = new Process({
      pid,
      met: 'implied',
      startTicks,
      startSlackTicks: [Number.MAX_SAFE_INTEGER, 1],
      startUnixHundredths: this.#startUnixHundredths(startTicks),
      twin: 0,
      image: Image.pending(),
      ppid: 0,
    });
    // init and kthreadd are the kernel's own (init/main.c, rest_init).
    if (pid <= 2) process.setTop();
    this.#cache.put(process);
    return process;
  }

  #exit(event: ExitEvent): void {
    const process = this.#cache.peek(event.pid);
    // An end from before this process's start is that of another one, which had the pid before.
    if (!process || process.exit || ticksOf(event.bootMs) < process.startTicks - 1) return;
    this.#end(process, event.status, event.bootMs);
  }

  #end(process: Process, status: number | undefined, bootMs = 0): void {
    process.exit = { bootMs, status };
    this.#cache.refresh(process);
  }

  // ---- execs

  #exec(event: ExecEvent): void {
    if (!this.#options.detailsApart || (event.origin === 'proc_events' && event.details)) {
      this.#wholeExec(event, event.details);
    } else if (event.origin === 'proc_events') {
      this.#announcedExec(event);
    } else if (event.details) {
      const paired = this.#pairing.addDetails(event, event.details, this.#options.now());
      if (!paired) return;
      const { execution, late } = paired;
      if (!late) {
        this.#seal(execution, event.details);
      } else if (execution.process.image === execution.image) {
        // Too late for its row, which is out; not for those who are forked from now on.
        execution.process.image = Image.of(event.details);
      }
    }
  }

  /** The connector's exec, whose details are audit's to tell. */
  #announcedExec(event: ExecEvent): void {
    const process = this.#executor(event);
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
    const process = this.#executor(event);
    const execution = this.#execute(process, event);
    this.#seal(execution, details ?? this.#readDetails(execution));
  }

  /** The process that executes. Its exit may have been reported, wrongly: a leader ends when another thread execs (R7). */
  #executor(event: ExecEvent): Process {
    const process = this.#cache.find(event.pid);
    if (process && ticksOf(event.bootMs) >= process.startTicks - 1 - process.startSlackTicks[0]) {
      if (!process.exit) return process;
      if (event.origin === 'proc_events' && this.#lossesSinceResync === 0) {
        process.exit = undefined;
        this.#cache.refresh(process);
        return process;
      }
    }
    // Audit's record of the fork may be on its way: /proc would know the pid, but not who created it.
    const live = event.origin === 'proc_events' ? this.#readLive(event.pid, event.bootMs) : undefined;
    return live ?? this.#imply(event.pid, event);
  }

  /** The parent that a process without a known creator has as it executes. */
  #likelyParent(ppid: number, at: { bootMs: number }): Link {
    const pid = ppid as Pid;
    const parent = this.#cache.find(pid) ?? this.#readLive(pid, at.bootMs) ?? this.#imply(pid, at);
    return parent.link;
  }

  #execute(process: Process, event: ExecEvent): Execution {
    const image = Image.pending();
    // Who was implied by this very exec has no other image; one implied by a child's fork had an unknown one before.
    if (!process.image.sealed && process.met === 'implied' && process.lineage === 'awaited')
      process.image.seal(undefined);
    process.image = image;
    process.execUnixMs = event.unixMs;
    const heardMs = this.#options.now();
    const execution = new Execution(process, image, { bootMs: event.bootMs, unixMs: event.unixMs, heardMs });
    this.#waiting.add(execution);
    return execution;
  }

  #seal(execution: Execution, details: ExecDetails | undefined): void {
    const { process, image } = execution;
    image.seal(details);
    if (details?.pidNamespace) process.pidNamespace = details.pidNamespace;
    if (details?.ppid !== undefined && process.lineage === 'awaited') {
      process.ppid = details.ppid;
      if (details.ppid === 0) process.setTop();
      else process.likelyCreator ??= this.#likelyParent(details.ppid, execution);
    }
    if (isSettled(process)) this.#publish(execution);
  }

  /** What /proc says of a process's image, if it is still the one that this exec loaded. */
  #readDetails({ process, image }: Execution): ExecDetails | undefined {
    if (process.image !== image) return undefined;
    const snapshot = this.#options.proc?.read(process.pid);
    return snapshot && this.#isSame(process, snapshot.startTicks) && !snapshot.ended ? snapshot.details : undefined;
  }

  #isOverdue(execution: Execution, now: number): boolean {
    const wait = this.#settings.publishWaitMs;
    const waited = now - execution.heardMs;
    if (waited < wait) return false;
    if (execution.image.sealed || waited >= wait * LAGGING_WAIT_FACTOR) return true;
    // Audit that is still busy with earlier execs will come to this one: nothing is lost yet.
    const auditIsBehind = this.#lastAuditUnixMs < execution.unixMs && now - this.#lastAuditHeardMs < wait;
    return !auditIsBehind;
  }

  #giveUpWaiting(execution: Execution): void {
    if (!execution.image.sealed) {
      const details = execution.fallback ?? this.#readDetails(execution);
      if (!details) this.#detailsMissing++;
      execution.image.seal(details);
      if (details?.pidNamespace) execution.process.pidNamespace = details.pidNamespace;
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
      if (link && !link.image.sealed) link.image.seal(undefined);
      child = link?.process;
    }
  }

  #publish(execution: Execution): void {
    this.#waiting.delete(execution);
    execution.closed = true;
    this.#eventsPublished++;
    const { process, image } = execution;
    const { creator } = process;
    const { maxDepth, ancestorCmdlineMax } = this.#settings;
    const entityIdOf = (one: Process) => this.entityIdOf(one);
    this.#options.publish({
      process,
      image,
      creator,
      ancestry: renderAncestry(process, { maxDepth, cmdlineMax: ancestorCmdlineMax, entityIdOf }),
      entityId: this.entityIdOf(process),
      parentEntityId: creator ? this.entityIdOf(creator.process) : '',
      ppid: image.details.ppid ?? process.ppid,
      pidNamespace: process.pidNamespace,
      unixMs: execution.unixMs,
      bootMs: execution.bootMs,
    });
  }

  // ---- identity

  #startUnixHundredths(startTicks: number): number {
    return Math.floor((startTicks * MS_PER_TICK + this.#bootToUnixMs) / 10);
  }

  /** A start close to a tick's border is looked up in /proc as long as the process lives: only who lives can be met there. */
  #makeEntityId(process: Process): string {
    const [earlier, later] = process.startSlackTicks;
    if (earlier > 0 || later > 0) {
      const actual = this.#options.proc?.startTicks(process.pid);
      if (actual !== undefined && actual >= process.startTicks - earlier && actual <= process.startTicks + later) {
        process.startTicks = actual;
      }
      process.startSlackTicks = [0, 0];
    }
    return this.#entityIds.of(process.pid, process.startTicks, process.twin);
  }
}

/** A fork's event is stamped just after the start that /proc shows; audit's record, coarsely, at the call's entry. */
function startSlack(event: ForkEvent): readonly [number, number] {
  if (event.origin === 'audit') return [1, 10];
  return event.bootMs % MS_PER_TICK < FORK_TO_EVENT_SLACK_MS ? [1, 0] : [0, 0];
}

/** Lets go of the ancestors beyond the longest chain. */
function cutChain(process: Process): void {
  let last: Process = process;
  for (let n = 0; n < LONGEST_CHAIN; n++) {
    const above = last.creator?.process;
    if (!above) return;
    last = above;
  }
  last.creator = undefined;
  last.lineage = 'cut';
}
