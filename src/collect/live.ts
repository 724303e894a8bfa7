/**
 * Records this host with the best native sensor that works, and changes to another sensor when it stops working.
 */
import { BatchReader } from './batch_reader.ts';
import type { Pid, ProcessEvent } from './event.ts';
import type { EventJoin } from './event_join.ts';
import type { SensorEvent } from './events.ts';
import { WHOLE } from './join.ts';
import type { NativeBinding, NativeState, SensorName } from './native.ts';
import { explainProblem } from './sensor_problems.ts';
import type { CollectorProblem, ProcessEventSource, SourceState, SourceStats } from './source.ts';

/** The values of process_ancestry_collector that record this host. */
export type LiveCollector = 'auto' | 'ebpf' | 'audit' | 'proc_events';

/** The sensors to try for each value, the best first. Without the connector, audit alone records forks too. */
export const SENSORS: Readonly<Record<LiveCollector, readonly [SensorName, ...SensorName[]]>> = {
  auto: ['ebpf', 'audit+proc_events', 'audit', 'proc_events'],
  ebpf: ['ebpf'],
  audit: ['audit+proc_events', 'audit'],
  proc_events: ['proc_events'],
};

interface LiveSourceOptions {
  /** The sensors to try, the best first. */
  readonly sensors: readonly SensorName[];
  readonly stateFile: string;
  readonly argsMaxBytes: number;
  /** The same for eBPF. */
  readonly ebpfArgsMaxBytes?: number;
  /** Whether setsid is reported. With eBPF this makes all system calls a little slower. */
  readonly tellsSessions?: boolean;
  /** Whether changes of ids are reported. Only eBPF reports them, at the same price. */
  readonly tellsIds?: boolean;
  /** Names of the environment variables to report. Only eBPF reports them. */
  readonly environmentNames?: readonly string[];
  readonly queueMaxBytes: number;
  readonly socketBufferBytes: number;
  readonly ownerGraceMs?: number;
  /** Makes complete events from sensor events. Without it, sensor events are passed on unchanged. */
  readonly join?: (sensor: SensorName) => EventJoin;
  /** Called when the collector or its problems change after the start. */
  readonly onChange?: (state: SourceState) => void;
}

/** The key of our audit rules. It identifies them among other rules, also after a crash. */
export const RULE_KEY = 'process_ancestry';

/**
 * How long the audit unicast stays free after auditd has left it or has requested it. The first request of auditd is refused,
 * and auditd does not retry: it must be restarted within this time. In this time we read by multicast, and the kernel prints
 * some records to its log (kernel/audit.c, kauditd_printk_skb: limited by the rate limit of printk).
 */
const OWNER_GRACE_MS = 30_000;

/** The first pause before another start if no sensor works. */
const START_AGAIN_MS = 1_000;
/** How often better sensors are tried. */
const RETRY_MS = 60_000;
/** Longest pause between tries, after a sensor passed its check but did not start. */
const RETRY_MAX_MS = 3_600_000;
/** osquery gives an extension one second to exit. */
const STOP_MS = 300;

export class LiveSource implements ProcessEventSource {
  readonly #native: NativeBinding;
  readonly #options: LiveSourceOptions;
  #reader: BatchReader | undefined;
  #join = WHOLE;
  #hasSnapshot = false;
  /** A snapshot was requested, and its end has not arrived. */
  #isSnapshotAwaited = false;
  #onEvents: (events: readonly ProcessEvent[]) => void = () => undefined;
  #hasRoom: () => boolean = () => true;
  /** The present sensor; undefined if none works. */
  #sensor: SensorName | undefined;
  /** The parts of it that worked at the last check. */
  #hears: NativeState['hears'] = '';
  /** By sensor: the problems at its last try. */
  readonly #refusals = new Map<SensorName, readonly CollectorProblem[]>();
  /** The problems when the source was stopped. */
  #lastProblems: readonly CollectorProblem[] = [];
  /** A sensor that stopped working, until it or the best one works again. */
  #stoppedSensor: SensorName | undefined;
  /** The state that was last reported by `onChange`, or at the start. */
  #told = '';
  /** Counters of the sensors before the present one. */
  #earlier = { lost: 0, kernelLost: 0, malformed: 0, incomplete: 0 };
  #retryAtMs = 0;
  #retryMs = RETRY_MS;
  /** When the next start is tried if no sensor works, and the pause after that. */
  #startAgainMs = 0;
  #pauseMs = START_AGAIN_MS;
  /** For the next try of a sensor. Without a better sensor there is none: the collector wakes this thread when its state changes. */
  #tryTimer: NodeJS.Timeout | undefined;
  #isRunning = false;

