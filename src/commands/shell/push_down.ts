/**
 * Finds the constraints of a statement that can be passed to an extension.
 *
 * Only terms of one WHERE that are joined by AND and compare a column with a literal are used, and only for a table that
 * the statement names once. The WHERE is that of the outermost SELECT, or of the common table expression that reads the
 * table. Each term is false for NULL, so it can be applied before any join. SQLite checks all terms again.
 */

import { ColumnOption } from '../../osquery/index.ts';
import { isNumeric, type RegisteredColumn, type RegisteredTable } from './registered_table.ts';
import { type Token, tokenize } from './sql_text.ts';

export interface Constraint {
  readonly column: string;
  /** SQLite's number of the operator (SQLITE_INDEX_CONSTRAINT_*). */
  readonly op: number;
  readonly expr: string;
}

const operators = new Map<string, number>([
  ['=', 2],
  ['==', 2],
  ['>', 4],
  ['<=', 8],
  ['<', 16],
  ['>=', 32],
  ['LIKE', 65],
  ['GLOB', 66],
  ['!=', 68],
  ['<>', 68],
]);
const equals = 2;
const greaterOrEqual = 32;
const lessOrEqual = 8;
const ranges = new Set([4, 8, 16, 32]);
const patterns = new Set([65, 66]);

const endOfWhere = new Set(['GROUP', 'HAVING', 'ORDER', 'LIMIT', 'WINDOW']);
const notAnAlias = new Set(
  'WHERE JOIN LEFT RIGHT FULL INNER CROSS NATURAL OUTER ON USING GROUP HAVING ORDER LIMIT WINDOW INDEXED NOT'.split(
    ' ',
  ),
);

/**
 * The constraints of each `generate` call for `table`: usually one list, which may be empty. As in osquery,
 * `column IN (…)` on a text column that is not OPTIMIZED needs one call per value. The column `splitBy` then
 * distinguishes the rows of different calls.
 */
interface PushDown {
  readonly calls: readonly (readonly Constraint[])[];
  readonly splitBy?: string;
}

const nothing: PushDown = { calls: [[]] };

export function pushDown(sql: string, table: RegisteredTable): PushDown {
  const all = tokenize(sql).tokens.filter((token) => token.kind !== 'semicolon');
  const tokens = keyword(all[0]) === 'WITH' ? expressionThatReads(all, table.name) : all;
  const outer = outermost(tokens);
  if (outer === undefined || keyword(tokens[0]) !== 'SELECT') return nothing;
  const clauses = outer.filter((index) => ['FROM', 'UNION', 'INTERSECT', 'EXCEPT'].includes(keyword(tokens[index])));
  const [from] = clauses;
  if (from === undefined || clauses.length !== 1) return nothing;
  const where = outer.find((index) => keyword(tokens[index]) === 'WHERE');
  if (where === undefined || where < from) return nothing;
  const end = outer.find((index) => index > where && endOfWhere.has(keyword(tokens[index]))) ?? tokens.length;

  const source = findSource(tokens, outer, from, where, table.name);
  if (source === undefined) return nothing;
  const terms = conjuncts(tokens, outer, where + 1, end);
  if (terms === undefined) return nothing;

  const constraints: Constraint[] = [];
  let split: readonly Constraint[] | undefined;
  for (const term of terms) {
    const found = parseTerm(term, table, source);
    if (found === undefined) continue;
    if (!found.callPerValue) constraints.push(...found.constraints);
    else split ??= found.constraints;
  }
  if (split?.[0] === undefined) return { calls: [constraints] };
  return { calls: split.map((one) => [...constraints, one]), splitBy: split[0].column };
}

