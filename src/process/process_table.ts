/**
 * The process table: which process has a pid now, and which process created it. Applies forks, execs, exits and snapshots of
 * /proc by the rules R1 to R7 and R11 to R14.
 */
import type {
  ExecDetails,
  ExecEvent,
  ExitEvent,
  ForkEvent,
  Pid,
  SetpgidEvent,
  SetsidEvent,
  SnapshotEvent,
} from '../collect/event.ts';
import type { ProcessSnapshot, ProcReader } from '../collect/procfs.ts';
import { MS_PER_TICK, ticksOf } from '../linux/clock_ticks.ts';
import { INIT, isKernelPid } from '../linux/kernel_pids.ts';
import { type CacheStats, ProcessCache } from './cache.ts';
import { ContestedClaims, claimOf, isImpossible, likelyCountsInitially } from './claims.ts';
import { EntityIds } from './identity.ts';
import { Image } from './image.ts';
import { ImageTexts } from './image_texts.ts';
import type { Group } from './process.ts';
import { type Claim, Process, type ProcessAtFork } from './process.ts';

export interface ProcessTableOptions {
  readonly bootId: string;
  /**
   * Unix ms minus CLOCK_BOOTTIME ms. `keepClock` updates it when the clock is set. All recordings of one boot must use the same
   * value; otherwise the start of a process differs between them. 0 in a replay.
   */
  readonly bootToUnixMs: number;
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Undefined in a replay: the processes of a recorded log are not in this host's /proc. */
  readonly proc: ProcReader | undefined;
}

/** A larger change of the offset means that the clock was set. Events have a rounded offset, and some timestamps are coarse. */
const CLOCK_SET_MS = 500;
/** A fork event without the start has a timestamp at most this long after the start (measured: 0 of 20,000 a tick apart). */
const FORK_TO_EVENT_SLACK_MS = 0.5;
/** The slack of a start that comes from the kernel. */
const EXACT = [0, 0] as const;

export class ProcessTable {
  readonly #proc: ProcReader | undefined;
  readonly #cache: ProcessCache;
  readonly #entityIds: EntityIds;
  readonly texts = new ImageTexts();
  #bootToUnixMs: number;
  readonly #contested = new ContestedClaims();
  /** By pid: processes whose pid is reused and whose exit is not reported yet, the oldest first. */
  readonly #untoldEnds = new Map<Pid, Process[]>();
  /** Counts of lost events. */
  readonly #losses = { total: 0, sinceResync: 0 };

  constructor(options: ProcessTableOptions) {
    const { cacheSize: capacity, cacheTtlSeconds: ttlSeconds, now } = options;
    this.#proc = options.proc;
    this.#bootToUnixMs = options.bootToUnixMs;
    this.#cache = new ProcessCache({ capacity, ttlSeconds, now });
    this.#entityIds = new EntityIds(options.bootId);
  }

  /** Whether the events come from a recorded log: the processes cannot be read from /proc. */
  get isRecorded(): boolean {
    return this.#proc === undefined;
  }

  /** When the host booted, in Unix ms. */
  get bootUnixMs(): number {
    return this.#bootToUnixMs;
  }

  /** Whether an entity id is of a process of this boot. */
  isOfThisBoot(entityId: string): boolean {
    return this.#entityIds.isOfThisBoot(entityId);
  }

  resize(settings: { cacheSize: number; cacheTtlSeconds: number }): void {
    this.#cache.resize({ capacity: settings.cacheSize, ttlSeconds: settings.cacheTtlSeconds });
  }

  get stats(): CacheStats {
    return this.#cache.stats;
  }

  /** Removes dead processes that have expired. */
  sweep(): void {
    this.#cache.sweep();
  }

  /** Counts lost events. Until the next resync, the table may be wrong about which processes are alive. */
  lost(count: number): void {
    this.#losses.total += count;
    this.#losses.sinceResync += count;
    // The lost events may include their exits.
    this.#untoldEnds.clear();
  }

  /** A snapshot covers the losses up to `lossesBefore` (a value of `losses.total`). */
  resynced(lossesBefore: number): void {
    this.#losses.sinceResync = this.#losses.total - lossesBefore;
  }

