import { describe, expect, test } from 'vitest';
import type { RegisteredTable } from '../../../../src/commands/shell/registered_table.ts';
import { parseTableRoute } from '../../../../src/commands/shell/registered_table.ts';
import { type QueryableTable, SqlEngine } from '../../../../src/commands/shell/sql_engine.ts';
import { type RecordedContext, type Row, recordedRoutes, route } from './stand_in_extension.ts';

class MemoryTable implements QueryableTable {
  readonly definition: RegisteredTable;
  readonly contexts: RecordedContext[] = [];
  readonly #rows: (context: RecordedContext) => Row[];

  constructor(name: string, columns: Row[], rows: Row[] | ((context: RecordedContext) => Row[])) {
    this.definition = parseTableRoute(name, columns);
    this.#rows = typeof rows === 'function' ? rows : () => rows;
  }

  async generate(text: string): Promise<Row[]> {
    const context: RecordedContext = JSON.parse(text);
    this.contexts.push(context);
    return this.#rows(context);
  }
}

function subscriberOf({ constraints }: RecordedContext): string {
  return constraints.find(({ name }) => name === 'subscriber')?.list[0]?.expr ?? '';
}

function fixture() {
  const events = new MemoryTable(
    'events',
    route(
      ['pid', 'BIGINT', 9],
      ['path', 'TEXT'],
      ['eid', 'TEXT', 25],
      ['parent', 'BIGINT', 9],
      ['ancestry', 'TEXT'],
      ['tries', 'INTEGER'],
      ['subscriber', 'TEXT', 20],
      ['load', 'DOUBLE'],
    ),
    (context) =>
      [
        { pid: '1', path: '/sbin/init', eid: 'a', parent: '0', ancestry: '[]', tries: '', load: '' },
        {
          pid: '2',
          path: '/bin/sh',
          eid: 'b',
          parent: '1',
          ancestry: '[{"exe_name":"init"}]',
          tries: '7',
          load: '0.5',
        },
        {
          pid: '3',
          path: "it's 🌲",
          eid: 'c',
          parent: '2',
          ancestry: '[{"exe_name":"sh"},{"exe_name":"init"}]',
          tries: 'x',
          load: '2',
        },
      ].map((row) => ({ ...row, subscriber: subscriberOf(context) })),
  );
  const users = new MemoryTable('users', route(['uid', 'BIGINT'], ['pid', 'BIGINT']), [{ uid: '1000', pid: '2' }]);
  const big = new MemoryTable('big', route(['signed', 'BIGINT'], ['unsigned', 'UNSIGNED BIGINT']), [
    { signed: '9223372036854775807', unsigned: '18446744073709551615' },
    { signed: '-9223372036854775808', unsigned: '9007199254740993' },
    { signed: '9223372036854775808', unsigned: '18446744073709551616' },
  ]);
  const engine = new SqlEngine(() => [events, users, big]);
  const rows = async (sql: string) => (await engine.query(sql)).rows;
  const names = async (sql: string) => (await engine.query(sql)).columns.map(({ name }) => name);
  return { engine, events, users, rows, names };
}

const visible = ['pid', 'path', 'parent', 'ancestry', 'tries', 'load'];

