import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { ProcessCache } from '../../../src/process/cache.ts';
import { Image } from '../../../src/process/image.ts';
import { Process } from '../../../src/process/process.ts';

const pid = (number: number) => number as Pid;
const EXITED = { bootMs: 0, status: 0 };

/** One that others refer to. */
function processWith(number: number, startTicks = 1): Process {
  const process = new Process({
    pid: pid(number),
    discoveredBy: 'event',
    startTicks,
    startSlackTicks: [0, 0],
    bootUnixHundredths: 0,
    sameTickIndex: 0,
    image: Image.unknown(),
    ppid: 1,
  });
  process.isReferredTo = true;
  return process;
}

function setUp(capacity = 3) {
  const clock = { ms: 1000 };
  const cache = new ProcessCache({ capacity, ttlSeconds: 10, now: () => clock.ms });
  return { cache, clock };
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What a weak reference was asked for lives on until the job ends.
  await new Promise(setImmediate);
  collect();
}

test('expired processes are removed every twentieth of the time to live, and at once after a change of it', () => {
  const { cache, clock } = setUp();
  const process = processWith(7);
  process.exit = EXITED;
  cache.put(process);
  clock.ms += 9_900;
  cache.sweep();
  clock.ms += 400;
  cache.sweep();
  // It is expired, and takes memory until the next sweep.
  expect(cache.peek(pid(8))).toBeUndefined();
  expect(cache.stats.size).toBe(1);
  clock.ms += 100;
  cache.sweep();
  expect(cache.stats.size).toBe(0);
  cache.put(process);
  clock.ms += 10_100;
  cache.sweep();
  cache.put(processWith(9));
  cache.resize({ capacity: 3, ttlSeconds: 5 });
  cache.sweep();
  expect([...cache.values()].map((one) => one.pid)).toEqual([9]);
});

describe('a query', () => {
  test('does not prevent the eviction of a process, and is not counted', () => {
    const { cache } = setUp();
    const [oldest, second, third, fourth] = [2, 3, 4, 5].map((number) => processWith(number)) as [
      Process,
      Process,
      Process,
      Process,
    ];
    for (const process of [oldest, second, third]) cache.put(process);
    const before = cache.stats;
    expect(cache.withPid(oldest.pid)).toEqual([oldest]);
    expect(cache.withPid(pid(99))).toEqual([]);
    expect([...cache.remembered()]).toHaveLength(3);
    expect(cache.stats).toEqual(before);
    cache.put(fourth);
    expect([...cache.values()]).toEqual([second, third, fourth, oldest]);
  });

  test('finds all processes of a pid: the one that has it, and the dead ones', () => {
    const { cache } = setUp();
    const holders = [1, 2, 3].map((startTicks) => processWith(7, startTicks));
    for (const process of holders) {
      cache.put(process);
      process.exit = EXITED;
      cache.refresh(process);
    }
    expect(cache.withPid(pid(7)).toSorted((a, b) => a.startTicks - b.startTicks)).toEqual(holders);
    expect([...cache.remembered()]).toHaveLength(3);
  });

  test.each([
    ['expired', { expire: true, others: 0 }],
    ['was evicted alive and whose pid is reused', { expire: false, others: 3 }],
  ])('finds a process that %s', (_, { expire, others }) => {
    const { cache, clock } = setUp();
    const process = processWith(7);
    if (expire) process.exit = EXITED;
    cache.put(process);
    for (let other = 0; other < others; other++) cache.put(processWith(10 + other));
    clock.ms += 11_000;
    expect(cache.withPid(pid(7))).toEqual([process]);
    cache.sweep();
    expect(cache.withPid(pid(7))).toEqual([process]);
    const successor = processWith(7, 2);
    cache.put(successor);
    expect(cache.withPid(pid(7))).toEqual([successor, process]);
    expect([...cache.remembered()]).toContain(process);
  });

  test('finds an evicted dead process, also when its pid is reused', () => {
    const { cache } = setUp();
    const process = processWith(7);
    process.exit = EXITED;
    cache.put(process);
    for (let other = 10; other < 13; other++) cache.put(processWith(other));
    expect(cache.withPid(pid(7))).toEqual([process]);
    const successor = processWith(7, 2);
    cache.put(successor);
    expect(cache.withPid(pid(7))).toEqual([successor, process]);
    expect(cache.peek(pid(7))).toBe(successor);
  });

  test('still finds what had expired when the capacity is changed', () => {
    const { cache, clock } = setUp();
    const process = processWith(7);
    process.exit = EXITED;
    cache.put(process);
    clock.ms += 11_000;
    cache.resize({ capacity: 5, ttlSeconds: 10 });
    expect(cache.withPid(pid(7))).toEqual([process]);
    expect(cache.stats).toMatchObject({ size: 0, expirations: 1 });
  });

  test('may run in pieces while processes start, end and are used', () => {
    const { cache } = setUp(16);
    for (let number = 1; number <= 16; number++) cache.put(processWith(number));
    const seen: number[] = [];
    let next = 100;
    for (const { pid: number } of cache.remembered()) {
      seen.push(number);
      cache.put(processWith(next++));
      cache.peek(pid(1));
      cache.peek(number);
    }
    expect(seen).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
  });
});

test('events do not find a dropped process', () => {
  const { cache, clock } = setUp();
  const process = processWith(7);
  process.exit = EXITED;
  cache.put(process);
  clock.ms += 11_000;
  expect(cache.peek(pid(7))).toBeUndefined();
  expect(cache.find(pid(7))).toBeUndefined();
  expect(cache.withPid(pid(7))).toEqual([process]);
});

test('a dropped process is kept only while others refer to it', async () => {
  const { cache, clock } = setUp();
  const kept = processWith(7, 2);
  // In its own function: a local variable of this one would live on.
  const fill = () => {
    for (const process of [processWith(7, 1), kept, processWith(7, 3)]) {
      process.exit = EXITED;
      cache.put(process);
    }
  };
  fill();
  clock.ms += 11_000;
  cache.sweep();
  await collectGarbage();
  cache.sweep();
  expect([...cache.remembered()]).toEqual([kept]);
  expect(cache.withPid(pid(7))).toEqual([kept]);
});

test('a dead process that no other refers to is removed when it is evicted', () => {
  const { cache } = setUp();
  const leaf = processWith(7);
  leaf.isReferredTo = false;
  leaf.exit = EXITED;
  cache.put(leaf);
  expect(cache.withPid(pid(7))).toEqual([leaf]);
  for (let other = 10; other < 13; other++) cache.put(processWith(other));
  expect(cache.withPid(pid(7))).toEqual([]);
});

test('a look-up of a reused pid does not keep the former process', () => {
  const { cache } = setUp();
  const process = processWith(7);
  process.exit = EXITED;
  cache.put(process);
  for (let other = 10; other < 13; other++) cache.put(processWith(other));
  expect(cache.holder(pid(7))).toBe(process);
  expect(cache.stats).toMatchObject({ size: 3, evictions: 1 });
});

test('a bounded number of evicted living processes is kept', () => {
  const { cache } = setUp();
  for (let number = 2; number < 40_000; number++) cache.put(processWith(number));
  const kept = [...cache.values()];
  expect(kept.length).toBeGreaterThan(16_000);
  expect(kept.length).toBeLessThan(20_000);
  // The oldest were removed first.
  expect(Math.min(...kept.map((process) => process.pid))).toBe(40_000 - kept.length);
});