  get losses(): { readonly total: number; readonly sinceResync: number } {
    return this.#losses;
  }

  /** Keeps one offset until the clock is set. Known processes keep their start. */
  keepClock(offsetMs: number): void {
    if (Math.abs(offsetMs - this.#bootToUnixMs) > CLOCK_SET_MS) this.#bootToUnixMs = offsetMs;
  }

  /** A process is created. */
  fork(event: ForkEvent): Process | undefined {
    const caller = event.imageFrom ?? event.parent;
    if (event.callerParent !== undefined) this.#confirm(caller, event.callerParent);
    const creator = this.#parent(event.parent, event, event.parentStartMs);
    // With CLONE_PARENT, the child inherits everything from the caller except its place in the tree.
    const forker = event.imageFrom === undefined ? creator : this.#parent(event.imageFrom, event);
    this.setIds(forker, event.sid, event.pgid);
    this.texts.keep(forker.image);
    if (event.callerParent !== undefined) learnParent(forker, event.callerParent);
    const fork = claimOf(event, creator, forker);
    if (event.isClaimed && !forker.countsInitially) return this.#claim(fork);
    return this.#create(fork);
  }

  /** Creates a process from a fork that is believed. */
  #create(fork: Claim): Process | undefined {
    const { event, creator } = fork;
    const existing = this.#cache.holder(event.pid);
    if (existing && this.#isForkOf(event, existing)) {
      // Rows already contain this process as an ancestor, so its record must not change.
      if (existing.isTold || !existing.setCreator(creator)) return undefined;
      this.#learnFork(existing, fork);
      if (existing.execUnixMs === 0) existing.inheritImage(fork.forker.image);
      startAt(existing, event);
      return undefined;
    }
    const { image } = fork.forker;
    const process = this.#makeForked(event, image);
    process.attachCreator(creator);
    this.#learnFork(process, fork);
    this.#inherit(process, fork);
    if (event.isCoarse && existing && existing.execUnixMs > event.unixMs) {
      // The record of a vfork comes after the child's exec, when the parent continues. The exec was applied to the old process.
      process.previous = image.alone;
      process.image = existing.image;
      process.execUnixMs = existing.execUnixMs;
      process.execBootMs = existing.execBootMs;
    }
    this.#cache.put(process);
    return process;
  }

  #learnFork(process: Process, fork: Claim): void {
    process.isForkedByCreator = isOfCaller(fork);
    process.isForkCertain = this.#losses.sinceResync === 0;
  }

