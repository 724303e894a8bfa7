import { type Column, ColumnOption, type ColumnType, type ColumnValue } from './column.ts';
import { type Pieces, runToEnd } from './pieces.ts';
import type { Constraint, QueryContext } from './query_context.ts';
import { exceedsDouble, integerKey, parseSqliteNumber } from './sqlite_number.ts';
import { globPattern, likePattern, type TextPredicate } from './text_pattern.ts';

/** Whether a value may be part of the answer. */
type ValuePredicate = (value: ColumnValue) => boolean;

// osquery passes on a real number with 15 significant digits: the original number is this close to them.
const REAL_TOLERANCE = 1e-14;
/** Expressions of a list between two pauses: about a millisecond. */
const EXPRESSIONS_A_PIECE = 1024;
/** Constraints of one column, without `eq`, that are checked here. SQLite checks the others. */
const OTHERS_MAX = 8;
/** osquery cuts an INTEGER to 32 bits, so larger numbers change their value. */
const INTEGER_LIMIT = 2 ** 31;

/**
 * A filter for the rows of a query; undefined admits every row. It admits every row that SQLite may keep, and some more:
 * SQLite checks all rows again, with a collation and an affinity that osquery does not pass on.
 *
 * - Several `eq` on a column admit any of them. All other constraints must hold together.
 * - TEXT: `eq` ignores ASCII case and trailing spaces (COLLATE NOCASE and RTRIM), and compares numbers as numbers. `<`,
 *   `>`, `<=` and `>=` admit everything. In an OPTIMIZED column `eq` also admits '', because osquery leaves an empty
 *   expression out of an IN list.
 * - Numbers: an `eq` with an integer is exact. An expression that is not a number, and `eq` with a real number, admit
 *   everything; LIKE and GLOB do too.
 *
 * Two expressions look like other ones, and `ne` may lose rows to them: a BLOB literal (`x != X'61'`), and text with a
 * NUL inside, of which osquery passes on the part before the NUL. `eq` may lose rows to the VERSION collations of osquery.
 */
export function rowMatcher<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): ((row: Row) => boolean) | undefined {
  return runToEnd(rowMatcherInPieces(columns, context));
}

/** `rowMatcher` with pauses, for long IN lists: every `undefined` is a pause. */
export function* rowMatcherInPieces<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): Pieces<((row: Row) => boolean) | undefined> {
  const checks: { column: Column<Row>; admits: ValuePredicate }[] = [];
  for (const column of columns) {
    const admits = yield* valueMatcher(column, context.constraints.get(column.name) ?? []);
    if (admits) checks.push({ column, admits });
  }
  if (checks.length === 0) return undefined;
  return (row) => checks.every(({ column, admits }) => admits(column.value(row)));
}

function* valueMatcher(
  { type, options }: Pick<Column<never>, 'type' | 'options'>,
  constraints: readonly Constraint[],
): Pieces<ValuePredicate | undefined> {
  const equal: string[] = [];
  const others: Constraint[] = [];
  for (const [i, constraint] of constraints.entries()) {
    if (endsPiece(i)) yield undefined;
    if (constraint.op === 'eq') equal.push(constraint.expr);
    else if (others.length < OTHERS_MAX) others.push(constraint);
  }
  if (type !== 'TEXT') return yield* numberMatcher(type, equal, others);
  if (equal.length > 0 && (options & ColumnOption.optimized) !== 0) equal.push('');
  return yield* textMatcher(equal, others);
}

/** Whether a piece of work on a list ends before the element at index `at`. */
function endsPiece(at: number): boolean {
  return at > 0 && at % EXPRESSIONS_A_PIECE === 0;
}

function* textMatcher(equal: readonly string[], others: readonly Constraint[]): Pieces<ValuePredicate | undefined> {
  const checks = others.flatMap((constraint) => notEqualOrPattern(constraint) ?? []);
  const isEqual = equal.length > 0 ? yield* equalText(equal) : undefined;
  if (isEqual) checks.unshift(isEqual);
  if (checks.length === 0) return undefined;
  return (value) => {
    const text = textOf(value);
    return checks.every((check) => check(text));
  };
}

/** Undefined where the constraint admits everything. */
function notEqualOrPattern({ op, expr }: Constraint): TextPredicate | undefined {
  if (isUnknown(expr)) return undefined;
  // SQLite compares text with a real number as a number, and its 15 digits may equal where the texts differ.
  if (op === 'ne') return parseSqliteNumber(expr)?.kind === 'real' ? undefined : (text) => text !== expr;
  if (op !== 'like' && op !== 'glob') return undefined;
  // In SQLite a pattern, and the text that it is matched with, end at a NUL.
  const pattern = op === 'like' ? likePattern(beforeNul(expr)) : globPattern(beforeNul(expr));
  return pattern && ((text) => pattern(beforeNul(text)));
}

