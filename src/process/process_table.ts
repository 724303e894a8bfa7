/**
 * Who has which pid now, and who created whom: forks, exits and what /proc shows, by the rules R1 to R7 and R11 to R14 of
 * the design.
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
   * Unix ms minus CLOCK_BOOTTIME ms; `keepClock` follows a clock that is set. Every recording of one boot must be given the
   * same, or a process's start differs between them. 0 in a replay.
   */
  readonly bootToUnixMs: number;
  readonly cacheSize: number;
  readonly cacheTtlSeconds: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  /** Undefined in a replay: this host's /proc knows nothing of a recorded log. */
  readonly proc: ProcReader | undefined;
}

/** The clock was set when its offset moved by more: events carry it rounded, and some stamps are coarse. */
const CLOCK_SET_MS = 500;
/** A fork that does not tell the start is stamped at most so long after it (measured: 0 of 20,000 lay a tick apart). */
const FORK_TO_EVENT_SLACK_MS = 0.5;
/** A start that is the kernel's own. */
const EXACT = [0, 0] as const;

export class ProcessTable {
  readonly #proc: ProcReader | undefined;
  readonly #cache: ProcessCache;
  readonly #entityIds: EntityIds;
  readonly texts = new ImageTexts();
  #bootToUnixMs: number;
  readonly #contested = new ContestedClaims();
  /** Those whose pid is another's, and whose end is still to be told: the oldest first. */
  readonly #untoldEnds = new Map<Pid, Process[]>();
  /** Events that were lost. */
  readonly #losses = { total: 0, sinceResync: 0 };

  constructor(options: ProcessTableOptions) {
    const { cacheSize: capacity, cacheTtlSeconds: ttlSeconds, now } = options;
    this.#proc = options.proc;
    this.#bootToUnixMs = options.bootToUnixMs;
    this.#cache = new ProcessCache({ capacity, ttlSeconds, now });
    this.#entityIds = new EntityIds(options.bootId);
  }

  /** Whether it is of a recorded log: its processes cannot be looked at. */
  get isRecorded(): boolean {
    return this.#proc === undefined;
  }

  resize(settings: { cacheSize: number; cacheTtlSeconds: number }): void {
    this.#cache.resize({ capacity: settings.cacheSize, ttlSeconds: settings.cacheTtlSeconds });
  }

  get stats(): CacheStats {
    return this.#cache.stats;
  }

  /** Lets go of dead processes whose time is over. */
  sweep(): void {
    this.#cache.sweep();
  }

  /** Events were lost: until the next resync, what is thought dead or alive may not be. */
  lost(count: number): void {
    this.#losses.total += count;
    this.#losses.sinceResync += count;
    // Their ends may be among what was lost.
    this.#untoldEnds.clear();
  }

  /** The losses up to `lossesBefore` (of `losses.total`) have been made good by a snapshot. */
  resynced(lossesBefore: number): void {
    this.#losses.sinceResync = this.#losses.total - lossesBefore;
  }

  get losses(): { readonly total: number; readonly sinceResync: number } {
    return this.#losses;
  }

