/** What is recorded, by which flags: begins runs of recording, ends them, and keeps the store and the totals over them. */

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Pid } from '../collect/event.ts';
import { joinOf } from '../collect/join.ts';
import { type LiveCollector, LiveSource, SENSORS } from '../collect/live.ts';
import { loadNative, type NativeBinding, NativeUnavailableError } from '../collect/native.ts';
import { Procfs, type ProcReader } from '../collect/procfs.ts';
import { ReplayError, ReplaySource } from '../collect/replay.ts';
import type { CollectorProblem, SourceState, SourceStats } from '../collect/source.ts';
import type { FlagValues } from '../config/flags.ts';
import { ExecutedFiles } from '../files/executed_file.ts';
import { FileHasher, type HashLimits } from '../files/file_hasher.ts';
import type { Names } from '../linux/user_names.ts';
import { IdleMemory } from '../memory/idle_memory.ts';
import { ACTIONS, parseActions } from '../process/actions.ts';
import type { Action } from '../process/pending_event.ts';
import type { ProcessTable } from '../process/process_table.ts';
import { parseRedactPatterns } from '../process/redact.ts';
import type { RedactPattern } from '../process/redact_pattern.ts';
import type { PublishedEvent, TreeSettings, TreeStats } from '../process/tree.ts';
import type { Logger } from '../program/log.ts';
import { RateLimit } from '../program/rate_limit.ts';
import type { EventStore } from '../store/event_store.ts';
import { messageOf } from '../text/error_message.ts';
import { MissingDetails } from './missing_details.ts';
import { Publishing } from './publishing.ts';
import type { RecorderStats } from './recorder_stats.ts';
import { Recording } from './recording.ts';

const SWEEP_MS = 5_000;

export interface RecorderOptions {
  readonly values: FlagValues;
  readonly store: EventStore;
  readonly log: Logger;
  /** For tests: another collector and another /proc than this host's. */
  readonly native?: NativeBinding;
  readonly proc?: ProcReader;
  /** Of users and groups. */
  readonly names?: Names;
  /** Whenever an event of this host becomes a row. */
  readonly onPublished?: (event: PublishedEvent) => void;
  /** Resolves when the values in force are those of osquery's configuration; until then nothing is recorded (R15). */
  readonly flagsKnown?: Promise<void>;
  /** What is wrong with what runs beside the recording. */
  readonly otherProblems?: () => readonly CollectorProblem[];
  /** Bytes of all answers that were made so far. */
  readonly answerBytes?: () => number;
}

const NAMELESS: Names = { user: () => undefined, group: () => undefined, revision: 0 };

/** What earlier runs counted: a restart with other flags does not make a loss disappear. */
interface Totals {
  hits: number;
  misses: number;
  evictions: number;
  expirations: number;
  eventsReceived: number;
  eventsPublished: number;
  detailsMissing: number;
  hurried: number;
  textsCut: number;
  eventsLost: number;
  kernelLost: number;
  malformed: number;
  incomplete: number;
  resyncs: number;
}