  #makeForked(event: ForkEvent, image: Image): Process {
    const existing = this.#cache.holder(event.pid);
    // The pid now belongs to the new process, even if the exit of the former one was not reported (R6).
    if (existing && !existing.exit) {
      this.#end(existing, undefined, event.bootMs);
      this.#awaitEnd(existing, event);
    }
    const startTicks = ticksOf(event.startMs ?? event.bootMs);
    return new Process({
      pid: event.pid,
      discoveredBy: 'event',
      startMs: event.startMs,
      startTicks,
      startSlackTicks: startSlack(event),
      bootUnixHundredths: this.#bootUnixHundredths,
      sameTickIndex: this.#sameTickIndexOf(event.pid, startTicks),
      image,
      ppid: event.parent,
    });
  }

  /**
   * The kernel can reuse the pid of a process before it reports the exit of that process (kernel/exit.c, do_exit). Sources with
   * coarse timestamps do not report all exits.
   */
  #awaitEnd(former: Process, fork: ForkEvent): void {
    if (fork.isCoarse || fork.startMs !== undefined || former.discoveredBy !== 'event' || this.#losses.sinceResync > 0)
      return;
    const untold = this.#untoldEnds.get(former.pid);
    if (untold) untold.push(former);
    else this.#untoldEnds.set(former.pid, [former]);
  }

  /** The former process of the pid whose exit is reported only now. */
  #takeUntoldEnd({ pid, bootMs, status }: ExitEvent): Process | undefined {
    const [former, ...later] = this.#untoldEnds.get(pid) ?? [];
    if (!former) return undefined;
    if (later.length > 0) this.#untoldEnds.set(pid, later);
    else this.#untoldEnds.delete(pid);
    former.exit = { bootMs, status };
    return former;
  }

  /** How many earlier processes had the same pid and the same start. */
  #sameTickIndexOf(pid: Pid, startTicks: number): number {
    const before = this.#cache.holder(pid);
    return before?.startTicks === startTicks ? before.sameTickIndex + 1 : 0;
  }

  /** Copies what a child inherits from the process that called fork. */
  #inherit(process: Process, { event, creator, forker: forkerAtFork, session, group, leftTerminal }: Claim): void {
    const forker = forkerAtFork.process;
    // The forker may lead the session or the group of the child.
    forker.isReferredTo = true;
    // A claimed child may have left the session and the group before its claim is believed.
    if (!process.session) {
      process.session = session;
      process.leftTerminal = leftTerminal;
    }
    process.group ??= group;
    process.userNamespace = forker.userNamespace;
    process.supplementalGroups = forker.supplementalGroups;
    process.pidNamespace = event.pidNamespace ?? creator.process.pidNamespace;
    process.cgroup = forker.cgroup;
  }

  /** Remembers a fork that is not believed yet. */
  #claim(claim: Claim): Process | undefined {
    if (isImpossible(claim)) return undefined;
    const { event } = claim;
    const existing = this.#cache.holder(event.pid);
    if (existing && this.#hasToldParent(existing, claim)) {
      claim.forker.process.countsInitially = true;
      return this.#create(claim);
    }
    if (existing && this.#isForkOf(event, existing)) {
      if (existing.ppid === 0) existing.claim ??= claim;
      return undefined;
    }
    if (existing && !existing.exit) {
      this.#contested.add(claim);
      return undefined;
    }
    const process = this.#makeForked(event, Image.pending());
    process.claim = claim;
    this.#cache.put(process);
    return process;
  }

  /** Whether an earlier record of the child itself names the creator as its parent. */
  #hasToldParent(existing: Process, { event }: Claim): boolean {
    if (this.#isForkOf(event, existing)) return existing.ppid === event.parent;
    // The record of a vfork comes after the child's exec.
    return existing.execUnixMs > event.unixMs && existing.image.details.ppid === event.parent;
  }

  /** A record of the process itself names its parent: decides the claims on it. */
  #confirm(pid: Pid, ppid: number): void {
    const contested = this.#contested.take(pid);
    if (contested?.event.parent === ppid) {
      contested.forker.process.countsInitially = true;
      this.#create(contested);
      return;
    }
    const process = this.#cache.peek(pid);
    if (!process || process.exit) return;
    if (process.claim?.event.parent === ppid) this.#believe(process, process.claim);
  }

  #believe(process: Process, claim: Claim): void {
    process.claim = undefined;
    claim.forker.process.countsInitially = true;
    if (process.isTold || !process.setCreator(claim.creator)) return;
    this.#learnFork(process, claim);
    startAt(process, claim.event);
    if (process.execUnixMs === 0) process.inheritImage(claim.forker.image);
    this.texts.keep(process.image);
    this.#inherit(process, claim);
  }

  /** Decides on all claims at the end of the events. */
  decideClaims(): void {
    for (const process of [...this.#cache.remembered()]) {
      const { claim } = process;
      // A child without other records may not be in the initial namespace.
      if (claim && likelyCountsInitially(claim.forker.process)) this.decideClaim(process);
    }
  }

  /** Decides on a claim when the wait for it is over. */
  decideClaim(process: Process): void {
    const { claim } = process;
    if (!claim) return;
    if (likelyCountsInitially(claim.forker.process)) this.#believe(process, claim);
    process.claim = undefined;
  }

  /**
   * Sets the session and the group that an event reports for a process. The kernel does not reuse the number while there are
   * members, so the number finds the leader.
   */
  setIds(process: Process, sid: number | undefined, pgid: number | undefined): void {
    if (sid !== undefined && sid !== process.session?.id) {
      process.session = this.#groupOf(sid, process);
      // The terminal at the exec belonged to the previous session.
      process.leftTerminal = true;
    }
    if (pgid !== undefined && pgid !== process.group?.id) process.group = this.#groupOf(pgid, process);
  }

  /** The session or the group with this number, of this member. */
  #groupOf(id: number, member: Process): Group {
    const leader = id === member.pid ? member : this.#cache.peek(id as Pid);
    if (leader) leader.isReferredTo = true;
    return { id, leader };
  }

  /** Undefined if the process is unknown. */
  setSid(event: SetsidEvent): Process | undefined {
    const process = this.#cache.peek(event.pid);
    process?.lead();
    return process;
  }

  /** Without a pgid in the event (its numbers are of another pid namespace), the group is read from /proc. */
  setPgid(event: SetpgidEvent): void {
    const process = this.#cache.peek(event.pid);
    // A session leader cannot change its group (kernel/sys.c, setpgid: EPERM): this event is from before the setsid.
    if (!process || process.exit || process.session?.leader === process) return;
    if (event.goneCaller !== undefined && !this.#couldSet(process, event, event.goneCaller)) return;
    const pgid = event.pgid ?? this.#proc?.read(event.pid)?.details.pgid;
    if (pgid === undefined) process.group = undefined;
    this.setIds(process, undefined, pgid);
  }

  /**
   * Whether a caller in an unknown pid namespace could have made this call. A caller can move only itself and its children, and
   * only into a group of its own session (kernel/sys.c, setpgid). Numbers of another namespace do not match this by chance.
   */
  #couldSet(process: Process, { pid, pgid }: SetpgidEvent, goneCaller: Pid): boolean {
    const caller = pid === goneCaller ? process : this.#cache.peek(goneCaller);
    if (!caller || (caller !== process && process.creator?.process !== caller)) return false;
    const leader = pgid === undefined ? undefined : this.#cache.peek(pgid);
    if (leader === process || (leader?.session !== undefined && leader.session.id === process.session?.id)) return true;
    // Siblings, such as the processes of a shell pipeline, are in one namespace and session.
    return leader?.creator !== undefined && leader.creator.process === process.creator?.process;
  }

  /** A process ends. */
  exit(event: ExitEvent): Process | undefined {
    const former = event.startMs === undefined ? this.#takeUntoldEnd(event) : undefined;
    if (former) return former;
    const process = this.#cache.peek(event.pid);
    // An exit before the start of this process belongs to a former process with the same pid.
    if (!process || ticksOf(event.bootMs) < process.startTicks - 1) return undefined;
    if (this.#isOther(process, event.startMs)) return undefined;
    // A repeated exit. An exit that was only seen in /proc has no status yet.
    if (process.exit && process.exit.status !== undefined) return undefined;
    this.setIds(process, event.sid, event.pgid);
    this.#end(process, event.status, event.bootMs);
    return process;
  }

  /** The process that executes. Its exit may be reported already: a leader ends when another thread executes (R7). */
  executor(event: ExecEvent): Process {
    const { pid, isCoarse, details } = event;
    const ppid = details?.ppid;
    if (isCoarse && ppid !== undefined) this.#confirm(pid, ppid);
    const process = this.#cache.find(pid);
    if (process?.claim && ppid !== undefined && !this.#wasAdopted(process, process.claim, ppid)) {
      // The process had this pid before the claim: the number in the claim is of another namespace.
      return this.#imply(pid, event);
    }
    if (process && ticksOf(event.bootMs) < process.startTicks - 1 - process.startSlackTicks[0]) {
      // The exec belongs to a former process with this pid.
      return this.#makeImplied(pid, event);
    }
    const startMs = details?.fromProcfs ? undefined : details?.startMs;
    if (process && !isAnother(process, event) && !this.#isOther(process, startMs)) {
      if (!process.exit) return process;
      if (!isCoarse && this.#losses.sinceResync === 0) {
        this.#revive(process);
        return process;
      }
    }
    // The record of its fork may still come. /proc knows the pid, but not the creator.
    const live = isCoarse ? undefined : this.#readLive(pid, event.bootMs, startMs);
    // /proc shows the image of this exec or of a later one. The image before is unknown.
    if (live && live !== process) live.image = Image.unknown();
    return live ?? this.#imply(pid, event, startMs);
  }

  /** Whether a claimed process has another parent because its creator has ended. */
  #wasAdopted(process: Process, claim: Claim, ppid: number): boolean {
    const forker = claim.forker.process;
    if (likelyCountsInitially(forker)) {
      this.#believe(process, claim);
      return true;
    }
    if (!claim.creator.process.exit || !adopts(ppid, claim.creator.process)) return false;
    process.claim = undefined;
    process.likelyCreator = claim.creator;
    if (process.execUnixMs === 0) process.inheritImage(claim.forker.image);
    return true;
  }

  /** The parent, at an exec, of a process without a known creator. */
  likelyParent(ppid: number, at: { bootMs: number }): ProcessAtFork {
    const pid = ppid as Pid;
    const parent = this.#cache.find(pid) ?? this.#readLive(pid, at.bootMs) ?? this.#imply(pid, at);
    return parent.atFork;
  }

  /**
   * Applies one process of a snapshot that is in order with the events. Its timestamp is from before the process was read, and
   * it is queued after that. Events that came in between were applied first and are newer. Without a loss, events have reported
   * everything about a known process.
   */
  meet(snapshot: SnapshotEvent): void {
    const known = this.#cache.peek(snapshot.pid);
    if (known && toldSince(known, snapshot)) return;
    if (!known || this.#losses.sinceResync > 0 || !this.#isShown(known, snapshot)) this.adopt([snapshot]);
  }

  /**
   * Applies a snapshot of /proc or of the source (R13, R14): adds processes that no event reported, and ends those that are
   * gone. `processes` may be a part of all; `gone` are the processes whose pids do not exist any more.
   */
  adopt(processes: Iterable<ProcessSnapshot>, gone: Iterable<Process> = []): void {
    const adopted = new Map<Process, ProcessSnapshot>();
    const moved: Process[] = [];
    for (const snapshot of processes) {
      const known = this.#cache.peek(snapshot.pid);
      if (!known || !this.#isShown(known, snapshot)) {
        adopted.set(this.#fromSnapshot(snapshot), snapshot);
      } else if (snapshot.hasEnded) {
        if (!known.exit) this.#end(known, undefined);
      } else if (this.#update(known, snapshot)) {
        moved.push(known);
      }
    }
    for (const [process, { parentStartMs }] of adopted) this.#linkByPpid(process, parentStartMs);
    for (const process of [...adopted.keys(), ...moved]) this.#linkLeaders(process);
    for (const process of gone) if (!process.exit) this.#end(process, undefined);
  }

  /** Finds the leaders of processes that were discovered one by one. A process may be discovered before its leader. */
  linkLeaders(): void {
    for (const process of this.living()) this.#linkLeaders(process);
  }

  #isShown(process: Process, { details }: ProcessSnapshot): boolean {
    if (!details.fromProcfs) return !this.#isOther(process, details.startMs);
    return this.isSame(process, ticksOf(details.startMs ?? 0));
  }

  /** Updates a living process from a snapshot. Returns whether its session or group changed. */
  #update(process: Process, { details }: ProcessSnapshot): boolean {
    this.#revive(process);
    if (!process.image.known || runsAnother(process.image, details)) {
      process.image = Image.of(details);
      this.texts.keep(process.image);
      process.userNamespace = details.userNamespace;
      // The new image has the present terminal.
      process.leftTerminal = false;
    }
    const { cgroup, sid, pgid } = details;
    if (cgroup !== '') process.cgroup = cgroup;
    const hasMoved = process.session?.id !== sid || process.group?.id !== pgid;
    if (process.session?.id !== sid) process.session = groupNumbered(sid);
    if (process.group?.id !== pgid) process.group = groupNumbered(pgid);
    return hasMoved;
  }

  /** The processes that are thought to be alive. */
  living(): Process[] {
    return [...this.#cache.values()].filter((process) => !process.exit);
  }

  /** The process that has this pid now, if it is known. */
  livingWith(pid: Pid): Process | undefined {
    const process = this.#cache.peek(pid);
    return process?.exit ? undefined : process;
  }

  /** The remembered processes that have or had the pid. For queries: it changes nothing. */
  withPid(pid: Pid): Process[] {
    return this.#cache.withPid(pid).filter(({ claim }) => !claim);
  }

  /** All remembered processes and ancestors. For queries: it changes nothing, and may be read in slices. */
  *remembered(): IterableIterator<Process> {
    for (const process of this.#cache.remembered()) if (!process.claim) yield process;
  }

  /** All images that later rows may contain: of the remembered processes and of their ancestors. Some come twice. */
  *images(): Generator<Image> {
    const seen = new Set<Process>();
    for (const { creator, forker } of this.#contested) yield* [creator.image, forker.image];
    for (const process of this.#cache.remembered()) {
      for (let one: Process | undefined = process; one && !seen.has(one); one = one.creator?.process) {
        seen.add(one);
        yield one.image;
        yield* one.previous;
        for (const known of [one.creator, one.likelyCreator, one.claim?.creator, one.claim?.forker])
          if (known) yield known.image;
        for (const leader of [one.session?.leader, one.group?.leader]) if (leader) yield leader.image;
      }
    }
  }

  /**
   * These processes have exec events that are older than their snapshot in /proc. The image before those events is unknown, and
   * children that were forked before must not get the image of the snapshot (R4).
   */
  forgetImages(pids: Iterable<Pid>): void {
    for (const pid of pids) {
      const process = this.#cache.peek(pid);
      if (process?.discoveredBy === 'procfs') process.image = Image.unknown();
    }
  }

  entityIdOf(process: Process): string {
    process.entityId ??= this.#makeEntityId(process);
    return process.entityId;
  }

  /** Start in hundredths of Unix seconds. It is stable for a process, as the entity id is. */
  startOf(process: Process): number {
    this.entityIdOf(process);
    return process.startUnixHundredths;
  }

  /** Whether a start in ticks, from /proc, is the start of this process. */
  isSame(process: Process, startTicks: number): boolean {
    const [earlier, later] = process.startSlackTicks;
    return (
      startTicks >= process.startTicks - Math.max(1, earlier) && startTicks <= process.startTicks + Math.max(1, later)
    );
  }

  /** Whether a fork event is the fork of a process that was discovered earlier, by a snapshot or by another event. */
  #isForkOf(event: ForkEvent, existing: Process): boolean {
    if (this.#isOther(existing, event.startMs)) return false;
    const ticks = ticksOf(event.startMs ?? event.bootMs);
    if (existing.discoveredBy === 'procfs') {
      const [earlier, later] = startSlack(event);
      return existing.startTicks >= ticks - Math.max(1, earlier) && existing.startTicks <= ticks + Math.max(1, later);
    }
    // The record may come late, but the fork happened before all other events of the process.
    const before = ticks <= existing.startTicks + 1;
    return existing.discoveredBy === 'implied' && existing.creatorState === 'awaited' && !existing.exit && before;
  }

  /** The process that forks: from the cache, else from /proc if it is alive, else a new one with only a pid. */
  #parent(pid: Pid, event: ForkEvent, startMs?: number): Process {
    const found = this.#cache.find(pid);
    const known = found && this.#isOther(found, startMs) ? this.#former(pid, startMs) : found;
    if (known && !(known.exit && this.#losses.sinceResync > 0)) return known;
    return this.#readLive(pid, event.bootMs, startMs) ?? known ?? this.#imply(pid, event, startMs);
  }

  /** A process that had the pid before. */
  #former(pid: Pid, startMs: number | undefined): Process | undefined {
    return this.#cache.withPid(pid).find((process) => !this.#isOther(process, startMs));
  }

  /** Whether a start that an event reports is not the start of this process. */
  #isOther(process: Process, startMs: number | undefined): boolean {
    if (startMs === undefined) return false;
    if (process.startMs !== undefined) return process.startMs !== startMs;
    return !this.isSame(process, ticksOf(startMs));
  }

  /** Reads from /proc a living process that no event reported, or whose exit was reported wrongly. */
  #readLive(pid: Pid, startedBeforeBootMs: number, startMs?: number): Process | undefined {
    const snapshot = this.#proc?.read(pid);
    const shownMs = snapshot?.details.startMs ?? Number.POSITIVE_INFINITY;
    if (!snapshot || shownMs > startedBeforeBootMs) return undefined;
    if (startMs !== undefined && ticksOf(shownMs) !== ticksOf(startMs)) return undefined;
    const known = this.#cache.peek(pid);
    if (known && this.#isShown(known, snapshot)) {
      // The table knows its creator; /proc only has the present parent.
      this.#revive(known);
      return known;
    }
    const process = this.#fromSnapshot(snapshot);
    this.#linkByPpid(process);
    this.#linkLeaders(process);
    return process;
  }

  #fromSnapshot({ pid, details, hasEnded, hasExecuted, supplementalGroups }: ProcessSnapshot): Process {
    const { startMs = 0 } = details;
    const startTicks = ticksOf(startMs);
    const process = new Process({
      pid,
      discoveredBy: 'procfs',
      startMs: details.fromProcfs ? undefined : details.startMs,
      startTicks,
      startSlackTicks: EXACT,
      bootUnixHundredths: this.#bootUnixHundredths,
      sameTickIndex: this.#sameTickIndexOf(pid, startTicks),
      image: Image.of(details),
      ppid: details.ppid ?? 0,
    });
    this.texts.keep(process.image);
    process.pidNamespace = details.pidNamespace;
    process.userNamespace = details.userNamespace;
    process.hasExecuted = hasExecuted ?? false;
    process.cgroup = details.cgroup;
    process.supplementalGroups = supplementalGroups ?? this.#proc?.supplementalGroups(pid);
    process.session = groupNumbered(details.sid);
    process.group = groupNumbered(details.pgid);
    if (hasEnded) process.exit = { bootMs: startMs, status: undefined };
    this.#cache.put(process);
    return process;
  }

  /** Finds the leaders of a process from /proc, if they are known. /proc has only their numbers. */
  #linkLeaders(process: Process): void {
    const withLeader = (group: Group | undefined) => {
      if (!group || group.leader) return group;
      const found = this.#groupOf(group.id, process);
      return found.leader && found.leader.startTicks <= process.startTicks ? found : group;
    };
    const session = withLeader(process.session);
    if (session?.leader?.session?.id === session?.id) process.session = session;
    process.group = withLeader(process.group);
  }

  /** Links the parents of a process from /proc, up to the first that is known. */
  #linkByPpid(process: Process, parentStartMs?: number): void {
    const chain = [process];
    for (let child: Process | undefined = process; child && child.creatorState === 'awaited'; ) {
      if (child.ppid === 0) {
        child.setTop();
        break;
      }
      const ppid = child.ppid as Pid;
      let parent = this.#cache.peek(ppid);
      if (!parent || (child === process && this.#isOther(parent, parentStartMs))) {
        parent = undefined;
        const snapshot = this.#proc?.read(ppid);
        if (snapshot) parent = this.#fromSnapshot(snapshot);
      }
      if (!parent || chain.includes(parent) || !child.setCreator(parent.atFork)) {
        child.creatorState = 'unknown';
        break;
      }
      chain.push(parent);
      child = parent;
    }
    // The depths were set before the depths of the ancestors were known.
    for (const one of chain.reverse()) if (one.creator) one.depth = one.creator.process.depth + 1;
  }

  /** A process that an event names. Nothing else is known about it yet. */
  #imply(pid: Pid, at: { bootMs: number }, startMs?: number): Process {
    const process = this.#makeImplied(pid, at, startMs);
    this.#cache.put(process);
    return process;
  }

  #makeImplied(pid: Pid, at: { bootMs: number }, startMs?: number): Process {
    const startTicks = ticksOf(startMs ?? at.bootMs);
    const process = new Process({
      pid,
      discoveredBy: 'implied',
      startMs,
      startTicks,
      startSlackTicks: startMs === undefined ? [Number.MAX_SAFE_INTEGER, 1] : EXACT,
      bootUnixHundredths: this.#bootUnixHundredths,
      sameTickIndex: this.#sameTickIndexOf(pid, startTicks),
      image: Image.pending(),
      ppid: 0,
    });
    if (isKernelPid(pid)) process.setTop();
    return process;
  }

  #revive(process: Process): void {
    if (!process.exit) return;
    process.exit = undefined;
    this.#cache.refresh(process);
  }

  #end(process: Process, status: number | undefined, bootMs = 0): void {
    process.exit = { bootMs, status };
    this.#cache.refresh(process);
  }

  /** Whole hundredths. A start is this plus ticks, so two starts differ by exactly their difference in ticks. */
  get #bootUnixHundredths(): number {
    return Math.floor(this.#bootToUnixMs / MS_PER_TICK);
  }

  #makeEntityId(process: Process): string {
    this.#settleStart(process);
    return this.#entityIds.of(process.pid, process.startTicks, process.sameTickIndex);
  }

  /** Reads an uncertain start from /proc while the process is alive. After that, /proc cannot show another start for it. */
  #settleStart(process: Process): void {
    const [earlier, later] = process.startSlackTicks;
    if ((earlier === 0 && later === 0) || process.exit) return;
    const actual = this.#proc?.startTicks(process.pid);
    if (actual !== undefined && actual >= process.startTicks - earlier && actual <= process.startTicks + later) {
      process.startTicks = actual;
    }
    process.startSlackTicks = EXACT;
  }
}

