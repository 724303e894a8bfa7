/** The budgets, each with its figure and whether it is met. */
import { OLD_COMMIT } from './checkout.ts';
import { AUDIT, EBPF } from './extension_listener.ts';
import type { IdleFigures } from './idle.ts';
import type { JavaScriptFigures } from './javascript.ts';
import type { LatencyFigures, QueryFigures } from './queries.ts';
import { type Range, rangeText } from './range.ts';
import type { Results } from './report.ts';
import type { StormFigures } from './storms.ts';

export interface Verdict {
  readonly budget: string;
  readonly figure: string;
  readonly verdict: 'met' | 'missed' | 'not measured';
}

interface Measured {
  /** The figure that is compared with the bound. */
  readonly value: number;
  readonly text: string;
}

const isPaced = ({ storm }: StormFigures) => storm.startsWith('paced');
const isSlow = ({ storm }: StormFigures) => storm === 'paced, 20/s';
const PIECE_MS = 50;

export function verdicts(results: Results): Verdict[] {
  const { storms, idle, soak } = results;
  const ratioOf = (
    listener: string,
    of: (one: StormFigures) => Range,
    which: (one: StormFigures) => boolean,
    worst: 'highest' | 'lowest',
  ) =>
    worstOf(
      (storms ?? []).filter((one) => one.listener === listener && which(one)),
      of,
      worst,
    );
  const isStorm = (one: StormFigures) => !isPaced(one);
  const atMost = (budget: string, bound: number, measured: Measured | undefined) =>
    verdict(budget, measured, (value) => value <= bound);
  const atLeast = (budget: string, bound: number, measured: Measured | undefined) =>
    verdict(budget, measured, (value) => value >= bound);
  const cpu = (one: StormFigures) => one.cpuOfAuditd;
  return [
    atMost('CPU per exec with eBPF in storms: 0.5 of auditd, raw log', 0.5, ratioOf(EBPF, cpu, isStorm, 'highest')),
    atMost(
      'the same at 200 execs/s',
      0.5,
      ratioOf(EBPF, cpu, (one) => isPaced(one) && !isSlow(one), 'highest'),
    ),
    atMost('the same at 20 execs/s', 0.5, ratioOf(EBPF, cpu, isSlow, 'highest')),
    atMost(
      'CPU per exec with audit, storms and paced: 1.2 of auditd',
      1.2,
      ratioOf(AUDIT, cpu, () => true, 'highest'),
    ),
    atLeast(
      'speed of a storm with eBPF: 0.97 of nothing',
      0.97,
      ratioOf(EBPF, ({ ratio }) => ratio, isStorm, 'lowest'),
    ),
    atLeast(
      'speed of a storm with audit: 0.95 of auditd’s',
      0.95,
      ratioOf(AUDIT, ({ speedOfAuditd }) => speedOfAuditd, isStorm, 'lowest'),
    ),
    atMost(
      'idle for a minute: 0.2 % of a core',
      0.2,
      idleFigure(idle, ({ cpuPercent }) => cpuPercent, ' %', 3),
    ),
    ...javaScriptVerdicts(results.javascript),
    atMost(
      'RSS idle: 80 MB',
      80,
      idleFigure(idle, ({ megabytes }) => megabytes, ' MB', 0),
    ),
    atMost('RSS after a million execs: 120 MB', 120, soak && figure(soak.megabytesAfterFirst, ' MB', 0)),
    atMost('RSS after the second million: 5 % more', 5, soak && figure(soak.growthPercent, ' %', 1)),
    ...queryVerdicts(results.queries),
    ...lossVerdicts(storms),
  ];
}

function javaScriptVerdicts(all: readonly JavaScriptFigures[] | undefined): Verdict[] {
  const ours = all?.filter(({ checkout }) => checkout !== OLD_COMMIT);
  const of = (batch: number) => ours?.find((one) => one.batch === batch)?.cpuOfOld;
  const cpu = of(90);
  return [
    verdict(
      `JavaScript per exec, batches of 90: 0.5 of ${OLD_COMMIT}`,
      cpu && figure(cpu, '', 2),
      (value) => value <= 0.5,
    ),
  ];
}

