/** Rows are on the disk, or in memory while it fails, but never in both. */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cursors } from '../../../src/store/cursors.ts';
import { diskBudget } from '../../../src/store/disk_budget.ts';
import { IN_MEMORY, Placement } from '../../../src/store/placement.ts';
import { RowQueue } from '../../../src/store/row_queue.ts';
import { DamagedRowError } from '../../../src/store/rows/event_facts.ts';
import { published } from '../tables/published.ts';

const log = pino({ enabled: false });
const FULL = Object.assign(new Error('database or disk is full'), { errcode: 13 });
const BUSY = Object.assign(new Error('database is locked'), { errcode: 5 });

let root: string;
let directory: string;
const opened: Placement[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  root = mkdtempSync(join(tmpdir(), 'pa-placement-'));
  directory = join(root, 'rows');
});
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  vi.useRealTimers();
  rmSync(root, { recursive: true, force: true });
});

interface Placed {
  readonly placement: Placement;
  readonly queue: RowQueue;
  readonly cursors: Cursors;
  /** Rows reported as lost, and how often rows could be written again. */
  readonly told: { lost: number; moved: number };
  /** Numbers rows and writes them to their present place. */
  readonly add: (count?: number) => void;
  readonly eids: () => number[];
}

function placed(where = directory): Placed {
  const queue = new RowQueue();
  const now = () => 0;
  const cursors = new Cursors({ log, now, unixNow: () => 1_700_000_000_000, write: () => undefined });
  const told = { lost: 0, moved: 0 };
  const placement = new Placement({
    ...{ log, queue, cursors, budget: diskBudget(1 << 30), unixNow: () => 1_700_000_000_000, expected: () => 0 },
    onLost: (rows) => {
      told.lost += rows;
    },
    onMoved: () => {
      told.moved++;
    },
  });
  opened.push(placement);
  placement.place(where);
  const add = (count = 1) => {
    for (let n = 0; n < count; n++) queue.add(published());
    while (queue.numbered.length > 0) queue.remove(placement.writable.insert(queue.numbered));
  };
  const whole = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
  const eids = () =>
    placement.databases.flatMap((database) => [...database.select({}, whole)].flatMap((row) => row?.eid ?? []));
  return { placement, queue, cursors, told, add, eids };
}

/** Until rows have been moved to the disk a part at a time. */
async function untilMoved({ placement }: Placed): Promise<void> {
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.waitFor(() => expect(placement.problems).toEqual([]), { timeout: 60_000, interval: 5 });
}

