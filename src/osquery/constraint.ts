import { type Column, ColumnOption, type ColumnType, type ColumnValue } from './column.ts';
import { type Pieces, runToEnd } from './pieces.ts';
import type { Constraint, QueryContext } from './query_context.ts';
import { parseSqliteNumber } from './sqlite_number.ts';

/** Whether a value may be part of the answer. */
type Check<Value> = (value: Value) => boolean;

// osquery passes on a real number with 15 significant digits: the original number is this close to them.
const REAL_TOLERANCE = 1e-14;
/** Expressions of a list between two pauses: about a millisecond. */
const EXPRESSIONS_A_PIECE = 1024;
/** Constraints of one column, without `eq`, that are checked here. SQLite checks the others. */
const OTHERS_MAX = 8;
/** A longer pattern admits everything: a search for it could take long. */
const PATTERN_MAX = 256;
const STARTS_LIKE_NUMBER = /^[ \t\n\v\f\r]*[+-]?[.\d]/;
/** osquery cuts an INTEGER to 32 bits, so larger numbers change their value. */
const INTEGER_LIMIT = 2 ** 31;

/**
 * A filter for the rows of a query; undefined admits every row. It admits every row that SQLite may keep, and some more:
 * SQLite checks all rows again, with a collation and an affinity that osquery does not pass on.
 *
 * - Several `eq` on a column admit any of them. All other constraints must hold together.
 * - TEXT: `eq` ignores case and white space at the end (COLLATE NOCASE and RTRIM); with a number it admits all that starts
 *   like a number, with which SQLite may compare it. In an OPTIMIZED column it also admits '', because osquery leaves an empty
 *   expression out of an IN list. LIKE and GLOB admit text that has the parts between the wildcards. `<`, `>`, `<=`, `>=`, and
 *   `ne` with a number admit everything.
 * - Numbers: integers are exact within 53 bits. Other expressions of `eq` and `ne`, LIKE and GLOB admit everything.
 *
 * Two expressions look like other ones, and `ne` may lose rows to them: a BLOB literal (`x != X'61'`), and text with a
 * NUL inside, of which osquery passes on the part before the NUL. `eq` may lose rows to the VERSION collations of osquery.
 */
export function rowMatcher<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): Check<Row> | undefined {
  return runToEnd(rowMatcherInPieces(columns, context));
}

/** `rowMatcher` with pauses, for long IN lists: every `undefined` is a pause. */
export function* rowMatcherInPieces<Row>(
  columns: readonly Column<Row>[],
  context: Pick<QueryContext, 'constraints'>,
): Pieces<Check<Row> | undefined> {
  const checks: Check<Row>[] = [];
  for (const column of columns) {
    const constraints = context.constraints.get(column.name);
    if (constraints === undefined) continue;
    const admits = yield* valueMatcher(column, constraints);
    if (admits) checks.push((row) => admits(column.value(row)));
  }
  return allOf(checks);
}

function allOf<Value>(checks: readonly Check<Value>[]): Check<Value> | undefined {
  return checks.length === 0 ? undefined : (value) => checks.every((check) => check(value));
}

function* valueMatcher(
  { type, options }: Pick<Column<never>, 'type' | 'options'>,
  constraints: readonly Constraint[],
): Pieces<Check<ColumnValue> | undefined> {
  const equal: string[] = [];
  const others: Constraint[] = [];
  for (const [i, constraint] of constraints.entries()) {
    if (endsPiece(i)) yield undefined;
    if (constraint.op === 'eq') equal.push(constraint.expr);
    else if (others.length < OTHERS_MAX) others.push(constraint);
  }
  if (type !== 'TEXT') {
    const checks = others.flatMap((constraint) => compared(constraint) ?? []);
    const integers = yield* setOf(equal, exactInteger);
    if (integers) checks.unshift((number) => integers.has(Number(number)));
    const admits = allOf(checks);
    if (!admits) return undefined;
    return (value) => {
      if (value === null) return false;
      const number = asOsqueryReads(type, value);
      return number === undefined || admits(number);
    };
  }
  if (equal.length > 0 && (options & ColumnOption.optimized) !== 0) equal.push('');
  const checks = others.flatMap((constraint) => notEqualOrPattern(constraint) ?? []);
  // Numbers may be equal where their digits differ.
  let orNumber = false;
  const texts = yield* setOf(equal, (expr) => {
    orNumber ||= isNumber(expr);
    return isUnknown(expr) ? undefined : textKey(expr);
  });
  if (texts) checks.unshift((text) => texts.has(textKey(text)) || (orNumber && STARTS_LIKE_NUMBER.test(text)));
  const admits = allOf(checks);
  return admits && ((value) => admits(textOf(value)));
}

