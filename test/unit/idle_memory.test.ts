import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { IdleMemory } from '../../src/idle_memory.ts';

test('after a storm memory is given back once it is quiet, and not again until the next', async () => {
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
  const collectionsAfter = async (events: number) => {
    memory.sample(events);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return collections;
  };
  expect(await collectionsAfter(10_000)).toBe(0);
  expect(await collectionsAfter(10_050)).toBe(0);
  expect(await collectionsAfter(40_000)).toBe(0);
  expect(await collectionsAfter(40_010)).toBeGreaterThan(0);
  expect(garbage.deref()).toBeUndefined();
  const before = collections;
  expect(await collectionsAfter(40_020)).toBe(before);
  expect('gc' in globalThis).toBe(false);
  observer.disconnect();
});
