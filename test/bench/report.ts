/** Writes the figures as Markdown tables into README.md, between two markers, and into a JSON file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { verdicts } from './budgets.ts';
import { OLD_COMMIT } from './checkout.ts';
import type { IdleFigures } from './idle.ts';
import type { JavaScriptFigures } from './javascript.ts';
import type { LatencyFigures, QueryFigures } from './queries.ts';
import { type Range, rangeOf, rangeText } from './range.ts';
import type { SoakFigures } from './soak.ts';
import type { StormFigures } from './storms.ts';

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGigabytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly auditd: string;
  readonly laurel: string;
}

/** The figures of one run; a part that was not requested is missing. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly repetitions: number;
  readonly storms?: readonly StormFigures[];
  readonly idle?: readonly IdleFigures[];
  readonly soak?: SoakFigures;
  readonly javascript?: readonly JavaScriptFigures[];
  readonly queries?: readonly QueryFigures[];
}

const NONE = '–';
const README = fileURLToPath(new URL('README.md', import.meta.url));
/** The place of each part of the report. */
const MARKS = {
  budgets: { begin: '<!-- budgets: made by npm run bench -->\n', end: '<!-- end of budgets -->' },
  details: { begin: '<!-- figures: made by npm run bench -->\n', end: '<!-- end of figures -->' },
} as const;

export type Report = { readonly [Part in keyof typeof MARKS]: string };

/** The budgets, which fit on a screen, and the sources of their figures. */
export function reportOf(results: Results): Report {
  const { date, machine, repetitions } = results;
  const { cpu, cpus, memoryGigabytes, kernel, node, auditd, laurel } = machine;
  const versions = [auditd && `auditd ${auditd}`, laurel && `laurel ${laurel}`].filter(Boolean).join(', ');
  const budgets = table(
    ['budget', 'figure', 'verdict'],
    verdicts(results).map(({ budget, figure, verdict }) => [budget, figure, verdict]),
  );
  const about =
    `${date}: ${cpus} × ${cpu}, ${memoryGigabytes} GB, Linux ${kernel}; Node ${node}${versions && `, ${versions}`}. ` +
    `Median (lowest–highest) of ${repetitions} repetitions.`;
  return { budgets, details: [about, ...detailsOf(results)].join('\n\n') };
}

