import { type Column, ColumnOption, type ColumnType, type ColumnValue } from './column.ts';
import { type Pieces, runToEnd } from './pieces.ts';
import type { Constraint, QueryContext } from './query_context.ts';
import { exceedsDouble, integerKey, parseSqliteNumber, type SqliteNumber } from './sqlite_number.ts';
import { globPattern, likePattern, type TextPredicate } from './text_pattern.ts';

/** Whether a column's value may be part of the answer. */
export type ValuePredicate = (value: ColumnValue) => boolean;

// osquery hands over a real as 15 significant digits: the one it meant lies within this of what it wrote.
const REAL_TOLERANCE = 1e-14;

/** Expressions of a list between two pauses: about a millisecond. */
const EXPRESSIONS_A_PIECE = 1024;

/** So many constraints on a column beside `eq` are looked at: the others are left to SQLite. */
const OTHERS_MAX = 8;

/** An INTEGER column is 32 bits wide in osquery: from minus this to below it. What is outside is not kept as it is. */
const INTEGER_LIMIT = 2 ** 31;

/**
 * What is left of a column's values under its constraints, as SQLite would compare them, or more: never less. SQLite
 * checks the rows again, with the collation and the affinity that osquery does not tell.
 *
 * - `eq`: any of them; all other operators: all of them.
 * - TEXT: `eq` also admits what COLLATE NOCASE or RTRIM, or a comparison with a number, would; < > <= >= admit
 *   everything, for the same reason; `ne` is exact. In an OPTIMIZED column `eq` admits '' too: osquery leaves the empty
 *   ones out of an IN list.
 * - numbers: an expression that is no number admits everything; '' is NULL, which nothing is equal to.
 * - LIKE and GLOB in the column's text; not in a DOUBLE's, whose text is SQLite's.
 *
 * Two expressions cannot be told from what they are not, and `ne` and order may lose rows to them: a BLOB literal
 * (`x != X'61'`), and text with a NUL inside, of which osquery hands over what is before it. `eq` may lose rows to
 * osquery's own VERSION collations, if a query names one.
 *
 * @returns undefined where there is nothing to filter by
 */
export function matcher(
  column: { readonly type: ColumnType; readonly options?: number },
  constraints: readonly Constraint[] | undefined,
): ValuePredicate | undefined {
  return runToEnd(matcherInPieces(column, constraints));
}

/** The same; every `undefined` is a pause. */
function* matcherInPieces(
  column: { readonly type: ColumnType; readonly options?: number },
  constraints: readonly Constraint[] | undefined,
): Pieces<ValuePredicate | undefined> {
  if (constraints === undefined || constraints.length === 0) return undefined;
  const { type, options = ColumnOption.optimized } = column;
  const { equal, others } = yield* split(constraints);
  return type === 'TEXT'
    ? yield* textMatcher(equal, others, (options & ColumnOption.optimized) !== 0)
    : yield* numberMatcher(type, equal, others);
}

/** What a column is to equal, and the other constraints, as long as they are few. */
function* split(constraints: readonly Constraint[]): Pieces<{ equal: string[]; others: Constraint[] }> {
  const equal: string[] = [];
  const others: Constraint[] = [];
  for (const [i, constraint] of constraints.entries()) {
    if (endsPiece(i)) yield undefined;
    if (constraint.op === 'eq') equal.push(constraint.expr);
    else if (others.length < OTHERS_MAX) others.push(constraint);
  }
  return { equal, others };
}

/** Whether a piece of work on a list ends before its element `at`. */
function endsPiece(at: number): boolean {
  return at > 0 && at % EXPRESSIONS_A_PIECE === 0;
}

/** `matcher` for all constraints of a query, over rows. Undefined: every row is admitted. */
export function rowMatcher<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): ((row: Row) => boolean) | undefined {
  return runToEnd(rowMatcherInPieces(columns, context));
}

/** The same; every `undefined` is a pause. */
export function* rowMatcherInPieces<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): Pieces<((row: Row) => boolean) | undefined> {
  const checks: { column: Column<Row>; admits: ValuePredicate }[] = [];
  for (const column of columns) {
    const admits = yield* matcherInPieces(column, context.constraints.get(column.name));
    if (admits) checks.push({ column, admits });
  }
  if (checks.length === 0) return undefined;
  return (row) => checks.every(({ column, admits }) => admits(column.value(row)));
}

function* textMatcher(
  equal: string[],
  others: readonly Constraint[],
  isOptimized: boolean,
): Pieces<ValuePredicate | undefined> {
  const checks = others.flatMap(notEqualOrPattern);
  if (equal.length > 0) {
    if (isOptimized) equal.push('');
    const admits = yield* equalText(equal);
    if (admits) checks.unshift(admits);
  }
  return all(checks);
}

