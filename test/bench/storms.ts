/** Repeated storms of execs under each listener in turn: the cost of listening, and the seen execs. */
import { forestBinary, runForest } from '../integration/forest.ts';
import { borrowAudit, quietAudit, restoreAudit } from './audit_state.ts';
import type { Checkout } from './checkout.ts';
import { extensionListener, extensionListeners } from './extension_listener.ts';
import { throwIfInterrupted } from './interruption.ts';
import { cpuOf, type Listener, peakMegabytes, type RunningListener, settled } from './listener.ts';
import { auditdListener } from './peers/auditd.ts';
import { laurelListener } from './peers/laurel.ts';
import { endedChildrenMicroseconds, kernelThread, machineMicroseconds } from './process_cost.ts';
import { type Range, rangeOf } from './range.ts';
import { forestWorkload, pacedWorkload, type Workload, type WorkloadRun } from './workload.ts';

/** The forest's programs (forest.c): each spawns eight, or is a chain of three shells of which each waits for the next. */
const SHAPES = [
  { name: 'spawn', programs: ['F(E)F(E)F(E)F(E)F(E)F(E)F(E)F(E)'], rounds: 200 },
  { name: 'vfork', programs: ['short_lived'], rounds: 200 },
  { name: 'chains of 3 shells', programs: ['F(EF(EF(E)))'], rounds: 400 },
] as const;
/** At full speed, and at the pace of real hosts. */
const STORMS: readonly Workload[] = [
  ...SHAPES.flatMap((shape) => [
    forestWorkload(`${shape.name}, 1 worker`, { ...shape, jobs: 1 }),
    forestWorkload(`${shape.name}, 2 workers`, { ...shape, jobs: 2 }),
  ]),
  pacedWorkload(200, 5),
  pacedWorkload(20, 15),
];
/** Programs that run for months are measured as they run then: with compiled code. */
const WARM_UP = { programs: SHAPES.flatMap(({ programs }) => [...programs]), jobs: 2, rounds: 400 };

const SLOW_WARM_UP = pacedWorkload(20, 75);

const nothing: Listener = {
  name: 'nothing',
  start: async (): Promise<RunningListener> => ({
    processes: {},
    lost: async () => 0,
    finish: async () => [],
    stop: async () => undefined,
  }),
};
/** The old commit, if given, listens as by default: with audit and the connector. */
const listenersWith = (old: Checkout | undefined): readonly Listener[] => [
  nothing,
  ...extensionListeners(old),
  extensionListener('the same with eBPF and hashes', ['--collector', 'ebpf', '--hash']),
  extensionListener('the same with eBPF and rows of forks and exits', [
    ...['--collector', 'ebpf', '--events-actions', 'exec,fork,setsid,exit', '--events-max', '500000'],
  ]),
  auditdListener,
  laurelListener,
];

/** One storm under one listener, once. */
interface Measurement {
  readonly storm: string;
  readonly listener: string;
  readonly repetition: number;
  readonly execsPerSecond: number;
  /** Of the storm itself: it includes the kernel's work for a listener within fork and exec. */
  readonly stormMicrosecondsPerExec: number;
  /** Share of other processes of the machine in the busy time. */
  readonly othersPercent: number;
  /** Of each involved process, including kauditd. */
  readonly cpuMicrosecondsPerExec: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly seenPercent: number;
  readonly parentRightPercent: number;
  readonly chainRightPercent: number;
  /** Until the end of this run of the listener: the same for all its storms. */
  readonly peakMegabytes: number;
}

export interface StormFigures {
  readonly storm: string;
  readonly listener: string;
  readonly execsPerSecond: Range;
  /** Ratio to the speed without a listener in the same repetition. */
  readonly ratio: Range;
  /** Ratio to auditd's speed and CPU in the same repetition. */
  readonly speedOfAuditd: Range;
  readonly cpuOfAuditd: Range;
  readonly stormMicrosecondsPerExec: Range;
  readonly othersPercent: Range;
  readonly cpuMicrosecondsPerExec: Range;
  readonly cpuParts: Readonly<Record<string, Range>>;
  readonly peakMegabytes: Range;
  readonly seenPercent: Range;
  readonly parentRightPercent: Range;
  readonly chainRightPercent: Range;
  /** In all repetitions. */
  readonly lost: number;
}