function detailsOf({ storms, idle, soak, javascript, queries }: Results): string[] {
  return [
    ...(storms
      ? [
          '### Storms',
          stormTable(storms),
          othersLine(storms),
          '### CPU of each process, µs per exec',
          partTable(storms),
        ]
      : []),
    ...(idle ? ['### Idle', idleTable(idle)] : []),
    ...(soak ? ['### Soak', soakTable(soak)] : []),
    ...(javascript ? ['### JavaScript', javaScriptTable(javascript)] : []),
    ...(queries ? ['### Queries', queryTable(queries)] : []),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function stormTable(storms: readonly StormFigures[]): string {
  const head = [
    'storm',
    'listener',
    'execs/s',
    'of nothing',
    'storm itself µs/exec',
    'CPU µs/exec',
    'peak RSS MB',
    'seen %',
    'parents right %',
    'chains right %',
    'lost',
  ];
  const rows = storms.map((one) => {
    const listens = Object.keys(one.cpuParts).some((name) => name !== 'kauditd');
    const heard = [
      rangeText(one.cpuMicrosecondsPerExec),
      rangeText(one.peakMegabytes),
      rangeText(one.seenPercent, 2),
      rangeText(one.parentRightPercent, 1),
      rangeText(one.chainRightPercent, 1),
      String(one.lost),
    ];
    return [
      one.storm,
      one.listener,
      rangeText(one.execsPerSecond),
      listens ? rangeText(one.ratio, 2) : '1',
      rangeText(one.stormMicrosecondsPerExec),
      ...heard.map((text) => (listens ? text : NONE)),
    ];
  });
  return table(head, rows);
}

/** Speeds are valid only on an otherwise idle machine. */
function othersLine(storms: readonly StormFigures[]): string {
  const median = rangeOf(storms.map(({ othersPercent }) => othersPercent.median));
  const most = Math.max(...storms.map(({ othersPercent }) => othersPercent.max));
  return `Other processes took ${median.median.toFixed(0)} % of what the machine worked meanwhile, at most ${most.toFixed(0)} %.`;
}

function partTable(storms: readonly StormFigures[]): string {
  const parts = [...new Set(storms.flatMap(({ cpuParts }) => Object.keys(cpuParts)))].sort();
  const listening = storms.filter(({ cpuParts }) => Object.keys(cpuParts).some((name) => name !== 'kauditd'));
  const cell = (range: Range | undefined) => (range ? rangeText(range) : NONE);
  return table(
    ['storm', 'listener', ...parts],
    listening.map((one) => [one.storm, one.listener, ...parts.map((part) => cell(one.cpuParts[part]))]),
  );
}

function idleTable(idle: readonly IdleFigures[]): string {
  return table(
    ['listener', 'CPU of a core over a minute', 'RSS'],
    idle.map(({ listener, cpuPercent, megabytes }) => [
      listener,
      `${rangeText(cpuPercent, 3)} %`,
      `${rangeText(megabytes)} MB`,
    ]),
  );
}

function soakTable(soak: SoakFigures): string {
  return table(
    ['two million execs, replayed', ''],
    [
      ['RSS before', `${rangeText(soak.idleMegabytes)} MB`],
      ['RSS after the first million', `${rangeText(soak.megabytesAfterFirst)} MB`],
      ['RSS after the second million', `${rangeText(soak.megabytesAfterSecond)} MB`],
      ['growth from the first to the second', `${rangeText(soak.growthPercent, 1)} %`],
      ['rows per second', rangeText(soak.rowsPerSecond)],
      ['CPU per exec', `${rangeText(soak.cpuMicrosecondsPerExec, 1)} µs`],
      ['cache hits of all look-ups', `${rangeText(soak.cacheHitPercent, 2)} %`],
      ['rows kept with ancestry_complete', `${rangeText(soak.completePercent, 2)} %`],
    ],
  );
}

function javaScriptTable(all: readonly JavaScriptFigures[]): string {
  const ratio = (range: Range | undefined) => (range ? rangeText(range, 2) : NONE);
  return table(
    ['batches of', 'checkout', 'CPU µs/exec', `of ${OLD_COMMIT}`, 'bytes/exec', `of ${OLD_COMMIT}`],
    all.map((one) => [
      String(one.batch),
      one.checkout,
      rangeText(one.cpuMicroseconds, 1),
      ratio(one.cpuOfOld),
      rangeText(one.bytes),
      ratio(one.bytesOfOld),
    ]),
  );
}

function queryTable(all: readonly QueryFigures[]): string {
  const latency = (what: string, of: (one: QueryFigures) => LatencyFigures | undefined) =>
    all.map((one) => {
      const figures = of(one);
      if (!figures) return [what, one.checkout, 'not answered', NONE, NONE, NONE];
      const { milliseconds, ofOld, pieceMilliseconds, rows } = figures;
      const ratio = ofOld ? rangeText(ofOld, 2) : NONE;
      return [
        what,
        one.checkout,
        `${rangeText(milliseconds, 2)} ms`,
        ratio,
        rangeText(pieceMilliseconds),
        rangeText(rows),
      ];
    });
  const large = (what: string, of: (figures: QueryFigures['largeAnswer']) => readonly string[]) =>
    all.map((one) => [what, one.checkout, ...of(one.largeAnswer)]);
  return table(
    ['query', 'checkout', 'end to end', `of ${OLD_COMMIT}`, 'longest piece ms', 'rows'],
    [
      ...latency('`pid = ?`, of 50,000 rows', ({ point }) => point),
      ...latency('10 seconds of `time`, of 50,000 rows', ({ window }) => window),
      ...latency("`subscriber = 'bench'`: what is new", ({ subscriber }) => subscriber),
      ...latency('join of three tables, 200 outer rows', ({ join }) => join),
      ...latency('an exec, from its start until its row is answered: the longest', ({ visible }) => visible),
      ...large('10,000 full rows: CPU of the extension', ({ cpuSeconds, cpuOfOld, pieceMilliseconds, megabytes }) => [
        `${rangeText(cpuSeconds, 3)} s`,
        cpuOfOld ? rangeText(cpuOfOld, 2) : NONE,
        rangeText(pieceMilliseconds),
        `10,000, ${rangeText(megabytes, 1)} MB`,
      ]),
      ...large('the first of them in a process', ({ firstCpuSeconds }) => [
        `${firstCpuSeconds.toFixed(3)} s`,
        ...[NONE, NONE, '10,000'],
      ]),
      ...large('the same: peak memory above what it had before the first', ({ peakMegabytesMore }) => [
        `${rangeText(peakMegabytesMore)} MB`,
        ...[NONE, NONE, ''],
      ]),
    ],
  );
}

/** Puts the tables between the markers of README.md. */
export function drawReadme(report: Report): void {
  let text = readFileSync(README, 'utf8');
  for (const part of ['budgets', 'details'] as const) {
    const { begin, end } = MARKS[part];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${README} has no place for the ${part}: ${begin.trim()} … ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${report[part]}\n\n${text.slice(to)}`;
  }
  writeFileSync(README, text);
}

/** Returns the file's path. */
export function writeJson(results: Results): string {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const file = `${directory}${results.date.replaceAll(':', '-')}.json`;
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return file;
}