/** Whether events reported something about the pid after the snapshot of it was started. */
function toldSince({ startMs = 0, execBootMs, exit }: Process, { bootMs }: SnapshotEvent): boolean {
  return Math.max(startMs, execBootMs, exit?.bootMs ?? 0) >= bootMs;
}

/** Sets the parent of an implied process when its own record names the parent. */
function learnParent(process: Process, ppid: number): void {
  if (process.discoveredBy === 'implied' && process.creatorState === 'awaited' && process.ppid === 0)
    process.ppid = ppid;
}

/** Whether a process of this pid adopts the orphans of another: init, or an ancestor that is a subreaper (man 2 prctl). */
function adopts(pid: number, process: Process): boolean {
  if (pid === INIT) return true;
  const parentOf = (one: Process) => (one.creator ?? one.likelyCreator)?.process;
  const seen = new Set<Process>();
  for (let above = parentOf(process); above && !seen.has(above); above = parentOf(above)) {
    if (above.pid === pid) return true;
    seen.add(above);
  }
  return false;
}

/**
 * Whether the creator certainly called fork itself: the record is of the call, or the event has the start of the parent. Other
 * events name only the parent, which is not the caller with CLONE_PARENT.
 */
function isOfCaller({ event, creator, forker }: Claim): boolean {
  return forker === creator && (event.isClaimed === true || event.parentStartMs !== undefined);
}

