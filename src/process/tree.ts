/**
 * The process tree takes complete events in causal order, updates the process table, and publishes each event once its
 * ancestors are known (R8, R10). Most events are published at once. An event waits if its source may report a fork after
 * the child's own events. The tree has no clock, file or socket of its own.
 */
import type { ExecDetails, ExecEvent, ProcessEvent, SetidEvent } from '../collect/event.ts';
import type { Names } from '../linux/user_names.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { type Ancestry, ancestryOf, unsettledOf } from './ancestry.ts';
import type { CacheStats } from './cache.ts';
import { entryOf, hasEntryName, isSshd } from './entry.ts';
import type { IgnoreRules } from './ignore.ts';
import { Image } from './image.ts';
import { Logins } from './logins.ts';
import { type Action, type Moment, PendingEvent } from './pending_event.ts';
import type { AncestorRecord, Entry, Process, ProcessAtFork } from './process.ts';
import { ProcessTable, type ProcessTableOptions } from './process_table.ts';
import { SessionContext, type SharedFacts } from './session_context.ts';

/** A published event. It does not change any more. */
export interface PublishedEvent {
  readonly action: Action;
  /** In the order in which they happened. More than one if events were merged. */
  readonly actions: readonly Action[];
  readonly process: Process;
  /** The process with its image and session. */
  readonly atFork: ProcessAtFork;
  /** Undefined if it is unknown what was executed. */
  readonly details: ExecDetails | undefined;
  readonly ancestry: Ancestry;
  readonly entityId: string;
  /** The kernel's parent at the exec. */
  readonly ppid: number;
  readonly pidNamespace: number | undefined;
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
  readonly entry: Entry;
  /** The related processes and facts. */
  readonly context: EventContext;
  /** The address of the ssh client if the entry type is sshd; '' if unknown. */
  readonly entryAddress: string;
  /** '' if unknown. */
  readonly cgroup: string;
  /** Hash of the executed file; '' if unknown. */
  readonly sha256: string;
  /** For an exit: the status in the form of wait(2). */
  readonly exitStatus: number | undefined;
  /** For an exit: when the process ended. */
  readonly endUnixMs: number | undefined;
  readonly unixMs: number;
  readonly bootMs: number;
  /** HostFacts of a recorded log; undefined for this host. */
  readonly host?: SharedFacts | undefined;
  /** ContainerFacts; undefined on the host, and if unknown. */
  readonly container?: SharedFacts | undefined;
}

/** Records that many events share; undefined where there is none. */
interface EventContext {
  /** The creator: the first ancestor. */
  readonly creator: AncestorRecord | undefined;
  readonly groupLeader: AncestorRecord | undefined;
  readonly sessionLeader: AncestorRecord | undefined;
  readonly entryLeader: AncestorRecord | undefined;
  /** CredentialFacts. */
  readonly credentials: SharedFacts | undefined;
  /** CredentialFacts before a setid. */
  readonly credentialsBefore: SharedFacts | undefined;
  /** The previous images of the process, starting with the image at its fork: PreviousImageFacts. */
  readonly previous: SharedFacts | undefined;
}

export interface TreeSettings {
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  readonly maxDepth: number;
  readonly ancestorCmdlineMax: number;
  /** How long an event waits for missing facts about its ancestors. */
  readonly publishWaitMs: number;
  /** The actions that are published. */
  readonly actions: ReadonlySet<Action>;
  /** The events that are not published; undefined for none. */
  readonly ignore: IgnoreRules | undefined;
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
  /** Events that were not published because a rule ignores them. */
  readonly eventsIgnored: number;
  /** Events that wait to be published. */
  readonly waiting: number;
  /** How long the oldest waiting event has waited, in milliseconds; 0 if none waits. */
  readonly waitedMs: number;
  /** Execs that were published without details: only the exec itself is known. */
  readonly detailsMissing: number;
  /** Events that were published incomplete because the waiting events took too much memory. */
  readonly hurried: number;
  /** Ancestors and leaders that were recorded with texts cut to save memory. */
  readonly textsCut: number;
  /** Upper estimate of the memory for the texts of images and of waiting events. */
  readonly textBytes: number;
}

export class ProcessTree {
  readonly #options: TreeOptions;
  #settings: TreeSettings;
  readonly processes: ProcessTable;
  readonly #logins: Logins;
  readonly #context: SessionContext;
  /** Events that are not published yet, in the order in which they happened. */
  readonly #waiting = new Set<PendingEvent>();
  /** Waiting events to check: new ones, and those whose missing fact is now known. */
  #candidates: PendingEvent[] = [];
  /** By process: the event that was checked and is not ready, and the later events of the same process, in order. */
  readonly #held = new Map<Process, PendingEvent[]>();
  #happened = 0;
  #eventsReceived = 0;
  #eventsPublished = 0;
  #eventsIgnored = 0;
  #detailsMissing = 0;
  #hurried = 0;
  /** Memory for the texts of events that are not published yet. */
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

