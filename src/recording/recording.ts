/**
 * One run of recording: a source of events, the process tree, and what keeps them going. Subscribes before it reads /proc
 * (R13), applies nothing before the flags are known (R15), lets execs wait no longer than they may (R10), and takes a new
 * snapshot after a loss (R14). It ends once and for all: other settings of the source are another run.
 */
import type { Pid, ProcessEvent } from '../collect/event.ts';
import type { ProcessSnapshot, ProcReader } from '../collect/procfs.ts';
import type { RecordedHost } from '../collect/recorded_host.ts';
import type { CollectorName, CollectorProblem, ProcessEventSource, SourceState } from '../collect/source.ts';
import { readBootId } from '../linux/boot_id.ts';
import { recordedHost } from '../linux/host.ts';
import type { Names } from '../linux/user_names.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { redact } from '../process/redact.ts';
import type { RedactPattern } from '../process/redact_pattern.ts';
import { redactedProc, redactSnapshot } from '../process/redacted_proc.ts';
import { ProcessTree, type PublishedEvent, type TreeSettings, type TreeStats } from '../process/tree.ts';
import type { Logger } from '../program/log.ts';
import { RateLimit } from '../program/rate_limit.ts';
import { messageOf } from '../text/error_message.ts';
import { HostTrees } from './host_trees.ts';

/** Reading /proc is done in slices, so that queries are answered meanwhile. */
const SLICE_MS = 10;
const SLICE_PROCESSES = 100;
const RESYNC_PAUSE_MS = 1_000;
/** The problem that /proc cannot be listed. */
const UNLISTED = 'proc_unlisted';
/** What an event, and a process that was read from /proc, take beside their texts, about. */
const EVENT_BYTES = 200;
const SNAPSHOT_BYTES = 1000;

interface RecordingOptions {
  readonly source: ProcessEventSource;
  /** Undefined for a recorded log, of which this host's /proc knows nothing. */
  readonly proc: ProcReader | undefined;
  readonly settings: TreeSettings;
  /** What is not to be stored of arguments; asked for each event. */
  readonly redactPatterns: () => readonly RedactPattern[];
  readonly names: Names;
  /** Unix ms minus CLOCK_BOOTTIME ms; undefined where the source has Unix time only. */
  readonly bootToUnixMs: (() => number) | undefined;
  readonly publish: (event: PublishedEvent) => void;
  /** How many execs have still to be published, whenever events have been applied. */
  readonly waiting: (count: number) => void;
  /** Whether more rows can be taken in now. */
  readonly hasRoom: () => boolean;
  readonly log: Logger;
}