/** Whether a piece of work on a list ends before the element at index `at`. */
function endsPiece(at: number): boolean {
  return at > 0 && at % EXPRESSIONS_A_PIECE === 0;
}

/** The keys of a list; undefined for an empty list, and if an expression may equal anything. */
function* setOf<Key>(
  expressions: readonly string[],
  keyOf: (expr: string) => Key | undefined,
): Pieces<ReadonlySet<Key> | undefined> {
  const keys = new Set<Key>();
  for (const [i, expr] of expressions.entries()) {
    if (endsPiece(i)) yield undefined;
    const key = keyOf(expr);
    if (key === undefined) return undefined;
    keys.add(key);
  }
  return keys.size > 0 ? keys : undefined;
}

function exactInteger(expr: string): number | undefined {
  const number = parseSqliteNumber(expr);
  return number?.isExact ? number.value : undefined;
}

function isNumber(expr: string): boolean {
  return parseSqliteNumber(expr) !== undefined;
}

/** Whether the text of an expression does not tell the value: bytes that are not UTF-8 arrive as U+FFFD. */
function isUnknown(expr: string): boolean {
  return expr.includes('\ufffd') || !expr.isWellFormed();
}

/** Undefined where the constraint admits everything. */
function notEqualOrPattern({ op, expr }: Constraint): Check<string> | undefined {
  if (isUnknown(expr)) return undefined;
  if (op === 'ne') return isNumber(expr) ? undefined : (text) => text !== expr;
  // In SQLite a pattern, and the text that it is matched with, end at a NUL.
  const parts = beforeNul(expr);
  if (parts.length > PATTERN_MAX) return undefined;
  if (op === 'like') {
    const matches = hasParts(folded(parts).split(/[%_]/));
    return (text) => matches(folded(beforeNul(text)));
  }
  if (op !== 'glob' || parts.includes('[')) return undefined;
  const matches = hasParts(parts.split(/[*?]/));
  return (text) => matches(beforeNul(text));
}

/** Whether text has these parts in this order: the first one at its begin, the last one at its end. */
function hasParts([first = '', ...between]: readonly string[]): Check<string> {
  const last = between.pop();
  return (text) => {
    if (last === undefined) return text === first;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of between) {
      at = text.indexOf(part, at);
      if (at < 0) return false;
      at += part.length;
    }
    return at + last.length <= text.length;
  };
}

/** Undefined where the constraint admits everything. */
function compared({ op, expr }: Constraint): Check<number | bigint> | undefined {
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
    case 'ne':
      return min === max ? (value) => Number(value) !== min : undefined;
    default:
      return undefined;
  }
}

/** The range in which the number of an expression lies, with both ends; undefined for what is not a finite number. */
export function rangeOf(expr: string): { readonly min: number; readonly max: number } | undefined {
  const number = parseSqliteNumber(expr);
  if (number === undefined || !Number.isFinite(number.value)) return undefined;
  const { value, isExact } = number;
  const slack = isExact ? 0 : Math.abs(value) * REAL_TOLERANCE;
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

/** Equal for texts that SQLite may find equal. */
function textKey(text: string): string {
  return folded(beforeNul(text).trimEnd());
}

/** SQLite ignores the case of ASCII letters only. Not lower case: that of a sigma depends on the letters around it. */
function folded(text: string): string {
  return text.toUpperCase();
}

/** Text up to the first NUL. */
function beforeNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}