  constructor(native: NativeBinding, options: LiveSourceOptions) {
    this.#native = native;
    this.#options = options;
  }

  async start(
    onEvents: (events: readonly ProcessEvent[]) => void,
    hasRoom: () => boolean = () => true,
  ): Promise<SourceState> {
    this.#onEvents = onEvents;
    this.#hasRoom = hasRoom;
    this.#reader = this.#newReader();
    this.#isRunning = true;
    this.#startBest();
    this.#retryAtMs = performance.now() + this.#retryMs;
    this.#startAgainMs = performance.now() + this.#pauseMs;
    this.#told = this.#whatIsTold;
    this.#scheduleTry();
    return this.#state;
  }

  #newReader(): BatchReader {
    return new BatchReader(
      this.#native,
      (events) => this.#deliver(events),
      () => this.#hasRoom(),
    );
  }

  get #state(): SourceState {
    return { collector: this.#hears || 'none', reason: this.#reason(), problems: this.problems };
  }

  /** Starts the first sensor that works completely; otherwise the first that works in part. */
  #startBest(): void {
    let partly: SensorName | undefined;
    this.#sensor = undefined;
    this.#hears = '';
    this.#hasSnapshot = false;
    for (const sensor of this.#options.sensors) {
      const state = this.#startNative(sensor);
      this.#refusals.set(sensor, state.problems.map(explainProblem));
      if (state.hears === sensor) {
        this.#use(sensor, state);
        break;
      }
      if (state.hears !== '') partly ??= sensor;
      this.#native.stop();
    }
    if (!this.#sensor && partly) this.#use(partly, this.#startNative(partly));
  }

  /** The sensors that are better than the present one; all if there is none. */
  get #betterSensors(): readonly SensorName[] {
    const { sensors } = this.#options;
    return this.#sensor === undefined ? sensors : sensors.slice(0, sensors.indexOf(this.#sensor));
  }

  #refusalsOf(sensors: readonly SensorName[]): readonly CollectorProblem[] {
    return sensors.flatMap((sensor) => this.#refusals.get(sensor) ?? []);
  }

  /** Why eBPF is not used. */
  #reason(): string {
    const sensors = this.#sensor === undefined ? [] : this.#betterSensors.filter((sensor) => sensor === 'ebpf');
    return this.#refusalsOf(sensors)
      .map(({ message }) => message)
      .join('; ');
  }

  #use(sensor: SensorName, state: NativeState): void {
    this.#sensor = sensor;
    this.#hears = state.hears;
    this.#join = this.#options.join?.(sensor) ?? WHOLE;
    this.#hasSnapshot = state.hasSnapshot;
  }

  #deliver(events: readonly SensorEvent[]): void {
    if (this.#isSnapshotAwaited) this.#isSnapshotAwaited = !events.some(({ kind }) => kind === 'snapshotEnd');
    this.#onEvents(this.#join.take(events));
  }

  get join(): EventJoin {
    return this.#join;
  }

  requestSnapshot(): boolean {
    if (!this.#isRunning || !this.#hasSnapshot) return false;
    this.#isSnapshotAwaited = true;
    this.#native.requestSnapshot();
    return true;
  }

  release(which: 'overdue' | 'all'): void {
    const whole = this.#join.release(which, () => this.onItsWay());
    if (whole.length > 0) this.#onEvents(whole);
  }

  /** Checks the sensor: reports what stopped working, and starts another sensor if nothing of it works. */
  #look(): void {
    if (!this.#isRunning) return;
    const { hears } = this.#native.stats();
    const isLess = this.#hears !== '' && hears !== this.#hears;
    // Without the connector, audit+proc_events reports no forks. The sensor audit does.
    const isForkless = isLess && hears === 'audit' && this.#options.sensors.includes('audit');
    const isDead = hears === '' || this.#sensor === undefined || isForkless;
    const isRestarted = isDead ? this.#mayStartAgain(isLess) : this.#isBetterToBeHad();
    if (isRestarted) this.#restart(!isDead);
    else if (!isDead) this.#hears = hears;
    // Events may be missing: the processes must be read again.
    if (isLess || (isRestarted && this.#sensor !== undefined)) this.#tellLoss();
    this.#scheduleTry();
    const told = this.#whatIsTold;
    if (told !== this.#told) {
      this.#told = told;
      this.#options.onChange?.(this.#state);
    }
  }

  #scheduleTry(): void {
    clearTimeout(this.#tryTimer);
    if (!this.#isRunning || this.#betterSensors.length === 0) return;
    const dueMs = this.#sensor === undefined ? this.#startAgainMs : this.#retryAtMs;
    this.#tryTimer = setTimeout(() => this.#look(), Math.max(0, dueMs - performance.now()));
    this.#tryTimer.unref();
  }

  /** Whether to try a start now: at once after a stop, then after a pause that doubles each time. */
  #mayStartAgain(hasJustStopped: boolean): boolean {
    const now = performance.now();
    if (hasJustStopped) this.#pauseMs = START_AGAIN_MS;
    else if (now < this.#startAgainMs) return false;
    this.#startAgainMs = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, RETRY_MS);
    return true;
  }

  /** Whether a better sensor works, as far as this can be checked while the present one runs. */
  #isBetterToBeHad(): boolean {
    if (performance.now() < this.#retryAtMs) return false;
    this.#retryAtMs = performance.now() + this.#retryMs;
    return this.#betterSensors.some((sensor) => {
      const obstacles = this.#native.trySensor(sensor, RULE_KEY).map(explainProblem);
      this.#refusals.set(sensor, obstacles);
      return obstacles.length === 0;
    });
  }

  /** The collector and the codes of the problems. */
  get #whatIsTold(): string {
    return [this.#hears, ...this.problems.map(({ code }) => code)].join();
  }

  /** `isForBetter`: a better sensor has passed its check. */
  #restart(isForBetter: boolean): void {
    this.#native.stop();
    // Events of the old sensor go to its own join. Events that do not fit into STOP_MS are part of the loss.
    this.#reader?.stop(STOP_MS);
    this.release('all');
    if (this.#isSnapshotAwaited) this.#deliver([{ kind: 'snapshotEnd', isWhole: false, ...this.#now }]);
    this.#reader = this.#newReader();
    const { lost, queueDropped, kernelLost, malformed, incomplete } = this.#native.stats();
    this.#earlier.lost += lost + queueDropped + 1;
    this.#earlier.kernelLost += kernelLost;
    this.#earlier.malformed += malformed;
    this.#earlier.incomplete += incomplete;
    const present = this.#sensor;
    const before = this.#stoppedSensor ?? present;
    this.#startBest();
    const isBest = this.#sensor !== undefined && this.#sensor === this.#options.sensors[0];
    this.#stoppedSensor = isBest || before === this.#sensor ? undefined : before;
    const isInVain = isForBetter && this.#sensor === present;
    this.#retryMs = isInVain ? Math.min(2 * this.#retryMs, RETRY_MAX_MS) : RETRY_MS;
    this.#retryAtMs = performance.now() + this.#retryMs;
  }

  #tellLoss(): void {
    this.#deliver([{ kind: 'loss', count: 1, ...this.#now }]);
  }

  /** The base of an event that no sensor sends, with the present time. */
  get #now(): { origin: 'none'; pid: Pid; bootMs: number; unixMs: number } {
    const unixMs = Date.now();
    return { origin: 'none', pid: 0 as Pid, bootMs: unixMs - this.#native.bootToUnixMs(), unixMs };
  }

  #startNative(sensor: SensorName): NativeState {
    return this.#native.start(
      {
        sensor,
        ruleKey: RULE_KEY,
        stateFile: this.#options.stateFile,
        argsMaxBytes: (sensor === 'ebpf' && this.#options.ebpfArgsMaxBytes) || this.#options.argsMaxBytes,
        tellsSessions: this.#options.tellsSessions ?? false,
        tellsIds: this.#options.tellsIds ?? false,
        environmentNames: this.#options.environmentNames ?? [],
        queueMaxBytes: this.#options.queueMaxBytes,
        socketBufferBytes: this.#options.socketBufferBytes,
        ownerGraceMs: this.#options.ownerGraceMs ?? OWNER_GRACE_MS,
      },
      (hasChanged) => {
        this.#reader?.work();
        if (hasChanged) this.#look();
      },
    );
  }

  get problems(): readonly CollectorProblem[] {
    if (!this.#isRunning) return this.#lastProblems;
    const now = this.#sensor === undefined ? [] : this.#native.stats().problems.map(explainProblem);
    // A missing eBPF is no problem if another sensor works.
    const better = this.#betterSensors.filter((sensor) => sensor !== 'ebpf' || this.#sensor === undefined);
    const known = new Map<string, CollectorProblem>();
    const own = [...this.#stoppedProblems(), ...this.#unheardProblems()];
    for (const one of [...this.#refusalsOf(better), ...own, ...now]) known.set(one.code, one);
    return [...known.values()];
  }

  #stoppedProblems(): CollectorProblem[] {
    const problems: CollectorProblem[] = [];
    if (this.#stoppedSensor !== undefined) {
      const message = `the sensor ${this.#stoppedSensor} stopped working and is retried every minute: recording with ${this.#hears || 'none'}`;
      problems.push({ code: 'sensor_stopped', message });
    }
    if (this.#sensor !== undefined && this.#hears !== this.#sensor && this.#hears !== '') {
      problems.push({
        code: 'sensor_degraded',
        message: `only ${this.#hears} of the sensor ${this.#sensor} works now`,
      });
    }
    return problems;
  }

  #unheardProblems(): CollectorProblem[] {
    if (!this.#options.tellsIds || this.#sensor === undefined || this.#sensor === 'ebpf') return [];
    const message = `no rows for changes of ids (setid): the sensor ${this.#sensor} does not report them; eBPF does`;
    return [{ code: 'setid_unheard', message }];
  }

  async drain(): Promise<void> {
    if (!this.#isRunning) return;
    this.#native.drainNow();
    await this.#reader?.drain();
  }

  /** Delivers the received events before it returns, for at most STOP_MS. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#lastProblems = this.problems;
    this.#isRunning = false;
    clearTimeout(this.#tryTimer);
    this.#native.stop();
    this.#reader?.stop(STOP_MS);
    this.release('all');
  }

  onItsWay(): boolean {
    return (this.#reader?.heldBytes ?? 0) > 0 || this.#native.onItsWay() > 0;
  }

  stats(): SourceStats {
    const native = this.#native.stats();
    return {
      collector: native.hears || 'none',
      collectorReason: this.#reason(),
      eventsLost: this.#earlier.lost + native.lost + native.queueDropped,
      kernelLost: this.#earlier.kernelLost + native.kernelLost,
      kernelBacklog: native.kernelBacklog,
      queueBytes: native.queueBytes + (this.#reader?.heldBytes ?? 0),
      malformed: this.#earlier.malformed + native.malformed,
      incomplete: this.#earlier.incomplete + native.incomplete,
    };
  }
}
