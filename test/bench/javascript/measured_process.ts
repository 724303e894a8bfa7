/**
 * measured_process.ts CHECKOUT VERSION PROCESSES WARM_UP MEASURED: feeds execs in batches of PROCESSES processes to a built
 * program and prints their cost as JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { batchesOf, durationMs, happenings } from './execs.ts';
import { type Program, startProgram, type Version } from './program.ts';

export interface Cost {
  /** Of all threads. */
  readonly cpuMicrosecondsPerExec: number;
  /** In V8's heap. */
  readonly bytesPerExec: number;
}

const ROWS_MAX = 20_000;
/** After this time a program has written its published rows. */
const WRITTEN_MS = 600;
const LOOK_MS = 100;
const PATIENCE_MS = 60_000;

const [, , checkout = '', version = '', ...numbers] = process.argv;
const [processes = 0, warmUp = 0, measured = 0] = numbers.map(Number);

async function feed(program: Program, batches: readonly Buffer[]): Promise<void> {
  const expected = program.counts.published + batches.length * processes;
  for (const batch of batches) {
    program.feed(batch);
    await new Promise(setImmediate);
  }
  const deadline = performance.now() + PATIENCE_MS;
  while (program.counts.published < expected && performance.now() < deadline) await sleep(LOOK_MS);
  await sleep(WRITTEN_MS);
  const { published, wrong } = program.counts;
  if (published !== expected || wrong > 0) {
    throw new Error(`${version}: ${published} rows of ${expected}, ${wrong} lost or without details`);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'bench-javascript-'));
try {
  const program = await startProgram(checkout, version as Version, join(directory, 'rows'), ROWS_MAX);
  const count = (execs: number) => Math.ceil(execs / processes);
  const from = Date.now() - program.bootToUnixMs - durationMs(processes * (count(warmUp) + count(measured)));
  const all = batchesOf(happenings(Math.max(from, 5000)), count(warmUp) + count(measured), processes);
  const batches = all.splice(0).map((one) => program.batch(one));
  await feed(program, batches.slice(0, count(warmUp)));
  const before = { cpu: process.cpuUsage(), bytes: getHeapStatistics().total_allocated_bytes };
  await feed(program, batches.slice(count(warmUp)));
  const { user, system } = process.cpuUsage(before.cpu);
  const bytes = getHeapStatistics().total_allocated_bytes - before.bytes;
  const { rows, database } = program.counts;
  if (database === ':memory:' || rows > 1.5 * ROWS_MAX) throw new Error(`${rows} rows in ${database}`);
  const execs = count(measured) * processes;
  const cost: Cost = { cpuMicrosecondsPerExec: (user + system) / execs, bytesPerExec: bytes / execs };
  program.close();
  process.stdout.write(JSON.stringify(cost));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
// Exits also if a version leaves something running.
process.exit();
