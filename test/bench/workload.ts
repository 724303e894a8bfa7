/** Executes programs while listeners run: forests at full speed, or single programs at a fixed rate. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Row } from '../integration/extension_under_test.ts';
import { compare, runForest } from '../integration/forest.ts';

export interface Heard {
  readonly seenPercent: number;
  readonly parentRightPercent: number;
  readonly chainRightPercent: number;
}

/** A finished workload, and the events that a listener should have. */
export interface WorkloadRun {
  readonly execs: number;
  readonly execsPerSecond: number;
  /** Compares a listener's rows with the executed programs; rows of other workloads may be among them. */
  compare(rows: readonly Row[]): Heard;
  remove(): void;
}

export interface Workload {
  readonly name: string;
  run(): Promise<WorkloadRun>;
}

export interface Forest {
  readonly programs: readonly string[];
  readonly jobs: number;
  readonly rounds: number;
}

/** Process trees of known shape, at full speed. */
export const forestWorkload = (name: string, forest: Forest): Workload => ({
  name,
  async run() {
    const run = await runForest(forest);
    const [, execs, rate] = /(\d+) execs, [\d.]+ s, (\d+) execs\/s/.exec(run.summary) ?? [];
    if (execs === undefined) throw new Error(`the forest said: ${run.summary}`);
    return {
      execs: Number(execs),
      execsPerSecond: Number(rate),
      compare(rows) {
        // Rows of other forests cost only time of the checker.
        const seen = compare(
          run,
          rows.filter(({ cmdline }) => cmdline?.includes(` ${run.seed}.`)),
        );
        return {
          seenPercent: seen.seen_percent,
          parentRightPercent: seen.parent_percent,
          chainRightPercent: seen.right_percent,
        };
      },
      remove: run.remove,
    };
  },
});

const PACE = fileURLToPath(new URL('../../native/build/pace', import.meta.url));

/** Compiles it once. */
function paceBinary(): string {
  const source = fileURLToPath(new URL('pace.c', import.meta.url));
  if (!existsSync(PACE) || statSync(PACE).mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O2', '-static', '-o', PACE, source]);
  }
  return PACE;
}

let runs = 0;

/** Programs that are executed at even distances. */
export const pacedWorkload = (rate: number, seconds: number): Workload => ({
  name: `paced, ${rate}/s`,
  async run() {
    const token = `pace-${process.pid.toString(36)}-${runs++}`;
    const { stdout } = await promisify(execFile)(paceBinary(), [String(rate), String(seconds), token]);
    const execs = Number(stdout);
    return {
      execs,
      execsPerSecond: rate,
      compare(rows) {
        const ours = new Map(
          rows.filter(({ cmdline }) => cmdline?.includes(`${token}.`)).map((row) => [row.cmdline, row.ancestry ?? '']),
        );
        const right = [...ours.values()].filter((ancestry) => nearestOf(ancestry).endsWith(` ${token}`)).length;
        const percent = (count: number) => (100 * count) / execs;
        return {
          seenPercent: percent(ours.size),
          parentRightPercent: percent(right),
          chainRightPercent: percent(right),
        };
      },
      remove: () => undefined,
    };
  },
});

/** The command line of the nearest ancestor. */
function nearestOf(ancestry: string): string {
  const [nearest] = JSON.parse(ancestry || '[]') as { cmdline?: string }[];
  return nearest?.cmdline ?? '';
}
