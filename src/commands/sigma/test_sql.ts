/** What a value of a rule demands of a column, and its SQL. */
import { type Pattern, patternSql, plainText } from './pattern.ts';
import type { Translated } from './regex.ts';
import { REGEX_INPUT_MAX } from './regex_cost.ts';
import { joined, quoted } from './sql_text.ts';
import { UnsupportedError } from './unsupported.ts';

/** A column of the statement's rows. */
export interface Column {
  /** An expression of SQL. */
  readonly sql: string;
  readonly isNumber: boolean;
}

export type Test =
  | { readonly kind: 'pattern'; readonly pattern: Pattern; readonly isCased: boolean }
  | ({ readonly kind: 'regex' } & Translated)
  | { readonly kind: 'network'; readonly first: number; readonly last: number }
  | { readonly kind: 'exists'; readonly is: boolean }
  | { readonly kind: 'number'; readonly operator: '<' | '<=' | '>' | '>='; readonly value: string }
  | {
      readonly kind: 'column';
      readonly other: Column;
      readonly place: 'whole' | 'start' | 'end' | 'inside';
      readonly isCased: boolean;
    };

/** True if the column passes one of the tests; never NULL. */
export function anyOf(column: Column, tests: readonly Test[]): string {
  const texts = new Map<string, string[]>();
  const conditions: string[] = [];
  for (const test of tests) {
    const text = test.kind === 'pattern' ? plainText(test.pattern) : undefined;
    if (test.kind !== 'pattern' || text === undefined || text === '' || column.isNumber) {
      conditions.push(testSql(column, test));
      continue;
    }
    const compared = `${column.sql}${test.isCased ? '' : ' COLLATE NOCASE'}`;
    texts.set(compared, [...(texts.get(compared) ?? []), quoted(text)]);
  }
  const lists = [...texts].map(([compared, list]) =>
    list.length === 1 ? `${compared} = ${list[0]}` : `${compared} IN (${list.join(', ')})`,
  );
  return `ifnull(${joined('OR', [...lists, ...conditions])}, 0)`;
}

/** NULL only if the column, or the one that it is compared with, is NULL. */
function testSql({ sql, isNumber }: Column, test: Test): string {
  switch (test.kind) {
    case 'pattern': {
      const text = plainText(test.pattern);
      if (!isNumber || text === '' || text === undefined) return patternSql(sql, test.pattern, test.isCased);
      return `${sql} = ${integer(text)}`;
    }
    case 'regex': {
      const start = `substr(${sql}, 1, ${REGEX_INPUT_MAX})`;
      const text = test.isLowered ? `lower(${start})` : start;
      const matches = test.expressions
        .filter((expression) => expression !== '')
        .map((expression) => `regex_match(${text}, ${quoted(expression)}, 0) IS NOT NULL`);
      // A text without value matches no expression. osquery gives '' for a NULL text.
      if (matches.length < test.expressions.length) return `${sql} <> ''`;
      return `(${sql} <> '' AND ${joined('OR', matches)})`;
    }
    case 'network':
      return `inet_aton(${sql}) BETWEEN ${test.first} AND ${test.last}`;
    case 'exists':
      return `ifnull(${sql}, '') ${test.is ? '<>' : '='} ''`;
    case 'number':
      if (!isNumber) throw new UnsupportedError(`a comparison of the text ${sql} with a number`);
      return `${sql} ${test.operator} ${integer(test.value)}`;
    case 'column': {
      const [one, other] = [sql, test.other.sql].map((column) => (test.isCased ? column : `lower(${column})`));
      const comparison = {
        whole: `${one} = ${other}`,
        start: `substr(${one}, 1, length(${other})) = ${other}`,
        end: `substr(${one}, -length(${other})) = ${other}`,
        inside: `instr(${one}, ${other}) > 0`,
      }[test.place];
      return `(${other} <> '' AND ${comparison})`;
    }
  }
}

function integer(text: string): string {
  if (/^-?\d{1,18}$/.test(text)) return text;
  throw new UnsupportedError(`${JSON.stringify(text)} is not an integer, as the column needs`);
}
