import type { QueryContext } from './query_context.ts';

/**
 * The texts that a column may equal, for a look-up; undefined where the query has no `eq` on it. Other constraints may
 * exclude rows that the look-up finds.
 */
export function equalTexts(context: Pick<QueryContext, 'constraints'>, column: string): string[] | undefined {
  const equal = context.constraints.get(column)?.filter(({ op }) => op === 'eq') ?? [];
  return equal.length > 0 ? equal.map(({ expr }) => expr) : undefined;
}

/** The integers that a column may equal. Also undefined where an expression is not a plain integer. */
export function equalIntegers(context: Pick<QueryContext, 'constraints'>, column: string): number[] | undefined {
  const texts = equalTexts(context, column);
  return texts?.every((text) => /^\s*[+-]?\d{1,15}\s*$/.test(text)) ? texts.map(Number) : undefined;
}
