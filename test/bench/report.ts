/** The figures as tables in Markdown, and where they go: README.md, between two markers, and a file of JSON. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { IdleFigures } from './idle.ts';
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

/** What was measured in one run; a part that was not asked for is missing. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly repetitions: number;
  readonly storms?: readonly StormFigures[];
  readonly idle?: readonly IdleFigures[];
  readonly soak?: SoakFigures;
  readonly queries?: QueryFigures;
}

const NONE = '–';
const README = fileURLToPath(new URL('README.md', import.meta.url));
const BEGIN = '<!-- figures: made by npm run bench -->\n';
const END = '<!-- end of figures -->';

export function asMarkdown({ date, machine, repetitions, storms, idle, soak, queries }: Results): string {
  const { cpu, cpus, memoryGigabytes, kernel, node, auditd, laurel } = machine;
  return [
    `${date}: ${cpus} × ${cpu}, ${memoryGigabytes} GB, Linux ${kernel}; Node ${node}, auditd ${auditd}, laurel ${laurel}. ` +
      `Median (lowest–highest) of ${repetitions} repetitions.`,
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
    ...(queries ? ['### Queries', queryTable(queries)] : []),
  ].join('\n\n');
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

/** Speeds mean something on a machine that does nothing else. */
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
    ['listener', 'CPU of a core over a minute'],
    idle.map(({ listener, cpuPercent }) => [listener, `${rangeText(cpuPercent, 3)} %`]),
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

function queryTable({ point, window, join, subscriber, visible, largeAnswer }: QueryFigures): string {
  const latency = (what: string, figures: LatencyFigures | undefined) => [
    what,
    figures ? `${rangeText(figures.milliseconds, 2)} ms` : 'not answered by this version',
    figures ? rangeText(figures.rows) : NONE,
  ];
  return table(
    ['query', 'end to end', 'rows'],
    [
      latency('`pid = ?`, of 50,000 rows', point),
      latency('10 seconds of `time`, of 50,000 rows', window),
      latency('join of three tables, 200 outer rows', join),
      latency("`subscriber = 'bench'`: what is new", subscriber),
      latency('an exec, from its start until its row is answered: the longest', visible),
      [
        `10,000 full rows, ${rangeText(largeAnswer.megabytes, 1)} MB: CPU of the extension`,
        `${rangeText(largeAnswer.cpuSeconds, 3)} s`,
        '10,000',
      ],
      ['the first of them in a process', `${largeAnswer.firstCpuSeconds.toFixed(3)} s`, '10,000'],
      [
        'the same: peak memory above what it had before the first',
        `${rangeText(largeAnswer.peakMegabytesMore)} MB`,
        '',
      ],
    ],
  );
}

/** Puts the tables where README.md has its markers. */
export function drawReadme(markdown: string): void {
  const text = readFileSync(README, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${README} has no place for the figures: ${BEGIN.trim()} … ${END}`);
  writeFileSync(README, `${text.slice(0, from + BEGIN.length)}\n${markdown}\n\n${text.slice(to)}`);
}

/** Answers the file's path. */
export function writeJson(results: Results): string {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const file = `${directory}${results.date.replaceAll(':', '-')}.json`;
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return file;
}