function queryVerdicts(all: readonly QueryFigures[] | undefined): Verdict[] {
  const ours = all?.find(({ checkout }) => checkout !== OLD_COMMIT);
  const hasOld = all?.some(({ checkout }) => checkout === OLD_COMMIT) ?? false;
  const bounded = (what: string, bound: number, unit: string, range: Range | undefined, digits: number) =>
    verdict(what, range && figure(range, unit, digits), (value) => value <= bound);
  const compared: [string, number, Range | undefined][] = [
    ['`pid = ?` on 50,000 rows', 1, ours?.point?.ofOld],
    ['a window of ten seconds', 1, ours?.window?.ofOld],
    ["the subscriber's read", 1, ours?.subscriber?.ofOld],
    ['a join of three tables, 200 outer rows', 2 / 3, ours?.join?.ofOld],
    ['10,000 full rows, CPU', 2 / 3, ours?.largeAnswer.cpuOfOld],
  ];
  const latencies: (LatencyFigures | undefined)[] = [ours?.point, ours?.window, ours?.subscriber, ours?.join];
  const pieces = ours && [...latencies, ours.largeAnswer].flatMap((one) => one?.pieceMilliseconds.max ?? []);
  const longest = pieces && Math.max(...pieces);
  return [
    bounded('point query: 0.65 ms on the reference machine', 0.65, ' ms', ours?.point?.milliseconds, 2),
    bounded('10,000 full rows: 0.3 s of CPU there', 0.3, ' s', ours?.largeAnswer.cpuSeconds, 3),
    ...compared.map(([what, bound, range]) =>
      bounded(
        `${what}: ${bound === 1 ? 'no slower than' : 'two thirds of'} ${OLD_COMMIT}`,
        bound,
        '',
        hasOld ? range : undefined,
        2,
      ),
    ),
    verdict(
      `longest piece of the event loop in these: ${PIECE_MS} ms`,
      longest === undefined ? undefined : { value: longest, text: `${longest.toFixed(0)} ms` },
      (value) => value <= PIECE_MS,
    ),
    bounded('an exec is visible to SQL: 150 ms, the longest', 150, ' ms', ours?.visible?.milliseconds, 0),
  ];
}

function lossVerdicts(storms: readonly StormFigures[] | undefined): Verdict[] {
  const ours = storms?.filter(({ listener }) => listener === EBPF || listener === AUDIT) ?? [];
  const lost = ours.reduce((sum, one) => sum + one.lost, 0);
  const holes = ours.reduce(
    (most, one) => Math.max(most, 100 - one.seenPercent.min, 100 - one.chainRightPercent.min),
    0,
  );
  return [
    verdict(
      'lost or with a hole, in all storms: 0',
      ours.length === 0 ? undefined : { value: lost + holes, text: `${lost} lost, ${holes.toFixed(2)} % holes` },
      (value) => value === 0,
    ),
  ];
}

function verdict(budget: string, measured: Measured | undefined, isMet: (value: number) => boolean): Verdict {
  if (!measured || Number.isNaN(measured.value)) return { budget, figure: '–', verdict: 'not measured' };
  return { budget, figure: measured.text, verdict: isMet(measured.value) ? 'met' : 'missed' };
}

/** Compares the median with the bound. */
function figure(range: Range, unit: string, digits: number): Measured {
  return { value: range.median, text: `${rangeText(range, digits)}${unit}` };
}

/** The median of the worst storm. */
function worstOf(
  storms: readonly StormFigures[],
  of: (one: StormFigures) => Range,
  worst: 'highest' | 'lowest',
): Measured | undefined {
  const sorted = storms.toSorted((a, b) => of(a).median - of(b).median);
  const one = worst === 'highest' ? sorted.at(-1) : sorted[0];
  if (!one) return undefined;
  const name = storms.length > 1 ? ` (${one.storm})` : '';
  const others = sorted.length > 1 ? `; others ${worst === 'highest' ? 'down to' : 'up to'} ` : '';
  const end = worst === 'highest' ? sorted[0] : sorted.at(-1);
  return {
    value: of(one).median,
    text: `${of(one).median.toFixed(2)}${name}${others}${others && end ? of(end).median.toFixed(2) : ''}`,
  };
}

/** The more expensive sensor. */
function idleFigure(
  idle: readonly IdleFigures[] | undefined,
  of: (one: IdleFigures) => Range,
  unit: string,
  digits: number,
): Measured | undefined {
  const ours = idle?.filter(({ listener }) => listener === EBPF || listener === AUDIT) ?? [];
  const most = ours.toSorted((a, b) => of(a).median - of(b).median).at(-1);
  if (!most) return undefined;
  const texts = ours.map(
    (one) => `${one.listener === EBPF ? 'eBPF' : 'audit'} ${of(one).median.toFixed(digits)}${unit}`,
  );
  return { value: of(most).median, text: texts.join(', ') };
}
