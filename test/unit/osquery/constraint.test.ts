import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ColumnType, type ColumnValue, text } from '../../../src/osquery/column.ts';
import { matcher, rowMatcher } from '../../../src/osquery/constraint.ts';
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
interface Sql {
  readonly literal: string;
}

interface Condition {
  op: ConstraintOp;
  expressions: Sql[];
}

/** A table with one column, and what of its rows a WHERE clause leaves, by index. */
class Oracle {
  readonly #db = new DatabaseSync(':memory:');

  /** As text, the way osquery reads it: sqlite3_value_text, up to a NUL. */
  expr({ literal }: Sql): string {
    const row = this.#db.prepare(`SELECT CAST(${literal} AS TEXT) AS expr`).get();
    return String(row?.expr).split('\0')[0] ?? '';
  }

  filter(type: string, values: readonly ColumnValue[], conditions: readonly Condition[]): number[] {
    this.#db.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (i INTEGER, c ${type})`);
    const insert = this.#db.prepare('INSERT INTO t VALUES (?, ?)');
    values.forEach((value, i) => {
      // osquery gives SQLite text as UTF-8, and NULL where a number's text is empty.
      const bound = typeof value === 'string' ? value.toWellFormed() : value;
      insert.run(i, bound === '' && !type.startsWith('TEXT') ? null : bound);
    });
    const where = conditions.map(({ op, expressions }) =>
      expressions.length === 1
        ? `c ${SQL[op]} ${expressions[0]?.literal}`
        : `c IN (${expressions.map(({ literal }) => literal).join(', ')})`,
    );
    const rows = this.#db.prepare(`SELECT i FROM t WHERE ${where.join(' AND ')} ORDER BY i`).all();
    return rows.map((row) => Number(row.i));
  }
}

const oracle = new Oracle();