/**
 * Whether an expression's text does not tell what SQLite compares with: bytes that are no UTF-8 arrive as U+FFFD, and
 * an infinite number as a word.
 */
function isUnknown(expr: string): boolean {
  return expr.includes('\ufffd') || !expr.isWellFormed() || exceedsDouble(expr);
}

function notEqualOrPattern({ op, expr }: Constraint): TextPredicate[] {
  if (isUnknown(expr)) return [];
  // Compared with a real number, text is a number too, and fifteen digits of it may be equal where it is not.
  if (op === 'ne') return parseSqliteNumber(expr)?.kind === 'real' ? [] : [(text) => text !== expr];
  const pattern =
    op === 'like' ? likePattern(beforeNul(expr)) : op === 'glob' ? globPattern(beforeNul(expr)) : undefined;
  // SQLite's patterns end at a NUL, in the text as well.
  return pattern ? [(text) => pattern(beforeNul(text))] : [];
}

/** Undefined where an expression is not known: it may be equal to anything. */
function* equalText(expressions: readonly string[]): Pieces<TextPredicate | undefined> {
  const keys = new Set<string>();
  const lengths = new Set<number>();
  const numbers: SqliteNumber[] = [];
  for (const [i, expr] of expressions.entries()) {
    if (endsPiece(i)) yield undefined;
    if (isUnknown(expr)) return undefined;
    const key = asciiLowerCase(withoutTrail(expr));
    keys.add(key);
    lengths.add(key.length);
    const number = parseSqliteNumber(expr);
    if (number) numbers.push(number);
  }
  const equalsNumber = yield* equalNumber(numbers);
  const range = numbers.length > RANGES_MAX ? rangeOfAll(numbers) : undefined;
  return (text) => {
    const key = withoutTrail(text);
    if (lengths.has(key.length) && keys.has(asciiLowerCase(key))) return true;
    if (numbers.length === 0 || !startsLikeNumber(text)) return false;
    // SQLite reads a number up to a NUL (util.c, sqlite3AtoF).
    const number = parseSqliteNumber(beforeNul(text));
    if (number?.kind !== 'real') return number !== undefined && equalsNumber(number.value);
    // SQLite's reading of many digits may differ from ours in the last bit.
    const { low, high } = rangeOf(number);
    if (range) return range.low <= Number(high) && Number(low) <= range.high;
    return numbers.some(({ value }) => Number(value) >= low && Number(value) <= high);
  };
}

function* numberMatcher(
  type: ColumnType,
  equal: readonly string[],
  others: readonly Constraint[],
): Pieces<ValuePredicate | undefined> {
  const checks: ((value: number | bigint) => boolean)[] = [];
  const patterns: TextPredicate[] = [];
  for (const { op, expr } of others) {
    if (op === 'like' || op === 'glob') {
      if (type !== 'DOUBLE') patterns.push(...notEqualOrPattern({ op, expr }));
      continue;
    }
    const number = parseSqliteNumber(expr);
    const check = number && compared(op, number);
    if (check) checks.push(check);
  }
  if (equal.length > 0) {
    const isEqual = yield* equalNumbers(equal);
    if (isEqual) checks.unshift(isEqual);
  }
  if (checks.length === 0 && patterns.length === 0) return undefined;
  return (value) => {
    if (value === null || value === '') return false;
    const number = asOsqueryReads(type, value);
    if (number === undefined) return true;
    for (const check of checks) if (!check(number)) return false;
    if (patterns.length === 0) return true;
    const text = String(number);
    return patterns.every((pattern) => pattern(text));
  };
}

/** Undefined where one of the expressions is no number: it may be equal to anything. */
function* equalNumbers(expressions: readonly string[]): Pieces<((value: number | bigint) => boolean) | undefined> {
  const numbers: SqliteNumber[] = [];
  for (const [i, expr] of expressions.entries()) {
    if (endsPiece(i)) yield undefined;
    const number = parseSqliteNumber(expr);
    if (!number) return undefined;
    numbers.push(number);
  }
  return yield* equalNumber(numbers);
}

/** The list, if there is one and all of it are numbers: one that is none admits everything. */
export function allNumbers(list: readonly (SqliteNumber | undefined)[]): readonly SqliteNumber[] | undefined {
  const numbers = list.filter((number) => number !== undefined);
  return numbers.length > 0 && numbers.length === list.length ? numbers : undefined;
}

