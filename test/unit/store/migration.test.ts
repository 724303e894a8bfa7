/** A database of 0.1.0 becomes one of this version, and its rows read the same. */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { rewrite } from '../../../src/store/compaction.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { RowDatabase } from '../../../src/store/rows/row_database.ts';
import { columns, processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { published } from '../tables/published.ts';

const fixture = new URL('../../fixtures/database-0.1.0/', import.meta.url).pathname;
const read = (name: string): Record<string, string>[] => JSON.parse(readFileSync(join(fixture, name), 'utf8'));
const YEARS = 10 * 365 * 86_400;

let directory: string;
const opened: EventStore[] = [];
let warnings: string[];
beforeEach(() => {
  warnings = [];
  directory = mkdtempSync(join(tmpdir(), 'pa-migration-'));
  for (const name of ['events.db', 'last-eid']) cpSync(join(fixture, name), join(directory, name));
});
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): EventStore {
  const settings = {
    directory,
    maxRows: 50_000,
    maxBytes: 1 << 28,
    expirySeconds: YEARS,
    subscriberExpirySeconds: YEARS,
  };
  const store = new EventStore(settings, { log: pino({ level: 'warn' }, { write: (line) => warnings.push(line) }) });
  opened.push(store);
  return store;
}

async function moved(store: EventStore): Promise<void> {
  await vi.waitFor(() => expect(store.stats.database).toBe(directory), { timeout: 30_000, interval: 10 });
}

async function rowsOf(store: EventStore): Promise<Record<string, unknown>[]> {
  const table = processAncestryEvents({ store, resultMaxBytes: () => 1 << 28 });
  const rows = await table.generate({ constraints: new Map(), columnsUsed: undefined }, { onDelivered: () => {} });
  return [...rows].flatMap((row) =>
    row ? [Object.fromEntries(columns.map((column) => [column.name, column.value(row)]))] : [],
  );
}

/** A common form of both versions: '' for NULL, and `null` in a JSON column; new keys are null. */
function said(value: unknown): unknown {
  const text = value === null || value === undefined || value === 'null' ? '' : String(value);
  return /^[[{]/.test(text) ? withoutNulls(JSON.parse(text)) : text;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}

describe('a database of 0.1.0', () => {
  test('has all of its rows, with the same columns', async () => {
    const store = open();
    store.add(published({ pid: 5 }));
    expect(store.stats.problems).toMatchObject([{ code: 'database_compacting' }]);
    await moved(store);
    const rows = await rowsOf(store);
    const before = read('rows.json');
    expect(rows).toHaveLength(before.length + 1);
    for (const [n, { env_count: _, env_size: __, ecs, ...row }] of before.entries()) {
      for (const [name, value] of Object.entries(row)) {
        // Arguments that are not known are null now.
        const wanted = name === 'args' && row.args_count === '' ? '' : said(value);
        expect([name, n, said(rows[n]?.[name])]).toEqual([name, n, wanted]);
      }
      expect(rows[n]?.ancestry).toBe(row.ancestry);
      // Documents have gained members since, and RFC 0030's words for actions.
      const { event, ...document } = JSON.parse(String(ecs));
      const { action: ___, type: ____, ...rest } = event;
      expect(JSON.parse(String(rows[n]?.ecs))).toMatchObject({ ...document, event: rest });
    }
    expect(rows.at(-1)).toMatchObject({ pid: 5 });
    expect(store.stats).toMatchObject({ lost: 0, problems: [] });
    // The last eid is known from what 0.1.0 wrote.
    expect(warnings.filter((line) => line.includes('last-eid'))).toEqual([]);
    store.close();
    // And it stays so: nothing is left to move.
    const again = open();
    expect(again.stats).toMatchObject({ rows: rows.length, lost: 0, database: directory });
    expect(await rowsOf(again)).toEqual(rows);
  });

  test('is rewritten with a log that stays small, for any number of rows', async () => {
    const file = join(directory, 'events.db');
    const db = new DatabaseSync(file);
    const columnsOf = db.prepare("SELECT name FROM pragma_table_info('events') WHERE name != 'eid'").all();
    const names = columnsOf.map(({ name }) => name).join();
    const [{ last } = {}] = db.prepare('SELECT max(eid) AS last FROM events').all();
    for (let n = 1; n <= 15; n++) {
      db.exec(
        `INSERT INTO events (eid, ${names}) SELECT eid + ${n * Number(last)}, ${names} FROM events WHERE eid <= ${last}`,
      );
    }
    const count = Number(db.prepare('SELECT count(*) AS n FROM events').get()?.n);
    db.close();
    const rows = new RowDatabase(file);
    const sizes: number[] = [];
    const move = vi.spyOn(rows, 'moveLegacyRows').mockImplementation((limit) => {
      const areMore = RowDatabase.prototype.moveLegacyRows.call(rows, limit);
      sizes.push(statSync(`${file}-wal`).size);
      return areMore;
    });
    expect(await rewrite(rows, file)).toBeUndefined();
    expect(move.mock.calls.length).toBeGreaterThan(50);
    expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
    const after = new RowDatabase(file);
    expect(after.rows).toBe(count);
    after.close();
  });

  test('waits for another program that has it locked', async () => {
    const file = join(directory, 'events.db');
    const rows = new RowDatabase(file);
    rows.moveLegacyRows(100);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const done = rewrite(rows, file);
    other.exec('ROLLBACK');
    other.close();
    expect(await done).toBeUndefined();
    const after = new RowDatabase(file);
    expect([after.rows, after.hasLegacyRows]).toEqual([read('rows.json').length, false]);
    after.close();
  });

  test('has its rows with all that they share, although a part could not be moved at first', () => {
    const file = join(directory, 'events.db');
    const rows = new RowDatabase(file);
    const { exec } = DatabaseSync.prototype;
    const spy = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      if (sql === 'COMMIT') throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
      exec.call(this, sql);
    });
    expect(() => rows.moveLegacyRows(100)).toThrow('disk I/O error');
    spy.mockRestore();
    while (rows.moveLegacyRows(100));
    const found = [...rows.select({}, { after: 0, upTo: Number.MAX_SAFE_INTEGER })].filter((row) => row !== undefined);
    const creators = read('rows.json').map((row) => row.parent_entity_id ?? '');
    expect(found.map((row) => row.ancestorRecord('creator')?.facts.entityId ?? '')).toEqual(creators);
    rows.close();
  });

  test('keeps the positions of its subscribers', async () => {
    const store = open();
    await moved(store);
    const places = store
      .subscribers()
      .map(({ name, lastEid, lagRows, lostRows }) => ({ name, lastEid, lagRows, lostRows }));
    const before = read('subscribers.json').map((row) => ({
      name: row.subscriber ?? row.name,
      lastEid: Number(row.last_eid),
      lagRows: Number(row.lag_rows),
      lostRows: Number(row.lost_rows),
    }));
    expect(places).toEqual(before);
  });

  test('continues a rewrite after the process was killed', () => {
    const file = join(directory, 'events.db');
    const first = new RowDatabase(file);
    first.moveLegacyRows(100);
    first.close();
    const second = new RowDatabase(file);
    expect(second.hasLegacyRows).toBe(true);
    expect(second.rows).toBe(100);
    while (second.moveLegacyRows(100));
    expect(second.rows).toBe(read('rows.json').length);
    expect(second.hasLegacyRows).toBe(false);
    second.close();
    const db = new DatabaseSync(file);
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    db.close();
    expect(tables.map(({ name }) => name)).toEqual(['last_row', 'segments', 'shared', 'subscribers']);
  });
});
