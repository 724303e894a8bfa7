/** Pieces of SQL text. */
import { UnsupportedError } from './unsupported.ts';

/** A row's text contains neither NUL nor a lone surrogate, and SQL text cannot. */
export function quoted(text: string): string {
  if (text.includes('\0'))
    throw new UnsupportedError(`${JSON.stringify(text)} contains NUL, which no argument or path has`);
  if (!text.isWellFormed()) throw new UnsupportedError(`${JSON.stringify(text)} contains half of a character`);
  return `'${text.replaceAll("'", "''")}'`;
}

/** Terms of one flat list: SQLite's expression depth is at most 1,000 (sqlite.org/limits.html). */
const GROUP = 16;

/** The terms in parentheses, joined by AND or OR as a balanced tree. There is at least one. */
export function joined(operator: 'AND' | 'OR', terms: readonly string[]): string {
  if (terms.length === 1) return terms[0] as string;
  if (terms.length <= GROUP) return `(${terms.join(` ${operator} `)})`;
  const size = Math.ceil(terms.length / GROUP);
  const groups = Array.from({ length: Math.ceil(terms.length / size) }, (_, at) =>
    joined(operator, terms.slice(at * size, (at + 1) * size)),
  );
  return joined(operator, groups);
}

export function withoutStrings(sql: string): string {
  return sql.replace(/'(?:[^']|'')*'/g, "''");
}

/** Levels of parentheses. */
export function nesting(sql: string): number {
  let [level, most] = [0, 0];
  for (const [parenthesis] of withoutStrings(sql).matchAll(/[()]/g)) {
    level += parenthesis === '(' ? 1 : -1;
    most = Math.max(most, level);
  }
  return most;
}