/** Tokens of the common table expression, if only it names the table. */
function expressionThatReads(tokens: readonly Token[], table: string): readonly Token[] {
  const outer = outermost(tokens) ?? [];
  const bodies = outer.flatMap((index, at) => {
    const begins = isSign(tokens[index], '(') && ['AS', 'MATERIALIZED'].includes(keyword(tokens[index - 1]));
    // The next token outside of parentheses closes these.
    return begins ? [{ from: index + 1, to: outer[at + 1] ?? index + 1 }] : [];
  });
  const places = [...tokens.keys()].filter((index) => names(tokens[index], table));
  const [place = -1, ...others] = places;
  const body = others.length === 0 && bodies.find(({ from, to }) => place >= from && place < to);
  return body ? tokens.slice(body.from, body.to) : [];
}

function names(token: Token | undefined, table: string): boolean {
  return token !== undefined && token.kind !== 'sign' && same(token.text, table);
}

/** Indexes of the tokens outside of parentheses and CASE; undefined if they do not balance. */
function outermost(tokens: readonly Token[]): number[] | undefined {
  const outer: number[] = [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    const word = keyword(token);
    if (isSign(token, ')') || word === 'END') depth -= 1;
    if (depth < 0) return undefined;
    if (depth === 0) outer.push(index);
    if (isSign(token, '(') || word === 'CASE') depth += 1;
  }
  return depth === 0 ? outer : undefined;
}

interface Source {
  /** Qualifier of its columns. */
  readonly alias: string;
  /** Whether an unqualified column name is unambiguous. */
  readonly bareNames: boolean;
}

/** Position of the table in the outermost FROM, if the statement names it only there. */
function findSource(
  tokens: readonly Token[],
  outer: readonly number[],
  from: number,
  where: number,
  table: string,
): Source | undefined {
  const places = [...tokens.keys()].filter((index) => names(tokens[index], table) && !isSign(tokens[index + 1], '.'));
  const [place] = places;
  if (place === undefined || places.length !== 1 || place < from || place > where || !outer.includes(place)) {
    return undefined;
  }
  const before = tokens[place - 1];
  if (keyword(before) !== 'FROM' && keyword(before) !== 'JOIN' && !isSign(before, ',')) return undefined;

  const named = tokens[keyword(tokens[place + 1]) === 'AS' ? place + 2 : place + 1];
  const aliased = named !== undefined && isName(named) && !notAnAlias.has(keyword(named));
  if (named?.kind === 'string') return undefined;

  // SQLite refuses an ambiguous column name, unless NATURAL or USING merges the columns.
  const merged = outer.some((index) => ['NATURAL', 'USING'].includes(keyword(tokens[index])));
  return { alias: aliased ? named.text : table, bareNames: !merged };
}

/** Terms joined by AND; undefined if there is an OR. */
function conjuncts(
  tokens: readonly Token[],
  outer: readonly number[],
  start: number,
  end: number,
): Token[][] | undefined {
  const terms: Token[][] = [];
  const isOuter = new Set(outer);
  let term: Token[] = [];
  let betweens = 0;
  for (const [offset, token] of tokens.slice(start, end).entries()) {
    const word = isOuter.has(start + offset) ? keyword(token) : '';
    if (word === 'OR') return undefined;
    if (word === 'BETWEEN') betweens += 1;
    if (word === 'AND' && betweens === 0) {
      terms.push(term);
      term = [];
      continue;
    }
    if (word === 'AND') betweens -= 1;
    term.push(token);
  }
  terms.push(term);
  return terms;
}

interface Term {
  readonly constraints: readonly Constraint[];
  /** Each constraint needs its own call. Together the calls return all rows. */
  readonly callPerValue: boolean;
}

