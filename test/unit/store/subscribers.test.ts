/** Subscribers get every row once, and again if it did not arrive or its reader ended. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EventStore } from '../../../src/store/event_store.ts';
import { published } from '../tables/published.ts';
import { ALL, checkpointed, clock, directory, open, pids, read, useStores, WHOLE } from './stores.ts';

useStores();

/** Bytes of a batch after a failure. */
const SMALL = 4 * 1024 * 1024;
const add = (store: EventStore, count: number) => {
  for (let pid = 1; pid <= count; pid++) store.add(published({ pid }));
};

describe('subscribers', () => {
  test('get every row once, in order', () => {
    const store = open();
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    expect(read(store, 'fleet')).toEqual([1, 2, 3]);
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([]);
    store.add(published({ pid: 4 }));
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([4]);
    expect(read(store, 'other')).toEqual([1, 2, 3, 4]);
  });

  test('get the same rows again within 300 ms, also after new rows', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(read(store, 'fleet')).toEqual([1]);
    store.add(published({ pid: 2 }));
    clock.ms += 300;
    expect(read(store, 'fleet')).toEqual([1]);
    clock.ms += 301;
    expect(read(store, 'fleet')).toEqual([2]);
  });

  test.each([400, 1000])('that ask every %d ms never get a row twice', (intervalMs) => {
    const store = open();
    for (let pid = 1; pid <= 50; pid++) {
      store.add(published({ pid }));
      expect(read(store, 'fleet')).toEqual([pid]);
      clock.ms += intervalMs;
    }
  });

  test('that asked twice within 300 ms go on as before', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(read(store, 'fleet')).toEqual([1]);
    clock.ms += 200;
    expect(read(store, 'fleet')).toEqual([1]);
    for (let pid = 2; pid <= 20; pid++) {
      store.add(published({ pid }));
      clock.ms += 1000;
      expect(read(store, 'fleet')).toEqual([pid]);
    }
  });

  test('that ask all the time get new rows after 5 s, and no call prolongs that', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(read(store, 'fleet')).toEqual([1]);
    store.add(published({ pid: 2 }));
    for (let n = 0; n < 50; n++) {
      clock.ms += 100;
      expect(read(store, 'fleet')).toEqual([1]);
    }
    clock.ms += 1;
    expect(read(store, 'fleet')).toEqual([2]);
  });

  test('whose answer took long get it again within 300 ms of its end', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    const batch = store.batchFor('fleet', WHOLE);
    clock.ms += 60_000;
    // The times begin with the answer, also after a long one.
    store.delivered(batch);
    clock.ms += 300;
    expect(read(store, 'fleet')).toEqual([1]);
  });

  test('get rows again that did not arrive, with new ones', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(pids(store, ALL, store.batchFor('fleet', WHOLE))).toEqual([1]);
    store.add(published({ pid: 2 }));
    clock.ms += 5000;
    expect(read(store, 'fleet')).toEqual([1, 2]);
  });

  test('get their last answer again if their reader ended, unless it lived on for a while or asked again', () => {
    const store = open();
    store.readBy('worker 1');
    store.add(published({ pid: 1 }));
    read(store, 'early');
    read(store, 'asked again');
    clock.ms += 20_000;
    read(store, 'asked again');
    store.add(published({ pid: 2 }));
    read(store, 'late');
    clock.ms += 10_000;
    store.confirm();
    store.readBy('worker 1');
    store.readBy('worker 2');
    expect(read(store, 'late')).toEqual([1, 2]);
    expect(read(store, 'early')).toEqual([2]);
    expect(read(store, 'asked again')).toEqual([2]);
  });

  test('get their last answer again if osqueryd was killed with the extension', () => {
    const store = open();
    store.readBy('worker 1');
    store.add(published({ pid: 1 }));
    read(store, 'fleet');
    const readAfterwards = (worker: string, name: string) => {
      const left = join(directory, '..', name);
      execFileSync('cp', ['-r', directory, left]);
      const after = open({ directory: left });
      after.readBy(worker);
      return read(after, 'fleet');
    };
    expect(readAfterwards('worker 1', 'the same')).toEqual([]);
    expect(readAfterwards('worker 2', 'another')).toEqual([1]);
    expect(readAfterwards('', 'who knows')).toEqual([1]);
    // An osquery that asks it to shut down has used its rows.
    store.close();
    expect(readAfterwards('worker 2', 'at last')).toEqual([]);
  });

  test('continue after a restart at their position', () => {
    const store = open();
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    read(store, 'fleet');
    store.add(published({ pid: 4 }));
    store.close();
    expect(read(open(), 'fleet')).toEqual([4]);
  });

  test('get their rows again if the last answer of a join does not arrive', () => {
    const store = open();
    store.readBy('worker 1');
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    expect(read(store, 'fleet')).toEqual([1, 2, 3]);
    store.add(published({ pid: 4 }));
    clock.ms += 100;
    expect(pids(store, ALL, store.batchFor('fleet', WHOLE))).toEqual([1, 2, 3]);
    expect(store.subscribers()).toMatchObject([{ lagRows: 4 }]);
    expect(read(store, 'fleet')).toEqual([1, 2, 3, 4]);
    clock.ms += 100;
    expect(read(store, 'fleet')).toEqual([1, 2, 3, 4]);
    clock.ms += 301;
    expect(read(store, 'fleet')).toEqual([]);
  });

  test('get a small batch after an answer that did not arrive, and a whole one after one that did', () => {
    const store = open();
    add(store, 3);
    const ask = (bytes: number) => {
      clock.ms += 1000;
      return store.batchFor('fleet', { bytes });
    };
    expect(ask(3.3e7).bytes).toBe(3.3e7);
    expect(ask(3.3e7).bytes).toBe(SMALL);
    expect(ask(1000).bytes).toBe(1000);
    const small = ask(3.3e7);
    expect(small.bytes).toBe(SMALL);
    store.delivered(small);
    const whole = ask(3.3e7);
    expect(whole.bytes).toBe(3.3e7);
    store.delivered(whole);
    store.unread(whole);
    expect(ask(3.3e7).bytes).toBe(SMALL);
  });

  test('get a small batch after an answer that may have ended their reader', async () => {
    const store = open();
    store.readBy('worker 1');
    const sizeFor = (worker: string, reader = store) => {
      reader.readBy(worker);
      clock.ms += 1000;
      add(reader, 1);
      const batch = reader.batchFor('fleet', { bytes: 3.3e7 });
      reader.delivered(batch);
      return batch.bytes;
    };
    expect(sizeFor('worker 1')).toBe(3.3e7);
    await checkpointed(store);
    // Also if the extension was killed with it.
    const left = join(directory, '..', 'left');
    execFileSync('cp', ['-r', directory, left]);
    expect(sizeFor('worker 2', open({ directory: left }))).toBe(SMALL);
    expect(sizeFor('worker 2')).toBe(SMALL);
    expect(sizeFor('worker 2')).toBe(3.3e7);
    clock.ms += 30_000;
    store.confirm();
    expect(sizeFor('worker 3')).toBe(3.3e7);
  });

  test('keep unread rows from expiry, but not from making room, which is counted', () => {
    const store = open({ maxRows: 5, expirySeconds: 60 });
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid, unixMs: 1000 }));
    read(store, 'fleet');
    // Its rows may be lost with it, until it has lived on.
    store.expire(1e9);
    expect(pids(store)).toEqual([1, 2, 3]);
    clock.ms += 30_000;
    store.confirm();
    for (let pid = 4; pid <= 6; pid++) store.add(published({ pid, unixMs: 1000 }));
    store.expire(1e9);
    expect(pids(store)).toEqual([4, 5, 6]);
    for (let pid = 7; pid <= 10; pid++) store.add(published({ pid, unixMs: 1000 }));
    expect(pids(store)).toEqual([6, 7, 8, 9, 10]);
    expect(store.subscribers()).toMatchObject([{ name: 'fleet', lastEid: 3, lagRows: 5, lostRows: 2 }]);
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([6, 7, 8, 9, 10]);
  });

  test('keep nothing if they have not asked for long, and lose dropped rows', () => {
    const store = open({ expirySeconds: 60, subscriberExpirySeconds: 100 });
    read(store, 'fleet');
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid, unixMs: 1000 }));
    clock.ms += 99_999;
    store.expire(1e9);
    expect(pids(store)).toEqual([1, 2, 3]);
    clock.ms += 1;
    store.expire(1e9);
    expect(pids(store)).toEqual([]);
    expect(store.subscribers()).toMatchObject([{ name: 'fleet', lagRows: 0, lostRows: 3 }]);
  });

  test('have an hour to return after the host was off or asleep, or its clock was set', () => {
    const WEEK_MS = 604_800_000;
    const settings = { expirySeconds: 60, subscriberExpirySeconds: WEEK_MS / 1000 };
    const store = open(settings);
    read(store, 'fleet');
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid, unixMs: 1000 }));
    clock.asleepMs += WEEK_MS;
    store.expire(1e9);
    expect(pids(store)).toEqual([1, 2, 3]);
    store.close();
    const afterwards = open(settings);
    clock.asleepMs += WEEK_MS;
    clock.ms += 3_599_999;
    afterwards.expire(1e9);
    expect(pids(afterwards)).toEqual([1, 2, 3]);
    clock.ms += 1;
    afterwards.expire(1e9);
    expect(afterwards.subscribers()).toMatchObject([{ name: 'fleet', lagRows: 0, lostRows: 3 }]);
  });
});
