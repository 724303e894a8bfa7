import type { QueryContext } from './query_context.ts';

/**
 * What a query wants a column to equal: any of these, for a look-up by them. Undefined: it does not say. The rows that a
 * look-up finds are to be checked again, as `matcher` does: other constraints may exclude them.
 */
export function equalTexts(context: Pick<QueryContext, 'constraints'>, column: string): string[] | undefined {
  const equal = context.constraints.get(column)?.filter(({ op }) => op === 'eq') ?? [];
  return equal.length > 0 ? equal.map(({ expr }) => expr) : undefined;
}

/** The same for a column of integers. Undefined also where text may mean a number to SQLite that it does not look like. */
export function equalIntegers(context: Pick<QueryContext, 'constraints'>, column: string): number[] | undefined {
  const texts = equalTexts(context, column);
  return texts?.every((text) => /^\s*[+-]?\d{1,15}\s*$/.test(text)) ? texts.map(Number) : undefined;
}
