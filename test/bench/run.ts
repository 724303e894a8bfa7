/**
 * npm run bench: what recording costs, side by side with not recording, and what answers cost. Prints a table, and the
 * same as JSON into test/bench/results/. Needs root and kernel audit.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExtensionClient } from '../../src/osquery/extension_client.ts';
import { ExtensionUnderTest, until } from '../integration/extension_under_test.ts';
import { forestBinary, runForest } from '../integration/forest.ts';
import { logOfExecs } from '../integration/log_of_execs.ts';
import { cpuMicroseconds, kernelThread, memoryMegabytes, type Range, rangeOf, resetPeak } from './process_cost.ts';

const REPETITIONS = 5;
const ROUNDS = 250;
/** Storms: which programs of the forest, by how many workers. */
const STORMS = [
  { name: 'vfork+exec, 1 worker', programs: ['short_lived'], jobs: 1, rounds: ROUNDS * 2 },
  { name: 'vfork+exec, 2 workers', programs: ['short_lived'], jobs: 2, rounds: ROUNDS },
  { name: 'fork+exec chains, 2 workers', programs: ['shell', 'deep'], jobs: 2, rounds: ROUNDS / 2 },
] as const;

interface StormFigures {
  readonly name: string;
  readonly execsPerSecondWithout: Range;
  readonly execsPerSecondWith: Range;
  /** With, of without, pair by pair. */
  readonly ratio: Range;
  readonly cpuMicrosecondsPerExec: Range;
  readonly kauditdMicrosecondsPerExec: Range;
  readonly seenPercent: Range;
  readonly lost: number;
}

function execsPerSecond(summary: string): { execs: number; rate: number } {
  const [, execs, rate] = /(\d+) execs, [\d.]+ s, (\d+) execs\/s/.exec(summary) ?? [];
  return { execs: Number(execs), rate: Number(rate) };
}

async function storm(
  { name, programs, jobs, rounds }: (typeof STORMS)[number],
  flags: string[],
): Promise<StormFigures> {
  const figures = {
    without: [] as number[],
    with: [] as number[],
    ratio: [] as number[],
    cpu: [] as number[],
    kauditd: [] as number[],
    seen: [] as number[],
  };
  let lost = 0;
  const kauditd = kernelThread('kauditd');
  const run = async () => {
    const forest = await runForest({ rounds, jobs, programs });
    forest.remove();
    return execsPerSecond(forest.summary);
  };
  await run();
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const without = await run();
    const extension = await ExtensionUnderTest.start(flags);
    const pid = extension.child.pid ?? 0;
    const published = Number((await extension.stats()).events_published);
    const cpuBefore = cpuMicroseconds(pid);
    const kauditdBefore = kauditd === undefined ? 0 : cpuMicroseconds(kauditd);
    const recorded = await run();
    await extension.settled();
    const stats = await extension.stats();
    figures.cpu.push((cpuMicroseconds(pid) - cpuBefore) / recorded.execs);
    if (kauditd !== undefined) figures.kauditd.push((cpuMicroseconds(kauditd) - kauditdBefore) / recorded.execs);
    figures.seen.push(Math.min(100, (100 * (Number(stats.events_published) - published)) / recorded.execs));
    lost += Number(stats.events_lost) + Number(stats.details_missing);
    figures.without.push(without.rate);
    figures.with.push(recorded.rate);
    figures.ratio.push(recorded.rate / without.rate);
    await extension.stop();
  }
  return {
    name,
    execsPerSecondWithout: rangeOf(figures.without),
    execsPerSecondWith: rangeOf(figures.with),
    ratio: rangeOf(figures.ratio),
    cpuMicrosecondsPerExec: rangeOf(figures.cpu),
    kauditdMicrosecondsPerExec: rangeOf(figures.kauditd),
    seenPercent: rangeOf(figures.seen),
    lost,
  };
}

interface AnswerFigures {
  readonly idleMegabytes: number;
  readonly megabytesWith50000Rows: number;
  readonly pointQueryMilliseconds: Range;
  readonly rows10000: { readonly cpuSeconds: Range; readonly megabytes: number; readonly peakMegabytesMore: number };
}