  /** Applies to events that are published from now on. */
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
      eventsIgnored: this.#eventsIgnored,
      waiting: this.waiting,
      waitedMs: this.#options.now() - (this.waitingSinceMs ?? this.#options.now()),
      detailsMissing: this.#detailsMissing,
      hurried: this.#hurried,
      textsCut: this.#context.shortened,
      textBytes: this.processes.texts.bytes + this.#waitingBytes,
    };
  }

  /** Applies events in order, then publishes those that are complete. */
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
        case 'setid':
          this.#setid(event);
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

  /** Publishes waiting events, the oldest first, until their texts are within the memory bound. */
  #makeRoom(): void {
    for (const pending of this.#waiting) {
      if (this.#waitingBytes <= MEMORY_BOUNDS.waitingEvents) return;
      this.#hurried++;
      this.#giveUpWaiting(pending);
    }
  }

  /** Publishes an event for each process that existed before the first event. */
  publishExisting(at: Moment): void {
    for (const process of this.processes.living())
      if (process.discoveredBy === 'procfs') this.#note('existing', process, at);
    this.#publishReady();
  }

  /** Reads the connections of the sshd processes found in /proc. Their sessions may end before the next row. */
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
   * When the oldest waiting event arrived, by the tree's clock. Call `flush` `publishWaitMs` later. Undefined if no event
   * waits.
   */
  get waitingSinceMs(): number | undefined {
    const [first] = this.#waiting;
    return first?.heardMs;
  }

  /** Publishes events that have waited `publishWaitMs`, complete or not. `all` publishes every waiting event, at the end. */
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
    // If this exec implied the process, it has no other image. If a child's fork implied it, its earlier image is unknown.
    const unseen = process.discoveredBy === 'implied' && process.execUnixMs === 0;
    if (unseen && !process.image.sealed) process.image.seal(undefined);
    const before = process.image;
    // Until a resync after a loss, the details may belong to another exec of the same pid.
    const isCertain = this.processes.losses.sinceResync === 0;
    process.execute(details ? Image.of(details, isCertain) : Image.unknown(), event);
    // /proc shows a later session than the session that an event reported.
    const sid = details?.fromProcfs && process.session ? undefined : details?.sid;
    this.processes.setIds(process, sid, details?.pgid);
    if (event.groupsUntold && details?.pgid === undefined) process.group = undefined;
    process.leftTerminal = false;
    const pending = new PendingEvent('exec', process, event, this.#options.now(), details);
    pending.isCertain = isCertain;
    if (details) this.#learn(pending, details, before);
    if (details?.cgroup || event.cgroupUntold) {
      process.cgroup = details?.cgroup ?? '';
      process.hasLeftCgroup = process.cgroup === '';
    }
    pending.cgroup = process.cgroup;
    // Most execs are ready at once. The others are checked after all events are applied.
    if (this.#waiting.size === 0 && !blockerOf(pending)) {
      this.#tell(pending);
      return;
    }
    this.#waitingBytes += textBytes(details);
    this.#wait(pending);
  }

  /** Queues an event other than an exec if its action is published. */
  #note(action: Action, process: Process | undefined, at: Moment): PendingEvent | undefined {
    if (!process || !this.#settings.actions.has(action)) return undefined;
    // The waiting event refers to it, so the cache must still find it by its pid.
    process.isReferredTo = true;
    const pending = new PendingEvent(action, process, at, this.#options.now());
    pending.isCertain = this.processes.losses.sinceResync === 0;
    this.#wait(pending);
    return pending;
  }

  /** A change of ids is only a row. The image keeps the ids of its exec (R2). */
  #setid(event: SetidEvent): void {
    const pending = this.#note('setid', this.processes.livingWith(event.pid), event);
    if (pending) pending.ids = event;
  }

  #wait(pending: PendingEvent): void {
    pending.order = this.#happened++;
    this.#waiting.add(pending);
    this.#candidates.push(pending);
  }

  /** Publishes the events that are ready. Those of one process stay in order. */
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

  /** Makes the next event of the same process a candidate. */
  #letGo({ process }: PendingEvent): void {
    const held = this.#held.get(process);
    if (!held) return;
    held.shift();
    const [next] = held;
    if (next) this.#candidates.push(next);
    else this.#held.delete(process);
  }

  /** Updates the process from the details of an exec. */
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

  /** Reads the facts that prove an entry while the process is alive. Only for programs such as sshd and container runtimes. */
  #proveEntry({ process, details, atFork }: PendingEvent): void {
    const { proc } = this.#options;
    if (details?.userNamespace === undefined) {
      const startTicks = proc?.startTicks(process.pid);
      if (startTicks === undefined || !this.processes.isSame(process, startTicks)) return;
      process.userNamespace = proc?.userNamespace(process.pid) ?? process.userNamespace;
    }
    if (isSshd(atFork)) this.#logins.askServer(process);
  }

  /**
   * Reads supplemental groups again if the user or group id changed, or if the process leads its session. No event reports a
   * change of supplemental groups.
   */
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

  /** Decides the creators that no event reported, from the nearest ancestor to the top. */
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
    // A thread group leader also ends when another thread executes: this is not the exit of the process (R7).
    const isRevived = pending.action === 'exit' && !process.exit;
    if (isRevived || !this.#settings.actions.has(pending.action)) return;
    process.cgroup ||= fromCreators(process, cgroupIn, endsCertainCgroup) ?? '';
    const certainCgroup = pending.cgroup || process.cgroup;
    // After a loss and before a resync, the lost events may include an exec or a fork of the process or an ancestor.
    const certain = this.processes.losses.sinceResync === 0;
    if (certain && pending.isCertain && this.#settings.ignore?.ignores(pending.atFork, certainCgroup)) {
      this.#eventsIgnored++;
      return;
    }
    this.#eventsPublished++;
    if (pending.action === 'exec' && areMissing(pending.details)) this.#detailsMissing++;
    const cgroup = certainCgroup || (fromCreators(process, cgroupIn, endsCgroup) ?? '');
    process.pidNamespace ??= fromCreators(process, ({ pidNamespace }) => pidNamespace);
    const context = this.#context;
    const creator = context.record(process.creator);
    const ancestry = ancestryOf(process, creator, this.#settings.maxDepth);
    const { action, atFork, image, group, sessionLeader, groupLeader } = pending;
    const entry = entryOf(atFork);
    const inherited = image.known ? image.details : undefined;
    const hasLost = inherited && inherited.tty !== '' && pending.hasLostTerminal;
    const told = hasLost ? { ...inherited, tty: '', ttyNr: 0 } : inherited;
    const { ids } = pending;
    const present = ids && told ? { ...told, ...idsAfter(ids) } : told;
    const details = action === 'exec' ? pending.details : present;
    // Nothing reports supplemental groups at a change of ids.
    const credentials = ids
      ? context.credentials(idsAfter(ids), undefined)
      : details && context.credentials(details, process.supplementalGroups);
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
        credentials,
        credentialsBefore: ids && context.credentials(idsBefore(ids), undefined),
        previous: context.previous(pending.previous, process.creator),
      },
      entryAddress: this.#logins.addressOf(entry),
      cgroup,
      sha256: '',
      exitStatus: action === 'exit' ? process.exit?.status : undefined,
      endUnixMs: action === 'exit' ? pending.unixMs : undefined,
      unixMs: pending.unixMs,
      bootMs: pending.bootMs,
      host: this.#options.host,
    });
  }
}

