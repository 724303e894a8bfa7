/** Starts and stops runs of recording by the flags, and keeps the totals of all runs. */

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
import { hostContainers } from '../containers/host_containers.ts';
import { ExecutedFiles } from '../files/executed_file.ts';
import { FileHasher, type HashLimits } from '../files/file_hasher.ts';
import type { Names } from '../linux/user_names.ts';
import { IdleMemory } from '../memory/idle_memory.ts';
import { ACTIONS, parseActions } from '../process/actions.ts';
import { parseEnvironmentNames } from '../process/environment.ts';
import { type IgnoreRules, parseIgnoreRules } from '../process/ignore.ts';
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
/** The store is tidied at every third sweep. */
const SWEEPS_A_TIDYING = 3;

export interface RecorderOptions {
  readonly values: FlagValues;
  readonly store: EventStore;
  readonly log: Logger;
  /** For tests: another collector and another /proc. */
  readonly native?: NativeBinding;
  readonly proc?: ProcReader;
  /** Names of users and groups. */
  readonly names?: Names;
  /** Called when an event of this host is stored. */
  readonly onPublished?: (event: PublishedEvent) => void;
  /** Resolves when the flags of osquery's configuration are known. Until then nothing is recorded (R15). */
  readonly flagsKnown?: Promise<void>;
  /** Problems of other parts of the extension. */
  readonly otherProblems?: () => readonly CollectorProblem[];
  /** Bytes of all answers so far. */
  readonly answerBytes?: () => number;
}

const NAMELESS: Names = { user: () => undefined, group: () => undefined, revision: 0 };