describe('rows', () => {
  test('are written to the disk, or to memory if no disk is wanted', () => {
    const disk = placed();
    disk.add();
    expect(disk.placement.writable).toBe(disk.placement.writableDisk?.database);
    const memory = placed(IN_MEMORY);
    memory.add();
    expect(memory.placement.isMemory(memory.placement.writable)).toBe(true);
    expect([disk.placement.rows, memory.placement.rows]).toEqual([1, 1]);
  });

  test('go to memory while the disk cannot be written, after those on the disk, and then to the disk, once each', async () => {
    const one = placed();
    one.add(3);
    one.placement.leaveDisk(FULL);
    expect(one.placement.problems).toMatchObject([{ code: 'database_full' }]);
    one.add(1000);
    expect(one.placement.databases.map(({ rows }) => rows)).toEqual([3, 1000]);
    expect(one.placement.deletable.map(({ rows }) => rows)).toEqual([1000]);
    const all = Array.from({ length: 1003 }, (_, n) => n + 1);
    expect(one.eids()).toEqual(all);
    const { moves } = one.placement;
    await untilMoved(one);
    expect(one.placement.moves).toBeGreaterThan(moves + 4);
    expect(one.placement.databases.map(({ rows }) => rows)).toEqual([1003]);
    expect(one.eids()).toEqual(all);
    expect(one.told).toMatchObject({ lost: 0 });
    expect(one.told.moved).toBeGreaterThanOrEqual(2);
  });

  test('of a disk that fails are on it after a restart, together with those in memory', () => {
    const one = placed();
    one.add(3);
    one.placement.leaveDisk(FULL);
    one.add(2);
    one.placement.close();
    const again = placed();
    expect(again.eids()).toEqual([1, 2, 3, 4, 5]);
    expect(again.told.lost).toBe(0);
  });

  test('of memory go to the disk at the end, also during a checkpoint', () => {
    const one = placed();
    one.placement.budget = { ...diskBudget(1 << 30), logBytes: 1 };
    one.add(3);
    one.placement.writableDisk?.tidy(() => undefined);
    expect(one.placement.isCheckpointing).toBe(true);
    one.placement.leaveDisk(FULL);
    one.add(2);
    one.placement.close();
    expect(one.told.lost).toBe(0);
    expect(placed().eids()).toEqual([1, 2, 3, 4, 5]);
  });

  test('wait in memory while another extension has the directory, with numbers above all that it can give', async () => {
    const other = placed();
    other.add(5);
    const one = placed();
    expect(one.placement.problems).toMatchObject([{ code: 'database_in_use' }]);
    one.add(2);
    other.placement.close();
    await untilMoved(one);
    expect(one.eids().slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(one.eids()).toHaveLength(7);
    expect(one.eids()[5]).toBeGreaterThan(1e13);
  });

  test('that wait in the queue at the end are reported as lost', () => {
    const one = placed();
    one.queue.add(published());
    one.placement.close();
    expect(one.told.lost).toBe(1);
  });
});

describe('work that may be postponed', () => {
  test('is postponed while another program has locked the database', () => {
    const one = placed();
    one.placement.attempt(() => {
      throw BUSY;
    });
    expect(one.placement).toMatchObject({ problems: [] });
    expect(one.placement.writableDisk).toBeDefined();
  });

  test('that the disk refuses makes rows go to memory', () => {
    const one = placed();
    one.placement.attempt(() => {
      throw FULL;
    });
    expect(one.placement.writableDisk).toBeUndefined();
    expect(one.placement.problems).toMatchObject([{ code: 'database_full' }]);
  });

  test('that cannot be done for another reason changes nothing', () => {
    const one = placed();
    one.placement.attempt(() => {
      throw new Error('no such thing');
    });
    expect(one.placement.writableDisk).toBeDefined();
  });

  test('that finds a damaged row begins a new database, and reports what is lost', () => {
    const one = placed();
    one.add(4);
    one.placement.attempt(() => {
      throw new DamagedRowError('a row of the database is malformed');
    });
    expect(one.placement).toMatchObject({ rows: 0, problems: [] });
    expect(one.told).toEqual({ lost: 4, moved: 1 });
    expect(readdirSync(directory).some((name) => name.startsWith('events.db.corrupt-'))).toBe(true);
    one.add();
    expect(one.eids()).toEqual([5]);
  });
});

describe('another directory', () => {
  test('takes the rows along', () => {
    const one = placed();
    one.add(3);
    const elsewhere = join(root, 'elsewhere');
    one.placement.place(elsewhere);
    one.add();
    expect(one.eids()).toEqual([1, 2, 3, 4]);
    expect(one.placement.writableDisk?.path).toBe(elsewhere);
    expect(existsSync(join(directory, 'events.db'))).toBe(false);
    expect(one.told.lost).toBe(0);
  });

  test('in place of memory gets no rows that were for memory only', () => {
    const one = placed(IN_MEMORY);
    one.add(3);
    one.placement.place(directory);
    expect(one.placement.rows).toBe(0);
    one.add();
    expect(one.eids()).toEqual([4]);
    expect(one.told.lost).toBe(0);
  });
});

test('waiting rows get numbers after those of a larger database that replaces the one in use', () => {
  const larger = placed(join(root, 'larger'));
  larger.add(100);
  larger.placement.close();
  const one = placed();
  one.add(3);
  one.queue.add(published());
  rmSync(join(directory, 'events.db-wal'));
  renameSync(join(root, 'larger', 'events.db'), join(directory, 'events.db'));
  expect(one.placement.reopenIfReplaced()).toBe(true);
  one.add();
  expect(one.eids().slice(-3)).toEqual([100, 101, 102]);
  expect(one.queue.writtenEid).toBe(102);
});