async function answers(): Promise<AnswerFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'pa-bench-'));
  const load = async (rows: number) => {
    const log = join(directory, `${rows}.log`);
    writeFileSync(log, logOfExecs(rows));
    const extension = await ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log], {
      recording: false,
    });
    await until('replayed', async () => (await extension.stats()).store_rows === String(rows), 120_000);
    return extension;
  };
  const idle = await ExtensionUnderTest.start();
  const idleMegabytes = memoryMegabytes(idle.child.pid ?? 0).now;
  await idle.stop();
  const many = await load(50_000);
  const megabytesWith50000Rows = memoryMegabytes(many.child.pid ?? 0).now;
  const point = {
    action: 'generate',
    context: JSON.stringify({
      constraints: [{ name: 'pid', list: [{ op: 2, expr: '25000' }], affinity: 'BIGINT' }],
      colsUsed: ['pid', 'path', 'cmdline'],
    }),
  };
  const latencies: number[] = [];
  const client = new ExtensionClient(many.socketPath);
  for (let n = 0; n < 1200; n++) {
    const began = performance.now();
    // Two connections, as osquery does it.
    await client.ping();
    await client.call('table', 'process_ancestry_events', point);
    if (n >= 200) latencies.push(performance.now() - began);
  }
  await many.stop();
  const some = await load(10_000);
  const pid = some.child.pid ?? 0;
  const cpu: number[] = [];
  let bytes = 0;
  let more = 0;
  for (let n = 0; n < REPETITIONS + 1; n++) {
    const before = cpuMicroseconds(pid);
    resetPeak(pid);
    const { now } = memoryMegabytes(pid);
    bytes = await drain(some.socketPath);
    if (n === 0) continue;
    cpu.push((cpuMicroseconds(pid) - before) / 1e6);
    more = Math.max(more, memoryMegabytes(pid).peak - now);
  }
  await some.stop();
  rmSync(directory, { recursive: true, force: true });
  return {
    idleMegabytes,
    megabytesWith50000Rows,
    pointQueryMilliseconds: rangeOf(latencies),
    rows10000: { cpuSeconds: rangeOf(cpu), megabytes: bytes / 1e6, peakMegabytesMore: more },
  };
}

/** Reads all rows without looking at them, in a process of its own; answers how many bytes that were. */
async function drain(socketPath: string): Promise<number> {
  const program = fileURLToPath(new URL('draining_process.ts', import.meta.url));
  return Number(
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, socketPath], {
      encoding: 'utf8',
    }),
  );
}

const show = ({ median, min, max }: Range, digits = 0) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

forestBinary();
const collectors: Record<string, StormFigures[]> = {};
for (const collector of ['auto', 'audit']) {
  collectors[collector] = [];
  for (const one of STORMS) {
    process.stderr.write(`${collector}: ${one.name} …\n`);
    collectors[collector].push(await storm(one, ['--collector', collector]));
  }
}
process.stderr.write('answers …\n');
const answered = await answers();
const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, kernel: release(), node: process.version };

console.log(
  `\n${machine.cpus} × ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}; median (min–max) of ${REPETITIONS} pairs\n`,
);
console.log(
  '| collector | storm | execs/s without | execs/s with | ratio | CPU µs/exec | kauditd µs/exec | seen % | lost |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const [collector, storms] of Object.entries(collectors)) {
  for (const one of storms) {
    const cells = [
      collector,
      one.name,
      show(one.execsPerSecondWithout),
      show(one.execsPerSecondWith),
      show(one.ratio, 2),
      show(one.cpuMicrosecondsPerExec, 1),
      show(one.kauditdMicrosecondsPerExec, 1),
      show(one.seenPercent, 2),
      String(one.lost),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
const { rows10000 } = answered;
console.log(`
| answers | |
| --- | --- |
| RSS idle | ${answered.idleMegabytes.toFixed(0)} MB |
| RSS with 50,000 rows in memory | ${answered.megabytesWith50000Rows.toFixed(0)} MB |
| point query, two connections | ${show(answered.pointQueryMilliseconds, 2)} ms |
| 10,000 full rows (${rows10000.megabytes.toFixed(1)} MB): CPU | ${show(rows10000.cpuSeconds, 3)} s |
| 10,000 full rows: memory above what it had | ${rows10000.peakMegabytesMore.toFixed(0)} MB |
`);
const results = fileURLToPath(new URL('results/', import.meta.url));
mkdirSync(results, { recursive: true });
const file = join(results, `${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`);
writeFileSync(
  file,
  `${JSON.stringify({ machine, repetitions: REPETITIONS, collectors, answers: answered }, null, 1)}\n`,
);
console.log(`as JSON: ${file}`);
