import { GCProfiler } from 'node:v8';
import { expect, test } from 'vitest';
import { IdleMemory } from '../../../src/memory/idle_memory.ts';

const MIB = 1024 * 1024;
let otherEvents = 0;

test.each([
  ['a storm', [10_000, 10_050, 40_000, 40_010, 40_020], (events: number) => ({ events, answerBytes: 0 })],
  [
    'large answers, however much is recorded meanwhile,',
    [20 * MIB, 20 * MIB, 60 * MIB, 60 * MIB + 1000, 90 * MIB],
    (answerBytes: number) => ({ events: otherEvents++ * 500, answerBytes }),
  ],
])('after %s memory is given back once it is quiet, and not again until the next', async (_, samples, workOf) => {
  let released = 0;
  const memory = new IdleMemory(() => released++);
  const garbage = new WeakRef({ large: new Array(1000) });
  const after: number[] = [];
  for (const amount of samples) {
    const profiler = new GCProfiler();
    profiler.start();
    memory.sample(workOf(amount));
    const { statistics } = profiler.stop();
    after.push(statistics.filter(({ gcType }) => gcType === 'MarkSweepCompact').length);
    // A reference is kept until the end of the task that made it.
    await new Promise(setImmediate);
  }
  // At the second sample the start is over.
  expect(after[0]).toBe(0);
  expect(after[1]).toBeGreaterThan(0);
  expect(after[2]).toBe(0);
  expect(after[3]).toBeGreaterThan(0);
  expect(garbage.deref()).toBeUndefined();
  expect(after[4]).toBe(0);
  expect(released).toBe(2);
  expect('gc' in globalThis).toBe(false);
});
