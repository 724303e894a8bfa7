import { allNumbers, numericComparison, rangeOf } from './constraint.ts';
import type { Constraint } from './query_context.ts';
import { parseSqliteNumber, type SqliteNumber } from './sqlite_number.ts';

/**
 * The integers that the constraints on a BIGINT column leave, or more; both ends are part of it. For leaving out what
 * is stored by ranges.
 *
 * @returns undefined for all; `min` above `max` for none; an end that no number says exactly is farther out
 */
export function integerBounds(
  constraints: readonly Constraint[] | undefined,
): { readonly min: number; readonly max: number } | undefined {
  let min = Number.NEGATIVE_INFINITY;
  let max = Number.POSITIVE_INFINITY;
  const equal: (SqliteNumber | undefined)[] = [];
  for (const { op, expr } of constraints ?? []) {
    const number = parseSqliteNumber(expr);
    if (op === 'eq') equal.push(number);
    const comparison = number && numericComparison(op, number);
    if (comparison === undefined || comparison.op === 'ne') continue;
    const { op: side, value } = comparison;
    if (side === 'gt') min = Math.max(min, atLeast(Math.floor(Number(value)) + 1));
    else if (side === 'ge') min = Math.max(min, atLeast(value));
    else if (side === 'lt') max = Math.min(max, atMost(Math.ceil(Number(value)) - 1));
    else max = Math.min(max, atMost(value));
  }
  const numbers = allNumbers(equal);
  if (numbers) {
    const ranges = numbers.map(rangeOf);
    min = Math.max(min, least(ranges.map(({ low }) => atLeast(low))));
    max = Math.min(max, greatest(ranges.map(({ high }) => atMost(high))));
  }
  return min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY ? undefined : { min, max };
}

/** The integer that is the bound, or a lower one where a number cannot say it exactly. */
function atLeast(bound: number | bigint): number {
  const integer = Math.ceil(Number(bound));
  if (Number.isSafeInteger(integer)) return integer;
  return integer > 0 ? Number.MAX_SAFE_INTEGER : Number.NEGATIVE_INFINITY;
}

function atMost(bound: number | bigint): number {
  return -atLeast(-bound);
}

// Not Math.min(...): a list may be longer than a call's arguments.
function least(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}

function greatest(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY);
}
