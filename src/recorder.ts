/**
 * Recording: a source of events, the process tree and the store, put together and kept going. Subscribes before it
 * reads /proc (R13), lets execs wait no longer than they may (R10), and takes a new snapshot after a loss (R14).
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CacheStatsRow } from '../tables/process_ancestry_cache_stats.ts';
import type { ProcessEvent } from './collect/event.ts';
import { LiveSource } from './collect/live.ts';
import { loadNative } from './collect/native.ts';
import { ReplayError, ReplaySource } from './collect/replay.ts';
import type { CollectorProblem, ProcessEventSource, SourceState, SourceStats } from './collect/source.ts';
import type { FlagValues } from './config/flags.ts';
import { type Logger, RateLimit } from './log.ts';
import { Procfs, type ProcReader } from './process/procfs.ts';
import { parseRedactPatterns, RedactError, redact } from './process/redact.ts';
import { ProcessTree, type TreeSettings } from './process/tree.ts';
import type { EventStore } from './store/event_store.ts';

const NOTHING: SourceStats = {
  collector: 'none',
  eventsLost: 0,
  kernelLost: 0,
  kernelBacklog: 0,
  queueBytes: 0,
  malformed: 0,
  incomplete: 0,
};
const SWEEP_MS = 5_000;
const RESYNC_PAUSE_MS = 1_000;
/** Reading /proc is done in slices, so that queries are answered meanwhile. */
const SLICE_MS = 10;

export class Recorder {
  readonly #log: Logger;
  readonly #store: EventStore;
  readonly #startedMs = performance.now();
  readonly #logLimit = new RateLimit(60_000, () => performance.now());
  #values: FlagValues;
  #redactPatterns: readonly RegExp[] = [];
  #source: ProcessEventSource | undefined;
  #state: SourceState = { collector: 'none', problems: [] };
  #tree: ProcessTree;
  #proc: ProcReader | undefined;
  /** The newest event's time: what `now` is to a recorded log. */
  #logUnixMs = 0;
  /** Events that came while /proc was read for the first time. */
  #held: ProcessEvent[] | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #resyncTimer: NodeJS.Timeout | undefined;
  #resyncs = 0;
  #stopped = true;

  constructor(options: { values: FlagValues; store: EventStore; log: Logger }) {
    this.#values = options.values;
    this.#store = options.store;
    this.#log = options.log;
    this.#tree = this.#makeTree('none');
    this.#useRedactPatterns();
  }

  /** Begins to record; resolves when the first snapshot of /proc is applied. Never rejects: problems are in the stats. */
  async start(): Promise<void> {
    this.#stopped = false;
    const values = this.#values;
    if (!values.process_ancestry_enable) {
      this.#state = {
        collector: 'none',
        problems: [{ code: 'disabled', message: 'process_ancestry_enable is false: nothing is recorded' }],
      };
      this.#log.info('process_ancestry_enable is false: nothing is recorded');
      return;
    }
    if (values.process_ancestry_collector === 'replay') {
      await this.#startReplay(values.process_ancestry_replay_file, []);
    } else {
      await this.#startLive(values.process_ancestry_collector);
    }
    if (this.#stopped) return;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweepTimer.unref();
  }

