import { DatabaseSync, type StatementSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { ColumnValue } from '../../../src/osquery/column.ts';
import type { Constraint, ConstraintOp } from '../../../src/osquery/query_context.ts';

const SQL: Partial<Record<ConstraintOp, string>> = {
  eq: '=',
  gt: '>',
  le: '<=',
  lt: '<',
  ge: '>=',
  like: 'LIKE',
  glob: 'GLOB',
  ne: '!=',
};

/** What an expression is in SQL; osquery hands over its text. */
export interface Sql {
  readonly literal: string;
}

export interface Condition {
  op: ConstraintOp;
  expressions: Sql[];
}

/** A table with one column, and what of its rows a WHERE clause leaves, by index. */
class Oracle {
  readonly #db = new DatabaseSync(':memory:');
  #type: string | undefined;

  /** As text, the way osquery reads it: sqlite3_value_text, up to a NUL. */
  expr({ literal }: Sql): string {
    const row = this.#db.prepare(`SELECT CAST(${literal} AS TEXT) AS expr`).get();
    return String(row?.expr).split('\0')[0] ?? '';
  }

  /** What osquery passes on of conditions: not those whose text is empty. */
  constraints(conditions: readonly Condition[]): Constraint[] {
    return conditions
      .flatMap(({ op, expressions }) => expressions.map((sql) => ({ op, expr: this.expr(sql) })))
      .filter(({ expr }) => expr !== '');
  }

  #emptied(type: string): StatementSync {
    if (type === this.#type) this.#db.exec('DELETE FROM t');
    else this.#db.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (i INTEGER, c ${type})`);
    this.#type = type;
    return this.#db.prepare('INSERT INTO t VALUES (?, ?)');
  }

  filter(type: string, values: readonly ColumnValue[], conditions: readonly Condition[]): number[] {
    const insert = this.#emptied(type);
    values.forEach((value, i) => {
      // osquery gives SQLite text as UTF-8, and NULL where a number's text is empty.
      const bound = typeof value === 'string' ? value.toWellFormed() : value;
      insert.run(i, bound === '' && !type.startsWith('TEXT') ? null : bound);
    });
    const where = whereClauses('c', conditions);
    const rows = this.#db.prepare(`SELECT i FROM t WHERE ${where.join(' AND ')} ORDER BY i`).all();
    return rows.map((row) => Number(row.i));
  }
}

export const oracle = new Oracle();

/** Conditions on a column as SQL, to be joined by AND. */
export function whereClauses(column: string, conditions: readonly Condition[]): string[] {
  return conditions.map(({ op, expressions }) =>
    expressions.length === 1
      ? `${column} ${SQL[op]} ${expressions[0]?.literal}`
      : `${column} IN (${expressions.map(({ literal }) => literal).join(', ')})`,
  );
}

/** The indexes of the values that a column's constraints leave. */
export type Filter = (values: readonly ColumnValue[], constraints: readonly Constraint[]) => readonly number[];

/** SQLite's rows out of all, and out of those that the filter leaves, have to be the same. */
export function agree(
  declared: string,
  values: readonly ColumnValue[],
  conditions: readonly Condition[],
  filter: Filter,
): void {
  const kept = new Set(filter(values, oracle.constraints(conditions)));
  const all = oracle.filter(declared, values, conditions);
  expect(all.filter((i) => !kept.has(i))).toEqual([]);
}

// SQL text ends at a NUL.
const quote = (value: string) =>
  value
    .split('\0')
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join(' || char(0) || ');

const alphabet = [
  'a',
  'A',
  'b',
  'B',
  'k',
  'K',
  '\u212a',
  'é',
  'É',
  'Σ',
  'ß',
  ' ',
  '%',
  '_',
  '*',
  '?',
  '0',
  '5',
  '.',
  'e',
  '-',
  '🌲',
  '\ud83c',
];
export const word = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 6 });
export const wordWithNul = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '5', ' ', '\0'), maxLength: 4 });
export const numberText = fc.oneof(
  fc.constantFrom('5', '05', ' 5 ', '5.0', '5e0', '+5', '0x5', '-0', '0', '5 x', '.5', '5.', '1e400', '99.5', ''),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer({ min: -3, max: 3 }).map(String),
);
export const sqlText = (value: fc.Arbitrary<string>): fc.Arbitrary<Sql> =>
  value.map((v) => ({ literal: quote(v.toWellFormed()) }));
export const sqlNumber: fc.Arbitrary<Sql> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).map((v) => ({ literal: String(v) })),
  fc.integer({ min: -3, max: 6 }).map((v) => ({ literal: String(v) })),
  fc.integer({ min: -3, max: 6 }).map((v) => ({ literal: `CAST(${v} AS INTEGER)` })),
  fc
    .constantFrom('5.0', '99.5', '0.1 + 0.2', '1e300', '9007199254740993.0', '-2.5', '9e999', 'CAST(9e999 AS REAL)')
    .map((literal) => ({ literal })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => ({ literal: `CAST(${quote(String(v))} AS REAL)` })),
);

/** @param equal what `=` may compare with, where that is more than what all operators may */
export function conditions(
  expression: fc.Arbitrary<Sql>,
  pattern: fc.Arbitrary<Sql>,
  equal: fc.Arbitrary<Sql> = expression,
): fc.Arbitrary<Condition[]> {
  const condition = fc.oneof(
    fc.record({
      op: fc.constantFrom<ConstraintOp>('ne', 'lt', 'le', 'gt', 'ge'),
      expressions: expression.map((sql) => [sql]),
    }),
    fc.record({
      op: fc.constant<ConstraintOp>('eq'),
      expressions: fc.array(equal, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ op: fc.constantFrom<ConstraintOp>('like', 'glob'), expressions: pattern.map((sql) => [sql]) }),
  );
  return fc.array(condition, { minLength: 1, maxLength: 3 });
}

const integers = fc.oneof(
  fc.integer({ min: -3, max: 6 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
);
const reals = fc.double({ noNaN: true, noDefaultInfinity: true });

/** What a column of numbers holds; '' is NULL. */
export const numbers: Readonly<Record<'INTEGER' | 'BIGINT' | 'DOUBLE', fc.Arbitrary<ColumnValue>>> = {
  INTEGER: fc.oneof(fc.integer({ min: -3, max: 6 }), fc.integer(), fc.constant('')),
  BIGINT: fc.oneof(integers, fc.constant('')),
  DOUBLE: fc.oneof(reals, fc.integer({ min: -3, max: 6 })),
};

/** Conditions on a column of numbers. */
export const numberConditions = conditions(
  fc.oneof(sqlText(numberText), sqlNumber),
  sqlText(fc.constantFrom('%', '5', '%5%', '-*', '*', '_', '??')),
);

/** Conditions on a column of text. An IN list takes no affinity from numbers that stand in it, a comparison does. */
export function textConditions(
  values: fc.Arbitrary<string>,
  equal: fc.Arbitrary<string> = values,
): fc.Arbitrary<Condition[]> {
  return conditions(
    fc.oneof(sqlText(values), sqlText(values), sqlNumber),
    sqlText(fc.oneof(word, fc.constantFrom('%a%', '_', '*', '%', '?*', '%5%', '[a-b]*', '*[^A]'))),
    fc.oneof(sqlText(equal), sqlText(equal), sqlNumber),
  );
}
