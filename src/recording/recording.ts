/**
 * One run of recording: connects a source of events with the process tree. It subscribes before it reads /proc (R13), applies no
 * event before the flags are known (R15), limits how long events wait (R10), and takes a new snapshot after a loss (R14). A run
 * that ended cannot start again: other source settings need a new run.
 */
import type { Pid, ProcessEvent } from '../collect/event.ts';
import type { ProcessSnapshot, ProcReader } from '../collect/procfs.ts';
import type { RecordedHost } from '../collect/recorded_host.ts';
import type { CollectorName, CollectorProblem, ProcessEventSource, SourceState } from '../collect/source.ts';
import { readBootId } from '../linux/boot_id.ts';
import { recordedHost } from '../linux/host.ts';
import type { Names } from '../linux/user_names.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { namedVariables } from '../process/environment.ts';
import { redact } from '../process/redact.ts';
import type { RedactPattern } from '../process/redact_pattern.ts';
import { redactedProc, redactSnapshot } from '../process/redacted_proc.ts';
import { ProcessTree, type PublishedEvent, type TreeSettings, type TreeStats } from '../process/tree.ts';
import type { Logger } from '../program/log.ts';
import { RateLimit } from '../program/rate_limit.ts';
import { messageOf } from '../text/error_message.ts';
import { HostTrees } from './host_trees.ts';

/** /proc is read in slices, so that queries are answered in between. */
const SLICE_MS = 10;
const SLICE_PROCESSES = 100;
const RESYNC_PAUSE_MS = 1_000;
/** Code of the problem that /proc cannot be listed. */
const UNLISTED = 'proc_unlisted';
/** Approximate size of an event, and of a process from /proc, without texts. */
const EVENT_BYTES = 200;
const SNAPSHOT_BYTES = 1000;

interface RecordingOptions {
  readonly source: ProcessEventSource;
  /** Undefined for a recorded log: its processes are not in this host's /proc. */
  readonly proc: ProcReader | undefined;
  readonly settings: TreeSettings;
  /** Patterns of secrets in arguments, read for each event. */
  readonly redactPatterns: () => readonly RedactPattern[];
  /** Names of the environment variables to record, read for each event. */
  readonly environmentNames: () => ReadonlySet<string>;
  readonly names: Names;
  /** Unix ms minus CLOCK_BOOTTIME ms; undefined if the source has only Unix time. */
  readonly bootToUnixMs: (() => number) | undefined;
  readonly publish: (event: PublishedEvent) => void;
  /** Called after events are applied, with the number of execs that wait to be published. */
  readonly waiting: (count: number) => void;
  /** Whether the store has room for more rows. */
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
  /** Problems other than those of the source. */
  #problems: readonly CollectorProblem[] = [];
  /** The first snapshot of /proc, kept unredacted until `record`. */
  #snapshots: ProcessSnapshot[] = [];
  #unread: Pid[] = [];
  /** The source delivers the snapshot instead of /proc. */
  #isSnapshotTold = false;
  /** The requested snapshot that has not ended. */
  #snapshot: PromiseWithResolvers<boolean> | undefined;
  /** Whether the first snapshot of the source was complete. */
  #firstSnapshot: Promise<boolean> = Promise.resolve(false);
  /** Events that came before `record`; undefined after it. */
  #held: ProcessEvent[] | undefined = [];
  /** New events wait in the source. */
  #isPaused = false;
  #heldBytes = 0;
  /** Resolves when `#held` is full. */
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

