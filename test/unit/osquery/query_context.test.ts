import { describe, expect, test } from 'vitest';
import { parseQueryContext, type QueryContext, QueryContextError } from '../../../src/osquery/query_context.ts';
import { QUERIES, QUERIES_WITHOUT_DEFAULT_INDEX, recordedTables } from './recording.ts';

const tables = new Map(recordedTables(() => []).map((table) => [table.name, table]));

function columnsOf(table: string) {
  const found = tables.get(table);
  if (!found) throw new Error(`no table ${table}`);
  return found.columns;
}

function contextsOf(sql: string): QueryContext[] {
  const query = QUERIES.find((recorded) => recorded.sql === sql);
  if (!query) throw new Error(`not recorded: ${sql}`);
  return query.calls.map(({ item, request }) => parseQueryContext(request.context ?? '', columnsOf(item)));
}

function plain({ constraints }: QueryContext): Record<string, string[]> {
  return Object.fromEntries(
    [...constraints].map(([column, list]) => [column, list.map(({ op, expr }) => `${op} ${expr}`)]),
  );
}

// The operators once more, from sqlite3.h.
const SQLITE_OPS: Record<number, string> = {
  2: 'eq',
  4: 'gt',
  8: 'le',
  16: 'lt',
  32: 'ge',
  65: 'like',
  66: 'glob',
  68: 'ne',
};

describe.each([
  ['with extensions_default_index', QUERIES],
  ['without extensions_default_index', QUERIES_WITHOUT_DEFAULT_INDEX],
])('recorded queries %s', (_name, queries) => {
  test.each(queries)('$sql', ({ calls }) => {
    for (const { item, request } of calls) {
      const json: {
        constraints: { name: string; list: { op: number; expr: string }[] }[];
        colsUsed?: string[];
      } = JSON.parse(request.context ?? '');
      const expected: Record<string, string[]> = {};
      let limit: number | undefined;
      let offset: number | undefined;
      for (const { name, list } of json.constraints) {
        for (const { op, expr } of list) {
          if (op === 73) limit = Number(expr);
          else if (op === 74) offset = Number(expr);
          else expected[name] = [...(expected[name] ?? []), `${SQLITE_OPS[op]} ${expr}`];
        }
      }
      const context = parseQueryContext(request.context ?? '', columnsOf(item));
      expect(plain(context)).toEqual(expected);
      expect(context.limit).toBe(limit);
      expect(context.offset).toBe(offset);
      expect(context.columnsUsed && [...context.columnsUsed]).toEqual(json.colsUsed);
    }
  });
});

describe('what a query means', () => {
  test('an IN list on an optimized column is one call with several eq', () => {
    const contexts = contextsOf('SELECT * FROM process_ancestry_events WHERE pid IN (100, 101, 102)');
    expect(contexts.map(plain)).toEqual([{ pid: ['eq 100', 'eq 101', 'eq 102'] }]);
  });

  test('an IN list on a plain column is a call for each value', () => {
    const contexts = contextsOf("SELECT pid FROM process_ancestry_events WHERE subscriber IN ('a', 'b')");
    expect(contexts.map(plain)).toEqual([{ subscriber: ['eq a'] }, { subscriber: ['eq b'] }]);
  });

  test('LIMIT and OFFSET are no constraints on the first column', () => {
    const [context] = contextsOf('SELECT pid FROM process_ancestry_events LIMIT 1 OFFSET 1');
    expect(context).toEqual({ constraints: new Map(), columnsUsed: new Set(['pid']), limit: 1, offset: 1 });
  });

  test('a LIMIT comes with ORDER BY as well, so it must not end a scan', () => {
    const [context] = contextsOf('SELECT pid FROM process_ancestry_events ORDER BY time DESC LIMIT 1');
    expect(context).toMatchObject({ limit: 1, columnsUsed: new Set(['time', 'pid']) });
  });

  test('a LIMIT beside a constraint leaves the constraint', () => {
    const [context] = contextsOf('SELECT pid FROM process_ancestry_events WHERE pid = 101 LIMIT 1');
    expect(context && plain(context)).toEqual({ pid: ['eq 101'] });
    expect(context?.limit).toBe(1);
  });

  test('BETWEEN is ge and le', () => {
    const [context] = contextsOf('SELECT * FROM process_ancestry_events WHERE time BETWEEN 1700000000 AND 1700000001');
    expect(context && plain(context)).toEqual({ time: ['ge 1700000000', 'le 1700000001'] });
  });

  test('quotes, backslashes and emoji arrive as they are', () => {
    const query = QUERIES.find(({ sql }) => sql.includes('🌲'));
    const [context] = contextsOf(query?.sql ?? '');
    expect(context && plain(context)).toEqual({ cmdline: ['eq it\'s "quoted" \\ ü 🌲'] });
  });

  test('NOT LIKE and an empty text are not pushed down', () => {
    for (const sql of [
      "SELECT * FROM process_ancestry_events WHERE path NOT LIKE '/tmp/%'",
      "SELECT * FROM process_ancestry_events WHERE path = ''",
    ]) {
      expect(contextsOf(sql).map(plain)).toEqual([{}]);
    }
  });

  test('COUNT(*) uses no column', () => {
    expect(contextsOf('SELECT COUNT(*) FROM process_ancestry_events')[0]?.columnsUsed).toEqual(new Set());
  });

  test('a join asks once per outer row', () => {
    const contexts = contextsOf(
      'SELECT pe.pid, pp.path FROM process_ancestry_events pe LEFT JOIN process_ancestry_events pp ON pe.parent = pp.pid',
    );
    expect(contexts.map(plain)).toEqual([{}, { pid: ['eq 99'] }, { pid: ['eq 100'] }, { pid: ['eq 101'] }]);
  });

  test('DELETE and UPDATE come with an empty context', () => {
    for (const sql of [
      'DELETE FROM process_ancestry_events WHERE pid = 100',
      "UPDATE process_ancestry_events SET path = 'x' WHERE pid = 100",
    ]) {
      expect(contextsOf(sql)[1]).toEqual({ constraints: new Map(), columnsUsed: undefined });
    }
  });
});

