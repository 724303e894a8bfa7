import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { IdleMemory } from '../../src/idle_memory.ts';

const MIB = 1024 * 1024;
let otherEvents = 0;

test.each([
  ['a storm', [10_000, 10_050, 40_000, 40_010, 40_020], (events: number) => ({ events, answerBytes: 0 })],
  [
    'large answers, however much is recorded meanwhile,',
    [20 * MIB, 20 * MIB, 50 * MIB, 50 * MIB + 1000, 80 * MIB],
    (answerBytes: number) => ({ events: otherEvents++ * 500, answerBytes }),
  ],
])('after %s memory is given back once it is quiet, and not again until the next', async (_, samples, workOf) => {
  const memory = new IdleMemory();
  const garbage = new WeakRef({ large: new Array(1000) });
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByType('gc')) {
      const { detail } = entry as unknown as { readonly detail: { readonly kind: number } };
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const after: number[] = [];
  for (const amount of samples) {
    memory.sample(workOf(amount));
    await new Promise((resolve) => setTimeout(resolve, 20));
    after.push(collections);
  }
  expect(after.slice(0, 3)).toEqual([0, 0, 0]);
  expect(after[3]).toBeGreaterThan(0);
  expect(garbage.deref()).toBeUndefined();
  expect(after[4]).toBe(after[3]);
  expect('gc' in globalThis).toBe(false);
  observer.disconnect();
});