  /** The collector of this run, and the present problems. */
  get state(): SourceState {
    const problems = [...this.source.problems, ...this.#problems];
    return { collector: this.#collector, reason: this.source.stats().collectorReason, problems };
  }

  /** Whether it records this host, and not a recorded log. */
  get isLive(): boolean {
    return this.#proc !== undefined;
  }

  get source(): ProcessEventSource {
    return this.#options.source;
  }

  /** One tree for each host: a recorded log may have several hosts. */
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

  /** Subscribes. The caller decides by the returned state whether to call `record` or `stop`. */
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

  /** Takes the first snapshot, from the source or from /proc. Later events wait in the source until `record`. */
  async prepare(): Promise<void> {
    // Until this is known, reserve the memory for a snapshot of the source.
    this.#isSnapshotTold = true;
    this.#firstSnapshot = this.#sourceSnapshot();
    // The rest of a snapshot that does not fit is delivered after `record`.
    this.#isSnapshotTold = await Promise.race([this.#firstSnapshot, this.#heldIsFull.promise.then(() => true)]);
    const pids = this.#proc && !this.#isSnapshotTold ? this.#pids(this.#proc) : undefined;
    let bytes = 0;
    for await (const slice of this.#slices(pids ?? [])) {
      this.#snapshots.push(...slice);
      for (const { details } of slice) bytes += SNAPSHOT_BYTES + textBytes(details);
      if (bytes <= MEMORY_BOUNDS.snapshots) continue;
      // The others are read after these are applied.
      const last = this.#snapshots.at(-1);
      this.#unread = last ? (pids ?? []).slice((pids ?? []).indexOf(last.pid) + 1) : [];
      break;
    }
    this.#isPaused = this.#proc !== undefined;
  }

  /** Applies the snapshot and the held events with the present settings. After that, new events are applied at once. */
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

  /** Ends the run: restores the kernel settings and publishes the received events. Synchronous. */
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

  /** Redacts the remembered images with the present patterns. */
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

  /** Publishes all waiting events at the end of a log. */
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
          // For a recorded log, `now` is the newest time in the events of its host.
          now: live ? () => performance.now() : newestUnixMs,
          proc: this.#proc && redactedProc(this.#proc, this.#options.redactPatterns),
          names: this.#revised(host ?? names),
          host: live ? undefined : recordedHost(host?.hostname ?? ''),
          publish,
        }),
    );
  }

  /** The revision changes when names or redactions change. Then records of processes are made again. */
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

  /** Requests a snapshot from the source. Resolves to true when it is complete and all of it is applied or held. */
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
    const one = this.#trees.of(host);
    one.newestUnixMs = events.reduce((newest, { unixMs }) => Math.max(newest, unixMs), one.newestUnixMs);
    one.tree.apply(this.#storable(events));
    if (!this.#proc) one.tree.flush('overdue');
    this.#options.waiting(this.#trees.waiting + this.source.join.stats.waiting);
    if (!this.#proc) return;
    this.#scheduleFlush();
    if (this.#tree.processes.losses.sinceResync > 0) this.#scheduleResync();
  }

  /** The events without what must not be stored: secrets, and variables that the present flags do not name. */
  #storable(events: readonly ProcessEvent[]): readonly ProcessEvent[] {
    const patterns = this.#options.redactPatterns();
    const isStorable = (event: ProcessEvent) => event.kind !== 'exec' || !event.details?.environment;
    if (patterns.length === 0 && events.every(isStorable)) return events;
    const names = this.#options.environmentNames();
    return events.map((event) => storableEvent(event, names, patterns));
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
    // An overdue event is checked again several times.
    const intervalMs = Math.max(5, leftMs > 0 ? leftMs : publishWaitMs / 4) + graceMs;
    const due = now + intervalMs;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      // After a stall of this process, missing events may still be in the kernel queues. They get the full wait again.
      const stalled = performance.now() - due > publishWaitMs / 2;
      if (!stalled) this.#flush('overdue');
      this.#scheduleFlush(stalled ? publishWaitMs : 0);
    }, intervalMs);
    this.#flushTimer.unref();
  }

  #scheduleResync(): void {
    this.#logLimit.pass('loss', (suppressed) => {
      const { total: losses } = this.#tree.processes.losses;
      this.#options.log.warn(
        { losses, suppressed, ...this.source.stats() },
        'events were lost; taking a new snapshot of the processes',
      );
    });
    if (this.#resyncTimer || this.#stopped) return;
    this.#resyncTimer = setTimeout(async () => {
      const { total } = this.#tree.processes.losses;
      const isDone = await this.#resync();
      this.#resyncTimer = undefined;
      if (this.#stopped) return;
      if (isDone) {
        this.#resyncs++;
        // The snapshot does not cover losses after its start.
        this.#tree.processes.resynced(total);
      }
      if (this.#tree.processes.losses.sinceResync > 0) this.#scheduleResync();
    }, RESYNC_PAUSE_MS);
    this.#resyncTimer.unref();
  }

  /** Undefined if /proc cannot be listed: then no process may be taken as dead. */
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

  /** Takes a new snapshot of the living processes. False if this is not possible. */
  async #resync(): Promise<boolean> {
    const proc = this.#proc;
    if (!proc) return false;
    // Taken before the list of pids, so that a process that is forked in between is not taken as dead.
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

  /** Reads processes from /proc in time slices until the run is stopped. */
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

function storableEvent(
  event: ProcessEvent,
  names: ReadonlySet<string>,
  patterns: readonly RedactPattern[],
): ProcessEvent {
  if ((event.kind !== 'exec' && event.kind !== 'snapshot') || !event.details) return event;
  const { details } = event;
  const environment = details.environment && namedVariables(details.environment, names);
  return { ...event, details: redact({ ...details, environment }, patterns) };
}

/** Replaces the boot id in entity ids of a recorded log. It cannot equal a boot id, which has 32 hex digits. */
function recordedBootId(host: RecordedHost | undefined): string {
  return host && host.name !== '' ? `replay:${host.name}` : 'replay';
}