/** Runs the storms, one listener after the other, in another order each time. Uses kernel audit. */
export async function measureStorms(
  repetitions: number,
  old: Checkout | undefined,
  say: (text: string) => void,
): Promise<StormFigures[]> {
  const listeners = listenersWith(old);
  forestBinary();
  const borrowed = borrowAudit();
  try {
    const all: Measurement[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let n = 0; n < listeners.length; n++) {
        const listener = listeners[(n + repetition) % listeners.length];
        if (!listener) continue;
        say(`storms ${repetition + 1} of ${repetitions}: ${listener.name} …`);
        quietAudit();
        all.push(...(await underListener(listener, repetition)));
      }
    }
    return STORMS.flatMap((storm) => listeners.map((listener) => figuresOf(all, storm.name, listener.name)));
  } finally {
    restoreAudit(borrowed);
  }
}

async function underListener(listener: Listener, repetition: number): Promise<Measurement[]> {
  const running = await listener.start();
  const runs: WorkloadRun[] = [];
  try {
    const kauditd = kernelThread('kauditd');
    const accounted = { ...running.processes, ...(kauditd === undefined ? {} : { kauditd }) };
    (await runForest(WARM_UP)).remove();
    if (listener.isCompiledSlowly) (await SLOW_WARM_UP.run()).remove();
    await settled(running.processes);
    const measured = [];
    for (const storm of STORMS) {
      throwIfInterrupted();
      const lostBefore = await running.lost();
      const before = cpuOf(accounted);
      const beforeAll = { storm: endedChildrenMicroseconds(), machine: machineMicroseconds() };
      const run = await storm.run();
      const ofStorm = endedChildrenMicroseconds() - beforeAll.storm;
      runs.push(run);
      await settled(running.processes);
      const after = cpuOf(accounted);
      const worked = machineMicroseconds() - beforeAll.machine;
      const { execs } = run;
      const cpu = Object.keys(accounted).map((name) => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / execs]);
      const ofListener = Object.keys(accounted).reduce(
        (sum, name) => sum + (after[name] ?? 0) - (before[name] ?? 0),
        0,
      );
      measured.push({
        run,
        figures: {
          storm: storm.name,
          execsPerSecond: run.execsPerSecond,
          stormMicrosecondsPerExec: ofStorm / execs,
          othersPercent: Math.max(0, (100 * (worked - ofStorm - ofListener)) / worked),
          cpuMicrosecondsPerExec: Object.fromEntries(cpu),
          lost: (await running.lost()) - lostBefore,
        },
      });
    }
    const peak = peakMegabytes(running.processes);
    const rows = await running.finish();
    return measured.map(({ run, figures }) => ({
      ...figures,
      ...run.compare(rows),
      listener: listener.name,
      repetition,
      peakMegabytes: peak,
    }));
  } finally {
    await running.stop();
    for (const run of runs) run.remove();
  }
}

function figuresOf(all: readonly Measurement[], storm: string, listener: string): StormFigures {
  const of = (name: string) => all.filter((one) => one.storm === storm && one.listener === name);
  const ours = of(listener);
  const without = new Map(of(nothing.name).map((one) => [one.repetition, one]));
  const auditd = new Map(of(auditdListener.name).map((one) => [one.repetition, one]));
  const range = (value: (one: Measurement) => number) => rangeOf(ours.map(value));
  const parts = Object.keys(ours[0]?.cpuMicrosecondsPerExec ?? {});
  return {
    storm,
    listener,
    execsPerSecond: range((one) => one.execsPerSecond),
    ratio: range((one) => one.execsPerSecond / (without.get(one.repetition)?.execsPerSecond ?? Number.NaN)),
    speedOfAuditd: range((one) => one.execsPerSecond / (auditd.get(one.repetition)?.execsPerSecond ?? Number.NaN)),
    cpuOfAuditd: range((one) => cpuPerExec(one) / cpuPerExec(auditd.get(one.repetition))),
    stormMicrosecondsPerExec: range((one) => one.stormMicrosecondsPerExec),
    othersPercent: range((one) => one.othersPercent),
    cpuMicrosecondsPerExec: range(cpuPerExec),
    cpuParts: Object.fromEntries(
      parts.map((part) => [part, range((one) => one.cpuMicrosecondsPerExec[part] ?? Number.NaN)]),
    ),
    peakMegabytes: range((one) => one.peakMegabytes),
    seenPercent: range((one) => one.seenPercent),
    parentRightPercent: range((one) => one.parentRightPercent),
    chainRightPercent: range((one) => one.chainRightPercent),
    lost: ours.reduce((sum, one) => sum + one.lost, 0),
  };
}

/** Of all involved processes. */
function cpuPerExec(one: Measurement | undefined): number {
  return Object.values(one?.cpuMicrosecondsPerExec ?? { none: Number.NaN }).reduce((a, b) => a + b, 0);
}
