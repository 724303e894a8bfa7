/**
 * The process tree: takes process events in the order of their sources, has the process table keep who is whose child,
 * and publishes every exec once its details and its ancestors are known (R8, R10). No clock, file or socket of its own.
 */
import type { ExecDetails, ExecEvent, ProcessEvent } from '../collect/event.ts';
import { type Ancestry, ancestryOf, isSettled } from './ancestry.ts';
import type { CacheStats } from './cache.ts';
import { type Entry, entryOf, hasEntryName, isSshd } from './entry.ts';
import { type Action, ExecPairing, Execution } from './execution.ts';
import { Image } from './image.ts';
import { Logins } from './logins.ts';
import { MEMORY_BOUNDS, textBytes } from './memory_bounds.ts';
import type { Link, Process } from './process.ts';
import { ProcessTable, type ProcessTableOptions } from './process_table.ts';
import type { RecordedLink } from './recorded_link.ts';
import { type Names, SessionContext, type SharedText } from './session_context.ts';

/** An event as it is published: nothing in it changes any more. */
export interface PublishedEvent {
  readonly action: Action;
  /** In the order in which they happened: several where events were merged. */
  readonly actions: readonly Action[];
  readonly process: Process;
  /** The process with its image and session. */
  readonly link: Link;
  /** Undefined when nobody can tell what was executed. */
  readonly details: ExecDetails | undefined;
  readonly ancestry: Ancestry;
  readonly entityId: string;
  /** The kernel's parent at the exec. */
  readonly ppid: number;
  readonly pidNamespace: number | undefined;
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
  readonly entry: Entry;
  /** Those around it. */
  readonly context: EventContext;
  /** Where the session came from, of an entry by ssh; '' if that is not known. */
  readonly entryAddress: string;
  /** '' if it is not known. */
  readonly cgroup: string;
  /** Of the executed file; '' if it is not known. */
  readonly sha256: string;
  /** As wait(2) gives it, of an exit. */
  readonly exitStatus: number | undefined;
  /** When it ended, of an exit. */
  readonly endUnixMs: number | undefined;
  readonly unixMs: number;
  readonly bootMs: number;
  /** As ECS has it, of a recorded log; undefined for this host. */
  readonly host?: SharedText | undefined;
}

/** What many events share; undefined where there is nobody, or nothing. */
export interface EventContext {
  /** Who created it: its first ancestor. */
  readonly creator: RecordedLink | undefined;
  readonly groupLeader: RecordedLink | undefined;
  readonly sessionLeader: RecordedLink | undefined;
  readonly entryLeader: RecordedLink | undefined;
  /** As ECS has them. */
  readonly credentials: SharedText | undefined;
  /** What the process ran before, from the image that it was forked with on, as ECS has it. */
  readonly previous: SharedText | undefined;
}

export interface TreeSettings {
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  readonly maxDepth: number;
  readonly ancestorCmdlineMax: number;
  /** How long an exec waits for what is still missing of it. */
  readonly publishWaitMs: number;
  /** What is published. */
  readonly actions: ReadonlySet<Action>;
}

export interface TreeOptions extends TreeSettings, ProcessTableOptions {
  /** Whether an exec and its details come from two sources (connector and audit). */
  readonly detailsApart: boolean;
  readonly names: Names;
  /** See PublishedEvent. */
  readonly host?: SharedText | undefined;
  readonly publish: (exec: PublishedEvent) => void;
}