function parseTerm(tokens: readonly Token[], table: RegisteredTable, source: Source): Term | undefined {
  const reference = parseColumn(tokens, table, source);
  if (reference === undefined) return undefined;
  const { column, rest } = reference;
  const operator = rest[0]?.kind === 'sign' ? rest[0].text : keyword(rest[0]);
  const together = (...constraints: (Constraint | undefined)[]): Term | undefined =>
    constraints.every((one) => one !== undefined) ? { constraints, callPerValue: false } : undefined;

  if (operator === 'IN') return parseIn(rest.slice(1), column);
  if (operator === 'BETWEEN') {
    const and = rest.findIndex((token) => keyword(token) === 'AND');
    return together(
      constraint(column, greaterOrEqual, parseLiteral(rest.slice(1, and))),
      constraint(column, lessOrEqual, parseLiteral(rest.slice(and + 1))),
    );
  }
  const op = operators.get(operator);
  return op === undefined ? undefined : together(constraint(column, op, parseLiteral(rest.slice(1))));
}

function parseColumn(
  tokens: readonly Token[],
  table: RegisteredTable,
  source: Source,
): { column: RegisteredColumn; rest: readonly Token[] } | undefined {
  const [first, dot, second] = tokens;
  if (first === undefined || !isName(first)) return undefined;
  const qualified = isSign(dot, '.');
  if (qualified ? !same(first.text, source.alias) : !source.bareNames) return undefined;
  const name = qualified ? second : first;
  if (name === undefined || !isName(name)) return undefined;
  const column = table.columns.find((one) => one.target === undefined && same(one.name, name.text));
  return column && { column, rest: tokens.slice(qualified ? 3 : 1) };
}

function parseIn(tokens: readonly Token[], column: RegisteredColumn): Term | undefined {
  if (!isSign(tokens[0], '(') || !isSign(tokens.at(-1), ')')) return undefined;
  const values: Token[][] = [[]];
  for (const token of tokens.slice(1, -1)) {
    if (isSign(token, ',')) values.push([]);
    else values.at(-1)?.push(token);
  }
  const constraints: Constraint[] = [];
  for (const value of values) {
    const one = constraint(column, equals, parseLiteral(value));
    if (one === undefined) return undefined;
    if (!constraints.some(({ expr }) => expr === one.expr)) constraints.push(one);
  }
  if (constraints.length === 1 || (column.options & ColumnOption.optimized) !== 0) {
    return { constraints, callPerValue: false };
  }
  // Numbers have several spellings, so two calls could return the same row.
  return isNumeric(column) ? undefined : { constraints, callPerValue: true };
}

type Literal = { readonly kind: 'string' | 'number'; readonly text: string };

/** A string or a plain number, as SQLite converts it to text. */
function parseLiteral(tokens: readonly Token[]): Literal | undefined {
  const [first, second] = tokens;
  if (first?.kind === 'string' && tokens.length === 1) return { kind: 'string', text: first.text };
  const signed = isSign(first, '-') || isSign(first, '+');
  const number = signed ? second : first;
  if (number?.kind !== 'number' || tokens.length !== (signed ? 2 : 1)) return undefined;
  const sign = isSign(first, '-') ? '-' : '';
  if (/^\d+$/.test(number.text)) {
    const value = BigInt(`${sign}${number.text}`);
    return BigInt.asIntN(64, value) === value ? { kind: 'number', text: String(value) } : undefined;
  }
  const value = Number(`${sign}${number.text}`);
  const plain = /^\d{1,12}\.\d{1,3}$/.test(number.text) && !Number.isInteger(value);
  return plain ? { kind: 'number', text: String(value) } : undefined;
}

function constraint(column: RegisteredColumn, op: number, literal: Literal | undefined): Constraint | undefined {
  if (literal === undefined || literal.text === '') return undefined;
  if (column.type === 'BLOB') return undefined;
  // osquery does not push down ranges on text. A pattern on a number needs SQLite's conversion to text.
  if (isNumeric(column) ? patterns.has(op) : ranges.has(op)) return undefined;
  if (!isNumeric(column) && literal.kind === 'number' && literal.text.includes('.')) return undefined;
  return { column: column.name, op, expr: literal.text };
}

function keyword(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toUpperCase() : '';
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.kind === 'sign' && token.text === text;
}

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted name';
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
