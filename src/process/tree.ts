/**
 * The process tree: takes whole events in causal order, has the process table keep who is whose child, and publishes every
 * exec once its ancestors are known (R8, R10): at once, but where a fork may be told after what its child did. No clock, file
 * or socket of its own.
 */
import type { ExecDetails, ExecEvent, ProcessEvent } from '../collect/event.ts';
import type { Names } from '../linux/user_names.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { type Ancestry, ancestryOf, unsettledOf } from './ancestry.ts';
import type { CacheStats } from './cache.ts';
import { entryOf, hasEntryName, isSshd } from './entry.ts';
import { Image } from './image.ts';
import { Logins } from './logins.ts';
import { type Action, type Moment, PendingEvent } from './pending_event.ts';
import type { AncestorRecord, Entry, Process, ProcessAtFork } from './process.ts';
import { ProcessTable, type ProcessTableOptions } from './process_table.ts';
import { SessionContext, type SharedFacts } from './session_context.ts';

/** An event as it is published: nothing in it changes any more. */
export interface PublishedEvent {
  readonly action: Action;
  /** In the order in which they happened: several where events were merged. */
  readonly actions: readonly Action[];
  readonly process: Process;
  /** The process with its image and session. */
  readonly atFork: ProcessAtFork;
  /** Undefined when it is not known what was executed. */
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
  /** HostFacts, of a recorded log; undefined for this host. */
  readonly host?: SharedFacts | undefined;
}

/** What many events share; undefined where there is none. */
interface EventContext {
  /** Who created it: its first ancestor. */
  readonly creator: AncestorRecord | undefined;
  readonly groupLeader: AncestorRecord | undefined;
  readonly sessionLeader: AncestorRecord | undefined;
  readonly entryLeader: AncestorRecord | undefined;
  /** CredentialFacts. */
  readonly credentials: SharedFacts | undefined;
  /** What the process ran before, from the image that it was forked with on: PreviousImageFacts. */
  readonly previous: SharedFacts | undefined;
}

export interface TreeSettings {
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  readonly maxDepth: number;
  readonly ancestorCmdlineMax: number;
  /** How long an event waits for what is still missing of its ancestors. */
  readonly publishWaitMs: number;
  /** What is published. */
  readonly actions: ReadonlySet<Action>;
}

export interface TreeOptions extends TreeSettings, ProcessTableOptions {
  readonly names: Names;
  /** See PublishedEvent. */
  readonly host?: SharedFacts | undefined;
  readonly publish: (exec: PublishedEvent) => void;
}

export interface TreeStats extends CacheStats {
  readonly eventsReceived: number;
  readonly eventsPublished: number;
  /** Execs that wait to be published. */
  readonly waiting: number;
  /** Milliseconds that the one of them that has waited longest has waited; 0 where none waits. */
  readonly waitedMs: number;
  /** Execs of which nothing is known but that they happened. */
  readonly detailsMissing: number;
  /** Rows that were published before all was known, because those that wait took too much memory. */
  readonly hurried: number;
  /** Ancestors and leaders that were recorded with texts cut to make room in memory. */
  readonly textsCut: number;
  /** What the texts of images and of what waits take in memory, at most. */
  readonly textBytes: number;
}

