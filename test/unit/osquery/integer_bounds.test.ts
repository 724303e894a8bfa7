import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { integerBounds } from '../../../src/osquery/integer_bounds.ts';
import type { Constraint, ConstraintOp } from '../../../src/osquery/query_context.ts';
import { agree, type Filter, numberConditions, numbers } from './sqlite_oracle.ts';

const RUNS = { numRuns: 2000 };

const listed = (constraints: readonly [ConstraintOp, string][]): Constraint[] =>
  constraints.map(([op, expr]) => ({ op, expr }));

describe('a superset of what SQLite keeps', () => {
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

  test('are undefined without a bound', () => {
    expect(integerBounds(undefined)).toBeUndefined();
    expect(bounds(['eq', 'x'], ['eq', '1'])).toBeUndefined();
    expect(bounds(['ne', '1'], ['like', '1%'], ['glob', '1'])).toBeUndefined();
  });

  test('have no number between them if none is possible', () => {
    expect(bounds(['gt', '5'], ['lt', '5'])).toEqual({ min: 6, max: 4 });
  });

  test('are wider where no number is exact', () => {
    const { min = none, max } = bounds(['ge', '9007199254740993']) ?? {};
    expect(min).toBeLessThan(Number.MAX_SAFE_INTEGER);
    expect(max).toBe(none);
    expect(bounds(['le', '9e999'])).toBeUndefined();
  });
});