/** SQLite's rows out of all, and out of those that the matcher leaves, have to be the same. */
function agree(declared: string, type: ColumnType, values: readonly ColumnValue[], conditions: readonly Condition[]) {
  const constraints: Constraint[] = conditions
    .flatMap(({ op, expressions }) => expressions.map((sql) => ({ op, expr: oracle.expr(sql) })))
    // What osquery keeps to itself.
    .filter(({ expr }) => expr !== '');
  const admits = matcher({ type }, constraints) ?? (() => true);
  const kept = new Set(values.flatMap((value, i) => (admits(value) ? [i] : [])));
  const all = oracle.filter(declared, values, conditions);
  expect(all.filter((i) => !kept.has(i))).toEqual([]);
  return { kept: kept.size, all: all.length };
}

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`;

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
const word = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 6 });
const numberText = fc.oneof(
  fc.constantFrom('5', '05', ' 5 ', '5.0', '5e0', '+5', '0x5', '-0', '0', '5 x', '.5', '5.', '1e400', '99.5', ''),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer({ min: -3, max: 3 }).map(String),
);
const sqlText = (value: fc.Arbitrary<string>): fc.Arbitrary<Sql> =>
  value.map((v) => ({ literal: quote(v.toWellFormed()) }));
const sqlNumber: fc.Arbitrary<Sql> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).map((v) => ({ literal: String(v) })),
  fc.integer({ min: -3, max: 6 }).map((v) => ({ literal: String(v) })),
  fc.integer({ min: -3, max: 6 }).map((v) => ({ literal: `CAST(${v} AS INTEGER)` })),
  fc.constantFrom('5.0', '99.5', '0.1 + 0.2', '1e300', '9007199254740993.0', '-2.5').map((literal) => ({ literal })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => ({ literal: `CAST(${quote(String(v))} AS REAL)` })),
);

function conditions(expression: fc.Arbitrary<Sql>, pattern: fc.Arbitrary<Sql>): fc.Arbitrary<Condition[]> {
  const condition = fc.oneof(
    fc.record({
      op: fc.constantFrom<ConstraintOp>('eq', 'ne', 'lt', 'le', 'gt', 'ge'),
      expressions: expression.map((sql) => [sql]),
    }),
    fc.record({
      op: fc.constant<ConstraintOp>('eq'),
      expressions: fc.array(expression, { minLength: 2, maxLength: 4 }),
    }),
    fc.record({ op: fc.constantFrom<ConstraintOp>('like', 'glob'), expressions: pattern.map((sql) => [sql]) }),
  );
  return fc.array(condition, { minLength: 1, maxLength: 3 });
}

const RUNS = { numRuns: 1500 };

describe('a superset of what SQLite keeps', () => {
  test.each(['TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM'])('of %s', (declared) => {
    const value = fc.oneof(word, numberText);
    // An IN list takes no affinity from numbers that stand in it, a comparison does.
    const expression = fc.oneof(sqlText(value), sqlText(value), sqlNumber);
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        conditions(expression, sqlText(fc.oneof(word, fc.constantFrom('%a%', '_', '*', '%', '?*', '%5%')))),
        (values, where) => {
          agree(declared, 'TEXT', values, where);
        },
      ),
      RUNS,
    );
  });

  test.each<[string, ColumnType]>([
    ['BIGINT', 'BIGINT'],
    ['DOUBLE', 'DOUBLE'],
  ])('of %s', (declared, type) => {
    const big = fc.oneof(
      fc.integer({ min: -3, max: 6 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
    );
    const value: fc.Arbitrary<ColumnValue> =
      type === 'BIGINT'
        ? fc.oneof(big, fc.constant(''))
        : fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -3, max: 6 }));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        conditions(
          fc.oneof(sqlText(numberText), sqlNumber),
          sqlText(fc.constantFrom('%', '5', '%5%', '-*', '*', '_', '??')),
        ),
        (values, where) => {
          agree(declared, type, values, where);
        },
      ),
      RUNS,
    );
  });

  test('text with a NUL inside', () => {
    const values = ['a\0b', 'a', 'ab', '\0'];
    for (const literal of ["'a'", "'a' || char(0) || 'b'"]) {
      for (const op of ['eq', 'like', 'glob'] as const)
        agree('TEXT', 'TEXT', values, [{ op, expressions: [{ literal }] }]);
    }
  });

  test('bytes that are no UTF-8', () => {
    const literal = "CAST(X'61ff' AS TEXT)";
    for (const op of ['eq', 'ne', 'like'] as const) {
      const admits = matcher({ type: 'TEXT' }, [{ op, expr: 'a\ufffd' }]);
      expect(admits).toBeUndefined();
      agree('TEXT', 'TEXT', ['a', 'a\ufffd', 'a\ud800'], [{ op, expressions: [{ literal }] }]);
    }
  });
});

describe('what is left out', () => {
  const kept = (type: ColumnType, values: ColumnValue[], ...constraints: [ConstraintOp, string][]) => {
    const admits = matcher(
      { type },
      constraints.map(([op, expr]) => ({ op, expr })),
    );
    return admits ? values.filter(admits) : 'everything';
  };

  test('several eq are any of them, other operators all of them', () => {
    expect(kept('BIGINT', [1, 2, 3, 4], ['eq', '1'], ['eq', '3'])).toEqual([1, 3]);
    expect(kept('BIGINT', [1, 2, 3, 4], ['gt', '1'], ['lt', '4'], ['ne', '2'])).toEqual([3]);
    expect(kept('BIGINT', [1, 2, 3, 4], ['gt', '2.5'])).toEqual([3, 4]);
  });

  test('text is equal without regard to ASCII case and trailing spaces, and no further', () => {
    expect(kept('TEXT', ['a', 'A', 'a ', 'a\t', ' a', 'ab', 'á'], ['eq', 'A'])).toEqual(['a', 'A', 'a ']);
  });

  test('integers of 64 bits are told apart', () => {
    const values = [2n ** 63n - 1n, 2n ** 63n - 2n, 9007199254740993n, 9007199254740992];
    expect(kept('BIGINT', values, ['eq', '9223372036854775807'])).toEqual([2n ** 63n - 1n]);
    expect(kept('BIGINT', values, ['lt', '9007199254740993'])).toEqual([9007199254740992]);
  });

  test('a number that is no number, hex and order of text do not filter', () => {
    expect(kept('BIGINT', [1], ['eq', 'abc'])).toBe('everything');
    expect(kept('BIGINT', [1], ['gt', '0x10'])).toBe('everything');
    expect(kept('BIGINT', [1], ['eq', '1'], ['eq', 'abc'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['gt', 'z'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['glob', '[a]'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['unsupported', 'z'], ['match', 'z'], ['regexp', 'z'])).toBe('everything');
    expect(matcher({ type: 'TEXT' }, undefined)).toBeUndefined();
  });

  test('a real number is what its fifteen digits may stand for', () => {
    expect(kept('DOUBLE', [0.1 + 0.2, 0.31], ['eq', '0.3'])).toEqual([0.1 + 0.2]);
    expect(kept('DOUBLE', [0.1 + 0.2, 0.29], ['gt', '0.3'])).toEqual([0.1 + 0.2]);
    expect(kept('BIGINT', [9007199254740993n, 9007199254741993n], ['lt', '9.00719925474099e+15'])).toEqual([
      9007199254740993n,
    ]);
    expect(kept('TEXT', ['0.3'], ['ne', '0.3'])).toBe('everything');
    expect(kept('DOUBLE', [0.3], ['ne', '0.3'])).toBe('everything');
  });

  test('text is compared with a number as one', () => {
    expect(kept('TEXT', ['05', ' 5.0 ', '5e0', '6', 'x5'], ['eq', '5'])).toEqual(['05', ' 5.0 ', '5e0']);
  });

  test('an empty number is NULL, which nothing is equal to or different from', () => {
    expect(kept('BIGINT', ['', 0], ['eq', '0'])).toEqual([0]);
    expect(kept('BIGINT', ['', 0], ['ne', '1'])).toEqual([0]);
  });

  test('what osquery makes of an odd number is not guessed', () => {
    expect(kept('BIGINT', ['010', '0x1', 1.5, 'x'], ['eq', '7'])).toEqual(['010', '0x1', 1.5, 'x']);
    expect(kept('INTEGER', [2 ** 32 + 1], ['eq', '1'])).toEqual([2 ** 32 + 1]);
  });

  test('LIKE and GLOB filter text and the text of numbers', () => {
    expect(kept('TEXT', ['/usr/bin/ls', '/USR/x', '/tmp'], ['like', '/usr/%'])).toEqual(['/usr/bin/ls', '/USR/x']);
    expect(kept('TEXT', ['/usr/bin/ls', '/USR/x'], ['glob', '/usr/*'])).toEqual(['/usr/bin/ls']);
    expect(kept('TEXT', ['a🌲b', 'axxb'], ['like', 'a_b'])).toEqual(['a🌲b']);
    expect(kept('BIGINT', [101, 12n, 7], ['like', '1%'])).toEqual([101, 12n]);
  });

  test('rows are checked by every column that has a constraint', () => {
    const columns = [text('a', '', (row: string[]) => row[0] ?? ''), text('b', '', (row: string[]) => row[1] ?? '')];
    const constraints = new Map([
      ['a', [{ op: 'eq' as const, expr: 'x' }]],
      ['b', [{ op: 'ne' as const, expr: 'y' }]],
    ]);
    const admits = rowMatcher(columns, { constraints });
    expect(
      [
        ['x', 'y'],
        ['x', 'z'],
        ['w', 'z'],
      ].filter((row) => admits?.(row)),
    ).toEqual([['x', 'z']]);
    expect(rowMatcher(columns, { constraints: new Map() })).toBeUndefined();
  });
});

test('a pattern made to go back often costs linear time, and admits what it gives up on', () => {
  const value = 'a'.repeat(200_000);
  const pattern = `%${'a'.repeat(2000)}b%`;
  const admits = matcher({ type: 'TEXT' }, [{ op: 'like', expr: pattern }]);
  const start = performance.now();
  expect(admits?.(value)).toBe(true);
  expect(performance.now() - start).toBeLessThan(200);
});

test('long numbers in long text cost linear time', () => {
  const admits = matcher({ type: 'TEXT' }, [{ op: 'eq', expr: '5' }]);
  const start = performance.now();
  for (const value of ['1'.repeat(200_000), `${' '.repeat(200_000)}x`, `1${' '.repeat(200_000)}x`]) admits?.(value);
  expect(performance.now() - start).toBeLessThan(200);
});