/** Counters of earlier runs: a restart with other flags must not reset them. */
interface Totals {
  hits: number;
  misses: number;
  evictions: number;
  expirations: number;
  eventsReceived: number;
  eventsPublished: number;
  eventsIgnored: number;
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
  eventsIgnored: 0,
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
  readonly #idleMemory = new IdleMemory(releaseFilePages);
  readonly #changes = new RateLimit();
  readonly #containers = hostContainers({
    waitMs: () => this.#values.process_ancestry_publish_wait_ms,
    onUnread: (error) => this.#tellUnread(error),
  });
  #containersUnread = 0;
  #sweeps = 0;
  readonly #missingDetails = new MissingDetails();
  /** Codes of the problems that were logged. */
  #logged: ReadonlySet<string> = new Set();
  readonly #procfs = new Procfs('/proc', (pid) => loadNative().connectionPeer(pid));
  readonly #proc: ProcReader;
  readonly #startedMs = performance.now();
  readonly #sweepTimer: NodeJS.Timeout;
  #values: FlagValues;
  #redactPatterns: readonly RedactPattern[];
  #ignore: IgnoreRules | undefined;
  #environmentNames: ReadonlySet<string>;
  #run: Recording | undefined;
  #problems: readonly CollectorProblem[] = [];
  #earlier: Totals = zeroTotals();
  readonly #published = Object.fromEntries(ACTIONS.map((action) => [action, 0])) as Record<Action, number>;
  #ready: Promise<void> = Promise.resolve();
  /** Whether the flags of osquery's configuration are known. */
  #areFlagsKnown: boolean;
  /** Flags have changed before that, and the new values need another source. */
  #isRestartDue = false;
  /** No sensor works on this host, and the source retries. */
  #waitsForSensor = false;
  #stopped = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#values = options.values;
    this.#areFlagsKnown = options.flagsKnown === undefined;
    this.#store = options.store;
    this.#log = options.log;
    this.#redactPatterns = parseRedactPatterns(options.values.process_ancestry_redact);
    this.#ignore = this.#ignoreRules(options.values);
    this.#environmentNames = parseEnvironmentNames(options.values.process_ancestry_env);
    const proc = options.proc ?? this.#procfs;
    this.#proc = proc;
    const files = new ExecutedFiles({ startTicks: (pid) => proc.startTicks(pid as Pid) });
    this.#hasher = new FileHasher({ files, ...hashLimits(options.values) });
    this.#publishing = new Publishing({
      hasher: () => (this.#values.process_ancestry_hash ? this.#hasher : undefined),
      containers: this.#containers,
      add: (event) => {
        this.#store.add(event);
        // Events of a recorded log are not new.
        if (this.#run?.isLive) this.#options.onPublished?.(event);
      },
    });
    this.#publishing.configure(options.values.process_ancestry_aggregate_ms);
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweepTimer.unref();
  }

  /**
   * Starts to record. Resolves when the first snapshot is applied, or when a log is read. Never rejects: errors are logged and
   * shown in the statistics.
   */
  start(): Promise<void> {
    this.#ready = this.#begin().catch((error: unknown) => {
      const message = messageOf(error);
      this.#problems = [{ code: 'collector_failed', message }];
      // This is a problem of the host and no bug: a stack trace does not help.
      if (error instanceof NativeUnavailableError)
        this.#log.error({ code: error.code }, `nothing is recorded: ${message}`);
      else this.#log.error({ err: error }, 'nothing is recorded');
    });
    return this.#ready;
  }

  /** Resolves when queries may start: when the host is recorded, or a log is read completely. Never rejects. */
  get readable(): Promise<void> {
    return this.#ready;
  }

  /** Resolves when queries see all events from before the call, as far as there is room. Never rejects. */
  async drain(): Promise<void> {
    await this.#run?.source.drain();
  }

  /** Stops the recording for good and restores the kernel settings. Synchronous. The rows stay. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweepTimer);
    this.#endRun();
    void this.#hasher.stop();
  }

  /** Applies new flag values. A value that needs another source starts a new run; all others apply at once. */
  async configure(values: FlagValues, restartAsked: boolean): Promise<void> {
    const restart = restartAsked || sensorOptions(values) !== sensorOptions(this.#values);
    if (values.process_ancestry_ignore !== this.#values.process_ancestry_ignore)
      this.#ignore = this.#ignoreRules(values);
    const isRedactedOtherwise = values.process_ancestry_redact !== this.#values.process_ancestry_redact;
    this.#values = values;
    this.#redactPatterns = parseRedactPatterns(values.process_ancestry_redact);
    this.#environmentNames = parseEnvironmentNames(values.process_ancestry_env);
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

  /** The process tables of the present run, one for each host; empty between runs. */
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
        waiting: tree.waiting + this.#publishing.held,
        waitedMs: Math.max(tree.waitedMs, this.#publishing.heldForMs),
        hurried: totals.hurried + this.#publishing.hurried,
      },
      source: { ...source, ...totals },
      store,
      hashes: this.#hasher.stats,
      containersUnread: this.#containersUnread,
      published: { ...this.#published },
      ignored: Object.fromEntries(this.#ignore?.all.map(({ text, ignored }) => [text, ignored]) ?? []),
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
    // A log waits for the flags. This host is subscribed at once, because its events do not wait.
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
      tellsSessions: isPublished('setsid', values),
      tellsIds: isPublished('setid', values),
      environmentNames: [...parseEnvironmentNames(values.process_ancestry_env)],
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
    // Without audit, most short-lived processes have no path and arguments. A recorded log shows more.
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

  /** Resolves when the flags are known: true if the present source is still right. */
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
      environmentNames: () => this.#environmentNames,
      // Users and groups of this host do not apply to a recorded log.
      names: (proc && this.#options.names) ?? NAMELESS,
      bootToUnixMs,
      publish: (event) => {
        this.#published[event.action]++;
        this.#publishing.take(event, proc !== undefined);
      },
      waiting: (count) => {
        this.#store.expect(count + this.#publishing.waiting);
        // A log comes in many small batches.
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

  /** The collector or its problems have changed. */
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

  #ignoreRules({ process_ancestry_ignore: text }: FlagValues): IgnoreRules | undefined {
    return parseIgnoreRules(text, this.#ignore, (cgroupPath) => this.#containers.known(cgroupPath));
  }

  #tellUnread(error: unknown): void {
    this.#containersUnread++;
    this.#changes.pass('container', (suppressed) =>
      this.#log.warn({ suppressed }, `the facts of a container are unknown: ${messageOf(error)}`),
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
      ignore: this.#ignore,
    };
  }

  /** The file for the original audit settings. If its directory cannot be made, recording goes on without the file. */
  #stateFile(): string {
    const path = this.#values.process_ancestry_state_file;
    if (path === '') return '';
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return path;
    } catch (error) {
      const why = 'process_ancestry_state_file: the audit settings are not saved for a restart after a crash';
      // A user without write access there cannot change audit either, and gets that error.
      this.#log.debug({ path, err: error }, why);
      return '';
    }
  }

  /** Logs once when many rows have no details. */
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
    if (++this.#sweeps % SWEEPS_A_TIDYING !== 0) return;
    // Rows of a recorded log do not expire: their times are in the past.
    if (this.#run?.isLive ?? true) this.#store.expire(Date.now());
    this.#store.tidy();
  }
}

function isPublished(action: Action, { process_ancestry_events_actions }: FlagValues): boolean {
  return parseActions(process_ancestry_events_actions).has(action);
}

/** The values that a sensor is started with, as one text. If it changes, the sensor must be started again. */
function sensorOptions(values: FlagValues): string {
  const { process_ancestry_env } = values;
  return [isPublished('setsid', values), isPublished('setid', values), process_ancestry_env].join();
}

/** Without the native addon there is nothing to release: the commands of a recorded log may run without it. */
function releaseFilePages(): void {
  try {
    loadNative().releaseFilePages();
  } catch (error) {
    if (!(error instanceof NativeUnavailableError)) throw error;
  }
}

function recordsHost({ process_ancestry_enable, process_ancestry_collector }: FlagValues): boolean {
  return process_ancestry_enable && process_ancestry_collector !== 'replay';
}

function unreadProblems(count: number): CollectorProblem[] {
  if (count === 0) return [];
  const message = `${count} files of /proc were not read because this process cannot open more files: raise LimitNOFILE of the osqueryd unit`;
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
    eventsIgnored: 0,
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
