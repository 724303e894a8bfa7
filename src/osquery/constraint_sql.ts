import { ColumnOption, type ColumnType } from './column.ts';
import {
  allNumbers,
  beforeNul,
  fewOthers,
  INTEGER_LIMIT,
  isUnknown,
  numericComparison,
  rangeOf,
  withoutTrail,
} from './constraint.ts';
import { stepsPerCharacter } from './pattern_cost.ts';
import type { Constraint } from './query_context.ts';
import { parseSqliteNumber, type SqliteNumber } from './sqlite_number.ts';

/** What node:sqlite binds. */
export type SqlValue = string | number | bigint;

/** A condition, which may stand between AND without parentheses, and the values of its `?`, in order. */
export interface SqlCondition {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** A column as in column.ts. */
export interface SqlColumn {
  readonly type: ColumnType;
  readonly options?: number;
  /** Text with a NUL inside may be stored: what says "equal" then has to look at every row, and takes no index. */
  readonly mayHoldNul?: boolean;
}

// SQLite itself refuses more than 50,000.
const MAX_PATTERN_BYTES = 1000;
/** Steps for each character of text, of a column's patterns together: 2 MB of text take some 30 ms. Dearer ones are left to osquery. */
const MAX_PATTERN_STEPS = 16;

// A space of any kind, a sign, a point, a digit.
const FIRST_OF_A_NUMBER = [9, 10, 11, 12, 13, 32, 43, 45, 46, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57].join(', ');

const OPERATOR = { gt: '>', ge: '>=', lt: '<', le: '<=', ne: '<>' } as const;

/**
 * `matcher` for rows in SQLite: what a column's constraints leave, as SQLite on osquery's side would compare, or more:
 * never less, with the exceptions named there. The text is the same for queries of the same shape, however long their
 * lists; what the query says is only in the parameters.
 *
 * - A BIGINT is looked up by an index on the expression; text by one on `rtrim(expression, ' ') COLLATE NOCASE`, unless
 *   one of the values is a number, which text like '05' is equal to.
 * - Several reals, or numbers for text, admit all that is between the least and the greatest.
 * - < > <= >= of text filter too, by what any of SQLite's own collations would let through. Their exceptions are also
 *   osquery's VERSION collations, and text in a column of numbers; osquery sends none for TEXT (sensibleComparison in
 *   osquery/sql/virtual_table.cpp).
 *
 * @param expression SQL for the column's value: INTEGER, finite REAL or NULL for numbers, TEXT and never NULL for text
 * @returns undefined where there is nothing to filter by
 */
export function sqlCondition(
  column: SqlColumn,
  expression: string,
  constraints: readonly Constraint[] | undefined,
): SqlCondition | undefined {
  if (constraints === undefined || constraints.length === 0) return undefined;
  const value = /^\w+(\.\w+)?$/.test(expression) ? expression : `(${expression})`;
  const affordable = withoutDearPatterns(fewOthers(constraints));
  return column.type === 'TEXT'
    ? textCondition(column, value, affordable)
    : numberCondition(column.type, value, affordable);
}

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

function numberCondition(
  type: ColumnType,
  expression: string,
  constraints: readonly Constraint[],
): SqlCondition | undefined {
  // osquery reads a DOUBLE as one, also where the integer has more digits.
  const value = type === 'DOUBLE' ? `CAST(${expression} AS REAL)` : expression;
  const conditions: SqlCondition[] = [];
  const equal: (SqliteNumber | undefined)[] = [];
  for (const { op, expr } of constraints) {
    if (op === 'like' || op === 'glob') {
      if (type !== 'DOUBLE') conditions.push(...matchesPattern(value, op, expr));
      continue;
    }
    const number = parseSqliteNumber(expr);
    if (op === 'eq') equal.push(number);
    const comparison = number && numericComparison(op, number);
    if (comparison) conditions.push({ sql: `${value} ${OPERATOR[comparison.op]} ?`, params: [comparison.value] });
  }
  const numbers = allNumbers(equal);
  if (numbers) conditions.unshift(equalsNumber(value, numbers));
  if (conditions.length === 0) return undefined;
  const condition = joined('AND', conditions);
  if (type !== 'INTEGER') return condition;
  const outside = `${value} < ${-INTEGER_LIMIT} OR ${value} >= ${INTEGER_LIMIT}`;
  return joined('OR', [condition, { sql: outside, params: [] }]);
}

function equalsNumber(value: string, numbers: readonly SqliteNumber[]): SqlCondition {
  const integers = new Set<SqlValue>();
  const reals: SqliteNumber[] = [];
  for (const number of numbers) {
    if (number.kind === 'integer') integers.add(number.value);
    else reals.push(number);
  }
  const ranges = reals.map(rangeOf);
  const conditions: SqlCondition[] = [];
  if (integers.size > 0) conditions.push(isAnyOf(value, [...integers]));
  if (ranges.length > 0) {
    const low = least(ranges.map((range) => Number(range.low)));
    const high = greatest(ranges.map((range) => Number(range.high)));
    conditions.push({ sql: `${value} BETWEEN ? AND ?`, params: [low, high] });
  }
  return joined('OR', conditions);
}

function textCondition(
  { options = ColumnOption.optimized, mayHoldNul = false }: SqlColumn,
  value: string,
  constraints: readonly Constraint[],
): SqlCondition | undefined {
  const conditions: SqlCondition[] = [];
  const equal: string[] = [];
  for (const { op, expr } of constraints) {
    switch (op) {
      case 'eq':
        equal.push(expr);
        break;
      case 'ne':
        if (!isUnknown(expr) && parseSqliteNumber(expr)?.kind !== 'real') {
          conditions.push({ sql: `${value} COLLATE BINARY <> ?`, params: [expr] });
        }
        break;
      case 'gt':
      case 'ge':
      case 'lt':
      case 'le':
        conditions.push(...isOrdered(value, op, expr));
        break;
      case 'like':
      case 'glob':
        conditions.push(...matchesPattern(value, op, expr));
        break;
    }
  }
  if (equal.length > 0 && !equal.some(isUnknown)) {
    const texts = (options & ColumnOption.optimized) === 0 ? equal : [...equal, ''];
    conditions.unshift(equalsText(value, texts, mayHoldNul));
  }
  return conditions.length === 0 ? undefined : joined('AND', conditions);
}

function equalsText(value: string, texts: readonly string[], mayHoldNul: boolean): SqlCondition {
  const keys = new Set(texts.map(withoutTrail));
  const conditions = [isAnyOf(`rtrim(${value}, ' ') COLLATE NOCASE`, [...keys])];
  if (mayHoldNul) conditions.push({ sql: `instr(${value}, char(0)) > 0`, params: [] });
  const numbers = texts.map(parseSqliteNumber).filter((number) => number !== undefined);
  if (numbers.length > 0) {
    // As reals, also the integers: versions of SQLite differ in the last bit of what text says.
    const ranges = numbers.map((number) => rangeOf({ kind: 'real', value: Number(number.value) }));
    conditions.push({
      sql: `unicode(${value}) IN (${FIRST_OF_A_NUMBER}) AND CAST(${value} AS NUMERIC) BETWEEN ? AND ?`,
      params: [least(ranges.map(({ low }) => Number(low))), greatest(ranges.map(({ high }) => Number(high)))],
    });
  }
  return joined('OR', conditions);
}

function isOrdered(value: string, op: 'gt' | 'ge' | 'lt' | 'le', expr: string): SqlCondition[] {
  if (isUnknown(expr) || expr.includes('\0') || parseSqliteNumber(expr)) return [];
  // What BINARY lets through, one of the two does: they differ from it in case, or in the spaces at the end.
  const collations = ['NOCASE', 'RTRIM'];
  return [
    joined(
      'OR',
      collations.map((name) => ({ sql: `${value} COLLATE ${name} ${OPERATOR[op]} ?`, params: [expr] })),
    ),
  ];
}

/** SQLite on osquery's side checks again what is not checked here. */
function withoutDearPatterns(constraints: readonly Constraint[]): readonly Constraint[] {
  let left = MAX_PATTERN_STEPS;
  return constraints.filter(({ op, expr }) => {
    if ((op !== 'like' && op !== 'glob') || expr.length > MAX_PATTERN_BYTES) return true;
    const steps = stepsPerCharacter(op, expr);
    if (steps > left) return false;
    left -= steps;
    return true;
  });
}

function matchesPattern(value: string, op: 'like' | 'glob', expr: string): SqlCondition[] {
  const pattern = beforeNul(expr);
  if (isUnknown(pattern) || Buffer.byteLength(pattern) > MAX_PATTERN_BYTES) return [];
  return [{ sql: `${value} ${op === 'like' ? 'LIKE' : 'GLOB'} ?`, params: [pattern] }];
}

/** A list of any length is one parameter: SQLite takes no more than 32,766. */
function isAnyOf(value: string, values: readonly SqlValue[]): SqlCondition {
  if (values.length === 1) return { sql: `${value} IN (?)`, params: values };
  if (values.length === 2) return { sql: `${value} IN (?, ?)`, params: values };
  const list = values.map((one) => (typeof one === 'string' ? JSON.stringify(one) : String(one)));
  return { sql: `${value} IN (SELECT value FROM json_each(?))`, params: [`[${list.join()}]`] };
}

function joined(operator: 'AND' | 'OR', conditions: readonly SqlCondition[]): SqlCondition {
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(` ${operator} `)})`,
    params: conditions.flatMap(({ params }) => params),
  };
}

// Not Math.min(...): a list may be longer than a call's arguments.
function least(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}

function greatest(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY);
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
