import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ColumnOption, type ColumnValue } from '../../../src/osquery/column.ts';
import { integerBounds, type SqlColumn, sqlCondition } from '../../../src/osquery/constraint_sql.ts';
import type { Constraint, ConstraintOp } from '../../../src/osquery/query_context.ts';
import {
  agree,
  type Filter,
  numberConditions,
  numbers,
  numberText,
  textConditions,
  word,
  wordWithNul,
} from './sqlite_oracle.ts';

/** A table of ours with one column, indexed as a look-up wants it. */
class Store {
  readonly #db = new DatabaseSync(':memory:');
  readonly #column: SqlColumn;

  constructor(column: SqlColumn) {
    this.#column = column;
    const isText = column.type === 'TEXT';
    // Without a type, so that an integer stays one in a DOUBLE column.
    this.#db.exec(`
      CREATE TABLE t (i INTEGER PRIMARY KEY, c ${isText ? 'TEXT COLLATE NOCASE NOT NULL' : ''});
      CREATE INDEX by_c ON t (${isText ? "rtrim(c, ' ') COLLATE NOCASE" : 'c'})`);
  }

  fill(values: readonly ColumnValue[]): void {
    this.#db.exec('DELETE FROM t');
    const insert = this.#db.prepare('INSERT INTO t VALUES (?, ?)');
    values.forEach((value, i) => {
      const isNumber = this.#column.type !== 'TEXT';
      insert.run(
        i,
        isNumber && value === ''
          ? null
          : isNumber && typeof value === 'number' && Number.isSafeInteger(value)
            ? BigInt(value)
            : value,
      );
    });
  }

  select(constraints: readonly Constraint[]): number[] {
    const { sql, params } = sqlCondition(this.#column, 'c', constraints) ?? { sql: 'TRUE', params: [] };
    const rows = this.#db.prepare(`SELECT i FROM t WHERE ${sql} ORDER BY i`).all(...params);
    return rows.map(({ i }) => Number(i));
  }

  plan(constraints: readonly Constraint[]): string {
    const { sql, params } = sqlCondition(this.#column, 'c', constraints) ?? { sql: 'TRUE', params: [] };
    const rows = this.#db.prepare(`EXPLAIN QUERY PLAN SELECT * FROM t WHERE ${sql}`).all(...params);
    return rows.map(({ detail }) => detail).join('\n');
  }
}

function selecting(column: SqlColumn): Filter {
  const store = new Store(column);
  return (values, constraints) => {
    store.fill(values);
    return store.select(constraints);
  };
}

const listed = (constraints: readonly [ConstraintOp, string][]): Constraint[] =>
  constraints.map(([op, expr]) => ({ op, expr }));

function kept<Value extends ColumnValue>(
  column: SqlColumn,
  values: Value[],
  ...constraints: [ConstraintOp, string][]
): Value[] | 'everything' {
  if (sqlCondition(column, 'c', listed(constraints)) === undefined) return 'everything';
  const store = new Store(column);
  store.fill(values);
  const rows = new Set(store.select(listed(constraints)));
  return values.filter((_, i) => rows.has(i));
}

const textColumn: SqlColumn = { type: 'TEXT', options: ColumnOption.default };
const bigintColumn: SqlColumn = { type: 'BIGINT' };

const RUNS = { numRuns: 2000 };

describe('a superset of what SQLite keeps', () => {
  const declared = ['TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM'];

  test.each(declared)('of %s', (type) => {
    const value = fc.oneof(word, numberText);
    const select = selecting({ type: 'TEXT' });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        textConditions(value, fc.oneof(value, wordWithNul)),
        (values, where) => agree(type, values, where, select),
      ),
      RUNS,
    );
  });

  test.each(declared)('of %s with a NUL inside', (type) => {
    const value = fc.oneof(word, numberText, wordWithNul);
    const select = selecting({ type: 'TEXT', mayHoldNul: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        textConditions(fc.oneof(word, numberText), value),
        (values, where) => agree(type, values, where, select),
      ),
      RUNS,
    );
  });

  test.each(['INTEGER', 'BIGINT', 'DOUBLE'] as const)('of %s', (type) => {
    const select = selecting({ type });
    fc.assert(
      fc.property(fc.array(numbers[type], { minLength: 1, maxLength: 12 }), numberConditions, (values, where) =>
        agree(type, values, where, select),
      ),
      RUNS,
    );
  });

  test('of the integers between the bounds', () => {
    const within: Filter = (values, constraints) => {
      const bounds = integerBounds(constraints);
      return values.flatMap((value, i) =>
        bounds === undefined ||
        (typeof value !== 'string' && value !== null && value >= bounds.min && value <= bounds.max)
          ? [i]
          : [],
      );
    };
    fc.assert(
      fc.property(fc.array(numbers.BIGINT, { minLength: 1, maxLength: 12 }), numberConditions, (values, where) =>
        agree('BIGINT', values, where, within),
      ),
      RUNS,
    );
  });
});

describe('what is left out', () => {
  test('several eq are any of them, other operators all of them', () => {
    expect(kept(bigintColumn, [1, 2, 3, 4], ['eq', '1'], ['eq', '3'])).toEqual([1, 3]);
    expect(kept(bigintColumn, [1, 2, 3, 4], ['gt', '1'], ['lt', '4'], ['ne', '2'])).toEqual([3]);
    expect(kept(bigintColumn, [1, 2, 3, 4], ['gt', '2.5'])).toEqual([3, 4]);
    expect(kept(textColumn, ['a', 'b', 'c', 'd'], ['eq', 'a'], ['eq', 'b'], ['eq', 'd'])).toEqual(['a', 'b', 'd']);
  });

  test('text is equal without regard to ASCII case and trailing spaces, and no further', () => {
    const values = ['a', 'A', 'a ', 'a\t', ' a', 'ab', 'á', ''];
    expect(kept(textColumn, values, ['eq', 'A '])).toEqual(['a', 'A', 'a ']);
    expect(kept({ type: 'TEXT', options: ColumnOption.optimized }, values, ['eq', 'A'])).toEqual(['a', 'A', 'a ', '']);
  });

  test('text is compared with a number as one', () => {
    expect(kept(textColumn, ['05', ' 5.0 ', '5e0', '6', 'x5', ''], ['eq', '5'])).toEqual(['05', ' 5.0 ', '5e0']);
    expect(kept(textColumn, ['0', 'abc', '-x'], ['eq', '0'])).toEqual(['0', '-x']);
  });

  test('a real number is what its fifteen digits may stand for', () => {
    const real: SqlColumn = { type: 'DOUBLE' };
    expect(kept(real, [0.1 + 0.2, 0.31], ['eq', '0.3'])).toEqual([0.1 + 0.2]);
    expect(kept(real, [0.1 + 0.2, 0.29], ['gt', '0.3'])).toEqual([0.1 + 0.2]);
    expect(kept(real, [0.3], ['ne', '0.3'])).toBe('everything');
    expect(kept(textColumn, [String(0.1 + 0.2), '0.31'], ['eq', '0.3'])).toEqual([String(0.1 + 0.2)]);
    expect(kept(bigintColumn, [9007199254740993n, 9007199254741993n], ['lt', '9.00719925474099e+15'])).toEqual([
      9007199254740993n,
    ]);
  });

  test('ne tells case and spaces apart, whatever the collation of our column', () => {
    expect(kept(textColumn, ['a', 'A', 'a ', 'b'], ['ne', 'a'])).toEqual(['A', 'a ', 'b']);
    expect(kept(textColumn, ['0.3'], ['ne', '0.3'])).toBe('everything');
  });

  test('text is ordered as any of the collations would', () => {
    expect(kept(textColumn, ['a', 'B', 'b', 'b ', 'c'], ['gt', 'b'])).toEqual(['b ', 'c']);
    expect(kept(textColumn, ['a', 'B', 'b', 'b ', 'c'], ['le', 'b'])).toEqual(['a', 'B', 'b', 'b ']);
    expect(kept(textColumn, ['a'], ['gt', '5'])).toBe('everything');
    expect(kept(textColumn, ['a'], ['gt', 'b\ufffd'])).toBe('everything');
  });

  test('LIKE and GLOB filter text and the text of integers', () => {
    expect(kept(textColumn, ['/usr/bin/ls', '/USR/x', '/tmp'], ['like', '/usr/%'])).toEqual(['/usr/bin/ls', '/USR/x']);
    expect(kept(textColumn, ['/usr/bin/ls', '/USR/x', '/tmp'], ['glob', '/[ut]*'])).toEqual(['/usr/bin/ls', '/tmp']);
    expect(kept(bigintColumn, [101, 12n, 7], ['like', '1%'])).toEqual([101, 12n]);
    expect(kept({ type: 'DOUBLE' }, [1.5], ['like', '2%'])).toBe('everything');
  });

  test('integers of 64 bits are told apart, and those past them are no error', () => {
    const values = [2n ** 63n - 1n, 2n ** 63n - 2n, 9007199254740993n, 9007199254740992n];
    expect(kept(bigintColumn, values, ['eq', '9223372036854775807'])).toEqual([2n ** 63n - 1n]);
    expect(kept(bigintColumn, values, ['eq', '9007199254740993'], ['eq', '1'], ['eq', '2'])).toEqual([
      9007199254740993n,
    ]);
    expect(kept(bigintColumn, values, ['lt', '9007199254740993'])).toEqual([9007199254740992n]);
    expect(kept(bigintColumn, values, ['gt', '92233720368547758080'])).toEqual([]);
    expect(kept(bigintColumn, values, ['lt', '-1e300'], ['ne', '99999999999999999999'])).toEqual([]);
  });

  test('NULL is equal to nothing, and different from nothing', () => {
    expect(kept(bigintColumn, ['', 0], ['eq', '0'])).toEqual([0]);
    expect(kept(bigintColumn, ['', 0], ['ne', '1'])).toEqual([0]);
    expect(kept({ type: 'INTEGER' }, ['', 0], ['ne', '1'])).toEqual([0]);
  });

  test('what osquery makes of an integer that is too wide for its column is not guessed', () => {
    expect(kept({ type: 'INTEGER' }, [2 ** 32 + 1, -(2 ** 31) - 1, 2], ['eq', '1'])).toEqual([
      2 ** 32 + 1,
      -(2 ** 31) - 1,
    ]);
    expect(kept({ type: 'DOUBLE' }, [9007199254740993n], ['eq', '9007199254740992'])).toEqual([9007199254740993n]);
  });

  test('nothing, where the expression does not tell, or the operator is another', () => {
    expect(kept(bigintColumn, [1], ['eq', 'abc'])).toBe('everything');
    expect(kept(bigintColumn, [1], ['eq', '1'], ['eq', 'abc'])).toBe('everything');
    expect(kept(bigintColumn, [1], ['gt', '0x10'])).toBe('everything');
    expect(kept(textColumn, ['b'], ['eq', 'a\ufffd'], ['ne', 'a\ufffd'], ['like', 'a\ufffd'])).toBe('everything');
    expect(kept(textColumn, ['b'], ['eq', 'Inf'], ['ne', '-Inf'], ['lt', 'Inf'])).toBe('everything');
    expect(kept(textColumn, ['b'], ['unsupported', 'z'], ['match', 'z'], ['regexp', 'z'])).toBe('everything');
    expect(kept(textColumn, ['b'], ['like', 'x'.repeat(60_000)])).toBe('everything');
    expect(sqlCondition(textColumn, 'c', undefined)).toBeUndefined();
    expect(sqlCondition(textColumn, 'c', [])).toBeUndefined();
  });

  test('text with a NUL inside, where that may be, is found by what is before it', () => {
    const values = ['a\0b', 'a', 'b'];
    expect(kept({ ...textColumn, mayHoldNul: true }, values, ['eq', 'a'])).toEqual(['a\0b', 'a']);
  });
});

describe('statements', () => {
  const texts = (length: number): Constraint[] =>
    Array.from({ length }, (_, i) => ({ op: 'eq' as const, expr: `entity ${i}` }));

  test('look text up by an index on it, one or many', () => {
    for (const type of [textColumn, { type: 'TEXT', options: ColumnOption.optimized }] as const) {
      const store = new Store(type);
      for (const length of [1, 2, 3, 1000]) {
        expect(store.plan(texts(length))).toContain('SEARCH t USING INDEX by_c (<expr>=?)');
      }
    }
  });

  test('look integers up by an index, one, many, or a range', () => {
    const store = new Store(bigintColumn);
    expect(store.plan(listed([['eq', '1']]))).toContain('INDEX by_c (c=?)');
    expect(
      store.plan(
        listed([
          ['eq', '1'],
          ['eq', '2'],
          ['eq', '3'],
        ]),
      ),
    ).toContain('INDEX by_c (c=?)');
    expect(
      store.plan(
        listed([
          ['ge', '1'],
          ['lt', '9'],
        ]),
      ),
    ).toContain('INDEX by_c (c>? AND c<?)');
    expect(new Store({ type: 'INTEGER' }).plan(listed([['eq', '1']]))).toContain('INDEX by_c (c=?)');
  });

  test('are the same for queries of the same shape', () => {
    const sql = (...constraints: [ConstraintOp, string][]) => sqlCondition(textColumn, 'c', listed(constraints))?.sql;
    expect(sql(['eq', 'a'], ['like', 'b%'])).toBe(sql(['eq', 'c'], ['like', '%d']));
    expect(sqlCondition(textColumn, 'c', texts(3))?.sql).toBe(sqlCondition(textColumn, 'c', texts(300))?.sql);
  });

  test('take lists of any length', () => {
    const store = new Store(bigintColumn);
    store.fill([7, 70_000]);
    const many = Array.from({ length: 50_000 }, (_, i) => ({ op: 'eq' as const, expr: String(i) }));
    expect(store.select(many)).toEqual([0]);
    expect(store.select(many.map(({ op, expr }) => ({ op, expr: `${expr}.5` })))).toEqual([0]);
  });

  test('hold nothing that the query says', () => {
    const hostile = fc.oneof(
      fc.constantFrom("'; DROP TABLE t; --", '"', "'", '?', '"x"]', "5'; --", "'5", '5; DROP TABLE t'),
      fc.string({ unit: 'binary' }),
      numberText,
    );
    const ops = ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'like', 'glob', 'match', 'regexp', 'unsupported'] as const;
    const constraint = fc.record({ op: fc.constantFrom(...ops), expr: hostile });
    const columns = [textColumn, bigintColumn, { type: 'INTEGER' }, { type: 'DOUBLE' }] as const;
    const stores = columns.map((column) => new Store(column));
    fc.assert(
      fc.property(fc.array(constraint, { minLength: 1, maxLength: 4 }), (constraints) => {
        columns.forEach((column, i) => {
          const { sql = '', params = [] } = sqlCondition(column, 'c', constraints) ?? {};
          expect(sql).toMatch(/^(?:[\w\s().,=<>-]|\? ?|' ')*$/);
          expect(sql).not.toContain('DROP');
          expect(sql.split('?').length - 1).toBe(params.length);
          stores[i]?.select(constraints);
        });
      }),
    );
  });
});

describe('the bounds of integers', () => {
  const bounds = (...constraints: [ConstraintOp, string][]) => integerBounds(listed(constraints));
  const none = Number.POSITIVE_INFINITY;

  test('are those of the list and of the comparisons together', () => {
    expect(bounds(['gt', '1'], ['le', '9'])).toEqual({ min: 2, max: 9 });
    expect(bounds(['ge', '1.5'], ['lt', '9'])).toEqual({ min: 2, max: 8 });
    expect(bounds(['eq', '7'], ['eq', '3'], ['eq', '5'])).toEqual({ min: 3, max: 7 });
    expect(bounds(['eq', '7'], ['eq', '3'], ['gt', '4'])).toEqual({ min: 5, max: 7 });
    expect(bounds(['gt', '0.0'])).toEqual({ min: 1, max: none });
  });

  test('are undefined where nothing bounds them', () => {
    expect(integerBounds(undefined)).toBeUndefined();
    expect(bounds(['eq', 'x'], ['eq', '1'])).toBeUndefined();
    expect(bounds(['ne', '1'], ['like', '1%'], ['glob', '1'])).toBeUndefined();
  });

  test('have no number between them where nothing can be', () => {
    expect(bounds(['gt', '5'], ['lt', '5'])).toEqual({ min: 6, max: 4 });
  });

  test('are farther out where no number is exact', () => {
    expect(bounds(['ge', '9007199254740993'])).toEqual({ min: Number.MAX_SAFE_INTEGER, max: none });
    expect(bounds(['le', '9007199254740993'])).toBeUndefined();
    expect(bounds(['eq', '-9223372036854775808'])).toEqual({ min: -none, max: Number.MIN_SAFE_INTEGER });
  });
});