export interface TreeStats extends CacheStats {
  readonly eventsReceived: number;
  readonly eventsPublished: number;
  /** Execs that wait to be published. */
  readonly waiting: number;
  /** Milliseconds that the one of them that has waited longest has waited; 0 where none waits. */
  readonly waitedMs: number;
  /** Execs that were published without the details that audit should have brought. */
  readonly detailsMissing: number;
  /** Rows that were published before all was known, because those that wait took too much memory. */
  readonly hurried: number;
  /** Ancestors and leaders that were recorded with texts cut to make room in memory. */
  readonly textsCut: number;
  /** What the texts of images and of what waits take in memory, at most. */
  readonly textBytes: number;
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
  readonly #logins: Logins;
  readonly #context: SessionContext;
  /** Execs that are not published yet, by their images. */
  readonly #waiting = new Map<Image, Execution>();
  /** Other things that are not published yet. */
  readonly #others = new Set<Execution>();
  /** Of each process, what is not published yet, in the order in which it happened: where more than execs is published. */
  readonly #order = new Map<Process, Execution[]>();
  #clockOffsetMs = Number.NaN;
  #clockSetMs = Number.NEGATIVE_INFINITY;
  /** By a clock that is not set. */
  #lastAuditMs = Number.NEGATIVE_INFINITY;
  #lastAuditHeardMs = Number.NEGATIVE_INFINITY;
  #eventsReceived = 0;
  #eventsPublished = 0;
  #detailsMissing = 0;
  #hurried = 0;
  /** Of the texts of what has its details and is not published yet. */
  #waitingBytes = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#settings = options;
    this.processes = new ProcessTable(options);
    this.#logins = new Logins({
      proc: options.proc,
      isSame: (process, startTicks) => this.processes.isSame(process, startTicks),
    });
    const entityIdOf = (process: Process) => this.processes.entityIdOf(process);
    const { names, ancestorCmdlineMax } = options;
    this.#context = new SessionContext({ entityIdOf, names, ancestorCmdlineMax });
  }

  /** Takes effect for what is published from now on. */
  configure(settings: TreeSettings): void {
    this.#settings = settings;
    this.processes.resize(settings);
    this.#context.configure(settings.ancestorCmdlineMax);
  }

  get stats(): TreeStats {
    return {
      ...this.processes.stats,
      eventsReceived: this.#eventsReceived,
      eventsPublished: this.#eventsPublished,
      waiting: this.waiting,
      waitedMs: this.#options.now() - (this.waitingSinceMs ?? this.#options.now()),
      detailsMissing: this.#detailsMissing,
      hurried: this.#hurried,
      textsCut: this.#context.shortened,
      textBytes: this.processes.texts.bytes + this.#waitingBytes + this.#pairing.earlyBytes,
    };
  }

  /** Applies events in their order, then publishes what has become complete. */
  apply(events: readonly ProcessEvent[]): void {
    for (const event of events) {
      this.#eventsReceived++;
      this.#keepClock(event);
      switch (event.kind) {
        case 'fork':
          this.#note('fork', this.processes.fork(event), event);
          break;
        case 'exec':
          this.#exec(event);
          break;
        case 'exit':
          this.#note('exit', this.processes.exit(event), event);
          break;
        case 'setsid':
          this.#note('setsid', this.processes.setSid(event), event);
          break;
        case 'setpgid':
          this.processes.setPgid(event, this.#pairing.awaited(event.pid));
          break;
        case 'login':
          this.#logins.add(event);
          break;
        case 'loss':
          this.processes.lost(event.count);
          break;
      }
    }
    this.#publishReady();
    this.#makeRoom();
  }

  /** Publishes what waits, the oldest first, until its texts fit into the memory that is for them. */
  #makeRoom(): void {
    const isTooMuch = () => this.#waitingBytes + this.#pairing.earlyBytes > MEMORY_BOUNDS.waitingEvents;
    if (!isTooMuch()) return;
    for (const execution of [...this.#waiting.values(), ...this.#others]) {
      if (!isTooMuch()) return;
      if (execution.closed) continue;
      this.#hurried++;
      this.#giveUpWaiting(execution);
    }
    if (!isTooMuch()) return;
    for (const { event, details } of this.#pairing.takeUnclaimed(Number.POSITIVE_INFINITY)) {
      this.#hurried++;
      this.#wholeExec(event, details);
    }
  }

  /** The processes that are known now, as events of their own. */
  publishExisting(at: { bootMs: number; unixMs: number }): void {
    for (const process of this.processes.living()) this.#note('existing', process, at);
    this.#publishReady();
  }

  /** Asks the servers that /proc showed for their connections: their sessions may end before the next row. */
  askServers(): void {
    for (const process of this.processes.living()) {
      if (hasEntryName(process.image) && isSshd(process.link)) this.#logins.askServer(process);
    }
  }

  /** Execs that wait to be published. */
  get waiting(): number {
    return this.#waiting.size + this.#others.size;
  }

  /**
   * Since when what has waited longest waits, by the tree's clock: `flush` has to be called `publishWaitMs` after. Undefined
   * when nothing does.
   */
  get waitingSinceMs(): number | undefined {
    const [exec] = this.#waiting.values();
    const [other] = this.#others;
    const since = [exec?.heardMs, other?.heardMs, this.#pairing.unclaimedSinceMs].filter((ms) => ms !== undefined);
    return since.length === 0 ? undefined : Math.min(...since);
  }

  /**
   * Publishes what has waited long enough, with what is known of it. While the source is lagging, with more to hand over,
   * only what audit has gone past; `all` publishes the rest too: at an end. Whether it is lagging is asked only when
   * something has waited long enough.
   */
  flush(which: 'overdue' | 'all' = 'overdue', askLagging: () => boolean = () => false): void {
    const now = this.#options.now();
    const since = which === 'all' ? Number.POSITIVE_INFINITY : now - this.#settings.publishWaitMs;
    for (const { event, details } of this.#pairing.takeUnclaimed(since)) this.#wholeExec(event, details);
    let asked: boolean | undefined;
    const isLagging = () => {
      asked ??= askLagging();
      return asked;
    };
    for (const execution of [...this.#waiting.values(), ...this.#others]) {
      const isOverdue = which === 'all' || this.#isOverdue(execution, now, isLagging);
      if (!execution.closed && isOverdue) this.#giveUpWaiting(execution);
    }
    if (which === 'all') this.processes.decideClaims();
    this.#pairing.forgetClosed(now - LATE_RECORD_MS);
  }

  #keepClock(event: ProcessEvent): void {
    const offsetMs = event.unixMs - event.bootMs;
    this.processes.keepClock(offsetMs);
    if (Math.abs(offsetMs - this.#clockOffsetMs) > CLOCK_SET_MS) this.#clockSetMs = this.#options.now();
    this.#clockOffsetMs = offsetMs;
    if (event.origin !== 'audit') return;
    this.#lastAuditHeardMs = this.#options.now();
    if (this.#timesCompare) this.#lastAuditMs = Math.max(this.#lastAuditMs, event.bootMs);
  }

  /** False while the clock was just set: what is on its way may be stamped by either. */
  get #timesCompare(): boolean {
    return this.#options.now() - this.#clockSetMs > CLOCK_SETTLES_MS;
  }

  #exec(event: ExecEvent): void {
    const isWhole = event.details !== undefined || event.isUnrecorded;
    if (!this.#options.detailsApart || (event.origin === 'proc_events' && isWhole)) {
      this.#wholeExec(event, event.details);
    } else if (event.origin === 'proc_events') {
      this.#announcedExec(event);
    } else if (event.details) {
      const now = this.#options.now();
      const paired = this.#pairing.addDetails(event, event.details, now, this.#timesCompare);
      if (!paired) return;
      const { execution, late } = paired;
      execution.groupsUntold ||= event.groupsUntold ?? false;
      execution.cgroupUntold ||= event.cgroupUntold ?? false;
      if (!late && !execution.image.sealed) {
        this.#seal(execution, event.details);
      } else if (execution.process.image === execution.image) {
        // Too late for its row, which is out; not for those who are forked from now on.
        execution.process.image = Image.of(event.details);
        this.processes.texts.keep(execution.process.image);
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
    // A helper of the kernel's that could not be read at once has gone on: what it runs now is not what it executed.
    if (event.isUnrecorded && !details) this.#detailsMissing++;
    this.#seal(execution, details ?? (event.isUnrecorded ? undefined : this.#readDetails(execution)));
  }

  #execute(process: Process, event: ExecEvent): Execution {
    // Who was implied by this very exec has no other image; one implied by a child's fork had an unknown one before.
    const unseen = process.met === 'implied' && process.execUnixMs === 0;
    if (unseen && !process.image.sealed) process.image.seal(undefined);
    const before = process.image;
    process.execute(Image.pending(), event.unixMs);
    const execution = new Execution('exec', process, this.#timesOf(event), before);
    execution.groupsUntold = event.groupsUntold ?? false;
    execution.cgroupUntold = event.cgroupUntold ?? false;
    this.#waiting.set(execution.image, execution);
    if (this.#publishesOthers) this.#queue(execution);
    return execution;
  }

  #seal(execution: Execution, details: ExecDetails | undefined): void {
    // While a loss is not made good, the order that pairs records with execs may be off by one.
    this.#learn(execution, details, this.processes.losses.sinceResync === 0);
    if (this.#isReady(execution)) this.#publish(execution);
  }

  /** What happened beside execs, where it is published. */
  #note(action: Action, process: Process | undefined, at: { bootMs: number; unixMs: number }): void {
    if (!process || !this.#settings.actions.has(action)) return;
    // By what waits: it is still to be found under its pid.
    process.isReferredTo = true;
    const execution = new Execution(action, process, this.#timesOf(at));
    this.#others.add(execution);
    this.#queue(execution);
  }

  #timesOf({ bootMs, unixMs }: { bootMs: number; unixMs: number }) {
    return { bootMs, unixMs, heardMs: this.#options.now() };
  }

  get #publishesOthers(): boolean {
    const { actions } = this.#settings;
    return actions.size > 1 || !actions.has('exec');
  }

  #queue(execution: Execution): void {
    const before = this.#order.get(execution.process);
    if (before) before.push(execution);
    else this.#order.set(execution.process, [execution]);
  }

  /** What happened to the same process before, and is not published yet. */
  #before(execution: Execution): readonly Execution[] {
    const queue = this.#order.get(execution.process);
    return queue ? queue.slice(0, Math.max(0, queue.indexOf(execution))) : [];
  }

  #isFirst(execution: Execution): boolean {
    const queue = this.#order.get(execution.process);
    return !queue || queue[0] === execution || !queue.includes(execution);
  }

  #publishReady(): void {
    for (const execution of this.#waiting.values()) if (this.#isReady(execution)) this.#publish(execution);
    for (const execution of this.#others) if (this.#isReady(execution)) this.#publish(execution);
  }

  /** Whether all that will be said of it is known. */
  #isReady(execution: Execution): boolean {
    if (!execution.image.sealed || !isSettled(execution.process)) return false;
    if (!execution.previous.every(({ sealed }) => sealed)) return false;
    if (!this.#isFirst(execution) || !this.#auditWentPast(execution)) return false;
    return this.#leadersOf(execution).every(({ image, process }) => image.sealed && isSettled(process));
  }

  /** Whether audit has told all that could have set its group: an exec's own record says so. */
  #auditWentPast({ action, bootMs }: Execution): boolean {
    if (action === 'exec' || action === 'existing' || !this.#options.detailsApart) return true;
    return this.#lastAuditMs > bootMs;
  }

  /** The leaders of its session and group. The group is looked up now: audit has gone past all that could have set it. */
  #leadersOf(execution: Execution): Link[] {
    if (!execution.group) {
      const { process, bootMs, details } = execution;
      const { serial = 0 } = (execution.action === 'exec' && details) || {};
      const { groupsUntold } = execution;
      const told = details?.fromProcfs || groupsUntold ? details?.pgid : undefined;
      const group = groupsUntold ? undefined : process.groups.at(bootMs, serial);
      execution.group = told === undefined || told === group?.id ? group : this.processes.groupOf(told);
      process.groups.settle(bootMs, serial);
      execution.groupLeader = execution.linkOf(execution.group);
    }
    return [execution.sessionLeader, execution.groupLeader].filter((link) => link !== undefined);
  }

  /** Takes in what an exec loaded, and what that tells of the process. */
  #learn(execution: Execution, details: ExecDetails | undefined, certain: boolean): void {
    const { process, image } = execution;
    image.seal(details, certain);
    this.processes.texts.keep(image);
    execution.details = details;
    // A record of it was lost, or is kept from everybody.
    if (details && details.args === '' && details.argsCut) this.#detailsMissing++;
    this.#waitingBytes += textBytes(details);
    if (details?.pidNamespace) process.pidNamespace = details.pidNamespace;
    if (details) this.#keepGroups(execution, details);
    if (hasEntryName(image)) this.#proveEntry(execution);
    if (details?.cgroup || execution.cgroupUntold) {
      process.cgroup = details?.cgroup ?? '';
      process.hasLeftCgroup = process.cgroup === '';
    }
    execution.cgroup = details?.cgroup || process.cgroup;
    if (details?.ppid === undefined || process.lineage !== 'awaited') return;
    process.ppid = details.ppid;
    if (details.ppid === 0) process.setTop();
    else process.likelyCreator ??= this.processes.likelyParent(details.ppid, execution);
  }

  /** Reads what proves an entry, while the process lives: for the few programs that let others in. */
  #proveEntry({ process, image, link }: Execution): void {
    const { proc } = this.#options;
    if (!proc || process.exit || process.image !== image) return;
    const startTicks = proc.startTicks(process.pid);
    if (startTicks === undefined || !this.processes.isSame(process, startTicks)) return;
    process.userNamespace = proc.userNamespace(process.pid) ?? process.userNamespace;
    if (isSshd(link)) this.#logins.askServer(process);
  }

  /** Supplemental groups are set by who sets other ids too, and who lets people in: no event tells of them. */
  #keepGroups({ process, image, imageBefore, link }: Execution, { uid, gid }: ExecDetails): void {
    const before = imageBefore.details;
    const isSame = uid === before.uid && gid === before.gid;
    if (isSame && link.session?.leader !== process) return;
    const lives = process.image === image && !process.exit;
    process.supplementalGroups = lives ? this.#options.proc?.supplementalGroups(process.pid) : undefined;
  }

  /** What /proc says of a process's image, if it is still the one that this exec loaded. */
  #readDetails({ process, image }: Execution): ExecDetails | undefined {
    if (process.image !== image) return undefined;
    const snapshot = this.#options.proc?.read(process.pid);
    return snapshot && this.processes.isSame(process, snapshot.startTicks) && !snapshot.ended
      ? snapshot.details
      : undefined;
  }

  #isOverdue(execution: Execution, now: number, isLagging: () => boolean): boolean {
    const wait = this.#settings.publishWaitMs;
    const waited = now - execution.heardMs;
    if (waited < wait) return false;
    const awaitsAudit = !execution.image.sealed || !this.#auditWentPast(execution);
    if (!awaitsAudit || waited >= wait * LAGGING_WAIT_FACTOR) return true;
    // Audit that has gone past it will not come back to it; one that is still busy with earlier execs will come to it.
    if (this.#lastAuditMs > execution.bootMs + wait) return true;
    return now - this.#lastAuditHeardMs >= wait && !isLagging();
  }

  #giveUpWaiting(execution: Execution): void {
    for (const earlier of this.#before(execution)) if (!earlier.closed) this.#giveUpWaiting(earlier);
    if (execution.closed) return;
    execution.closed = true;
    if (execution.action !== 'exec') {
      this.#sealNow(execution.image);
    } else if (!execution.image.sealed) {
      const details = execution.fallback ?? this.#readDetails(execution);
      if (!details) this.#detailsMissing++;
      this.#learn(execution, details, true);
    }
    this.#settle(execution.process);
    for (const image of execution.previous) this.#sealNow(image);
    for (const { image, process } of this.#leadersOf(execution)) {
      this.#sealNow(image);
      this.#settle(process);
    }
    this.#publish(execution);
  }

  /** Gives up on an image of which others wait to hear. */
  #sealNow(image: Image): void {
    if (image.sealed) return;
    const open = this.#waiting.get(image);
    // Its own exec is older than what depends on it, and has waited longer.
    if (open && !open.closed) this.#giveUpWaiting(open);
    if (!image.sealed) image.seal(undefined);
  }

  /** Decides what nobody told of a process's ancestors, from the next to the top. */
  #settle(process: Process): void {
    for (let child: Process | undefined = process; child; ) {
      this.processes.decideClaim(child);
      if (child.lineage === 'awaited') {
        const likely: Link | undefined = child.likelyCreator;
        child.lineage = likely && child.setCreator(likely) ? 'likely' : 'unknown';
      }
      const link: Link | undefined = child.creator;
      if (link) this.#sealNow(link.image);
      child = link?.process;
    }
  }

  /** Publishes it, and what only waited for it. */
  #publish(execution: Execution): void {
    for (let next: Execution | undefined = execution; next; ) {
      const queue = this.#order.get(next.process);
      this.#publishOne(next);
      const at = queue?.indexOf(next) ?? -1;
      if (at >= 0) queue?.splice(at, 1);
      if (queue?.length === 0) this.#order.delete(next.process);
      next = queue?.[0];
      if (next?.closed || (next && !this.#isReady(next))) return;
    }
  }

  #publishOne(execution: Execution): void {
    if (execution.action === 'exec') this.#waiting.delete(execution.image);
    else this.#others.delete(execution);
    execution.closed = true;
    if (execution.action === 'exec') this.#waitingBytes -= textBytes(execution.details);
    const { process } = execution;
    // The end of a leader whose other thread executes is not the process's (R7).
    const isRevived = execution.action === 'exit' && !process.exit;
    if (isRevived || !this.#settings.actions.has(execution.action)) return;
    this.#eventsPublished++;
    process.cgroup ||= fromCreators(process, ({ cgroup }) => cgroup, 'hasLeftCgroup') ?? '';
    process.pidNamespace ??= fromCreators(process, ({ pidNamespace }) => pidNamespace);
    const context = this.#context;
    const creator = context.record(process.creator);
    const ancestry = ancestryOf(process, creator, this.#settings.maxDepth);
    // Until /proc was read again, an exec or a fork of any ancestor may be among what was lost.
    const certain = this.processes.losses.sinceResync === 0;
    const { action, link, image, group, sessionLeader, groupLeader } = execution;
    const entry = entryOf(link);
    const inherited = image.known ? image.details : undefined;
    const hasLost = inherited && inherited.tty !== '' && execution.hasLostTerminal;
    const told = hasLost ? { ...inherited, tty: '', ttyNr: 0 } : inherited;
    const details = action === 'exec' ? execution.details : told;
    this.#options.publish({
      action,
      actions: [action],
      process,
      link,
      details,
      ancestry: certain ? ancestry : { ...ancestry, complete: false },
      entityId: this.processes.entityIdOf(process),
      ppid: execution.details?.ppid ?? process.ppid,
      pidNamespace: process.pidNamespace,
      sid: link.session?.id ?? execution.details?.sid,
      pgid: group?.id,
      entry,
      context: {
        creator,
        groupLeader: context.record(groupLeader),
        sessionLeader: context.record(sessionLeader),
        entryLeader: context.record(entry.link),
        credentials: details && context.credentials(details, process.supplementalGroups),
        previous: context.previous(execution.previous),
      },
      entryAddress: this.#logins.addressOf(entry),
      cgroup: execution.cgroup || process.cgroup,
      sha256: '',
      exitStatus: action === 'exit' ? process.exit?.status : undefined,
      endUnixMs: action === 'exit' ? execution.unixMs : undefined,
      unixMs: execution.unixMs,
      bootMs: execution.bootMs,
      host: this.#options.host,
    });
  }
}

/** What was read of the nearest creator of which anything was, as it was when it forked. Only for settled processes. */
function fromCreators<Value>(
  process: Process,
  of: (one: Pick<ExecDetails, 'cgroup' | 'pidNamespace'>) => Value,
  end?: 'hasLeftCgroup',
): Value | undefined {
  if (end && process[end]) return undefined;
  for (let link = process.creator; link; link = link.process.creator) {
    const value = of(link.image.details) || of(link.process);
    if (value) return value;
    if (end && link.process[end]) return undefined;
  }
  return undefined;
}
