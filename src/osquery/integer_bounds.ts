import { rangeOf } from './constraint.ts';
import type { Constraint } from './query_context.ts';

const ANY = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

/**
 * The range of integers that the constraints of a BIGINT column admit, or a wider one; both ends belong to it. For rows
 * that are stored by ranges.
 *
 * @returns undefined where all are admitted; `min` above `max` where none is
 */
export function integerBounds(
  constraints: readonly Constraint[] | undefined,
): { readonly min: number; readonly max: number } | undefined {
  let min = Number.NEGATIVE_INFINITY;
  let max = Number.POSITIVE_INFINITY;
  // Several `eq` mean any of them: together they admit from the least to the greatest.
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const { op, expr } of constraints ?? []) {
    const number = rangeOf(expr) ?? ANY;
    switch (op) {
      case 'eq':
        least = Math.min(least, atLeast(number.min));
        greatest = Math.max(greatest, atMost(number.max));
        break;
      case 'gt':
        min = Math.max(min, atLeast(above(number.min)));
        break;
      case 'ge':
        min = Math.max(min, atLeast(number.min));
        break;
      case 'lt':
        max = Math.min(max, atMost(-above(-number.max)));
        break;
      case 'le':
        max = Math.min(max, atMost(number.max));
        break;
    }
  }
  // Without an `eq`, these two are still reversed.
  if (least <= greatest) {
    min = Math.max(min, least);
    max = Math.min(max, greatest);
  }
  return min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY ? undefined : { min, max };
}

/** The integer at or above a bound; a lower one where a number cannot say it exactly. */
function atLeast(bound: number | bigint): number {
  const integer = Math.ceil(Number(bound));
  if (Number.isSafeInteger(integer)) return integer;
  return integer > 0 ? Number.MAX_SAFE_INTEGER : Number.NEGATIVE_INFINITY;
}

function atMost(bound: number | bigint): number {
  return -atLeast(-bound);
}

/** The integer above a bound. */
function above(bound: number | bigint): number {
  return Math.floor(Number(bound)) + 1;
}