describe('used columns', () => {
  test.each([
    ['SELECT path FROM events', ['path']],
    ['SELECT COUNT(*) FROM events', []],
    ['SELECT * FROM events', visible],
    ['SELECT *, eid FROM events', ['pid', 'path', 'eid', 'parent', 'ancestry', 'tries', 'load']],
    ['SELECT rowid, pid FROM events', ['pid']],
    ['SELECT e.pid FROM events e ORDER BY e.tries', ['pid', 'tries']],
    ['SELECT a.pid FROM events a JOIN events b ON a.parent = b.pid', ['pid', 'parent']],
    ['WITH x AS (SELECT pid AS p FROM events) SELECT p FROM x', ['pid']],
    ['SELECT path FROM events JOIN users USING (pid)', ['pid', 'path']],
    ['SELECT 1 WHERE EXISTS (SELECT 1 FROM events WHERE eid)', ['eid']],
  ])('are asked for exactly: %s', async (sql, used) => {
    const { engine, events } = fixture();
    await engine.query(sql);
    expect(events.contexts.map(({ colsUsed }) => colsUsed)).toEqual([used]);
  });

  test('a table that is named twice is fetched once, a table that is not named is not fetched', async () => {
    const { engine, events, users } = fixture();
    await engine.query('SELECT * FROM events a, events b');
    expect([events.contexts.length, users.contexts.length]).toEqual([1, 0]);
  });

  test('are those that osquery uses of the real tables for SELECT *', async () => {
    const columns = recordedRoutes().process_ancestry_events ?? [];
    const table = new MemoryTable('process_ancestry_events', columns, []);
    const result = await new SqlEngine(() => [table]).query('SELECT * FROM process_ancestry_events');
    expect(result.columns).toHaveLength(51);
    expect(table.contexts[0]?.colsUsed).toHaveLength(51);
  });
});

describe('hidden columns', () => {
  test.each([
    ['SELECT * FROM events', visible],
    ["SELECT * FROM events WHERE subscriber = 'x'", visible],
    ['SELECT * FROM events WHERE eid > 1 AND subscriber IS NULL', visible],
    ['SELECT eid, * FROM events', ['eid', ...visible]],
    ['SELECT *, eid FROM events', [...visible, 'eid']],
    ['SELECT e.*, e.eid, e.subscriber FROM events e', [...visible, 'eid', 'subscriber']],
    ['SELECT * FROM (SELECT * FROM events WHERE eid) x', visible],
    ['WITH x AS (SELECT * FROM events WHERE eid) SELECT * FROM x JOIN users', [...visible, 'uid', 'pid']],
    ['SELECT EID FROM events', ['eid']],
    ['SELECT * FROM (SELECT eid FROM events)', ['eid']],
  ])('are there only by name: %s', async (sql, expected) => {
    expect((await fixture().names(sql)).map((name) => name.toLowerCase())).toEqual(expected);
  });

  test('can be read and compared', async () => {
    const { rows } = fixture();
    expect(await rows("SELECT pid, eid FROM events WHERE eid = 'b'")).toEqual([['2', 'b']]);
    expect(await rows("SELECT pid FROM events e WHERE eid IN ('a', 'c') ORDER BY eid DESC")).toEqual([['3'], ['1']]);
  });

  test('do not make rows distinct that a query cannot see', async () => {
    const twice = new MemoryTable('t', route(['a', 'TEXT'], ['b', 'TEXT', 16]), [
      { a: '1', b: '1' },
      { a: '1', b: '2' },
    ]);
    const { rows } = await new SqlEngine(() => [twice]).query('SELECT DISTINCT * FROM t');
    expect(rows).toEqual([['1']]);
  });

  test('are no columns of PRAGMA table_info', async () => {
    const { rows } = fixture();
    expect((await rows('PRAGMA table_info(events)')).map(([, name, type]) => [name, type])).toEqual([
      ['pid', 'BIGINT'],
      ['path', 'TEXT'],
      ['parent', 'BIGINT'],
      ['ancestry', 'TEXT'],
      ['tries', 'INTEGER'],
      ['load', 'DOUBLE'],
    ]);
  });
});

