import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Column, ColumnOption, type ColumnType, type ColumnValue, text } from '../../../src/osquery/column.ts';
import { rowMatcher } from '../../../src/osquery/constraint.ts';
import type { Constraint, ConstraintOp } from '../../../src/osquery/query_context.ts';
import { growthOverTen, LINEAR } from '../cpu_time.ts';
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

/** The filter of a column for its values. */
function matcher({ type }: { type: ColumnType }, constraints: readonly Constraint[]) {
  const column: Column<ColumnValue> = {
    ...{ name: 'c', type, options: ColumnOption.optimized, description: '' },
    value: (value) => value,
  };
  return rowMatcher([column], { constraints: new Map([['c', constraints]]) });
}

const matching =
  (type: ColumnType): Filter =>
  (values, constraints) => {
    const admits = matcher({ type }, constraints) ?? (() => true);
    return values.flatMap((value, i) => (admits(value) ? [i] : []));
  };

const RUNS = { numRuns: 1500 };

describe('a superset of what SQLite keeps', () => {
  test.each(['TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM'])('of %s', (declared) => {
    const value = fc.oneof(word, numberText, wordWithNul);
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        textConditions(fc.oneof(word, numberText), value),
        (values, where) => agree(declared, values, where, matching('TEXT')),
      ),
      RUNS,
    );
  });

  test.each(['INTEGER', 'BIGINT', 'DOUBLE'] as const)('of %s', (type) => {
    fc.assert(
      fc.property(fc.array(numbers[type], { minLength: 1, maxLength: 12 }), numberConditions, (values, where) =>
        agree(type, values, where, matching(type)),
      ),
      RUNS,
    );
  });

  test('text with a NUL inside', () => {
    const values = ['a\0b', 'a', 'ab', '\0', ' 5\0', '5\0x', '5.0\0'];
    for (const literal of ["'a'", "'a' || char(0) || 'b'", 'CAST(5 AS INTEGER)']) {
      for (const op of ['eq', 'like', 'glob'] as const)
        agree('TEXT', values, [{ op, expressions: [{ literal }] }], matching('TEXT'));
    }
  });

  test('bytes that are no UTF-8', () => {
    const literal = "CAST(X'61ff' AS TEXT)";
    for (const op of ['eq', 'ne', 'like'] as const) {
      const admits = matcher({ type: 'TEXT' }, [{ op, expr: 'a\ufffd' }]);
      expect(admits).toBeUndefined();
      agree('TEXT', ['a', 'a\ufffd', 'a\ud800'], [{ op, expressions: [{ literal }] }], matching('TEXT'));
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

  test('of several eq one has to match, of other operators all', () => {
    expect(kept('BIGINT', [1, 2, 3, 4], ['eq', '1'], ['eq', '3'])).toEqual([1, 3]);
    expect(kept('BIGINT', [1, 2, 3, 4], ['gt', '1'], ['lt', '4'], ['ne', '2'])).toEqual([3]);
    expect(kept('BIGINT', [1, 2, 3, 4], ['gt', '2.5'])).toEqual([3, 4]);
  });

  test('text is equal without regard to case and spaces at its end', () => {
    expect(kept('TEXT', ['a', 'A', 'a ', ' a', 'ab', 'á'], ['eq', 'A'])).toEqual(['a', 'A', 'a ']);
  });

  test('integers are told apart within 53 bits', () => {
    const values = [2n ** 63n - 1n, 9007199254740993n, 9007199254740991, 9007199254740990];
    expect(kept('BIGINT', values, ['eq', '9007199254740991'])).toEqual([9007199254740991]);
    expect(kept('BIGINT', values, ['gt', '9007199254740991'])).toEqual([2n ** 63n - 1n, 9007199254740993n]);
    expect(kept('BIGINT', values, ['eq', '9007199254740993'])).toBe('everything');
    expect(kept('BIGINT', values, ['lt', '9007199254742991'])).toEqual(values.slice(1));
  });

  test('an invalid number, hex and the order of text do not filter', () => {
    expect(kept('BIGINT', [1], ['eq', 'abc'])).toBe('everything');
    expect(kept('BIGINT', [1], ['gt', '0x10'])).toBe('everything');
    expect(kept('BIGINT', [1], ['eq', '1'], ['eq', 'abc'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['gt', 'z'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['glob', '[a]'])).toBe('everything');
    expect(kept('TEXT', ['b'], ['unsupported', 'z'], ['match', 'z'], ['regexp', 'z'])).toBe('everything');
    expect(matcher({ type: 'TEXT' }, [])).toBeUndefined();
  });

  test('a real number matches all numbers with its fifteen digits', () => {
    expect(kept('DOUBLE', [0.1 + 0.2, 0.31], ['eq', '0.3'])).toBe('everything');
    expect(kept('DOUBLE', [0.1 + 0.2, 0.29], ['gt', '0.3'])).toEqual([0.1 + 0.2]);
    expect(kept('BIGINT', [9007199254740993n, 9007199254741993n], ['lt', '9.00719925474099e+15'])).toEqual([
      9007199254740993n,
    ]);
    expect(kept('TEXT', ['0.3'], ['ne', '0.3'])).toBe('everything');
    expect(kept('DOUBLE', [0.3], ['ne', '0.3'])).toBe('everything');
  });

  test('text that is compared with a number is left to SQLite if it starts like one', () => {
    const values = ['05', ' 5.0 ', '-6', 'x5', 'a', '-a'];
    for (const expr of ['5', ' 5.0 ', '5e0', '.5', '1e400'])
      expect(kept('TEXT', values, ['eq', 'A'], ['eq', expr])).toEqual(['05', ' 5.0 ', '-6', 'a']);
    expect(kept('TEXT', [...values, 'inf'], ['eq', 'Inf'])).toEqual(['05', ' 5.0 ', '-6', 'inf']);
    expect(kept('TEXT', ['0x5', '5'], ['eq', '0x5'])).toEqual(['0x5']);
    expect(kept('TEXT', ['5', '6'], ['ne', '5'])).toBe('everything');
  });

  test('a number that is NULL is equal to nothing and different from nothing', () => {
    expect(kept('BIGINT', [null, 0], ['eq', '0'])).toEqual([0]);
    expect(kept('BIGINT', [null, 0], ['ne', '1'])).toEqual([0]);
  });

  test('odd numbers are left to osquery', () => {
    expect(kept('BIGINT', ['010', '0x1', 1.5, 'x'], ['eq', '7'])).toEqual(['010', '0x1', 1.5, 'x']);
    expect(kept('INTEGER', [2 ** 32 + 1], ['eq', '1'])).toEqual([2 ** 32 + 1]);
  });

  test('LIKE and GLOB filter text, not numbers', () => {
    expect(kept('TEXT', ['/usr/bin/ls', '/USR/x', '/tmp'], ['like', '/usr/%'])).toEqual(['/usr/bin/ls', '/USR/x']);
    expect(kept('TEXT', ['/usr/bin/ls', '/USR/x'], ['glob', '/usr/*'])).toEqual(['/usr/bin/ls']);
    expect(kept('TEXT', ['a🌲b', 'ab_', 'b'], ['like', 'a_b'])).toEqual(['a🌲b']);
    expect(kept('TEXT', ['aXb', 'ab', 'a', 'b'], ['like', '%a%B'])).toEqual(['aXb', 'ab']);
    expect(kept('TEXT', ['aba', 'abba', 'ab'], ['glob', 'ab*ba'])).toEqual(['abba']);
    expect(kept('TEXT', ['xbxa', 'axbx'], ['glob', '*a*b*'])).toEqual(['axbx']);
    expect(kept('BIGINT', [101, 12n, 7], ['like', '1%'])).toBe('everything');
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

test('a pattern that repeats itself takes linear time, and a long one is left to SQLite', () => {
  const like = (expr: string) => matcher({ type: 'TEXT' }, [{ op: 'like', expr }]);
  expect(like('a'.repeat(257))).toBeUndefined();
  for (const expr of [`%${'a'.repeat(200)}b%`, `%b${'a'.repeat(200)}%`, '%a'.repeat(120)]) {
    const admits = like(`${expr}x`);
    const match = (length: number) => admits?.(`${'a'.repeat(length)}x`);
    expect(match(200_000)).toBe(expr.startsWith('%a%'));
    expect(growthOverTen(match, 200_000)).toBeLessThan(LINEAR);
  }
});

test.each<[string, (length: number) => string]>([
  ['digits', (length) => '1'.repeat(length)],
  ['blanks before a letter', (length) => `${' '.repeat(length)}x`],
  ['blanks after a digit', (length) => `1${' '.repeat(length)}x`],
])('a long expression of %s is no costly number', (_, expr) => {
  const make = (length: number) => matcher({ type: 'BIGINT' }, [{ op: 'gt', expr: expr(length) }]);
  expect(growthOverTen(make, 20_000)).toBeLessThan(LINEAR);
});