export class ProcessTree {
  readonly #options: TreeOptions;
  #settings: TreeSettings;
  readonly processes: ProcessTable;
  readonly #logins: Logins;
  readonly #context: SessionContext;
  /** What is not published yet, in the order in which it happened. */
  readonly #waiting = new Set<PendingEvent>();
  /** Of that, what is to be looked at: it is new, or what it waited for is known. */
  #candidates: PendingEvent[] = [];
  /** What was looked at and is not ready, and what is behind it, of each process in the order in which it happened. */
  readonly #held = new Map<Process, PendingEvent[]>();
  #happened = 0;
  #eventsReceived = 0;
  #eventsPublished = 0;
  #detailsMissing = 0;
  #hurried = 0;
  /** Of the texts of what is not published yet. */
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
      textBytes: this.processes.texts.bytes + this.#waitingBytes,
    };
  }

  /** Applies events in their order, then publishes what has become complete. */
  apply(events: readonly ProcessEvent[]): void {
    for (const event of events) {
      this.#eventsReceived++;
      this.processes.keepClock(event.unixMs - event.bootMs);
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
          this.processes.setPgid(event);
          break;
        case 'snapshot':
          this.processes.meet(event);
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
    for (const pending of this.#waiting) {
      if (this.#waitingBytes <= MEMORY_BOUNDS.waitingEvents) return;
      this.#hurried++;
      this.#giveUpWaiting(pending);
    }
  }

  /** The processes that were there before the first event, as events of their own. */
  publishExisting(at: Moment): void {
    for (const process of this.processes.living())
      if (process.discoveredBy === 'procfs') this.#note('existing', process, at);
    this.#publishReady();
  }

  /** Asks the servers that /proc showed for their connections: their sessions may end before the next row. */
  askServers(): void {
    for (const process of this.processes.living()) {
      if (hasEntryName(process.image) && isSshd(process.atFork)) this.#logins.askServer(process);
    }
  }

  /** Events that wait to be published. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Since when what has waited longest waits, by the tree's clock: `flush` has to be called `publishWaitMs` after. Undefined
   * when nothing does.
   */
  get waitingSinceMs(): number | undefined {
    const [first] = this.#waiting;
    return first?.heardMs;
  }

  /** Publishes what has waited long enough, with what is known of it; `all` publishes the rest too: at an end. */
  flush(which: 'overdue' | 'all' = 'overdue'): void {
    const heardBeforeMs = this.#options.now() - this.#settings.publishWaitMs;
    for (const pending of this.#waiting) {
      if (which === 'overdue' && pending.heardMs > heardBeforeMs) break;
      this.#giveUpWaiting(pending);
    }
    this.#publishReady();
    if (which === 'all') this.processes.decideClaims();
  }

  #exec(event: ExecEvent): void {
    const { details } = event;
    const process = this.processes.executor(event);
    // A process that was implied by this very exec has no other image; one implied by a child's fork had an unknown one before.
    const unseen = process.discoveredBy === 'implied' && process.execUnixMs === 0;
    if (unseen && !process.image.sealed) process.image.seal(undefined);
    const before = process.image;
    // Of one whose arguments are cut to nothing a part was lost, or is kept from every reader.
    if (!details || (details.args === '' && details.argsCut)) this.#detailsMissing++;
    // While a loss is not made good, they may be those of another exec of the same pid.
    const isCertain = this.processes.losses.sinceResync === 0;
    process.execute(details ? Image.of(details, isCertain) : Image.unknown(), event);
    // What /proc showed later of its session is not what an event told.
    const sid = details?.fromProcfs && process.session ? undefined : details?.sid;
    this.processes.setIds(process, sid, details?.pgid);
    if (event.groupsUntold && details?.pgid === undefined) process.group = undefined;
    process.leftTerminal = false;
    const pending = new PendingEvent('exec', process, event, this.#options.now(), details);
    if (details) this.#learn(pending, details, before);
    if (details?.cgroup || event.cgroupUntold) {
      process.cgroup = details?.cgroup ?? '';
      process.hasLeftCgroup = process.cgroup === '';
    }
    pending.cgroup = process.cgroup;
    // Most are ready at once: the others are looked at when all events have been applied.
    if (this.#waiting.size === 0 && !blockerOf(pending)) {
      this.#tell(pending);
      return;
    }
    this.#waitingBytes += textBytes(details);
    this.#wait(pending);
  }

  /** What happened beside execs, where it is published. */
  #note(action: Action, process: Process | undefined, at: Moment): void {
    if (!process || !this.#settings.actions.has(action)) return;
    // By what waits: it is still to be found under its pid.
    process.isReferredTo = true;
    this.#wait(new PendingEvent(action, process, at, this.#options.now()));
  }

  #wait(pending: PendingEvent): void {
    pending.order = this.#happened++;
    this.#waiting.add(pending);
    this.#candidates.push(pending);
  }

  /** What is ready, of each process in the order in which it happened. */
  #publishReady(): void {
    while (this.#candidates.length > 0) {
      const candidates = this.#candidates.sort((one, other) => one.order - other.order);
      this.#candidates = [];
      for (const pending of candidates) if (this.#waiting.has(pending)) this.#lookAt(pending);
    }
  }

  #lookAt(pending: PendingEvent): void {
    const { process } = pending;
    const held = this.#held.get(process);
    if (held && held[0] !== pending) {
      held.push(pending);
      return;
    }
    const blocker = blockerOf(pending);
    if (!blocker) {
      this.#publish(pending);
      return;
    }
    if (!held) this.#held.set(process, [pending]);
    blocker.whenSettled(() => this.#candidates.push(pending));
  }

  /** What is behind it can be looked at. */
  #letGo({ process }: PendingEvent): void {
    const held = this.#held.get(process);
    if (!held) return;
    held.shift();
    const [next] = held;
    if (next) this.#candidates.push(next);
    else this.#held.delete(process);
  }

  /** Takes in what the details of an exec tell of the process. */
  #learn(pending: PendingEvent, details: ExecDetails, before: Image): void {
    const { process, image } = pending;
    this.processes.texts.keep(image);
    process.pidNamespace = details.pidNamespace ?? process.pidNamespace;
    process.userNamespace = details.userNamespace ?? process.userNamespace;
    this.#keepGroups(pending, details, before.details);
    if (hasEntryName(image)) this.#proveEntry(pending);
    if (details.ppid === undefined || process.creatorState !== 'awaited') return;
    process.ppid = details.ppid;
    if (details.ppid === 0) process.setTop();
    else process.likelyCreator ??= this.processes.likelyParent(details.ppid, pending);
  }

  /** Reads what proves an entry, while the process lives: for the few programs that let others in. */
  #proveEntry({ process, details, atFork }: PendingEvent): void {
    const { proc } = this.#options;
    if (details?.userNamespace === undefined) {
      const startTicks = proc?.startTicks(process.pid);
      if (startTicks === undefined || !this.processes.isSame(process, startTicks)) return;
      process.userNamespace = proc?.userNamespace(process.pid) ?? process.userNamespace;
    }
    if (isSshd(atFork)) this.#logins.askServer(process);
  }

  /** Supplemental groups are set by what sets other ids too, and by what lets people in: no event tells of them. */
  #keepGroups({ process, atFork }: PendingEvent, { uid, gid }: ExecDetails, before: ExecDetails): void {
    const isSame = uid === before.uid && gid === before.gid;
    if (isSame && atFork.session?.leader !== process) return;
    process.supplementalGroups = this.#options.proc?.supplementalGroups(process.pid);
  }

  #giveUpWaiting(pending: PendingEvent): void {
    sealNow(pending.image);
    this.#settle(pending.process);
    for (const image of pending.previous) sealNow(image);
    for (const leader of [pending.sessionLeader, pending.groupLeader]) {
      if (!leader) continue;
      sealNow(leader.image);
      this.#settle(leader.process);
    }
    this.#publish(pending);
  }

  /** Decides what no event told of a process's ancestors, from the next to the top. */
  #settle(process: Process): void {
    for (let child: Process | undefined = process; child; ) {
      this.processes.decideClaim(child);
      if (child.creatorState === 'awaited') {
        const likely = child.likelyCreator;
        child.creatorState = likely && child.setCreator(likely) ? 'likely' : 'unknown';
      }
      if (child.creator) sealNow(child.creator.image);
      child = child.creator?.process;
    }
  }

  #publish(pending: PendingEvent): void {
    this.#waiting.delete(pending);
    this.#letGo(pending);
    this.#waitingBytes -= textBytes(pending.details);
    this.#tell(pending);
  }

  #tell(pending: PendingEvent): void {
    const { process } = pending;
    // The end of a leader whose other thread executes is not the process's (R7).
    const isRevived = pending.action === 'exit' && !process.exit;
    if (isRevived || !this.#settings.actions.has(pending.action)) return;
    this.#eventsPublished++;
    process.cgroup ||= fromCreators(process, ({ cgroup }) => cgroup, 'hasLeftCgroup') ?? '';
    process.pidNamespace ??= fromCreators(process, ({ pidNamespace }) => pidNamespace);
    const context = this.#context;
    const creator = context.record(process.creator);
    const ancestry = ancestryOf(process, creator, this.#settings.maxDepth);
    // Until /proc was read again, an exec or a fork of any ancestor may be among what was lost.
    const certain = this.processes.losses.sinceResync === 0;
    const { action, atFork, image, group, sessionLeader, groupLeader } = pending;
    const entry = entryOf(atFork);
    const inherited = image.known ? image.details : undefined;
    const hasLost = inherited && inherited.tty !== '' && pending.hasLostTerminal;
    const told = hasLost ? { ...inherited, tty: '', ttyNr: 0 } : inherited;
    const details = action === 'exec' ? pending.details : told;
    this.#options.publish({
      action,
      actions: ALONE[action],
      process,
      atFork,
      details,
      ancestry: certain ? ancestry : { ...ancestry, complete: false },
      entityId: this.processes.entityIdOf(process),
      ppid: pending.details?.ppid ?? process.ppid,
      pidNamespace: process.pidNamespace,
      sid: atFork.session?.id,
      pgid: group?.id,
      entry,
      context: {
        creator,
        groupLeader: context.record(groupLeader),
        sessionLeader: context.record(sessionLeader),
        entryLeader: context.record(entry.leader),
        credentials: details && context.credentials(details, process.supplementalGroups),
        previous: context.previous(pending.previous, process.creator),
      },
      entryAddress: this.#logins.addressOf(entry),
      cgroup: pending.cgroup || process.cgroup,
      sha256: '',
      exitStatus: action === 'exit' ? process.exit?.status : undefined,
      endUnixMs: action === 'exit' ? pending.unixMs : undefined,
      unixMs: pending.unixMs,
      bootMs: pending.bootMs,
      host: this.#options.host,
    });
  }
}

