import { expect, test } from 'vitest';
import { IdleMemory } from '../../src/idle_memory.ts';

test('after a storm memory is given back once it is quiet, and not again until the next', () => {
  const memory = new IdleMemory();
  const garbage = new WeakRef({ large: new Array(1000) });
  const took = (events: number) => {
    const began = performance.now();
    memory.sample(events);
    return performance.now() - began;
  };
  expect(took(10_000)).toBeLessThan(1);
  expect(took(10_050)).toBeLessThan(1);
  expect(took(40_000)).toBeLessThan(1);
  expect(garbage.deref()).toBeDefined();
  return new Promise<void>((resolve) => {
    setImmediate(() => {
      expect(took(40_010)).toBeGreaterThan(1);
      expect(garbage.deref()).toBeUndefined();
      expect(took(40_020)).toBeLessThan(1);
      expect('gc' in globalThis).toBe(false);
      resolve();
    });
  });
});