describe('answers', () => {
  test.each([
    ['SELECT COUNT(*) FROM events', [['3']]],
    ['SELECT pid FROM events ORDER BY pid DESC LIMIT 1 OFFSET 1', [['2']]],
    ['SELECT pid FROM events WHERE pid = 2 OR parent = 2', [['2'], ['3']]],
    ['SELECT pid FROM events WHERE pid = 2', [['2']]],
    ['SELECT pid FROM events WHERE pid IN (1, 3)', [['1'], ['3']]],
    [
      'SELECT c.pid, p.path FROM events c LEFT JOIN events p ON c.parent = p.pid',
      [
        ['1', null],
        ['2', '/sbin/init'],
        ['3', '/bin/sh'],
      ],
    ],
    ['SELECT path, uid FROM events JOIN users USING (pid)', [['/bin/sh', '1000']]],
    ['SELECT pid FROM events e LEFT JOIN users u USING (pid) WHERE u.uid IS NULL AND e.pid > 1', [['3']]],
    [
      'WITH RECURSIVE up(pid) AS (SELECT 3 UNION SELECT parent FROM events JOIN up USING (pid)) SELECT pid FROM up',
      [['3'], ['2'], ['1'], ['0']],
    ],
    [
      "SELECT e.pid, json_extract(a.value, '$.exe_name') FROM events e, json_each(e.ancestry) a WHERE e.pid = 3",
      [
        ['3', 'sh'],
        ['3', 'init'],
      ],
    ],
    ['SELECT pid FROM events WHERE json_array_length(ancestry) > 1', [['3']]],
    [
      'SELECT *, (SELECT path FROM events WHERE pid = e.parent) AS up FROM events e WHERE e.pid = 2',
      [['2', '/bin/sh', '1', '[{"exe_name":"init"}]', '7', '0.5', '/sbin/init']],
    ],
    ['SELECT MAX(tries), SUM(pid), AVG(pid), 1 / 2.0, 1e20 FROM events', [['7', '6', '2.0', '0.5', '1.0e+20']]],
    ["SELECT pid, 'a;b' FROM events WHERE path = 'it''s 🌲'", [['3', 'a;b']]],
    ['SELECT path, uid FROM users NATURAL JOIN events', [['/bin/sh', '1000']]],
    ['SELECT pid FROM events UNION SELECT uid FROM users ORDER BY 1', [['1'], ['2'], ['3'], ['1000']]],
    ['SELECT 1 FROM events WHERE pid > 1', [['1'], ['1']]],
  ])('%s', async (sql, expected) => {
    expect(await fixture().rows(sql)).toEqual(expected);
  });

  test('text that is no number is NULL in a column of numbers', async () => {
    const { rows } = fixture();
    expect(await rows('SELECT pid, tries, tries IS NULL, load FROM events')).toEqual([
      ['1', null, '1', null],
      ['2', '7', '0', '0.5'],
      ['3', null, '1', '2.0'],
    ]);
  });

  test('64-bit numbers keep all of their digits', async () => {
    const { rows } = fixture();
    expect(await rows('SELECT signed, unsigned FROM big ORDER BY rowid')).toEqual([
      ['9223372036854775807', '-1'],
      ['-9223372036854775808', '9007199254740993'],
      [null, null],
    ]);
  });

  test('columns with the same name stay apart', async () => {
    const { engine } = fixture();
    const { columns, rows } = await engine.query('SELECT a.pid, b.pid FROM events a JOIN events b ON a.parent = b.pid');
    expect(columns.map(({ name }) => name)).toEqual(['pid', 'pid']);
    expect(rows).toEqual([
      ['2', '1'],
      ['3', '2'],
    ]);
  });

  test('the columns of a statement are known without any row', () => {
    const { engine, events } = fixture();
    expect(engine.columns('SELECT pid, eid, COUNT(*) AS n FROM events')).toEqual([
      { name: 'pid', type: 'BIGINT' },
      { name: 'eid', type: 'TEXT' },
      { name: 'n', type: 'UNKNOWN' },
    ]);
    expect(events.contexts).toEqual([]);
  });
});

describe('a subscriber', () => {
  test('is passed on, and SQLite finds it in the rows', async () => {
    const { rows } = fixture();
    expect(await rows("SELECT pid FROM events WHERE subscriber = 'x'")).toEqual([['1'], ['2'], ['3']]);
    expect(
      await rows(
        "SELECT json_extract(value, '$.exe_name') FROM events e, json_each(ancestry) WHERE e.subscriber = 'x' AND pid = 2",
      ),
    ).toEqual([['init']]);
  });

  test('of several is asked for one by one, also when a table answers more than was asked', async () => {
    const { rows, events } = fixture();
    const sql = "SELECT pid, subscriber FROM events WHERE subscriber IN ('x', 'y') AND pid = 2";
    expect(await rows(sql)).toEqual([
      ['2', 'x'],
      ['2', 'y'],
    ]);
    expect(events.contexts).toHaveLength(2);
    const both = new MemoryTable('t', route(['s', 'TEXT', 20]), [{ s: 'x' }, { s: 'y' }]);
    const all = await new SqlEngine(() => [both]).query("SELECT s FROM t WHERE s IN ('x', 'y')");
    expect(all.rows).toEqual([['x'], ['y']]);
  });
});