/** Each action as the only one of its event. */
const ALONE: { readonly [Name in Action]: readonly Name[] } = {
  exec: ['exec'],
  fork: ['fork'],
  setsid: ['setsid'],
  exit: ['exit'],
  existing: ['existing'],
};

/** What is still to be known of all that will be said of it. */
function blockerOf(pending: PendingEvent): Process | Image | undefined {
  if (!pending.image.sealed) return pending.image;
  for (const image of pending.previous) if (!image.sealed) return image;
  return unsettledOf(pending.process) ?? blockerIn(pending.sessionLeader) ?? blockerIn(pending.groupLeader);
}

function blockerIn(leader: ProcessAtFork | undefined): Process | Image | undefined {
  if (!leader) return undefined;
  return leader.image.sealed ? unsettledOf(leader.process) : leader.image;
}

/** Gives up on an image that is waited for. */
function sealNow(image: Image): void {
  if (!image.sealed) image.seal(undefined);
}

/** What was read of the nearest creator of which anything was, as it was when it forked. Only for settled processes. */
function fromCreators<Value>(
  process: Process,
  of: (one: Pick<ExecDetails, 'cgroup' | 'pidNamespace'>) => Value,
  end?: 'hasLeftCgroup',
): Value | undefined {
  if (end && process[end]) return undefined;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator) {
    const value = of(ancestor.image.details) || of(ancestor.process);
    if (value) return value;
    if (end && ancestor.process[end]) return undefined;
  }
  return undefined;
}