const NO_STATS: SourceStats = {
  collector: 'none',
  collectorReason: '',
  eventsLost: 0,
  kernelLost: 0,
  kernelBacklog: 0,
  queueBytes: 0,
  malformed: 0,
  incomplete: 0,
};
const NO_TREE: TreeStats = {
  size: 0,
  capacity: 0,
  hits: 0,
  misses: 0,
  evictions: 0,
  expirations: 0,
  eventsReceived: 0,
  eventsPublished: 0,
  waiting: 0,
  waitedMs: 0,
  detailsMissing: 0,
  hurried: 0,
  textsCut: 0,
  textBytes: 0,
};

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #log: Logger;
  readonly #store: EventStore;
  readonly #publishing: Publishing;
  readonly #hasher: FileHasher;
  readonly #idleMemory = new IdleMemory();
  readonly #changes = new RateLimit();
  readonly #missingDetails = new MissingDetails();
  /** Codes of its problems that were logged. */
  #logged: ReadonlySet<string> = new Set();
  readonly #procfs = new Procfs('/proc', (pid) => loadNative().connectionPeer(pid));
  readonly #proc: ProcReader;
  readonly #startedMs = performance.now();
  readonly #sweepTimer: NodeJS.Timeout;
  #values: FlagValues;
  #redactPatterns: readonly RedactPattern[];
  #run: Recording | undefined;
  #problems: readonly CollectorProblem[] = [];
  #earlier: Totals = zeroTotals();
  readonly #published = Object.fromEntries(ACTIONS.map((action) => [action, 0])) as Record<Action, number>;
  #ready: Promise<void> = Promise.resolve();
  /** Whether the values are those of osquery's configuration. */
  #areFlagsKnown: boolean;
  /** They changed before that in such a way that a source has to be chosen anew. */
  #isRestartDue = false;
  /** Nothing works on this host, and the source tries again. */
  #waitsForSensor = false;
  #stopped = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#values = options.values;
    this.#areFlagsKnown = options.flagsKnown === undefined;
    this.#store = options.store;
    this.#log = options.log;
    this.#redactPatterns = parseRedactPatterns(options.values.process_ancestry_redact);
    const proc = options.proc ?? this.#procfs;
    this.#proc = proc;
    const files = new ExecutedFiles({ startTicks: (pid) => proc.startTicks(pid as Pid) });
    this.#hasher = new FileHasher({ files, ...hashLimits(options.values) });
    this.#publishing = new Publishing({
      hasher: () => (this.#values.process_ancestry_hash ? this.#hasher : undefined),
      add: (event) => {
        this.#store.add(event);
        // A recorded log's events are as old as it is.
        if (this.#run?.isLive) this.#options.onPublished?.(event);
      },
    });
    this.#publishing.configure(options.values.process_ancestry_aggregate_ms);
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweepTimer.unref();
  }

  /**
   * Begins to record; resolves when the first snapshot of /proc is applied, or a log has been read. Never rejects:
   * what does not work is logged, and in the statistics.
   */
  start(): Promise<void> {
    this.#ready = this.#begin().catch((error: unknown) => {
      const message = messageOf(error);
      this.#problems = [{ code: 'collector_failed', message }];
      // Of the host, not of a bug: where in the program it was noticed tells nothing.
      if (error instanceof NativeUnavailableError)
        this.#log.error({ code: error.code }, `nothing is recorded: ${message}`);
      else this.#log.error({ err: error }, 'nothing is recorded');
    });
    return this.#ready;
  }

  /** Resolves when queries see what there is: once a host is being recorded, or a log has been read. Never rejects. */
  get readable(): Promise<void> {
    return this.#ready;
  }

  /** Resolves when what happened before the call can be read, as far as there is room. Never rejects. */
  async drain(): Promise<void> {
    await this.#run?.source.drain();
  }

  /** Stops recording for good and puts the kernel's settings back. Synchronous. The rows stay. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweepTimer);
    this.#endRun();
    void this.#hasher.stop();
  }

  /** New values of flags. What needs another source begins anew; everything else takes effect at once. */
  async configure(values: FlagValues, restartAsked: boolean): Promise<void> {
    const restart = restartAsked || tellsSessions(values) !== tellsSessions(this.#values);
    const isRedactedOtherwise = values.process_ancestry_redact !== this.#values.process_ancestry_redact;
    this.#values = values;
    this.#redactPatterns = parseRedactPatterns(values.process_ancestry_redact);
    if (isRedactedOtherwise) this.#run?.redactAgain();
    this.#hasher.configure(hashLimits(values));
    this.#publishing.configure(values.process_ancestry_aggregate_ms);
    if (!this.#areFlagsKnown) {
      this.#isRestartDue ||= restart;
    } else if (!restart) {
      this.#run?.configure(this.#treeSettings());
    } else if (!this.#stopped) {
      this.#endRun();
      await this.start();
    }
  }

  /** The processes that the present run knows, by host; none between runs. */
  get processes(): readonly ProcessTable[] {
    return this.#run?.trees.map(({ processes }) => processes) ?? [];
  }

  stats(): RecorderStats {
    const source = this.#run?.source.stats() ?? NO_STATS;
    const tree = this.#run?.treeStats ?? { ...NO_TREE, capacity: this.#values.process_ancestry_cache_size };
    const totals = addTotals(this.#earlier, tree, source, this.#run?.resyncs ?? 0);
    this.#missingDetails.sample(performance.now(), totals.eventsPublished, totals.detailsMissing);
    const { stats: store } = this.#store;
    const others = this.#options.otherProblems?.() ?? [];
    return {
      tree: {
        ...{ ...tree, ...totals },
        waiting: tree.waiting + this.#publishing.hashing,
        waitedMs: Math.max(tree.waitedMs, this.#publishing.hashingForMs),
        hurried: totals.hurried + this.#publishing.hurried,
      },
      source: { ...source, ...totals },
      store,
      hashes: this.#hasher.stats,
      published: { ...this.#published },
      resyncs: totals.resyncs,
      problems: [
        ...this.#problems,
        ...(this.#run?.state.problems ?? []),
        ...this.#missingDetails.problems,
        ...unreadProblems(this.#procfs.noDescriptor),
        ...store.problems,
        ...others,
      ],
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
    };
  }

  async #begin(): Promise<void> {
    this.#problems = [];
    this.#waitsForSensor = false;
    if (this.#stopped) return;
    // What happens on this host does not wait for the flags as a log does.
    if (!recordsHost(this.#values)) await this.#waitForFlags();
    if (this.#stopped) return;
    const values = this.#values;
    if (!values.process_ancestry_enable) {
      this.#problems = [{ code: 'disabled', message: 'process_ancestry_enable is false: nothing is recorded' }];
      this.#log.info('process_ancestry_enable is false: nothing is recorded');
    } else if (values.process_ancestry_collector === 'replay') {
      await this.#replay(values.process_ancestry_replay_file);
    } else {
      await this.#recordHost(values.process_ancestry_collector);
    }
  }

  async #recordHost(collector: LiveCollector): Promise<void> {
    const values = this.#values;
    const native = this.#options.native ?? loadNative();
    const source = new LiveSource(native, {
      sensors: SENSORS[collector],
      stateFile: this.#stateFile(),
      argsMaxBytes: values.process_ancestry_args_max_bytes,
      ebpfArgsMaxBytes: Math.min(values.process_ancestry_args_max_bytes, values.process_ancestry_ebpf_args_max_bytes),
      tellsSessions: tellsSessions(values),
      queueMaxBytes: values.process_ancestry_queue_max_bytes,
      socketBufferBytes: values.process_ancestry_socket_buffer_bytes,
      join: (sensor) =>
        joinOf(sensor, {
          now: () => performance.now(),
          publishWaitMs: () => this.#values.process_ancestry_publish_wait_ms,
          readProcess: (pid) => this.#proc.read(pid),
        }),
      onChange: (state) => this.#tellChange(state),
    });
    const run = this.#newRun(source, this.#proc, () => native.bootToUnixMs());
    const state = await run.subscribe();
    if (this.#run !== run) return;
    const fallback = values.process_ancestry_fallback_replay_file;
    // Without audit most of what is short-lived stays unnamed: a recorded log shows more.
    if (fallback !== '' && (state.collector === 'proc_events' || state.collector === 'none')) {
      this.#endRun();
      const why = state.problems.map(({ message }) => message).join('; ');
      this.#log.warn(`this host cannot be recorded (${why}): replaying the sample log ${fallback} instead`);
      await this.#waitForFlags();
      await this.#replay(fallback);
      return;
    }
    this.#tellProblems(state);
    if (state.collector === 'none') {
      this.#log.error('nothing can be recorded: neither eBPF nor kernel audit nor the proc connector works here');
      this.#waitsForSensor = true;
      return;
    }
    await run.prepare();
    const isSourceAsWanted = await this.#waitForFlags();
    if (this.#run !== run) return;
    if (!recordsHost(this.#values)) {
      this.#endRun();
      await this.#begin();
      return;
    }
    run.configure(this.#treeSettings());
    await run.record();
    if (this.#run !== run) return;
    if (!isSourceAsWanted) {
      this.#endRun();
      await this.#begin();
      return;
    }
    const { reason } = state;
    const why = reason === '' ? {} : { notBetterBecause: reason };
    this.#log.info({ collector: state.collector, processes: run.treeStats.size, ...why }, 'recording');
  }

  /** Resolves when the flags are known: whether none has changed that chooses the source. */
  async #waitForFlags(): Promise<boolean> {
    await this.#options.flagsKnown;
    this.#areFlagsKnown = true;
    const isAsWanted = !this.#isRestartDue;
    this.#isRestartDue = false;
    return isAsWanted;
  }

  async #replay(file: string): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<ReplayError | undefined>();
    const native = this.#options.native ?? loadNative();
    const argsMaxBytes = this.#values.process_ancestry_args_max_bytes;
    const source = new ReplaySource(native, { file, argsMaxBytes }, resolve);
    const run = this.#newRun(source, undefined);
    let failure: ReplayError | undefined;
    try {
      await run.record();
      await run.subscribe();
      this.#log.info({ file }, 'replaying a recorded audit log');
      failure = await ended;
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error;
      failure = error;
    }
    run.finish();
    this.#publishing.finish();
    if (this.#run !== run) return;
    if (failure) {
      run.addProblem({ code: 'replay_failed', message: failure.message });
      this.#log.error(failure.message);
    }
    for (const { code, message } of source.problems) this.#log.warn({ code }, message);
    this.#log.info(
      { file, ...source.progress, discarded: this.#store.stats.discarded },
      'the recorded audit log has been read',
    );
  }

  #newRun(source: LiveSource | ReplaySource, proc: ProcReader | undefined, bootToUnixMs?: () => number): Recording {
    this.#run = new Recording({
      source,
      proc,
      settings: this.#treeSettings(),
      redactPatterns: () => this.#redactPatterns,
      // Users and groups of a recorded log are another host's.
      names: (proc && this.#options.names) ?? NAMELESS,
      bootToUnixMs,
      publish: (event) => {
        this.#published[event.action]++;
        this.#publishing.take(event, proc !== undefined);
      },
      waiting: (count) => {
        this.#store.expect(count + this.#publishing.waiting);
        // A log comes in small pieces, one right after the other.
        if (proc) this.#store.batchEnds();
      },
      hasRoom: () => this.#store.hasRoom,
      log: this.#log,
    });
    return this.#run;
  }

  #endRun(): void {
    const run = this.#run;
    if (!run) return;
    run.stop();
    this.#publishing.finish();
    this.#earlier = addTotals(this.#earlier, run.treeStats, run.source.stats(), run.resyncs);
    this.#problems = run.state.problems;
    this.#run = undefined;
  }

  #tellProblems({ problems }: SourceState): void {
    for (const { code, message } of problems) this.#log.warn({ code }, message);
  }

  /** What is recorded with, or what is wrong with it, has changed. */
  #tellChange({ collector, problems }: SourceState): void {
    if (this.#waitsForSensor && collector !== 'none' && !this.#stopped) {
      this.#endRun();
      void this.start();
      return;
    }
    const why = problems.map(({ message }) => message);
    this.#changes.pass('source', (suppressed) =>
      this.#log.warn({ collector, problems: why, suppressed }, `recording with ${collector}`),
    );
  }

  #treeSettings(): TreeSettings {
    return {
      cacheSize: this.#values.process_ancestry_cache_size,
      cacheTtlSeconds: this.#values.process_ancestry_cache_ttl,
      maxDepth: this.#values.process_ancestry_max_depth,
      ancestorCmdlineMax: this.#values.process_ancestry_ancestor_cmdline_max,
      publishWaitMs: this.#values.process_ancestry_publish_wait_ms,
      actions: parseActions(this.#values.process_ancestry_events_actions),
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
      const why = "process_ancestry_state_file: audit's settings are not kept for a restart after a crash";
      // Who may not write there may not set audit either, and is told so.
      this.#log.debug({ path, err: error }, why);
      return '';
    }
  }

  /** That many rows lack details is told once they do. */
  #logMissingDetails(): void {
    const problems = this.#missingDetails.problems;
    for (const { code, message } of problems) if (!this.#logged.has(code)) this.#log.warn({ code }, message);
    this.#logged = new Set(problems.map(({ code }) => code));
  }

  #sweep(): void {
    const { eventsPublished = 0, detailsMissing = 0 } = this.#run?.treeStats ?? {};
    this.#missingDetails.sample(
      performance.now(),
      this.#earlier.eventsPublished + eventsPublished,
      this.#earlier.detailsMissing + detailsMissing,
    );
    for (const { processes } of this.#run?.trees ?? []) processes.sweep();
    this.#logMissingDetails();
    this.#idleMemory.sample({
      events: this.#earlier.eventsReceived + (this.#run?.treeStats.eventsReceived ?? 0),
      answerBytes: this.#options.answerBytes?.() ?? 0,
    });
    // A recorded log is kept whole: its times are not now.
    if (this.#run?.isLive ?? true) this.#store.expire(Date.now());
    this.#store.tidy();
  }
}

/** Whether rows of new sessions are wanted, which a sensor may have to be started for. */
function tellsSessions({ process_ancestry_events_actions }: FlagValues): boolean {
  return parseActions(process_ancestry_events_actions).has('setsid');
}

function recordsHost({ process_ancestry_enable, process_ancestry_collector }: FlagValues): boolean {
  return process_ancestry_enable && process_ancestry_collector !== 'replay';
}

function unreadProblems(count: number): CollectorProblem[] {
  if (count === 0) return [];
  const message = `${count} files of /proc were not read, as this process can open no more files: raise LimitNOFILE of osqueryd's unit`;
  return [{ code: 'proc_unread', message }];
}

function hashLimits(values: FlagValues): HashLimits {
  return {
    maxBytes: values.process_ancestry_hash_max_size,
    bytesPerSecond: values.process_ancestry_hash_max_rate,
    waitMs: values.process_ancestry_publish_wait_ms,
  };
}

function zeroTotals(): Totals {
  return {
    hits: 0,
    misses: 0,
    evictions: 0,
    expirations: 0,
    eventsReceived: 0,
    eventsPublished: 0,
    detailsMissing: 0,
    hurried: 0,
    textsCut: 0,
    eventsLost: 0,
    kernelLost: 0,
    malformed: 0,
    incomplete: 0,
    resyncs: 0,
  };
}

function addTotals(earlier: Totals, tree: TreeStats, source: SourceStats, resyncs: number): Totals {
  const run: Readonly<Record<string, unknown>> = { ...tree, ...source, resyncs };
  const totals = { ...earlier };
  for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] += Number(run[key]);
  return totals;
}