  /** One offset for as long as the clock is not set. Processes that are known keep their start. */
  keepClock(offsetMs: number): void {
    if (Math.abs(offsetMs - this.#bootToUnixMs) > CLOCK_SET_MS) this.#bootToUnixMs = offsetMs;
  }

  /** A process is created. */
  fork(event: ForkEvent): Process | undefined {
    const caller = event.imageFrom ?? event.parent;
    if (event.callerParent !== undefined) this.#confirm(caller, event.callerParent);
    const creator = this.#parent(event.parent, event, event.parentStartMs);
    // With CLONE_PARENT all but the place in the tree is the caller's.
    const forker = event.imageFrom === undefined ? creator : this.#parent(event.imageFrom, event);
    this.setIds(forker, event.sid, event.pgid);
    this.texts.keep(forker.image);
    if (event.callerParent !== undefined) learnParent(forker, event.callerParent);
    const fork = claimOf(event, creator, forker);
    if (event.isClaimed && !forker.countsInitially) return this.#claim(fork);
    return this.#create(fork);
  }

  /** A process is created as a fork tells, which is believed. */
  #create(fork: Claim): Process | undefined {
    const { event, creator } = fork;
    const existing = this.#cache.holder(event.pid);
    if (existing && this.#isForkOf(event, existing)) {
      // What was already told of it stays as it was told.
      if (existing.isTold || !existing.setCreator(creator)) return undefined;
      existing.isForkedByCreator = isOfCaller(fork);
      if (existing.execUnixMs === 0) existing.inheritImage(fork.forker.image);
      startAt(existing, event);
      return undefined;
    }
    const { image } = fork.forker;
    const process = this.#makeForked(event, image);
    process.attachCreator(creator);
    process.isForkedByCreator = isOfCaller(fork);
    this.#inherit(process, fork);
    if (event.isCoarse && existing && existing.execUnixMs > event.unixMs) {
      // A vfork's record comes when the parent goes on, after the child's exec, which was taken for the old one's.
      process.previous = image.alone;
      process.image = existing.image;
      process.execUnixMs = existing.execUnixMs;
      process.execBootMs = existing.execBootMs;
    }
    this.#cache.put(process);
    return process;
  }

  #makeForked(event: ForkEvent, image: Image): Process {
    const existing = this.#cache.holder(event.pid);
    // The pid is another process's now, whether or not the end of the one before was reported (R6).
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
   * The kernel lets a parent collect a process, and use its pid again, before it tells the end (kernel/exit.c, do_exit). Where
   * stamps are coarse, not all ends are told.
   */
  #awaitEnd(former: Process, fork: ForkEvent): void {
    if (fork.isCoarse || fork.startMs !== undefined || former.discoveredBy !== 'event' || this.#losses.sinceResync > 0)
      return;
    const untold = this.#untoldEnds.get(former.pid);
    if (untold) untold.push(former);
    else this.#untoldEnds.set(former.pid, [former]);
  }

  /** The process that had the pid before, and whose end is told only now. */
  #takeUntoldEnd({ pid, bootMs, status }: ExitEvent): Process | undefined {
    const [former, ...later] = this.#untoldEnds.get(pid) ?? [];
    if (!former) return undefined;
    if (later.length > 0) this.#untoldEnds.set(pid, later);
    else this.#untoldEnds.delete(pid);
    former.exit = { bootMs, status };
    return former;
  }