export class Recording {
  readonly #options: RecordingOptions;
  readonly #proc: ProcReader | undefined;
  readonly #logLimit = new RateLimit();
  #settings: TreeSettings;
  #trees: HostTrees;
  #collector: CollectorName = 'none';
  /** Beside those of the source. */
  #problems: readonly CollectorProblem[] = [];
  /** /proc as it was read for the first time, with all that may be secret, until `record`. */
  #snapshots: ProcessSnapshot[] = [];
  #unread: Pid[] = [];
  /** The source tells them instead. */
  #isSnapshotTold = false;
  /** Of the snapshot that was asked for and has not ended. */
  #snapshot: PromiseWithResolvers<boolean> | undefined;
  /** Whether the first one was told whole. */
  #firstSnapshot: Promise<boolean> = Promise.resolve(false);
  /** Events that came while it was read. */
  #held: ProcessEvent[] | undefined = [];
  /** What comes waits in the source. */
  #isPaused = false;
  #heldBytes = 0;
  /** Resolves when there is no room for more events before `record`. */
  readonly #heldIsFull = Promise.withResolvers<void>();
  #flushTimer: NodeJS.Timeout | undefined;
  #resyncTimer: NodeJS.Timeout | undefined;
  #resyncs = 0;
  #redactions = 0;
  #stopped = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#proc = options.proc;
    this.#trees = this.#makeTrees();
  }

  /** What it was begun with, and what is wrong now. */
  get state(): SourceState {
    const problems = [...this.source.problems, ...this.#problems];
    return { collector: this.#collector, reason: this.source.stats().collectorReason, problems };
  }

  /** Whether it is of this host, and not of a recorded log. */
  get isLive(): boolean {
    return this.#proc !== undefined;
  }

  get source(): ProcessEventSource {
    return this.#options.source;
  }

  /** One for each host: a recorded log may be of several. */
  get trees(): readonly ProcessTree[] {
    return this.#trees.all;
  }

  get treeStats(): TreeStats {
    const { stats } = this.#trees;
    const { waitingSinceMs, stats: joining } = this.source.join;
    return {
      ...stats,
      waiting: stats.waiting + joining.waiting,
      waitedMs: Math.max(stats.waitedMs, performance.now() - (waitingSinceMs ?? performance.now())),
      hurried: stats.hurried + joining.hurried,
      textBytes: stats.textBytes + joining.textBytes,
    };
  }

  get #tree(): ProcessTree {
    return this.#trees.first;
  }

  get resyncs(): number {
    return this.#resyncs;
  }

  /** Subscribes; what the answer says of the source decides whether `record` or `stop` comes next. */
  async subscribe(): Promise<SourceState> {
    const { collector } = await this.#options.source.start(
      (events, host) => this.#receive(events, host),
      () => !this.#isPaused && (this.#held ? this.#heldBytes < this.#heldBytesMax : this.#options.hasRoom()),
    );
    this.#collector = collector;
    return this.state;
  }

  get #heldBytesMax(): number {
    return this.#isSnapshotTold ? MEMORY_BOUNDS.snapshots : MEMORY_BOUNDS.eventsBeforeSnapshot;
  }

  /** Takes the snapshot: as the source tells it, else from /proc. What happens after that waits in the source until `record`. */
  async prepare(): Promise<void> {
    // Until that is known, there is room for one.
    this.#isSnapshotTold = true;
    this.#firstSnapshot = this.#sourceSnapshot();
    // What there is no room for comes with `record`.
    this.#isSnapshotTold = await Promise.race([this.#firstSnapshot, this.#heldIsFull.promise.then(() => true)]);
    const pids = this.#proc && !this.#isSnapshotTold ? this.#pids(this.#proc) : undefined;
    let bytes = 0;
    for await (const slice of this.#slices(pids ?? [])) {
      this.#snapshots.push(...slice);
      for (const { details } of slice) bytes += SNAPSHOT_BYTES + textBytes(details);
      if (bytes <= MEMORY_BOUNDS.snapshots) continue;
      // The others are read when these have been applied.
      const last = this.#snapshots.at(-1);
      this.#unread = last ? (pids ?? []).slice((pids ?? []).indexOf(last.pid) + 1) : [];
      break;
    }
    this.#isPaused = this.#proc !== undefined;
  }

  /** Applies what was read and what came meanwhile, by the settings in force now, and from then on what comes. */
  async record(): Promise<void> {
    this.#trees = this.#makeTrees();
    for (let slice = this.#snapshots.splice(0, SLICE_PROCESSES); slice.length > 0; ) {
      this.#adopt(slice);
      await new Promise(setImmediate);
      slice = this.#snapshots.splice(0, SLICE_PROCESSES);
    }
    for await (const slice of this.#slices(this.#unread.splice(0))) this.#adopt(slice);
    while (this.#isSnapshotTold && !this.#stopped && this.#held && this.#held.length > 0) {
      this.#apply(this.#held.splice(0, SLICE_PROCESSES), undefined);
      await new Promise(setImmediate);
    }
    if (this.#stopped) return;
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#isPaused = false;
    if (this.#isSnapshotTold) {
      if (!(await this.#firstSnapshot)) await this.#readProc();
      if (this.#stopped) return;
      this.#tree.processes.linkLeaders();
    }
    this.#tree.askServers();
    const executing = held.filter(({ kind }) => kind === 'exec').map(({ pid }) => pid);
    if (this.#proc) this.#tree.processes.forgetImages([...executing, ...this.source.join.executing()]);
    if (this.#proc && this.#settings.actions.has('existing')) {
      const unixMs = Date.now();
      this.#tree.publishExisting({ unixMs, bootMs: unixMs - this.#bootToUnixMs });
    }
    this.#apply(held, undefined);
  }

  /** Ends it and puts the kernel's settings back; what was received until now is published. Synchronous. */
  stop(): void {
    if (this.#stopped) return;
    this.#options.source.stop();
    this.#stopped = true;
    this.#snapshot?.resolve(false);
    this.#snapshots = [];
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#resyncTimer);
    this.#flush('all');
  }

  /** What is remembered is told by the patterns in force now, as what comes is. */
  redactAgain(): void {
    const patterns = this.#options.redactPatterns();
    for (const { processes } of this.trees) {
      for (const image of new Set(processes.images())) image.redact((details) => redact(details, patterns));
    }
    this.#redactions++;
  }

  configure(settings: TreeSettings): void {
    this.#settings = settings;
    this.#trees.configure(settings);
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#scheduleFlush();
  }

  /** Publishes what waits: nothing more will come. */
  finish(): void {
    if (!this.#stopped) this.#flush('all');
  }

  addProblem(problem: CollectorProblem): void {
    this.#problems = [...this.#problems, problem];
  }

  #makeTrees(): HostTrees {
    const { names, publish } = this.#options;
    const live = this.#proc !== undefined;
    return new HostTrees(
      (host, newestUnixMs) =>
        new ProcessTree({
          ...this.#settings,
          bootId: live ? readBootId() : recordedBootId(host),
          bootToUnixMs: this.#bootToUnixMs,
          // What `now` is to a recorded log is the newest that its host told.
          now: live ? () => performance.now() : newestUnixMs,
          proc: this.#proc && redactedProc(this.#proc, this.#options.redactPatterns),
          names: this.#revised(host ?? names),
          host: live ? undefined : recordedHost(host?.hostname ?? ''),
          publish,
        }),
    );
  }

  /** Another revision has what is told of a process recorded anew: when names have changed, or what is redacted. */
  #revised(names: Names): Names {
    const redactions = () => this.#redactions;
    return {
      user: (id) => names.user(id),
      group: (id) => names.group(id),
      get revision() {
        return names.revision + redactions();
      },
    };
  }

  get #bootToUnixMs(): number {
    return this.#options.bootToUnixMs?.() ?? 0;
  }

  #receive(events: readonly ProcessEvent[], host: RecordedHost | undefined): void {
    if (this.#stopped) return;
    if (this.#held) this.#hold(this.#held, events);
    else this.#apply(events, host);
    const end = this.#snapshot && events.find((event) => event.kind === 'snapshotEnd');
    if (!end) return;
    this.#snapshot?.resolve(end.isWhole === true);
    this.#snapshot = undefined;
  }

  #hold(held: ProcessEvent[], events: readonly ProcessEvent[]): void {
    for (const event of events) {
      held.push(event);
      this.#heldBytes += EVENT_BYTES + ('details' in event ? textBytes(event.details) : 0);
    }
    if (this.#heldBytes >= this.#heldBytesMax) this.#heldIsFull.resolve();
  }

  /** Whether the source tells who lives, and all of them: resolves when the last of them has been applied, or is held. */
  async #sourceSnapshot(): Promise<boolean> {
    await this.#snapshot?.promise;
    if (this.#stopped) return false;
    const snapshot = Promise.withResolvers<boolean>();
    this.#snapshot = snapshot;
    if (this.source.requestSnapshot()) return snapshot.promise;
    this.#snapshot = undefined;
    return false;
  }

  #apply(events: readonly ProcessEvent[], host: RecordedHost | undefined): void {
    const patterns = this.#options.redactPatterns();
    const one = this.#trees.of(host);
    one.newestUnixMs = events.reduce((newest, { unixMs }) => Math.max(newest, unixMs), one.newestUnixMs);
    one.tree.apply(patterns.length === 0 ? events : events.map((event) => redactEvent(event, patterns)));
    if (!this.#proc) one.tree.flush('overdue');
    this.#options.waiting(this.#trees.waiting + this.source.join.stats.waiting);
    if (!this.#proc) return;
    this.#scheduleFlush();
    if (this.#tree.processes.losses.sinceResync > 0) this.#scheduleResync();
  }

  #flush(which: 'overdue' | 'all'): void {
    this.source.release(which);
    for (const tree of this.#trees.all) tree.flush(which);
    this.#options.waiting(this.#trees.waiting + this.source.join.stats.waiting);
  }

  #scheduleFlush(graceMs = 0): void {
    const { waitingSinceMs = Number.POSITIVE_INFINITY } = this.#tree;
    const since = Math.min(waitingSinceMs, this.source.join.waitingSinceMs ?? waitingSinceMs);
    if (this.#flushTimer || this.#stopped || since === Number.POSITIVE_INFINITY) return;
    const { publishWaitMs } = this.#settings;
    const now = performance.now();
    const leftMs = since + publishWaitMs - now;
    // What is late although it is due is looked at again and again.
    const intervalMs = Math.max(5, leftMs > 0 ? leftMs : publishWaitMs / 4) + graceMs;
    const due = now + intervalMs;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      // After a stall what is missing may be on its way through the kernel: it has its time again from now on.
      const stalled = performance.now() - due > publishWaitMs / 2;
      if (!stalled) this.#flush('overdue');
      this.#scheduleFlush(stalled ? publishWaitMs : 0);
    }, intervalMs);
    this.#flushTimer.unref();
  }

  #scheduleResync(): void {
    this.#logLimit.pass('loss', (suppressed) => {
      const { total: losses } = this.#tree.processes.losses;
      this.#options.log.warn({ losses, suppressed, ...this.source.stats() }, 'events were lost; reading /proc again');
    });
    if (this.#resyncTimer || this.#stopped) return;
    this.#resyncTimer = setTimeout(async () => {
      const { total } = this.#tree.processes.losses;
      const isDone = await this.#resync();
      this.#resyncTimer = undefined;
      if (this.#stopped) return;
      if (isDone) {
        this.#resyncs++;
        // What was lost meanwhile may be part of it.
        this.#tree.processes.resynced(total);
      }
      if (this.#tree.processes.losses.sinceResync > 0) this.#scheduleResync();
    }, RESYNC_PAUSE_MS);
    this.#resyncTimer.unref();
  }

  /** Undefined where /proc cannot be listed: that none is there says nothing of the processes. */
  #pids(proc: ProcReader): Pid[] | undefined {
    try {
      const pids = proc.pids();
      this.#problems = this.#problems.filter(({ code }) => code !== UNLISTED);
      return pids;
    } catch (error) {
      const message = `/proc cannot be read: ${messageOf(error)}`;
      this.#logLimit.pass('proc', (suppressed) => this.#options.log.error({ suppressed }, message));
      if (!this.#problems.some(({ code }) => code === UNLISTED)) this.addProblem({ code: UNLISTED, message });
      return undefined;
    }
  }

  /** Reads anew who lives. False where that cannot be known. */
  async #resync(): Promise<boolean> {
    const proc = this.#proc;
    if (!proc) return false;
    // Before the list is read: who is forked meanwhile is not missing from it.
    const living = this.#tree.processes.living();
    const pids = this.#pids(proc);
    if (!pids) return false;
    const there = new Set(pids);
    if (!(await this.#sourceSnapshot())) await this.#readProc(pids);
    if (this.#stopped) return false;
    const gone = living.filter((process) => !there.has(process.pid));
    this.#tree.processes.adopt([], gone);
    this.#tree.askServers();
    return true;
  }

  async #readProc(pids = this.#proc && this.#pids(this.#proc)): Promise<void> {
    for await (const slice of this.#slices(pids ?? [])) this.#adopt(slice);
  }

  /** Reads processes from /proc, a slice of time after another, until the run is stopped. */
  async *#slices(pids: readonly Pid[]): AsyncGenerator<ProcessSnapshot[]> {
    let began = performance.now();
    let slice: ProcessSnapshot[] = [];
    for (const pid of pids) {
      const snapshot = this.#proc?.read(pid);
      if (snapshot) slice.push(snapshot);
      if (performance.now() - began < SLICE_MS) continue;
      yield slice;
      slice = [];
      await new Promise(setImmediate);
      if (this.#stopped) return;
      began = performance.now();
    }
    yield slice;
  }

  #adopt(snapshots: readonly ProcessSnapshot[]): void {
    const patterns = this.#options.redactPatterns();
    this.#tree.processes.adopt(snapshots.map((snapshot) => redactSnapshot(snapshot, patterns)));
  }
}

function redactEvent(event: ProcessEvent, patterns: readonly RedactPattern[]): ProcessEvent {
  if ((event.kind !== 'exec' && event.kind !== 'snapshot') || !event.details) return event;
  return { ...event, details: redact(event.details, patterns) };
}

/** What stands for the boot of a recorded log's host in entity ids: no boot id, which has 32 hex digits, looks like it. */
function recordedBootId(host: RecordedHost | undefined): string {
  return host && host.name !== '' ? `replay:${host.name}` : 'replay';
}
