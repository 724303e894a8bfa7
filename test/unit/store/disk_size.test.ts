/** The size of the database with its log on disk, measured for any rows. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { diskBudget } from '../../../src/store/disk_budget.ts';
import { EventStore, type EventStoreSettings } from '../../../src/store/event_store.ts';
import type { StoredEvent } from '../../../src/store/rows/stored_event.ts';
import { published, recorded } from '../tables/published.ts';

const MIB = 1024 * 1024;
let root: string;
let directory: string;
const opened: EventStore[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pa-size-'));
  directory = join(root, 'rows');
});
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
  rmSync(root, { recursive: true, force: true });
});

const settings = (maxBytes: number): EventStoreSettings => ({
  ...{ directory, maxBytes, maxRows: 10_000_000, expirySeconds: 3600, subscriberExpirySeconds: 604_800 },
});
function open(maxBytes: number): EventStore {
  const store = new EventStore(settings(maxBytes), { log: pino({ level: 'silent' }) });
  opened.push(store);
  return store;
}
const sizeOf = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
const onDisk = () => sizeOf('events.db') + sizeOf('events.db-wal');
const rows = (store: EventStore): StoredEvent[] => [...store.select({})].filter((row) => row !== undefined);
const pidsIn = (store: EventStore) => rows(store).map((row) => row.number('pid'));

/** Adds rows like a source, which waits while there is no room. Returns the maximum size on disk. */
async function fill(store: EventStore, count: number, cmdlineOf: (n: number) => string, fat = false): Promise<number> {
  let most = 0;
  for (let pid = 1; pid <= count; pid++) {
    await vi.waitFor(() => expect(store.hasRoom).toBe(true), { timeout: 30_000, interval: 2 });
    const exec = published({ pid, cmdline: cmdlineOf(pid) });
    const creator = fat ? recorded({ pid, cmdline: cmdlineOf(pid) }) : undefined;
    store.add({ ...exec, context: { ...exec.context, creator } });
    if (pid % 10 === 0) await new Promise(setImmediate);
    most = Math.max(most, onDisk());
  }
  await vi.waitFor(() => expect(store.stats.waitingBytes).toBe(0), { timeout: 30_000, interval: 5 });
  return Math.max(most, onDisk());
}

describe('database and log together stay within 1.1 of their bound', () => {
  test.each([
    ['1 kB', 1, 1000, 3000],
    ['100 kB', 1, 100_000, 60],
    ['1.9 MB', 1, 1_900_000, 30],
    ['1 kB', 8, 1000, 12_000],
    ['100 kB', 8, 100_000, 200],
    ['1.9 MB', 8, 1_900_000, 30],
    ['1.9 MB', 64, 1_900_000, 60],
  ])('with rows of %s and %i MiB', async (_, mib, size, count) => {
    const store = open(mib * MIB);
    const most = await fill(store, count, (n) => `sh ${String(n).padEnd(size, 'x')}`);
    expect(most).toBeLessThanOrEqual(1.1 * mib * MIB);
    expect(store.stats).toMatchObject({ database: directory, problems: [], lost: 0 });
    // As many as there is room for, the newest.
    const kept = pidsIn(store);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => count - kept.length + 1 + i));
    const rowBytes = Math.min(size, diskBudget(mib * MIB).rowBytes);
    expect(kept.length * rowBytes).toBeGreaterThan(0.2 * mib * MIB);
    expect(store.stats.discarded).toBe(count - kept.length);
  });

  test('also if shared facts take most of it', async () => {
    const store = open(8 * MIB);
    const most = await fill(store, 400, (n) => `sh ${String(n).padEnd(10_000, 'é')}`, true);
    expect(most).toBeLessThanOrEqual(1.1 * 8 * MIB);
    expect(rows(store).length).toBeGreaterThan(20);
  });
});

