import { expect, test } from 'vitest';
import { fetchRows, spans } from '../../../../src/commands/tree/fetch_rows.ts';
import type { Row } from '../../../../src/commands/tree/rows.ts';
import type { Asked, TableReader } from '../../../../src/commands/tree/table_reader.ts';
import { ExtensionError } from '../../../../src/osquery/index.ts';

/** Tables of these rows, and their queries. */
class Answers implements TableReader {
  readonly asked: { table: string; columns: readonly string[]; rows: number }[] = [];
  readonly #tables: Readonly<Record<string, readonly Row[]>>;

  constructor(tables: Readonly<Record<string, readonly Row[]>>) {
    this.#tables = tables;
  }

  read(table: string, columns: readonly string[], asked: readonly Asked[] = []): Promise<readonly Row[]> {
    const equal = asked.filter(({ op }) => op === '=');
    const rows = (this.#tables[table] ?? []).filter(
      (row) =>
        (equal.length === 0 || equal.some(({ column, value }) => row[column] === value)) &&
        asked.every(({ column, op, value }) =>
          op === '=' ? true : op === '>=' ? Number(row[column]) >= Number(value) : Number(row[column]) <= Number(value),
        ),
    );
    this.asked.push({ table, columns, rows: rows.length });
    return Promise.resolve(rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name] ?? '']))));
  }
}

const event = (n: number, time: number, more: Row = {}): Row => ({
  ...{ eid: String(n).padStart(10, '0'), time: String(time), action: 'exec', pid: String(n), entity_id: `b.${n}.1` },
  ...{ args: '["x"]', ancestry: '[]' },
  ...more,
});

test('all rows are asked for, some thousands at a time, and each comes once', async () => {
  const rows = Array.from({ length: 12_000 }, (_, n) => event(n, 100 + Math.floor(n / 7)));
  const answers = new Answers({ process_ancestry_events: rows });
  const { events } = await fetchRows(answers, undefined);
  expect(events.map(({ pid }) => pid)).toEqual(rows.map((_, n) => n));
  const [times, ...pieces] = answers.asked.filter(({ table }) => table === 'process_ancestry_events');
  expect(times?.columns).toEqual(['time']);
  expect(pieces.length).toBeGreaterThan(2);
  expect(Math.max(...pieces.map((piece) => piece.rows))).toBeLessThan(5_010);
  expect(pieces.every(({ columns }) => !columns.includes('ancestry'))).toBe(true);
});

test('rows before the wanted time are not asked for', async () => {
  const answers = new Answers({ process_ancestry_events: [event(1, 100), event(2, 200)] });
  expect((await fetchRows(answers, 150)).events.map(({ pid }) => pid)).toEqual([2]);
  expect(Math.max(...answers.asked.map(({ rows }) => rows))).toBe(1);
});

test('ancestors are asked for only when no other row has a parent', async () => {
  const ancestry = JSON.stringify([
    { pid: 7, entity_id: 'b.7.1', path: '/bin/sh', cmdline: 'sh', exe_name: 'sh', proc_time: 1, uid: 0 },
  ]);
  const answers = new Answers({
    process_ancestry_events: [
      event(1, 100),
      event(2, 100, { parent_entity_id: 'b.1.1', ancestry }),
      event(3, 100, { parent_entity_id: 'b.7.1', ancestry }),
      event(4, 100, { parent_entity_id: 'b.7.1', ancestry }),
    ],
  });
  expect((await fetchRows(answers, undefined)).ancestors.map(({ pid }) => pid)).toEqual([7]);
  expect(answers.asked.filter(({ columns }) => columns.includes('ancestry'))).toMatchObject([{ rows: 1 }]);
});

test('rows that are too large for one answer are asked for in smaller parts', async () => {
  const rows = Array.from({ length: 400 }, (_, n) => event(n, 100 + Math.floor(n / 10)));
  const answers = new Answers({ process_ancestry_events: rows });
  const read = answers.read.bind(answers);
  const bounded = (most: number): TableReader => ({
    read: async (table, columns, asked) => {
      const found = await read(table, columns, asked);
      if (columns.includes('args') && found.length > most) throw new Error('the answer would be larger');
      return found;
    },
  });
  const { events } = await fetchRows(bounded(60), undefined);
  expect(events.map(({ pid }) => pid)).toEqual(rows.map((_, n) => n));
  await expect(fetchRows(bounded(5), undefined)).rejects.toThrow('the answer would be larger');
});

test('an extension that does not answer is asked once', async () => {
  let asked = 0;
  const silent: TableReader = {
    read: (_, columns) => {
      if (!columns.includes('args')) return Promise.resolve([{ time: '1' }, { time: '9' }]);
      asked++;
      return Promise.reject(new ExtensionError('timeout', 'no answer'));
    },
  };
  await expect(fetchRows(silent, undefined)).rejects.toThrow('no answer');
  expect(asked).toBe(1);
});

test('spans of time cover every row, and a second is never in two', () => {
  const times = [1, 1, 1, 2, 3, 3, 9];
  expect(spans(times, 2)).toEqual([
    { first: 1, last: 1 },
    { first: 2, last: 3 },
    { first: 9, last: 9 },
  ]);
  expect(spans([], 2)).toEqual([]);
});