describe('a context that osquery does not send', () => {
  const columns = [{ name: 'pid' }];

  test.each([
    ['', 'context is not JSON: "" (0 characters)'],
    ['{"constraints":', 'context is not JSON'],
    ['[]', 'context is a list, not an object'],
    ['null', 'context is null, not an object'],
    ['{"constraints":{}}', 'context: constraints is an object, not a list'],
    ['{"constraints":[1]}', 'context: a constraint is a number, not an object'],
    ['{"constraints":[{"list":[]}]}', "context: a constraint's name is missing"],
    ['{"constraints":[{"name":"pid","list":{}}]}', 'context: constraints of pid is an object, not a list'],
    ['{"constraints":[{"name":"pid","list":[{"op":2,"expr":1}]}]}', 'but {op: a number, expr: a number}'],
    ['{"constraints":[{"name":"pid","list":[{"op":"=","expr":"1"}]}]}', 'a constraint on pid is not'],
    ['{"constraints":[],"colsUsed":[1]}', 'context: colsUsed holds a number, not names'],
    ['{"constraints":[],"colsUsed":7}', 'context: colsUsed is a number, not a list'],
  ])('%s is refused', (json, message) => {
    expect(() => parseQueryContext(json, columns)).toThrow(QueryContextError);
    expect(() => parseQueryContext(json, columns)).toThrow(message);
  });

  test('nesting by the megabyte is refused before it is parsed', () => {
    expect(() => parseQueryContext('['.repeat(4_000_000), columns)).toThrow('nested deeper than 8');
  });

  test('brackets within text are not nesting', () => {
    const expr = `"${'['.repeat(300_000)}\\"`;
    const json = JSON.stringify({ constraints: [{ name: 'pid', list: [{ op: 2, expr }] }] });
    expect(parseQueryContext(json, columns).constraints.get('pid')?.[0]?.expr).toBe(expr);
  });

  test('an unknown operator does not filter', () => {
    const json = '{"constraints":[{"name":"pid","list":[{"op":72,"expr":"1"}]}]}';
    expect(plain(parseQueryContext(json, columns))).toEqual({ pid: ['unsupported 1'] });
  });

  test('columns that the table does not have are left out', () => {
    const json = '{"constraints":[{"name":"gone","list":[{"op":2,"expr":"1"}]}],"colsUsed":["gone","pid"]}';
    expect(parseQueryContext(json, columns)).toEqual({ constraints: new Map(), columnsUsed: new Set(['pid']) });
  });

  test('operators as text and empty lists as "" of older versions are read', () => {
    const json =
      '{"constraints":[{"name":"pid","list":[{"op":"2","expr":"1"}]},{"name":"path","list":"","affinity":"TEXT"}]}';
    expect(plain(parseQueryContext(json, columns))).toEqual({ pid: ['eq 1'] });
  });

  test('a negative LIMIT is none', () => {
    const json = '{"constraints":[{"name":"pid","list":[{"op":73,"expr":"-1"}]}]}';
    expect(parseQueryContext(json, columns).limit).toBeUndefined();
  });
});
