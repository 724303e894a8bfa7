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
  let { min, max } = ANY;
  // Several `eq` mean any of them: together they admit from the least to the greatest.
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const { op, expr } of constraints ?? []) {
    const range = rangeOf(expr) ?? ANY;
    if (op === 'eq') {
      least = Math.min(least, range.min);
      greatest = Math.max(greatest, range.max);
    } else if (op === 'gt') min = Math.max(min, Math.floor(range.min) + 1);
    else if (op === 'ge') min = Math.max(min, range.min);
    else if (op === 'lt') max = Math.min(max, Math.ceil(range.max) - 1);
    else if (op === 'le') max = Math.min(max, range.max);
  }
  // Without an `eq`, these two are still reversed.
  if (least <= greatest) {
    min = Math.max(min, least);
    max = Math.min(max, greatest);
  }
  return min === ANY.min && max === ANY.max ? undefined : { min: Math.ceil(min), max: Math.floor(max) };
}
