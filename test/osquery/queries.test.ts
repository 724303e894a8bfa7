/** The tables in the SQLite of a stock osquery: row ids, aliases, missing values. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { columns } from '../../tables/process_ancestry_events.ts';
import { ancestorPids, CHAIN, joinStatements } from './join_statements.ts';
import { osqueryi, SAMPLE, StockOsqueryd } from './stock_osquery.ts';

let osquery: StockOsqueryd;
beforeAll(async () => {
  osquery = new StockOsqueryd({ env: SAMPLE });
  await osquery.ready();
}, 180_000);
afterAll(() => osquery.stop());

describe('an OR over two columns has the rows of both', () => {
  test.each([
    ['process_ancestry_events', "path LIKE '%dash'", "path LIKE '%uname'", '4'],
    ['process_ancestry_events', 'pid = 4062', 'parent = 5120', '4'],
    ['process_ancestry_events', 'pid IN (4062, 4063)', "cmdline LIKE '%passwd%'", undefined],
    ['process_ancestry', 'pid = 4062', 'ancestor_pid = 950', '11'],
    ['process_ancestry_tree', 'pid = 4062', 'parent = 950', '2'],
    ['process_ancestry_tree', 'pid = 4062', "path LIKE '%php%'", undefined],
  ])('%s: %s OR %s', async (table, one, other, expected) => {
    const count = await osquery.value(`SELECT count(*) FROM ${table} WHERE ${one} OR ${other}`);
    // A unary + keeps a constraint from the table, so that SQLite alone applies it to one scan of all rows.
    const scanned = await osquery.value(`SELECT count(*) FROM ${table} WHERE +${one} OR +${other}`);
    expect(count).toBe(scanned);
    if (expected) expect(count).toBe(expected);
  });

  test('process_ancestry_subscribers, where only the name is looked up', async () => {
    for (const name of ['a', 'b']) {
      await osquery.query(`SELECT count(*) FROM process_ancestry_events WHERE subscriber = '${name}'`);
    }
    const sql = "SELECT count(*) FROM process_ancestry_subscribers WHERE name = 'a' OR name LIKE 'b%'";
    expect(await osquery.value(sql)).toBe('2');
  });
});

describe('every column can be selected alone', () => {
  const aliases = columns.flatMap(({ name, aliases = [] }) => aliases.map((alias) => [alias, name] as const));

  test.each(aliases)('%s is %s', async (alias, name) => {
    const select = (column: string) => osquery.query(`SELECT ${column} AS value FROM process_ancestry_events`);
    expect(await select(alias)).toEqual(await select(name));
  });

  test.each(columns.map(({ name }) => name))('%s', async (name) => {
    const alone = await osquery.query(`SELECT eid, ${name} AS value FROM process_ancestry_events`);
    const all = await osquery.query(`SELECT *, eid, ${name} AS value FROM process_ancestry_events`);
    expect(alone.length).toBeGreaterThan(0);
    expect(alone.map(({ value }) => value)).toEqual(all.map(({ value }) => value));
  });
});

test('a value that is not there is NULL, and JSON without one is null', async () => {
  const sql = `SELECT count(*) AS n, count(json_extract(session_leader, '$.pid')) AS leaders, count(status) AS statuses,
    count(environment_count) AS environments FROM process_ancestry_events`;
  const [row] = await osquery.query(sql);
  expect(Number(row?.n)).toBeGreaterThan(0);
  expect(Number(row?.leaders)).toBeLessThan(Number(row?.n));
  expect(row).toMatchObject({ statuses: '0', environments: '0' });
});

describe('process_ancestry with at', () => {
  test('is joined by the guide to sockets and files', () => {
    expect(joinStatements.map(({ table }) => table)).toEqual([
      'socket_events',
      'process_open_sockets',
      'process_file_events',
    ]);
  });

  test.each(joinStatements)('has the ancestors of a process in $table', async ({ sql }) => {
    expect(ancestorPids(await osquery.query(sql))).toEqual(CHAIN);
  });

  test.each([
    ['pid = 4065 AND at = 1793523902', '7'],
    ['pid = 4065 AND at IN (1793523902, 1793523949)', '14'],
    ['pid IN (4065, 5121) AND at IN (1793523902, 1793523949)', '18'],
    ['(pid = 4065 AND at = 1793523902) OR (pid = 5121 AND at = 1793523949)', '11'],
    ['pid = 4065 AND at = 1793523902.0', '7'],
    ['pid = 4065 AND at = 1793523902.5', '0'],
    ["pid = 4065 AND at = '1793523902'", '7'],
    ['pid = 4065 AND at = -1', '0'],
  ])('WHERE %s has %s rows', async (where, rows) => {
    expect(await osquery.value(`SELECT count(*) FROM process_ancestry WHERE ${where}`)).toBe(rows);
  });
});

test('osqueryi runs one statement over the extension that it starts', () => {
  const rows = osqueryi('SELECT pid, cmdline FROM process_ancestry_events WHERE pid = 4062', SAMPLE);
  expect(rows).toEqual([{ pid: '4062', cmdline: 'uname -m' }]);
}, 180_000);