describe('only reading statements run', () => {
  test.each([
    ['INSERT INTO events (pid) VALUES (1)', 'table events is read-only'],
    ['UPDATE events SET pid = 1', 'table events is read-only'],
    ['DELETE FROM events WHERE pid = 1', 'table events is read-only'],
    ['CREATE TABLE x (y)', 'not authorized'],
    ['DROP TABLE events', 'not authorized'],
    ["ATTACH '/tmp/x' AS y", 'not authorized'],
    ['PRAGMA journal_mode = DELETE', 'not authorized'],
    ["VACUUM INTO '/tmp/never'", 'only a statement that returns rows can run'],
    ['BEGIN', 'not authorized'],
    ['SELEC pid', 'near "SELEC": syntax error'],
    ['SELECT nope FROM events', 'no such column: nope'],
    ['SELECT * FROM nope', 'no such table: nope'],
    ["SELECT pid FROM events WHERE path REGEXP 'x'", 'no such function: REGEXP'],
    ["SELECT load_extension('x')", 'not authorized'],
    ['SELECT 1; SELECT 2', 'one statement at a time'],
    ['-- nothing', 'The SQL query contains no statements.'],
  ])('%s: %s', async (sql, message) => {
    const { engine, events } = fixture();
    await expect(engine.query(sql)).rejects.toThrow(message);
    expect(events.contexts).toEqual([]);
  });

  test('the message of the extension is the error', async () => {
    const failing: QueryableTable = {
      definition: parseTableRoute('t', route(['a', 'TEXT'])),
      generate: async () => Promise.reject(new Error('disk on fire')),
    };
    await expect(new SqlEngine(() => [failing]).query('SELECT * FROM t')).rejects.toThrow('disk on fire');
  });
});

describe("osquery's functions", () => {
  test.each([
    ["regex_match('/usr/bin/bash', '.*/(.*)', 1)", 'bash'],
    ["REGEX_MATCH('abc', 'x', 0)", null],
    ["regex_match(NULL, 'n', 0)", null],
    ['md5(NULL)', null],
    ["regex_split('a1b22c', '[0-9]+', 2)", 'c'],
    ["regex_split('a1b', '([0-9])', 1)", 'b'],
    ["split('/usr//bin', '/', 1)", 'bin'],
    ["split('a:b;c', ':;', 2)", 'c'],
    ["split('a', ':', 1)", null],
    ["concat('a', NULL, 1)", 'a1'],
    ["concat_ws('-', 'a', 'b')", 'a-b'],
    ["to_base64('tree 🌲')", 'dHJlZSDwn4yy'],
    ["from_base64('dHJlZSDwn4yy')", 'tree 🌲'],
    ["from_base64('!')", null],
    ["conditional_to_base64('plain')", 'plain'],
    ["conditional_to_base64('ü')", 'w7w='],
    ["md5('a')", '0cc175b9c0f1b6a831c399e269772661'],
    ["sha1('a')", '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'],
    ["sha256('a')", 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ["inet_aton('1.2.3.4')", '16909060'],
    ["inet_aton('1.2.3')", null],
    ['md5(9007199254740993)', '322d1e02970a2deaaf671adaf4e026c7'],
  ])('%s is %s', async (expression, expected) => {
    expect(await fixture().rows(`SELECT ${expression}`)).toEqual([[expected]]);
  });

  test('a broken pattern is an error', async () => {
    await expect(fixture().engine.query("SELECT regex_match('a', '(', 0)")).rejects.toThrow(/regular expression/i);
  });
});