/** Arguments that are cut to nothing: records were lost, or the arguments could not be read. */
function areMissing(details: ExecDetails | undefined): boolean {
  return !details || (details.args === '' && details.argsCut);
}

/** For each action: the list of an event with this action only. */
const ALONE: { readonly [Name in Action]: readonly Name[] } = {
  exec: ['exec'],
  fork: ['fork'],
  setsid: ['setsid'],
  setid: ['setid'],
  exit: ['exit'],
  existing: ['existing'],
};

type Ids = Pick<ExecDetails, 'uid' | 'gid' | 'euid' | 'egid' | 'suid' | 'sgid' | 'fsuid' | 'fsgid'>;

function idsAfter({ uid, gid, euid, egid, suid, sgid, fsuid, fsgid }: SetidEvent): Ids {
  return { uid, gid, euid, egid, suid, sgid, fsuid, fsgid };
}

function idsBefore(event: SetidEvent): Ids {
  return {
    ...{ uid: event.uidBefore, gid: event.gidBefore, euid: event.euidBefore, egid: event.egidBefore },
    ...{ suid: event.suidBefore, sgid: event.sgidBefore, fsuid: event.fsuidBefore, fsgid: event.fsgidBefore },
  };
}

/** The first missing fact that the event must wait for. */
function blockerOf(pending: PendingEvent): Process | Image | undefined {
  if (!pending.image.sealed) return pending.image;
  for (const image of pending.previous) if (!image.sealed) return image;
  return unsettledOf(pending.process) ?? blockerIn(pending.sessionLeader) ?? blockerIn(pending.groupLeader);
}

function blockerIn(leader: ProcessAtFork | undefined): Process | Image | undefined {
  if (!leader) return undefined;
  return leader.image.sealed ? unsettledOf(leader.process) : leader.image;
}

/** Seals an image without details: nothing waits for it any more. */
function sealNow(image: Image): void {
  if (!image.sealed) image.seal(undefined);
}

type Inherited = Pick<ExecDetails, 'cgroup' | 'pidNamespace'>;
const cgroupIn = ({ cgroup }: Inherited) => cgroup;
const endsCgroup = ({ hasLeftCgroup }: Process) => hasLeftCgroup;
const endsCertainCgroup = (one: Process) => endsCgroup(one) || one.creatorState === 'likely';

/** The value of the nearest ancestor that has one. The search ends at a process that `ends` names. Only for settled processes. */
function fromCreators<Value>(
  process: Process,
  of: (one: Inherited) => Value,
  ends: (one: Process) => boolean = () => false,
): Value | undefined {
  if (ends(process)) return undefined;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator) {
    const value = of(ancestor.image.details) || of(ancestor.process);
    if (value) return value;
    if (ends(ancestor.process)) return undefined;
  }
  return undefined;
}
