import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pushDown } from '../../../../src/commands/shell/push_down.ts';
import { queryContext } from '../../../../src/commands/shell/query_context.ts';
import { parseTableRoute } from '../../../../src/commands/shell/registered_table.ts';
import { recordedRoutes } from './stand_in_extension.ts';

interface Recording {
  readonly sql: string;
  readonly status: { code: number };
  readonly calls: readonly { item: string; request: { action: string; context: string } }[];
}

const tables = new Map(Object.entries(recordedRoutes()).map(([name, route]) => [name, parseTableRoute(name, route)]));
const recordings: Recording[] = readFileSync(
  new URL('../../../fixtures/osquery-wire/queries.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

function table(name: string) {
  const found = tables.get(name);
  if (found === undefined) throw new Error(name);
  return found;
}

function pushed(sql: string, name = 'process_ancestry_events') {
  return pushDown(sql, table(name)).calls.map((call) => call.map(({ column, op, expr }) => [column, op, expr]));
}

/** LIMIT and OFFSET, which osquery sends as if they were constraints, are not pushed down here. */
const limitOps = new Set([73, 74]);

function constraintsOf(context: string) {
  const { constraints } = JSON.parse(context);
  return constraints.flatMap(({ name, list }: { name: string; list: { op: number; expr: string }[] }) =>
    list.filter(({ op }) => !limitOps.has(op)).map(({ op, expr }) => [name, op, expr]),
  );
}

/** Recorded statements of which osquery pushes more constraints than this code, with the reason. SQLite checks them. */
const leftToSqlite = [
  /strftime/, // an expression
  / OR /,
  /^WITH/,
  /^DELETE|^UPDATE|^INSERT/,
  / JOIN /, // one call a row of the other table
  /IN \(SELECT/,
  /\(SELECT cmdline/,
];
const comparable = recordings.filter(
  ({ sql, calls }) => calls.length > 0 && !leftToSqlite.some((pattern) => pattern.test(sql)),
);

test('most of the recorded statements are compared', () => {
  expect(comparable.length).toBeGreaterThan(40);
});

test.each(comparable.map((recording) => [recording.sql, recording] as const))('as recorded: %s', (sql, { calls }) => {
  for (const name of new Set(calls.map(({ item }) => item))) {
    const own = calls.filter(({ item }) => item === name);
    const sent = pushDown(sql, table(name)).calls.map((constraints) =>
      queryContext(table(name), new Set(), constraints),
    );
    expect(sent.map(constraintsOf)).toEqual(own.map(({ request }) => constraintsOf(request.context)));
  }
});

test.each(
  recordings.filter(({ calls }) => calls[0]?.request.action === 'generate').map((one) => [one.sql, one] as const),
)('the context is the recorded one, byte by byte but for the order of colsUsed: %s', (_, { calls }) => {
  for (const { item, request } of calls.filter(({ request }) => request.action === 'generate')) {
    const { constraints, colsUsed } = JSON.parse(request.context);
    const flat = constraints.flatMap((one: { name: string; list: { op: number; expr: string }[] }) =>
      one.list.map(({ op, expr }) => ({ column: one.name, op, expr })),
    );
    const made = queryContext(table(item), new Set(colsUsed), flat);
    const withoutUsed = (text: string) => text.replace(/"colsUsed":\[.*?\]/, '');
    // An UPDATE uses columns by position, including the rowid: its mask has bits without a column.
    if (!_.startsWith('UPDATE')) expect(withoutUsed(made)).toBe(withoutUsed(request.context));
    expect(JSON.parse(made).colsUsed.toSorted()).toEqual(colsUsed.toSorted());
  }
});

describe('all other conditions are left to SQLite', () => {
  const from = 'SELECT * FROM process_ancestry_events';
  test.each([
    [`${from} WHERE pid = 1 OR pid = 2`],
    [`${from} WHERE pid = 1 AND pid = 2 OR pid = 3`],
    [`${from} WHERE NOT pid = 1`],
    [`${from} WHERE pid = parent`],
    [`${from} WHERE pid + 0 = 1`],
    [`${from} WHERE (pid = 1)`],
    [`${from} WHERE pid = 1 = 0`],
    [`${from} WHERE pid = 1 + 1`],
    [`${from} WHERE pid IS 1`],
    [`${from} WHERE pid = NULL`],
    [`${from} WHERE pid NOT IN (1)`],
    [`${from} WHERE pid NOT BETWEEN 1 AND 2`],
    [`${from} WHERE path NOT LIKE 'x'`],
    [`${from} WHERE path LIKE 'x\\%' ESCAPE '\\'`],
    [`${from} WHERE path = 'x' COLLATE NOCASE`],
    [`${from} WHERE path = "x"`],
    [`${from} WHERE path = 1.50`],
    [`${from} WHERE pid = 1e3`],
    [`${from} WHERE pid = 0x10`],
    [`${from} WHERE pid = 9223372036854775808`],
    [`${from} WHERE pid LIKE '1%'`],
    [`${from} WHERE time IN (1, 2)`],
    [`${from} WHERE path IN ('a', '')`],
    [`${from} WHERE CASE WHEN pid = 1 AND uid = 2 THEN 1 END`],
    [`${from} WHERE nope = 1`],
    [`${from} WHERE other.pid = 1`],
    [`${from} AS e WHERE process_ancestry_events.pid = 1`],
    [`${from} WHERE pid IS NOT DISTINCT FROM 1 AND uid = 1`],
    [`${from} WHERE pid = 1 UNION ${from} WHERE pid = 2`],
    [`${from} WHERE pid = 1 UNION SELECT 1`],
    [`${from} e WHERE e.pid = 1 AND uid IN (SELECT uid FROM process_ancestry_events)`],
    [`SELECT * FROM process_ancestry_events a JOIN process_ancestry_events b WHERE a.pid = 1`],
    [`SELECT * FROM (${from}) WHERE pid = 1`],
    [`SELECT (SELECT COUNT(*) FROM process_ancestry_events) WHERE pid = 1`],
    [`WITH e AS (${from}) SELECT * FROM e WHERE pid = 1`],
    [`SELECT * FROM process_ancestry_events NATURAL JOIN process_ancestry WHERE pid = 1`],
    [`SELECT * FROM process_ancestry a LEFT JOIN process_ancestry_events e ON e.pid = 1`],
    [`${from} GROUP BY pid HAVING pid = 1`],
    [`EXPLAIN ${from} WHERE pid = 1`],
  ])('%s', (sql) => {
    expect(pushed(sql)).toEqual([[]]);
  });
});

describe('plain comparisons are pushed, also beside others', () => {
  test.each([
    [
      `SELECT * FROM process_ancestry_events WHERE pid = 1 AND path NOT LIKE 'x' AND uid = 2`,
      [
        ['pid', 2, '1'],
        ['uid', 2, '2'],
      ],
    ],
    ['SELECT * FROM process_ancestry_events e WHERE e.PID = +1 ORDER BY time LIMIT 3', [['pid', 2, '1']]],
    ['SELECT * FROM "process_ancestry_events" AS [e] WHERE [e]."pid" <> 007;', [['pid', 68, '7']]],
    [
      'SELECT * FROM process_ancestry_events WHERE time BETWEEN 1 AND 2 AND pid BETWEEN parent AND 9',
      [
        ['time', 32, '1'],
        ['time', 8, '2'],
      ],
    ],
    [
      "SELECT value FROM process_ancestry_events e, json_each(e.ancestry) WHERE subscriber = 'x'",
      [['subscriber', 2, 'x']],
    ],
    [
      "SELECT * FROM process_ancestry a LEFT JOIN process_ancestry_events e ON e.pid = a.pid WHERE e.subscriber = 'x'",
      [['subscriber', 2, 'x']],
    ],
    [
      "SELECT pid FROM process_ancestry_events -- WHERE uid = 1\nWHERE /* pid = 2 AND */ path == 'a--b'",
      [['path', 2, 'a--b']],
    ],
    ['SELECT CASE WHEN uid = 0 OR 1 THEN 1 END FROM process_ancestry_events WHERE pid > -5', [['pid', 4, '-5']]],
    ['SELECT COUNT(*) FROM process_ancestry_events WHERE pid = 1 GROUP BY uid HAVING uid = 3 OR 1', [['pid', 2, '1']]],
  ])('%s', (sql, expected) => {
    expect(pushed(sql)).toEqual([expected]);
  });

  test.each([
    "WITH new AS MATERIALIZED (SELECT pid FROM process_ancestry_events WHERE subscriber = 'x') SELECT * FROM new",
    "WITH o(a) AS (SELECT 1), new AS (SELECT pid FROM process_ancestry_events e WHERE e.subscriber = 'x' AND (uid = 1 OR gid = 1)) SELECT * FROM new JOIN o",
  ])('of the common table expression that reads the table: %s', (sql) => {
    expect(pushed(sql)).toEqual([[['subscriber', 2, 'x']]]);
  });

  test.each([
    'WITH a AS (SELECT 1) SELECT * FROM process_ancestry_events WHERE pid = 1 OR uid = 1',
    'WITH a AS (SELECT pid FROM process_ancestry_events) SELECT * FROM a WHERE pid = 1',
    'WITH a AS (SELECT pid FROM process_ancestry_events WHERE pid = 1) SELECT * FROM a, process_ancestry_events',
    'WITH a AS (SELECT pid FROM process_ancestry_events WHERE pid = 1 UNION SELECT 2) SELECT * FROM a',
    'WITH a AS (SELECT * FROM (SELECT pid FROM process_ancestry_events WHERE pid = 1)) SELECT * FROM a',
    'WITH a AS (SELECT pid FROM process_ancestry_events WHERE pid = 1',
  ])('nothing where it is not that clear: %s', (sql) => {
    expect(pushed(sql)).toEqual([[]]);
  });

  test('IN on a text column that is not OPTIMIZED is a call per value', () => {
    const sql = "SELECT pid FROM process_ancestry_events WHERE subscriber IN ('a', 'b', 'a') AND time > 5";
    expect(pushed(sql)).toEqual([
      [
        ['time', 4, '5'],
        ['subscriber', 2, 'a'],
      ],
      [
        ['time', 4, '5'],
        ['subscriber', 2, 'b'],
      ],
    ]);
  });
});