  /** Stops recording and puts the kernel's settings back. Synchronous. The rows stay. */
  stop(): void {
    if (this.#stopped) return;
    this.#source?.stop();
    this.#stopped = true;
    for (const timer of [this.#flushTimer, this.#sweepTimer, this.#resyncTimer]) clearTimeout(timer);
    this.#flushTimer = undefined;
    this.#resyncTimer = undefined;
    this.#tree.flush(true);
  }

  /** New values of flags. What needs another source begins anew; everything else takes effect at once. */
  async configure(values: FlagValues, restart: boolean): Promise<void> {
    this.#values = values;
    this.#useRedactPatterns();
    this.#store.configure({
      maxRows: values.process_ancestry_events_max,
      expirySeconds: values.process_ancestry_events_expiry,
    });
    if (restart) {
      this.stop();
      this.#source = undefined;
      await this.start();
    } else {
      this.#tree.configure(this.#treeSettings());
    }
  }

  stats(): CacheStatsRow {
    const source = this.#source?.stats() ?? NOTHING;
    return {
      tree: this.#tree.stats,
      source,
      storeRows: this.#store.size,
      storeDiscarded: this.#store.discarded,
      resyncs: this.#resyncs,
      problems: this.#state.problems,
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
    };
  }

  /** Without a place to keep them, audit's settings as found are lost in a crash: said, and gone on without. */
  #stateFile(): string {
    const path = this.#values.process_ancestry_state_file;
    if (path === '') return '';
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return path;
    } catch (error) {
      this.#log.warn(
        { path, err: error },
        "process_ancestry_state_file: audit's settings are not kept for a restart after a crash",
      );
      return '';
    }
  }

  async #startLive(collector: 'auto' | 'audit' | 'proc_events'): Promise<void> {
    const source = new LiveSource(loadNative(), {
      collector,
      stateFile: this.#stateFile(),
      argsMaxBytes: this.#values.process_ancestry_args_max_bytes,
      queueMaxBytes: this.#values.process_ancestry_queue_max_bytes,
      socketBufferBytes: this.#values.process_ancestry_socket_buffer_bytes,
    });
    this.#held = [];
    this.#source = source;
    const state = await source.start((events) => this.#receive(events));
    this.#state = state;
    const fallback = this.#values.process_ancestry_fallback_replay_file;
    // Without audit most of what is short-lived stays unnamed: a recorded log shows more.
    const useless = fallback !== '' && !state.collector.startsWith('audit');
    for (const problem of state.problems)
      this.#log[useless ? 'debug' : 'warn']({ code: problem.code }, problem.message);
    if (state.collector === 'none' || useless) {
      source.stop();
      this.#held = undefined;
      if (useless) {
        const why = state.problems.map(({ message }) => message).join('; ');
        this.#log.warn(`this host cannot be recorded (${why}): replaying the sample log ${fallback} instead`);
        await this.#startReplay(fallback, state.problems);
      } else {
        this.#source = undefined;
        this.#log.error('nothing can be recorded: neither kernel audit nor the proc connector is to be had');
      }
      return;
    }
    this.#proc = new RedactedProc(new Procfs(), () => this.#redactPatterns);
    this.#tree = this.#makeTree(state.collector);
    await this.#readProc();
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#apply(held);
    this.#log.info({ collector: state.collector, processes: this.#tree.stats.size }, 'recording');
  }

  async #startReplay(file: string, problems: readonly CollectorProblem[]): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const fail = (error: ReplayError) => {
      this.#state = {
        ...this.#state,
        problems: [...this.#state.problems, { code: 'replay_failed', message: error.message }],
      };
      this.#log.error(error.message);
      this.#tree.flush(true);
      resolve();
    };
    const source = new ReplaySource(
      loadNative(),
      { file, argsMaxBytes: this.#values.process_ancestry_args_max_bytes },
      (progress) => {
        this.#tree.flush(true);
        const discarded = this.#store.discarded;
        if (!this.#stopped) this.#log.info({ file, ...progress, discarded }, 'the recorded audit log has been read');
        resolve();
      },
      fail,
    );
    this.#source = source;
    this.#proc = undefined;
    this.#tree = this.#makeTree('replay');
    this.#state = { collector: 'replay', problems };
    try {
      await source.start((events) => this.#receive(events));
      this.#log.info({ file }, 'replaying a recorded audit log');
      await ended;
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error;
      fail(error);
    }
  }

  #makeTree(collector: SourceState['collector']): ProcessTree {
    const replayed = collector === 'replay';
    return new ProcessTree({
      ...this.#treeSettings(),
      bootId: replayed ? 'replay' : readBootId(),
      bootToUnixMs: replayed ? 0 : Date.now() - readUptimeMs(),
      detailsApart: collector === 'audit+proc_events',
      now: replayed ? () => this.#logUnixMs : () => performance.now(),
      proc: this.#proc,
      publish: (exec) => this.#store.add(exec),
    });
  }

  #treeSettings(): TreeSettings {
    return {
      cacheSize: this.#values.process_ancestry_cache_size,
      cacheTtlSeconds: this.#values.process_ancestry_cache_ttl,
      maxDepth: this.#values.process_ancestry_max_depth,
      ancestorCmdlineMax: this.#values.process_ancestry_ancestor_cmdline_max,
      publishWaitMs: this.#values.process_ancestry_publish_wait_ms,
    };
  }

  #useRedactPatterns(): void {
    try {
      this.#redactPatterns = parseRedactPatterns(this.#values.process_ancestry_redact);
    } catch (error) {
      if (!(error instanceof RedactError)) throw error;
      this.#log.error(`${error.message}; the patterns in force stay`);
    }
  }

  #receive(events: readonly ProcessEvent[]): void {
    if (this.#held) this.#held.push(...events);
    else this.#apply(events);
  }

  #apply(events: readonly ProcessEvent[]): void {
    const redacted = this.#redactPatterns.length === 0 ? events : events.map((event) => this.#redact(event));
    this.#logUnixMs = events.reduce((newest, { unixMs }) => Math.max(newest, unixMs), this.#logUnixMs);
    this.#tree.apply(redacted);
    if (this.#state.collector === 'replay') this.#tree.flush();
    else this.#scheduleFlush();
    if (this.#tree.stats.lossesSinceResync > 0) this.#scheduleResync();
  }

  #redact(event: ProcessEvent): ProcessEvent {
    if (event.kind !== 'exec' || !event.details) return event;
    return { ...event, details: redact(event.details, this.#redactPatterns) };
  }

  #scheduleFlush(): void {
    if (this.#flushTimer || this.#stopped || !this.#tree.hasWaiting) return;
    const { process_ancestry_publish_wait_ms: waitMs } = this.#values;
    this.#flushTimer = setTimeout(
      () => {
        this.#flushTimer = undefined;
        this.#tree.flush();
        this.#scheduleFlush();
      },
      Math.max(5, waitMs / 4),
    );
    this.#flushTimer.unref();
  }

  #sweep(): void {
    this.#tree.processes.sweep();
    // A recorded log is kept whole: its times are not now.
    if (this.#state.collector !== 'replay') this.#store.expire(Date.now());
  }

  #scheduleResync(): void {
    const held = this.#logLimit.pass('loss');
    if (held !== undefined) {
      this.#log.warn(
        { losses: this.#tree.stats.losses, ...this.#source?.stats() },
        'events were lost; reading /proc again',
      );
    }
    if (this.#resyncTimer || this.#stopped || !this.#proc) return;
    this.#resyncTimer = setTimeout(async () => {
      await this.#readProc();
      this.#resyncTimer = undefined;
      this.#resyncs++;
      this.#tree.processes.resynced();
    }, RESYNC_PAUSE_MS);
    this.#resyncTimer.unref();
  }

  async #readProc(): Promise<void> {
    const proc = this.#proc;
    if (!proc) return;
    // Before the list is read: who is forked meanwhile is not missing from it.
    const known = this.#tree.processes.livePids();
    const pids = proc.pids();
    const there = new Set(pids);
    let began = performance.now();
    let slice = [];
    for (const pid of pids) {
      const snapshot = proc.read(pid);
      if (snapshot) slice.push(snapshot);
      if (performance.now() - began < SLICE_MS) continue;
      this.#tree.processes.adopt(slice);
      slice = [];
      await new Promise(setImmediate);
      if (this.#stopped) return;
      began = performance.now();
    }
    this.#tree.processes.adopt(
      slice,
      known.filter((pid) => !there.has(pid)),
    );
  }
}

/** /proc with the secrets taken out of what it shows. */
class RedactedProc implements ProcReader {
  readonly #proc: ProcReader;
  readonly #patterns: () => readonly RegExp[];

  constructor(proc: ProcReader, patterns: () => readonly RegExp[]) {
    this.#proc = proc;
    this.#patterns = patterns;
  }

  pids(): ReturnType<ProcReader['pids']> {
    return this.#proc.pids();
  }

  startTicks(pid: Parameters<ProcReader['startTicks']>[0]): number | undefined {
    return this.#proc.startTicks(pid);
  }

  read(pid: Parameters<ProcReader['read']>[0]): ReturnType<ProcReader['read']> {
    const snapshot = this.#proc.read(pid);
    return snapshot && { ...snapshot, details: redact(snapshot.details, this.#patterns()) };
  }
}

/** Milliseconds since boot, suspends included. /proc/uptime has two decimals, rounded down: the middle is meant. */
function readUptimeMs(): number {
  try {
    return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000 + 5;
  } catch {
    return performance.now();
  }
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown-boot';
  }
}
