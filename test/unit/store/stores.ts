/** Stores for tests: each test has its own directory, a clock that it sets, and the log. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { afterEach, beforeEach, expect } from 'vitest';
import { EventStore, type EventStoreSettings } from '../../../src/store/event_store.ts';
import type { Search } from '../../../src/store/rows/row_database.ts';
import type { StoredEvent } from '../../../src/store/rows/stored_event.ts';
import { eventually } from '../eventually.ts';

/** The default directory of stores in tests. */
export let directory: string;
/** `asleepMs`: time asleep, by which Unix time is ahead of the clock that stops during sleep. */
export const clock = { ms: 0, asleepMs: 0 };
/** Messages that were logged. */
export const said: string[] = [];
const lines: Record<string, unknown>[] = [];
/** Stores that are closed after the test. */
export const opened: EventStore[] = [];

/** Before and after each test of the file that calls it. */
export function useStores(): void {
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'pa-store-')), 'rows');
    clock.ms = 0;
    clock.asleepMs = 0;
    said.length = 0;
    lines.length = 0;
  });
  afterEach(() => {
    for (const store of opened.splice(0)) store.close();
    rmSync(join(directory, '..'), { recursive: true, force: true });
  });
}

const log = pino(
  { level: 'debug' },
  {
    write: (text: string) => {
      const line = JSON.parse(text) as { msg: string };
      said.push(line.msg);
      lines.push(line);
    },
  },
);

/** The fields of log lines whose message begins with this text. */
export const told = (message: string) =>
  lines
    .filter(({ msg }) => String(msg).startsWith(message))
    .map(({ level: _, time: __, pid: ___, hostname: ____, msg: _____, ...rest }) => rest);

export function open(settings: Partial<EventStoreSettings> = {}): EventStore {
  const all = { directory, maxRows: 1000, maxBytes: 1 << 30, expirySeconds: 3600, subscriberExpirySeconds: 604_800 };
  const store = new EventStore(
    { ...all, ...settings },
    { log, now: () => clock.ms, unixNow: () => 1_700_000_000_000 + clock.ms + clock.asleepMs },
  );
  opened.push(store);
  return store;
}

export const ALL: Search = {};
export const wherePid = (pid: number): Search => ({ pids: new Set([pid]) });
export const rows = (store: EventStore, search = ALL, range?: { after: number; upTo: number }): StoredEvent[] =>
  [...store.select(search, range)].filter((row) => row !== undefined);
export const pids = (store: EventStore, search = ALL, range?: { after: number; upTo: number }) =>
  rows(store, search, range).map((row) => row.number('pid'));
export const eids = (store: EventStore) => rows(store).map(({ eid }) => eid);

/** Rows that are on the disk. */
export const rowsIn = (path: string) => {
  const db = new DatabaseSync(join(path, 'events.db'), { readOnly: true });
  const rows = Number(db.prepare('SELECT coalesce(sum(row_count), 0) AS n FROM segments').get()?.n);
  db.close();
  return rows;
};

export const copiedFrom = (from: string, name: string) => {
  const left = join(directory, '..', name);
  execFileSync('cp', ['-r', from, left]);
  return left;
};
/** The files that a killed process leaves. */
export const copied = (name: string) => copiedFrom(directory, name);
/** Waits for the writes at the end of a turn of the event loop. */
export const endOfTurn = () => Promise.resolve();

/** Waits until the log is in the database, and its thread has reported it. */
export const checkpointed = (store: EventStore) =>
  eventually(() => {
    expect(statSync(join(directory, 'events.db-wal')).size).toBeLessThan(1 << 20);
    expect(store.isCheckpointing).toBe(false);
  });

export const WHOLE = { bytes: 1 << 30 };
/** Pids of the rows that a name gets; the answer arrives. */
export const read = (store: EventStore, name: string, portion = WHOLE) => {
  const batch = store.batchFor(name, portion);
  const rows = pids(store, ALL, batch);
  store.delivered(batch);
  return rows;
};
