/** Rows are dropped, the oldest first: too many and too large ones at once, old ones when their subscribers have them. */
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cursors } from '../../../src/store/cursors.ts';
import { diskBudget } from '../../../src/store/disk_budget.ts';
import type { Placement } from '../../../src/store/placement.ts';
import { Retention, type RetentionLimits } from '../../../src/store/retention.ts';
import { RowDatabase } from '../../../src/store/rows/row_database.ts';
import { eventually } from '../eventually.ts';
import { published } from '../tables/published.ts';

const HOUR_MS = 3_600_000;
const LIMITS: RetentionLimits = {
  ...{ maxRows: 1000, budget: diskBudget(1 << 30), expiryMs: 60_000, subscriberIdleMs: HOUR_MS },
};
let clockMs: number;
let database: RowDatabase;
let lastEid: number;
/** Changes of rows, in order. */
let told: string[];
const opened: (() => void)[] = [];
beforeEach(() => {
  clockMs = 0;
  lastEid = 0;
  told = [];
  database = new RowDatabase(':memory:');
  opened.push(() => database.close());
});
afterEach(() => {
  for (const close of opened.splice(0).reverse()) close();
});

function retention(limits: Partial<RetentionLimits> = {}, isMemory = false): { one: Retention; cursors: Cursors } {
  const cursors = new Cursors({
    ...{ log: pino({ enabled: false }), now: () => clockMs, unixNow: () => clockMs, write: () => undefined },
  });
  const placement: Partial<Placement> = {
    ...{ deletable: [database], writableDisk: undefined, directory: '/rows', isMemory: () => isMemory },
    attempt: (work) => work(),
    writeExpected: () => {
      told.push(`noted ${database.rows} from ${database.discardedEid}`);
    },
  };
  const all = { ...LIMITS, ...limits };
  const one = new Retention({ placement: placement as Placement, cursors, limits: all, tidyLog: () => undefined });
  opened.push(() => one.close());
  return { one, cursors };
}

function add(count: number, what: Parameters<typeof published>[0] = {}): void {
  const events = Array.from({ length: count }, () => ({ eid: ++lastEid, event: published(what) }));
  while (events.length > 0) events.splice(0, database.insert(events));
}
const WHOLE = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const eids = () => [...database.select({}, WHOLE)].flatMap((row) => row?.eid ?? []);
const read = (cursors: Cursors, name: string, upTo: number) => {
  const subscriber = cursors.get(name, HOUR_MS);
  cursors.delivered(cursors.subscribers.handOut(subscriber, upTo, 1000));
  return subscriber;
};

describe('rows that are too many', () => {
  test('are removed to the exact number, read or not, and count as discarded and as lost for subscribers that had not read them', () => {
    const { one, cursors } = retention({ maxRows: 10 });
    add(8);
    one.trim();
    expect(one.discarded).toBe(0);
    const subscriber = read(cursors, 'fleet', 3);
    add(7);
    one.trim();
    expect(eids()).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    expect(one.discarded).toBe(5);
    expect(subscriber.lostRows).toBe(2);
    one.trim();
    expect(subscriber.lostRows).toBe(2);
  });

  test('are noted as dropped before they are deleted', () => {
    const { one } = retention({ maxRows: 10 });
    add(15);
    one.trim();
    expect(told).toEqual(['noted 10 from 5']);
  });

  test('are dropped in steps if there are very many', async () => {
    const { one } = retention({ maxRows: 10 });
    add(20_000);
    one.trim();
    expect(database.rows).toBeGreaterThan(15_000);
    await eventually(() => expect(database.rows).toBe(10));
    expect(one.discarded).toBe(19_990);
  });

  test('are not dropped after the retention is closed', async () => {
    const { one } = retention({ maxRows: 10 });
    add(20_000);
    one.trim();
    const { rows } = database;
    one.close();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(database.rows).toBe(rows);
  });
});

describe('rows that are too large', () => {
  test('are dropped until the database is below its bytes by a part', () => {
    const budget = diskBudget(4 << 20);
    const { one } = retention({ budget });
    add(300, { cmdline: `sh ${'x'.repeat(20_000)}` });
    one.trim();
    const { rows, usedBytes } = database;
    expect(usedBytes).toBeLessThanOrEqual(budget.databaseBytes);
    expect(rows).toBeGreaterThan(100);
    one.trim();
    expect(database.rows).toBe(rows);
  });

  test('are dropped sooner from memory if there should be a disk', async () => {
    const { one } = retention({ maxRows: 100_000 }, true);
    add(1200, { cmdline: `sh ${'x'.repeat(20_000)}` });
    expect(database.usedBytes).toBeGreaterThan(20 << 20);
    one.trim();
    await eventually(() => expect(database.usedBytes).toBeLessThan(16 << 20));
    expect(database.rows).toBeGreaterThan(600);
  });
});

describe('rows that are too old', () => {
  test('are dropped, but not earlier', () => {
    const { one } = retention();
    add(1, { unixMs: 1000 });
    add(1, { unixMs: 50_000 });
    one.expire(61_000);
    expect(eids()).toEqual([1, 2]);
    one.expire(61_001);
    expect(eids()).toEqual([2]);
    expect(one.discarded).toBe(1);
  });

  test('wait until each active subscriber surely has them, and not for an idle one', () => {
    const { one, cursors } = retention();
    add(5, { unixMs: 1000 });
    read(cursors, 'fast', 5);
    read(cursors, 'slow', 3);
    one.expire(1e9);
    expect(eids()).toEqual([1, 2, 3, 4, 5]);
    clockMs += 30_000;
    cursors.confirm();
    one.expire(1e9);
    expect(eids()).toEqual([4, 5]);
    clockMs += HOUR_MS;
    one.expire(1e9);
    expect(eids()).toEqual([]);
    expect([...cursors.subscribers].map(({ lostRows }) => lostRows)).toEqual([0, 2]);
  });

  test('are dropped although a clock that was ahead dated some', () => {
    const { one } = retention();
    add(1, { unixMs: 900_000_000 });
    add(1, { unixMs: 1000 });
    add(1, { unixMs: 100_000 });
    one.expire(110_000);
    expect(eids()).toEqual([3]);
  });

  test('are dropped in steps if there are very many', async () => {
    const { one } = retention();
    add(5000, { unixMs: 1000 });
    one.expire(1e9);
    expect(database.rows).toBeGreaterThan(3000);
    await eventually(() => expect(database.rows).toBe(0));
    expect(one.discarded).toBe(5000);
  });
});