test('a row that is too large for the database is cut, marked and counted; one below that is whole', async () => {
  const store = open(8 * MIB);
  const { rowBytes } = diskBudget(8 * MIB);
  await fill(store, 1, () => `sh ${'x'.repeat(rowBytes)}`);
  await fill(store, 1, () => `sh ${'\u0001'.repeat(rowBytes / 10)}`);
  await fill(store, 1, () => `sh ${'x'.repeat(rowBytes / 3)}`);
  const stored = rows(store);
  expect(stored.map((row) => row.number('argsCut'))).toEqual([1, 0, 0]);
  for (const row of stored) expect(JSON.stringify(row.facts).length).toBeLessThanOrEqual(rowBytes);
  expect(stored[0]?.number('argsBytes')).toBe(rowBytes + 3);
  expect(store.stats.cut).toBe(1);
});

test('the file becomes shorter after the bound is lowered', async () => {
  const store = open(16 * MIB);
  await fill(store, 300, (n) => `sh ${String(n).padEnd(50_000, 'x')}`);
  expect(onDisk()).toBeGreaterThan(10 * MIB);
  store.configure(settings(4 * MIB));
  await vi.waitFor(() => expect(onDisk()).toBeLessThanOrEqual(1.1 * 4 * MIB), { timeout: 30_000, interval: 20 });
  expect(pidsIn(store).at(-1)).toBe(300);
});

test('expired rows free their room on the disk', async () => {
  const store = open(16 * MIB);
  await fill(store, 200, (n) => `sh ${String(n).padEnd(50_000, 'x')}`);
  const before = onDisk();
  store.expire(Date.now() + 1e10);
  await vi.waitFor(
    () => {
      store.tidy();
      expect(onDisk()).toBeLessThan(before / 4);
    },
    { timeout: 30_000, interval: 20 },
  );
});

test('a database of an earlier version is rewritten once, keeps its rows, and can become smaller then', async () => {
  const before = open(16 * MIB);
  await fill(before, 50, (n) => `sh ${String(n).padEnd(50_000, 'x')}`);
  before.close();
  const file = join(directory, 'events.db');
  // Its last checkpoint may still go on.
  await vi.waitFor(() => {
    const db = new DatabaseSync(file);
    try {
      db.exec('PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM');
    } finally {
      db.close();
    }
  }, 10_000);
  const store = open(16 * MIB);
  store.add(published({ pid: 51 }));
  expect(store.stats.problems).toMatchObject([{ code: 'database_compacting' }]);
  await vi.waitFor(() => expect(store.stats.database).toBe(directory), { timeout: 30_000, interval: 20 });
  expect(pidsIn(store)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
  expect(store.stats).toMatchObject({ lost: 0, problems: [] });
  store.configure(settings(MIB));
  await vi.waitFor(() => expect(onDisk()).toBeLessThanOrEqual(1.1 * MIB), { timeout: 30_000, interval: 20 });
});

test('a log that another program keeps from shrinking does not grow: rows go to memory, and then to the disk', async () => {
  const store = open(8 * MIB);
  await fill(store, 1, () => 'sh');
  const reader = new DatabaseSync(join(directory, 'events.db'));
  reader.exec('BEGIN; SELECT count(*) FROM segments');
  const cmdline = (n: number) => `sh ${String(n).padEnd(20_000, 'x')}`;
  const most = await fill(store, 100, cmdline);
  expect(most).toBeLessThanOrEqual(1.1 * 8 * MIB);
  expect(store.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_log_large' }] });
  expect(rows(store)).toHaveLength(101);
  reader.close();
  await vi.waitFor(() => expect(store.stats.database).toBe(directory), { timeout: 30_000, interval: 20 });
  expect(rows(store)).toHaveLength(101);
  expect(store.stats).toMatchObject({ lost: 0, problems: [] });
});

test.each([1, 4, 128, 16_384].map((mib) => mib * MIB))('the parts of %i bytes fit into it', (maxBytes) => {
  const { databaseBytes, logBytes, rowBytes, batchBytes } = diskBudget(maxBytes);
  expect(databaseBytes + logBytes + 2 * Math.max(rowBytes, batchBytes)).toBeLessThan(1.1 * maxBytes);
  expect(databaseBytes).toBeGreaterThan(0.4 * maxBytes);
});
