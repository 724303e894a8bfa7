import { expect, test } from 'vitest';
import { EventStore } from '../../../src/store/event_store.ts';
import { published } from '../tables/published.ts';

const pids = (store: EventStore, lookup = {}) => [...store.select(lookup)].map(({ pid }) => pid);

test('the newest rows are kept, and no look-up finds the others', () => {
  const store = new EventStore({ maxRows: 3, maxBytes: 1 << 30, expirySeconds: 3600 });
  for (let pid = 1; pid <= 5; pid++) store.add(published({ pid, ppid: 7, entityId: 'same' }));
  expect(pids(store)).toEqual([3, 4, 5]);
  expect(pids(store, { pid: [1, 3] })).toEqual([3]);
  expect(pids(store, { ppid: [7] })).toEqual([3, 4, 5]);
  expect(pids(store, { entityId: ['same'] })).toEqual([3, 4, 5]);
  expect(pids(store, { eid: [5, 2, 4, 4] })).toEqual([4, 5]);
  expect(store).toMatchObject({ size: 3, discarded: 2 });
});

test('rows that are too old go', () => {
  const store = new EventStore({ maxRows: 10, maxBytes: 1 << 30, expirySeconds: 60 });
  store.add(published({ pid: 1, unixMs: 1000 }));
  store.add(published({ pid: 2, unixMs: 50_000 }));
  store.expire(61_000);
  expect(pids(store)).toEqual([1, 2]);
  store.expire(61_001);
  expect(pids(store)).toEqual([2]);
});

test('fewer rows take effect at once', () => {
  const store = new EventStore({ maxRows: 10, maxBytes: 1 << 30, expirySeconds: 60 });
  for (let pid = 1; pid <= 5; pid++) store.add(published({ pid }));
  store.configure({ maxRows: 2, maxBytes: 1 << 30, expirySeconds: 60 });
  expect(pids(store)).toEqual([4, 5]);
});

test('a scan goes on over rows that come and go meanwhile, and gives those that were there at its start', () => {
  const store = new EventStore({ maxRows: 4, maxBytes: 1 << 30, expirySeconds: 60 });
  for (let pid = 1; pid <= 4; pid++) store.add(published({ pid }));
  const scan = store.select({});
  expect(scan.next().value?.pid).toBe(1);
  for (let pid = 5; pid <= 6; pid++) store.add(published({ pid }));
  expect([...scan].map(({ pid }) => pid)).toEqual([3, 4]);
});

test('an id is found in any case, because a comparison may be COLLATE NOCASE', () => {
  const store = new EventStore({ maxRows: 4, maxBytes: 1 << 30, expirySeconds: 60 });
  store.add(published({ pid: 9, entityId: 'Aa.9' }));
  expect(pids(store, { entityId: ['AA.9 '] })).toEqual([9]);
});

test('rows with long arguments take the room of many, and the oldest make it', () => {
  const store = new EventStore({ maxRows: 1000, maxBytes: 1_000_000, expirySeconds: 60 });
  for (let pid = 1; pid <= 10; pid++) store.add(published({ pid, cmdline: `sh ${'x'.repeat(300_000)}` }));
  expect(pids(store)).toEqual([8, 9, 10]);
  for (let pid = 11; pid <= 500; pid++) store.add(published({ pid }));
  expect(store.size).toBeGreaterThan(300);
  expect(pids(store, { pid: [10] })).toEqual([]);
});

test('a pid with very many rows costs no more a row than any other', () => {
  const store = new EventStore({ maxRows: 50_000, maxBytes: 1 << 30, expirySeconds: 60 });
  const add = (count: number) => {
    const began = performance.now();
    for (let n = 0; n < count; n++) store.add(published({ pid: 7, ppid: 7, entityId: 'same' }));
    return (performance.now() - began) / count;
  };
  add(50_000);
  // Each of these pushes the oldest out of three indexes.
  expect(add(20_000)).toBeLessThan(0.03);
});