/**
 * Whether the text of an expression does not tell the value that SQLite compares with: bytes that are not UTF-8 arrive as
 * U+FFFD, and an infinite number as a word.
 */
function isUnknown(expr: string): boolean {
  return expr.includes('\ufffd') || !expr.isWellFormed() || exceedsDouble(expr);
}

/** Undefined where an expression is unknown: it may equal anything. */
function* equalText(expressions: readonly string[]): Pieces<TextPredicate | undefined> {
  const keys = new Set<string>();
  const lengths = new Set<number>();
  const integers = new Set<number | bigint>();
  let hasReal = false;
  for (const [i, expr] of expressions.entries()) {
    if (endsPiece(i)) yield undefined;
    if (isUnknown(expr)) return undefined;
    const key = asciiLowerCase(withoutTrail(expr));
    keys.add(key);
    lengths.add(key.length);
    const number = parseSqliteNumber(expr);
    if (number?.kind === 'integer') integers.add(integerKey(number.value));
    else if (number) hasReal = true;
  }
  const hasNumber = hasReal || integers.size > 0;
  return (text) => {
    const key = withoutTrail(text);
    if (lengths.has(key.length) && keys.has(asciiLowerCase(key))) return true;
    if (!hasNumber || !startsLikeNumber(text)) return false;
    // SQLite reads a number up to a NUL (util.c, sqlite3AtoF).
    const number = parseSqliteNumber(beforeNul(text));
    // Real numbers may equal where their digits differ: all of them are admitted.
    return number !== undefined && (hasReal || number.kind === 'real' || integers.has(integerKey(number.value)));
  };
}

function* numberMatcher(
  type: ColumnType,
  equal: readonly string[],
  others: readonly Constraint[],
): Pieces<ValuePredicate | undefined> {
  const checks = others.flatMap((constraint) => compared(constraint) ?? []);
  const isEqual = equal.length > 0 ? yield* equalInteger(equal) : undefined;
  if (isEqual) checks.unshift(isEqual);
  if (checks.length === 0) return undefined;
  return (value) => {
    if (value === null) return false;
    const number = asOsqueryReads(type, value);
    return number === undefined || checks.every((check) => check(number));
  };
}

/** Undefined where an expression is not an integer: it may equal anything. */
function* equalInteger(expressions: readonly string[]): Pieces<((value: number | bigint) => boolean) | undefined> {
  const integers = new Set<number | bigint>();
  for (const [i, expr] of expressions.entries()) {
    if (endsPiece(i)) yield undefined;
    const number = parseSqliteNumber(expr);
    if (number?.kind !== 'integer') return undefined;
    integers.add(integerKey(number.value));
  }
  return (value) => integers.has(integerKey(value));
}

/** Undefined where the constraint admits everything. */
function compared({ op, expr }: Constraint): ((value: number | bigint) => boolean) | undefined {
  const range = rangeOf(expr);
  if (range === undefined) return undefined;
  const { min, max } = range;
  switch (op) {
    case 'gt':
      return (value) => value > min;
    case 'ge':
      return (value) => value >= min;
    case 'lt':
      return (value) => value < max;
    case 'le':
      return (value) => value <= max;
    case 'ne': {
      const key = integerKey(min);
      return min === max ? (value) => integerKey(value) !== key : undefined;
    }
    default:
      return undefined;
  }
}

/** The range in which the number of an expression lies, with both ends; undefined for what is not a number. */
export function rangeOf(expr: string): { readonly min: number | bigint; readonly max: number | bigint } | undefined {
  const number = parseSqliteNumber(expr);
  if (number === undefined) return undefined;
  const { kind, value } = number;
  if (kind === 'integer') return { min: value, max: value };
  const slack = Math.abs(value) * REAL_TOLERANCE;
  return { min: value - slack, max: value + slack };
}

/** The number that osquery passes to SQLite for a value; undefined where it may differ from the value. */
function asOsqueryReads(type: ColumnType, value: NonNullable<ColumnValue>): number | bigint | undefined {
  // osquery parses the text, and reads leading zeros as octal (tryTo<long long>(…, 0)).
  if (typeof value === 'string') return undefined;
  if (type === 'DOUBLE') return Number.isFinite(Number(value)) ? Number(value) : undefined;
  if (typeof value === 'number' && !Number.isInteger(value)) return undefined;
  const limit = type === 'INTEGER' ? INTEGER_LIMIT : 2 ** 63;
  return value >= -limit && value < limit ? value : undefined;
}

/** The text that osquery makes of a TEXT column's value: '' for NULL, U+FFFD for a lone surrogate. */
function textOf(value: ColumnValue): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  return value.isWellFormed() ? value : value.toWellFormed();
}

/** Text up to the first NUL. */
function beforeNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

/** `beforeNul` without trailing spaces, which COLLATE RTRIM ignores. */
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