  /** How many processes had the pid before, and this very start. */
  #sameTickIndexOf(pid: Pid, startTicks: number): number {
    const before = this.#cache.holder(pid);
    return before?.startTicks === startTicks ? before.sameTickIndex + 1 : 0;
  }

  /** What a child has of the process that forked. */
  #inherit(process: Process, { event, creator, forker: forkerAtFork, session, group, leftTerminal }: Claim): void {
    const forker = forkerAtFork.process;
    // Its session and its groups may be those that the forker leads.
    forker.isReferredTo = true;
    // A claimed child may have left them before its claim is believed.
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

  /** Whether a record of the child's own, which came before, names the creator as its parent. */
  #hasToldParent(existing: Process, { event }: Claim): boolean {
    if (this.#isForkOf(event, existing)) return existing.ppid === event.parent;
    // A vfork's record comes after the child's exec.
    return existing.execUnixMs > event.unixMs && existing.image.details.ppid === event.parent;
  }

  /** A record of the process's own names its parent. */
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
    process.isForkedByCreator = isOfCaller(claim);
    startAt(process, claim.event);
    if (process.execUnixMs === 0) process.inheritImage(claim.forker.image);
    this.texts.keep(process.image);
    this.#inherit(process, claim);
  }

  /** Decides on all claims: nothing more will come. */
  decideClaims(): void {
    for (const process of [...this.#cache.remembered()]) {
      const { claim } = process;
      // A child that no other record tells of is not known to be of the initial namespace.
      if (claim && likelyCountsInitially(claim.forker.process)) this.decideClaim(process);
    }
  }

  /** Decides on a claim for which nothing more is waited. */
  decideClaim(process: Process): void {
    const { claim } = process;
    if (!claim) return;
    if (likelyCountsInitially(claim.forker.process)) this.#believe(process, claim);
    process.claim = undefined;
  }

  /**
   * Takes the session and the group that an event tells of a process. A number stays its leader's for as long as there are
   * members, so that the leader is found by it.
   */
  setIds(process: Process, sid: number | undefined, pgid: number | undefined): void {
    if (sid !== undefined && sid !== process.session?.id) {
      process.session = this.#groupOf(sid, process);
      // The terminal at which it executed was that of the session before.
      process.leftTerminal = true;
    }
    if (pgid !== undefined && pgid !== process.group?.id) process.group = this.#groupOf(pgid, process);
  }

  /** A session or a group by its number, as one of its members has it. */
  #groupOf(id: number, member: Process): Group {
    const leader = id === member.pid ? member : this.#cache.peek(id as Pid);
    if (leader) leader.isReferredTo = true;
    return { id, leader };
  }

  /** Undefined: the process is not known. */
  setSid(event: SetsidEvent): Process | undefined {
    const process = this.#cache.peek(event.pid);
    process?.lead();
    return process;
  }

  /** Where the numbers are those of another pid namespace, /proc tells. */
  setPgid(event: SetpgidEvent): void {
    const process = this.#cache.peek(event.pid);
    // A session's leader cannot be put into a group (kernel/sys.c, setpgid: EPERM): this was before, and is told late.
    if (!process || process.exit || process.session?.leader === process) return;
    if (event.goneCaller !== undefined && !this.#couldSet(process, event, event.goneCaller)) return;
    const pgid = event.pgid ?? this.#proc?.read(event.pid)?.details.pgid;
    if (pgid === undefined) process.group = undefined;
    this.setIds(process, undefined, pgid);
  }

  /**
   * Whether a caller in an unknown pid namespace could have set this: only for itself and its children, and only into a
   * group of its own session (kernel/sys.c, setpgid). Numbers of another namespace do not meet that by chance.
   */
  #couldSet(process: Process, { pid, pgid }: SetpgidEvent, goneCaller: Pid): boolean {
    const caller = pid === goneCaller ? process : this.#cache.peek(goneCaller);
    if (!caller || (caller !== process && process.creator?.process !== caller)) return false;
    const leader = pgid === undefined ? undefined : this.#cache.peek(pgid);
    if (leader === process || (leader?.session !== undefined && leader.session.id === process.session?.id)) return true;
    // Siblings, such as the members of a shell's pipeline, are of one namespace and session.
    return leader?.creator !== undefined && leader.creator.process === process.creator?.process;
  }

  /** A process ends. */
  exit(event: ExitEvent): Process | undefined {
    const former = event.startMs === undefined ? this.#takeUntoldEnd(event) : undefined;
    if (former) return former;
    const process = this.#cache.peek(event.pid);
    // An end from before this process's start is that of another one, which had the pid before.
    if (!process || ticksOf(event.bootMs) < process.startTicks - 1) return undefined;
    if (this.#isOther(process, event.startMs)) return undefined;
    // /proc may have shown that it ended before its end was told.
    if (process.exit && process.exit.status !== undefined) return undefined;
    this.setIds(process, event.sid, event.pgid);
    this.#end(process, event.status, event.bootMs);
    return process;
  }

  /** The process that executes. Its exit may have been reported, wrongly: a leader ends when another thread execs (R7). */
  executor(event: ExecEvent): Process {
    const { pid, isCoarse, details } = event;
    const ppid = details?.ppid;
    if (isCoarse && ppid !== undefined) this.#confirm(pid, ppid);
    const process = this.#cache.find(pid);
    if (process?.claim && ppid !== undefined && !this.#wasAdopted(process, process.claim, ppid)) {
      // It had this number before: the claim's is of another namespace.
      return this.#imply(pid, event);
    }
    if (process && ticksOf(event.bootMs) < process.startTicks - 1 - process.startSlackTicks[0]) {
      // A process that had the pid before; it is another's now.
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
    // A record of its fork may be on its way: /proc would know the pid, but not who created it.
    const live = isCoarse ? undefined : this.#readLive(pid, event.bootMs, startMs);
    // What /proc shows is what this very exec loaded, or a later one: what ran before is not known.
    if (live && live !== process) live.image = Image.unknown();
    return live ?? this.#imply(pid, event, startMs);
  }

  /** Whether a claimed process has this other parent because its creator has ended. */
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

  /** The parent that a process without a known creator has as it executes. */
  likelyParent(ppid: number, at: { bootMs: number }): ProcessAtFork {
    const pid = ppid as Pid;
    const parent = this.#cache.find(pid) ?? this.#readLive(pid, at.bootMs) ?? this.#imply(pid, at);
    return parent.atFork;
  }

  /**
   * Takes a record of a snapshot that comes in its place among the events: without a loss, those told all since the fork. It
   * is stamped before the process is looked at and put into its place after that: what happened meanwhile was told before it,
   * and is newer.
   */
  meet(snapshot: SnapshotEvent): void {
    const known = this.#cache.peek(snapshot.pid);
    if (known && toldSince(known, snapshot)) return;
    if (!known || this.#losses.sinceResync > 0 || !this.#isShown(known, snapshot)) this.adopt([snapshot]);
  }

  /**
   * Takes over what /proc or another snapshot shows (R13, R14): processes that no event told of, and the ends of those that
   * are gone. `processes` may be some of all; `gone` are those whose pids are not there any more.
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

  /** The leaders of what was discovered one by one, some of them before those that lead them. */
  linkLeaders(): void {
    for (const process of this.living()) this.#linkLeaders(process);
  }

  #isShown(process: Process, { details }: ProcessSnapshot): boolean {
    if (!details.fromProcfs) return !this.#isOther(process, details.startMs);
    return this.isSame(process, ticksOf(details.startMs ?? 0));
  }

  /** Takes over what a snapshot shows of a process that lives. Returns whether its session or group is another. */
  #update(process: Process, { details }: ProcessSnapshot): boolean {
    this.#revive(process);
    if (!process.image.known || runsAnother(process.image, details)) {
      process.image = Image.of(details);
      this.texts.keep(process.image);
      process.userNamespace = details.userNamespace;
      // With its terminal, as it is now.
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

  /** The processes that have the pid or had it, as far as they are remembered. For queries: it changes nothing. */
  withPid(pid: Pid): Process[] {
    return this.#cache.withPid(pid).filter(({ claim }) => !claim);
  }

  /** All processes that are remembered or are somebody's ancestor. For queries: it changes nothing, and may be taken in slices. */
  *remembered(): IterableIterator<Process> {
    for (const process of this.#cache.remembered()) if (!process.claim) yield process;
  }

  /** The images that rows may tell of from now on: of those that are remembered, and of all above them. Some come twice. */
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
   * These processes execute in events that are older than what /proc showed of them: what they ran before is not known,
   * and must not be told as the image of those whom they forked before (R4).
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

  /** Start in hundredths of Unix seconds: of one process always the same, as its entity id is. */
  startOf(process: Process): number {
    this.entityIdOf(process);
    return process.startUnixHundredths;
  }

  /** Whether a start that /proc shows, in ticks, is this process's. */
  isSame(process: Process, startTicks: number): boolean {
    const [earlier, later] = process.startSlackTicks;
    return (
      startTicks >= process.startTicks - Math.max(1, earlier) && startTicks <= process.startTicks + Math.max(1, later)
    );
  }

  /** Whether a fork's event tells of a process that was discovered before it: in the snapshot, or by what it did. */
  #isForkOf(event: ForkEvent, existing: Process): boolean {
    if (this.#isOther(existing, event.startMs)) return false;
    const ticks = ticksOf(event.startMs ?? event.bootMs);
    if (existing.discoveredBy === 'procfs') {
      const [earlier, later] = startSlack(event);
      return existing.startTicks >= ticks - Math.max(1, earlier) && existing.startTicks <= ticks + Math.max(1, later);
    }
    // Its record may come late, but it happened before anything else told of the process.
    const before = ticks <= existing.startTicks + 1;
    return existing.discoveredBy === 'implied' && existing.creatorState === 'awaited' && !existing.exit && before;
  }

  /** The process that forks: from the cache, else from /proc if it lives, else one of which only the pid is known. */
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

  /** Whether a start that an event tells is not this process's. */
  #isOther(process: Process, startMs: number | undefined): boolean {
    if (startMs === undefined) return false;
    if (process.startMs !== undefined) return process.startMs !== startMs;
    return !this.isSame(process, ticksOf(startMs));
  }

  /** A process that lives and that no event told of, or told the end of wrongly, by what /proc says of it. */
  #readLive(pid: Pid, startedBeforeBootMs: number, startMs?: number): Process | undefined {
    const snapshot = this.#proc?.read(pid);
    const shownMs = snapshot?.details.startMs ?? Number.POSITIVE_INFINITY;
    if (!snapshot || shownMs > startedBeforeBootMs) return undefined;
    if (startMs !== undefined && ticksOf(shownMs) !== ticksOf(startMs)) return undefined;
    const known = this.#cache.peek(pid);
    if (known && this.#isShown(known, snapshot)) {
      // Who created it is known better than /proc could tell.
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

  /** The leaders of what /proc showed, as far as they are known: /proc has only their numbers. */
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

  /** Parents of what /proc showed, up to the first that is known. */
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
    // Depths were set from below, before those above had theirs.
    for (const one of chain.reverse()) if (one.creator) one.depth = one.creator.process.depth + 1;
  }

  /** A process that is named by an event, and of which nothing else is known yet. */
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
    // init and kthreadd are the kernel's own (init/main.c, rest_init).
    if (pid <= 2) process.setTop();
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

  /** Whole hundredths: a start is this and its ticks, so that two starts are as far apart as their ticks. */
  get #bootUnixHundredths(): number {
    return Math.floor(this.#bootToUnixMs / MS_PER_TICK);
  }

  #makeEntityId(process: Process): string {
    this.#settleStart(process);
    return this.#entityIds.of(process.pid, process.startTicks, process.sameTickIndex);
  }

  /** A start close to a tick's border is looked up in /proc while the process lives: only then can it be discovered there. */
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

/** Whether events told of the pid what came after the record of a snapshot was begun. */
function toldSince({ startMs = 0, execBootMs, exit }: Process, { bootMs }: SnapshotEvent): boolean {
  return Math.max(startMs, execBootMs, exit?.bootMs ?? 0) >= bootMs;
}

/** A process that only others had named names its parent itself. */
function learnParent(process: Process, ppid: number): void {
  if (process.discoveredBy === 'implied' && process.creatorState === 'awaited' && process.ppid === 0)
    process.ppid = ppid;
}

/** Whether a process of this pid adopts the orphans of another: init, or an ancestor that is a subreaper (man 2 prctl). */
function adopts(pid: number, process: Process): boolean {
  if (pid === 1) return true;
  const parentOf = (one: Process) => (one.creator ?? one.likelyCreator)?.process;
  const seen = new Set<Process>();
  for (let above = parentOf(process); above && !seen.has(above); above = parentOf(above)) {
    if (above.pid === pid) return true;
    seen.add(above);
  }
  return false;
}

/**
 * True where the creator is known to have called the fork itself: a record of the call says so, or the event that has the
 * parent's start. Other events name the parent alone, which with CLONE_PARENT is not the caller.
 */
function isOfCaller({ event, creator, forker }: Claim): boolean {
  return forker === creator && (event.isClaimed === true || event.parentStartMs !== undefined);
}

/** Takes the start of a process's fork for that of what named it first. Only a start that was told stays. */
function startAt(process: Process, fork: ForkEvent): void {
  if (process.discoveredBy !== 'implied' || process.entityId !== undefined) return;
  process.startTicks = ticksOf(fork.startMs ?? fork.bootMs);
  process.startSlackTicks = startSlack(fork);
}

/** A fork's event is stamped just after the start that /proc shows; a coarse stamp is that of the call's entry. */
function startSlack({ startMs, isCoarse, bootMs }: ForkEvent): readonly [number, number] {
  if (startMs !== undefined) return EXACT;
  if (isCoarse) return [1, 10];
  return bootMs % MS_PER_TICK < FORK_TO_EVENT_SLACK_MS ? [1, 0] : EXACT;
}

/** Where forks may be untold: an exec under another parent, other than by adoption, is not of the process that is known. */
function isAnother(process: Process, { isCoarse, details }: ExecEvent): boolean {
  const certain = process.creatorState === 'known' || process.creatorState === 'top';
  if (!isCoarse || certain || process.execUnixMs === 0 || details?.ppid === undefined) return false;
  return details.ppid !== process.ppid && details.ppid !== 1;
}

/** Whether an exec of a known process was lost. Only its file tells: a program may write into its own arguments. */
function runsAnother(image: Image, { path }: ExecDetails): boolean {
  if (path === '' || image.hasPath(path)) return false;
  // A file that was removed since is marked so (fs/d_path.c).
  const file = (text: string) => text.replace(/ \(deleted\)$/, '');
  return !image.hasPath(file(path)) && file(image.details.path) !== file(path);
}

/** A session or a group whose leader is not known. */
function groupNumbered(id: number | undefined): Group | undefined {
  return id === undefined ? undefined : { id, leader: undefined };
}