function compared(op: Constraint['op'], number: SqliteNumber): ((value: number | bigint) => boolean) | undefined {
  const comparison = numericComparison(op, number);
  if (comparison === undefined) return undefined;
  const bound = comparison.value;
  switch (comparison.op) {
    case 'gt':
      return (value) => value > bound;
    case 'ge':
      return (value) => value >= bound;
    case 'lt':
      return (value) => value < bound;
    case 'le':
      return (value) => value <= bound;
    case 'ne': {
      const key = integerKey(bound);
      return (value) => integerKey(value) !== key;
    }
  }
}

/** What a comparison with a number leaves: that, or more where fifteen digits do not tell the number. */
interface NumericComparison {
  readonly op: 'gt' | 'ge' | 'lt' | 'le' | 'ne';
  readonly value: number | bigint;
}

/** Undefined where there is nothing to compare: for `eq`, for what is no comparison, and for a real that may differ. */
export function numericComparison(op: Constraint['op'], number: SqliteNumber): NumericComparison | undefined {
  const { low, high } = rangeOf(number);
  const isExact = low === high;
  switch (op) {
    case 'gt':
      return { op: isExact ? 'gt' : 'ge', value: low };
    case 'ge':
      return { op, value: low };
    case 'lt':
      return { op: isExact ? 'lt' : 'le', value: high };
    case 'le':
      return { op, value: high };
    case 'ne':
      return number.kind === 'integer' ? { op, value: number.value } : undefined;
    default:
      return undefined;
  }
}

/** Where the number lies that an expression stands for: both ends are part of it. */
export function rangeOf(number: SqliteNumber): { readonly low: number | bigint; readonly high: number | bigint } {
  const { kind, value } = number;
  if (kind === 'integer') return { low: value, high: value };
  const slack = Math.abs(value) * REAL_TOLERANCE;
  return { low: value - slack, high: value + slack };
}

/** Above so many, ranges of reals are taken for one that holds them all. */
const RANGES_MAX = 64;

function* equalNumber(numbers: readonly SqliteNumber[]): Pieces<(value: number | bigint) => boolean> {
  const integers = new Set<number | bigint>();
  const reals: SqliteNumber[] = [];
  for (const [i, number] of numbers.entries()) {
    if (endsPiece(i)) yield undefined;
    if (number.kind === 'integer') integers.add(integerKey(number.value));
    else reals.push(number);
  }
  const ranges = reals.length > RANGES_MAX ? [rangeOfAll(reals)] : reals.map(rangeOf);
  return (value) => integers.has(integerKey(value)) || ranges.some(({ low, high }) => value >= low && value <= high);
}

/** From the least of some reals to the greatest. */
function rangeOfAll(reals: readonly SqliteNumber[]): { readonly low: number; readonly high: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const number of reals) {
    const range = rangeOf(number);
    low = Math.min(low, Number(range.low));
    high = Math.max(high, Number(range.high));
  }
  return { low, high };
}

/** The number that osquery makes of a value's text, or undefined where that is not certain (or NULL). */
function asOsqueryReads(type: ColumnType, value: NonNullable<ColumnValue>): number | bigint | undefined {
  // Leading zeros are octal to osquery (tryTo<long long>(…, 0)): only what has one reading is read.
  const number =
    typeof value === 'string' ? (/^-?(?:0|[1-9]\d{0,17})$/.test(value) ? BigInt(value) : undefined) : value;
  if (number === undefined) return undefined;
  if (type === 'DOUBLE') return Number.isFinite(Number(number)) ? Number(number) : undefined;
  if (typeof number === 'number' && !Number.isInteger(number)) return undefined;
  const half = type === 'INTEGER' ? INTEGER_LIMIT : 2 ** 63;
  return number >= -half && number < half ? integerKey(number) : undefined;
}

function all(checks: readonly TextPredicate[]): ValuePredicate | undefined {
  if (checks.length === 0) return undefined;
  return (value) => {
    const text = textOf(value);
    for (const check of checks) if (!check(text)) return false;
    return true;
  };
}

/** The text that osquery makes of a TEXT column's value: '' of NULL, U+FFFD of a surrogate that is alone. */
function textOf(value: ColumnValue): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  return value.isWellFormed() ? value : value.toWellFormed();
}

/** Text up to the first NUL, where SQLite's patterns end, and all that osquery hands over of an expression. */
function beforeNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

/** `beforeNul`, without the spaces at its end: what COLLATE RTRIM compares. */
function withoutTrail(text: string): string {
  const upToNul = beforeNul(text);
  let length = upToNul.length;
  while (length > 0 && upToNul.charCodeAt(length - 1) === 0x20) length -= 1;
  return upToNul.slice(0, length);
}

function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
}

function startsLikeNumber(text: string): boolean {
  const c = text.charCodeAt(0);
  return (c >= 0x30 && c <= 0x39) || c === 0x2b || c === 0x2d || c === 0x2e || c === 0x20 || (c >= 0x09 && c <= 0x0d);
}
