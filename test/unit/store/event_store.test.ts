/** Rows as a query sees them, and conditions in which the store must continue. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { describe, expect, test, vi } from 'vitest';
import { leastCpuMs } from '../cpu_time.ts';
import { eventually } from '../eventually.ts';
import { published } from '../tables/published.ts';
import { ALL, copied, directory, eids, open, opened, pids, read, rows, rowsIn, useStores, wherePid } from './stores.ts';

useStores();

describe('rows', () => {
  test('can be read as soon as they are added, and after a restart', () => {
    const store = open();
    store.add(published({ pid: 7 }));
    store.add(published({ pid: 8 }));
    expect(pids(store)).toEqual([7, 8]);
    expect(pids(store, wherePid(8))).toEqual([8]);
    store.close();
    const again = open();
    expect(pids(again)).toEqual([7, 8]);
    again.add(published({ pid: 9 }));
    expect(eids(again)).toEqual([1, 2, 3]);
    expect(again.stats).toMatchObject({ rows: 3, lost: 0, database: directory, problems: [] });
  });

  test('are on disk within a second of the first, for any number', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = open();
      store.add(published({}));
      vi.advanceTimersByTime(999);
      store.add(published({}));
      expect(rowsIn(directory)).toBe(0);
      vi.advanceTimersByTime(1);
      expect(rowsIn(directory)).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are in files that only this user can read', () => {
    const store = open();
    store.add(published({}));
    expect(pids(store)).toHaveLength(1);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
    expect(readdirSync(directory).length).toBeGreaterThan(3);
  });

  test('are the newest ones, up to a number', () => {
    const store = open({ maxRows: 3 });
    for (let pid = 1; pid <= 5; pid++) store.add(published({ pid }));
    expect(pids(store)).toEqual([3, 4, 5]);
    expect(pids(store, wherePid(1))).toEqual([]);
    expect(store.stats).toMatchObject({ rows: 3, discarded: 2 });
    store.configure({ directory, maxRows: 1, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 });
    expect(pids(store)).toEqual([5]);
  });

  test('are counted right over many batches and blocks', () => {
    const store = open({ maxRows: 1700 });
    for (let pid = 1; pid <= 5000; pid++) store.add(published({ pid }));
    expect(pids(store)).toHaveLength(1700);
    expect(store.stats).toMatchObject({ rows: 1700, discarded: 3300 });
    store.close();
    const again = open({ maxRows: 1700 });
    expect(again.stats.rows).toBe(1700);
    again.add(published({ pid: 5001 }));
    expect(pids(again).slice(0, 1)).toEqual([3302]);
  });

  test('with long arguments take the room of many, and the oldest are dropped for it', async () => {
    const store = open({ maxBytes: 2_000_000 });
    for (let pid = 1; pid <= 100; pid++) store.add(published({ pid, cmdline: `sh ${'x'.repeat(30_000)}` }));
    await eventually(() => expect(pids(store)).toContain(100));
    expect(pids(store)).not.toContain(50);
  });

  test('that come during a search are not part of it, and dropped ones are no error', () => {
    const store = open({ maxRows: 2000 });
    for (let pid = 1; pid <= 2000; pid++) store.add(published({ pid }));
    const search = store.select(ALL);
    expect(search.next().value?.number('pid')).toBe(1);
    for (let pid = 2001; pid <= 3200; pid++) store.add(published({ pid }));
    const rest = [...search].flatMap((row) => (row ? [row.number('pid')] : []));
    expect(rest.at(-1)).toBe(2000);
    expect(rest.length).toBeGreaterThanOrEqual(800);
  });

  test('two searches of the same shape at the same time do not disturb each other', () => {
    const store = open();
    for (let pid = 1; pid <= 50; pid++) store.add(published({ pid }));
    const [a, b] = [store.select(ALL), store.select(ALL)];
    const seen = { a: [] as unknown[], b: [] as unknown[] };
    const next = (search: typeof a): unknown => {
      for (;;) {
        const { done, value } = search.next();
        if (done || value) return value?.number('pid');
      }
    };
    for (let n = 0; n < 50; n++) {
      seen.a.push(next(a));
      if (n % 2) seen.b.push(next(b));
    }
    expect(seen.a).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(seen.b).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
  });
});

describe('the store continues with', () => {
  test('a file whose times cannot be read back exactly', () => {
    const store = open();
    store.add(published({ pid: 1, details: { mtime: 2 ** 60, atime: Number.NaN } }));
    expect(rows(store).map((row) => [row.number('pid'), row.number('mtime'), row.number('atime')])).toEqual([
      [1, undefined, undefined],
    ]);
  });

  test('a row that cannot be made: the others are stored, and it is counted', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    store.add({ ...published({ pid: 2 }), entityId: 1n as unknown as string });
    store.add(published({ pid: 3 }));
    expect(pids(store)).toEqual([1, 3]);
    expect(store.stats).toMatchObject({ lost: 1, database: directory, problems: [] });
  });

  test('a checkpoint that cannot begin; and one that is done keeps the locks', async () => {
    const store = open({ maxRows: 100_000 });
    for (let pid = 1; pid <= 40_000; pid++) store.add(published({ pid }));
    expect(statSync(join(directory, 'events.db-wal')).size).toBeGreaterThan(8 << 20);
    const locks = () =>
      readFileSync('/proc/locks', 'utf8')
        .split('\n')
        .filter((line) => line.includes(` ${process.pid} `)).length;
    const before = locks();
    expect(before).toBeGreaterThan(0);
    store.tidy();
    // Pages that are freed afterwards are in the log again.
    await eventually(() => expect(statSync(join(directory, 'events.db-wal')).size).toBeLessThan(2 << 20));
    await eventually(() => expect(locks()).toBe(before));
    store.add(published({ pid: 1 }));
    expect(pids(store)).toHaveLength(40_001);
    rmSync(directory, { recursive: true });
    store.tidy();
  });

  test('many rows too many: they are dropped in steps', async () => {
    const store = open({ maxRows: 30_000 });
    for (let pid = 1; pid <= 20_000; pid++) store.add(published({ pid }));
    expect(store.stats.rows).toBe(20_000);
    const settings = { directory, expirySeconds: 60, subscriberExpirySeconds: 60 };
    let [left, most] = [20_000, 0];
    store.configure({ ...settings, maxRows: 30_000, maxBytes: 1_000_000 });
    for (; store.stats.bytes >= 1_000_000; await new Promise(setImmediate)) {
      most = Math.max(most, left - store.stats.rows);
      left = store.stats.rows;
    }
    expect(store.stats.rows).toBeLessThan(10_000);
    expect(most).toBeLessThan(5000);
    store.configure({ ...settings, maxRows: 10, maxBytes: 1 << 30 });
    await eventually(() => expect(store.stats.rows).toBe(10));
  });

  test('an unknown place of the database: rows wait', () => {
    const store = open({ directory: undefined });
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    expect(store.stats).toMatchObject({ rows: 3, lost: 0 });
    expect(store.isOpen).toBe(false);
    store.configure({ directory, maxRows: 10, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 });
    expect(pids(store)).toEqual([1, 2, 3]);
    expect(store.stats.database).toBe(directory);
  });

  test('a directory that another extension is still leaving: rows go there afterwards', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const leaving = open();
      leaving.add(published({ pid: 1 }));
      read(leaving, 'fleet');
      const store = open();
      store.add(published({ pid: 2 }));
      expect(pids(store)).toEqual([2]);
      expect(store.stats.problems).toMatchObject([{ code: 'database_in_use' }]);
      leaving.close();
      await vi.advanceTimersByTimeAsync(5000);
      await eventually(() => expect(store.stats).toMatchObject({ database: directory, problems: [] }));
      expect(pids(store)).toEqual([1, 2]);
      expect(read(store, 'fleet')).toEqual([2]);
      store.add(published({ pid: 3 }));
      expect(pids(store)).toEqual([1, 2, 3]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a directory that another extension had for a while: the gap in the numbers is no loss', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const leaving = open();
      leaving.add(published({ pid: 1 }));
      const store = open();
      leaving.close();
      await vi.advanceTimersByTimeAsync(1500);
      expect(store.stats.database).toBe(directory);
      store.add(published({ pid: 2 }));
      await Promise.resolve();
      expect(open({ directory: copied('left') }).stats).toMatchObject({ rows: 1, lost: 1 });
    } finally {
      vi.useRealTimers();
    }
  });
});

test('a key with very many rows costs no more per row than any other', () => {
  const add = (keyOf: (n: number) => number) => {
    const store = open({ directory: join(directory, String(opened.length)), maxRows: 20_000 });
    const fill = (count: number) => {
      for (let n = 0; n < count; n++)
        store.add(published({ pid: keyOf(n), ppid: keyOf(n), entityId: `id ${keyOf(n)}` }));
    };
    fill(20_000);
    // Each of these pushes the oldest out of three indexes.
    return leastCpuMs(() => fill(2000));
  };
  expect(add(() => 7)).toBeLessThan(5 * add((n) => n));
});

test('a thousand subscribers that lose every row cost few statements besides those that store it', () => {
  const statementsWith = (names: number) => {
    const store = open({ directory: join(directory, '..', `rows of ${names}`), maxRows: 1000 });
    for (let n = 0; n < names; n++) {
      store.add(published({ pid: n }));
      read(store, `name ${n}`);
    }
    for (let n = 0; n < 1000; n++) store.add(published({ pid: n }));
    const spies = (['all', 'run', 'get'] as const).map((method) => vi.spyOn(StatementSync.prototype, method));
    for (let n = 0; n < 4000; n++) {
      store.add(published({ pid: n }));
      if (n % 20 === 19) pids(store, wherePid(-1));
    }
    const statements = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    const lost = store.subscribers().map(({ lostRows }) => lostRows);
    expect(Math.min(...lost)).toBeGreaterThan(names === 0 ? 0 : 3000);
    return statements;
  };
  const without = statementsWith(0);
  expect(without).toBeGreaterThan(100);
  // Rows make room at most 200 times, each with one more statement for the count; the loss is stored once.
  expect(statementsWith(1000)).toBeLessThan(without + 2000);
});