/** Replaces the estimated start of an implied process by the start of its fork. Does nothing once it has an entity id. */
function startAt(process: Process, fork: ForkEvent): void {
  if (process.discoveredBy !== 'implied' || process.entityId !== undefined) return;
  process.startTicks = ticksOf(fork.startMs ?? fork.bootMs);
  process.startSlackTicks = startSlack(fork);
}

/** A fork event has a timestamp just after the start in /proc. A coarse timestamp is from the entry of the system call. */
function startSlack({ startMs, isCoarse, bootMs }: ForkEvent): readonly [number, number] {
  if (startMs !== undefined) return EXACT;
  if (isCoarse) return [1, 10];
  return bootMs % MS_PER_TICK < FORK_TO_EVENT_SLACK_MS ? [1, 0] : EXACT;
}

/** Whether the exec belongs to an unknown process: forks may be missing, and the parent differs, but not by adoption. */
function isAnother(process: Process, { isCoarse, details }: ExecEvent): boolean {
  const certain = process.creatorState === 'known' || process.creatorState === 'top';
  if (!isCoarse || certain || process.execUnixMs === 0 || details?.ppid === undefined) return false;
  return details.ppid !== process.ppid && details.ppid !== 1;
}

/** Whether an exec of a known process was lost. Compares only the file: a program may overwrite its own arguments. */
function runsAnother(image: Image, { path }: ExecDetails): boolean {
  if (path === '' || image.hasPath(path)) return false;
  // The kernel marks a removed file (fs/d_path.c).
  const file = (text: string) => text.replace(/ \(deleted\)$/, '');
  return !image.hasPath(file(path)) && file(image.details.path) !== file(path);
}

/** A session or a group whose leader is unknown. */
function groupNumbered(id: number | undefined): Group | undefined {
  return id === undefined ? undefined : { id, leader: undefined };
}
