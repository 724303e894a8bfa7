import { type Json, parseJsonInPieces } from './json_in_pieces.ts';
import { runToEnd } from './pieces.ts';

/** The operator of a constraint. `unsupported` is any other operator: ignore it, SQLite checks the rows again. */
export type ConstraintOp =
  | 'eq'
  | 'gt'
  | 'le'
  | 'lt'
  | 'ge'
  | 'like'
  | 'glob'
  | 'ne'
  | 'match'
  | 'regexp'
  | 'unsupported';

/** `column op expr`. `expr` is the value as SQLite's text, for every column type. */
export interface Constraint {
  readonly op: ConstraintOp;
  readonly expr: string;
}

/** The parts of a query that osquery passes to a table. */
export interface QueryContext {
  /**
   * Constraints by column; a column without constraints is absent. Several `eq` on one column mean any of them (an IN
   * list); all other constraints must hold together.
   */
  readonly constraints: ReadonlyMap<string, readonly Constraint[]>;
  /** Names of the columns that the query reads; undefined for all. */
  readonly columnsUsed: ReadonlySet<string> | undefined;
  /**
   * LIMIT and OFFSET of the statement. Do not end a scan early because of them: osquery also passes them with ORDER BY
   * (`ORDER BY time DESC LIMIT 1`) and with constraints that it does not pass on, and it skips OFFSET rows itself.
   */
  readonly limit?: number;
  readonly offset?: number;
}

/** The context of a query is invalid. */
export class QueryContextError extends Error {
  override readonly name = 'QueryContextError';
}

// osquery/core/tables.h, ConstraintOperator; the numbers are SQLite's SQLITE_INDEX_CONSTRAINT_*.
const OPS: Readonly<Record<number, ConstraintOp>> = {
  2: 'eq',
  4: 'gt',
  8: 'le',
  16: 'lt',
  32: 'ge',
  64: 'match',
  65: 'like',
  66: 'glob',
  67: 'regexp',
  68: 'ne',
};
const LIMIT = 73;
const OFFSET = 74;

/** The contexts of osquery are nested 5 deep. */
const MAX_DEPTH = 8;
/** Up to this length JSON.parse takes some milliseconds. */
export const ONE_PIECE_LENGTH = 256 * 1024;
/** Constraints between two pauses. */
const CONSTRAINTS_A_PIECE = 2048;
/** Characters of an expression. Only SQLite compares with a longer one. */
const MAX_EXPRESSION = 1_048_576;
/** Replaces an expression that is too long: isUnknown in constraint.ts recognizes it, and no name equals it. */
const UNKNOWN_EXPRESSION = '\ufffd'.repeat(1024);

/**
 * Parses the `context` of a `generate` request. Constraints on unknown columns are left out. `colsUsedBitset` is ignored:
 * it exceeds 2^53, and `colsUsed` has the same information.
 *
 * @throws {QueryContextError} the context is not JSON, or has another shape
 */
export function parseQueryContext(json: string, columns: readonly { readonly name: string }[]): QueryContext {
  return runToEnd(parseQueryContextInPieces(json, columns));
}

/** `parseQueryContext` with pauses: every `undefined` is a pause. */
export function* parseQueryContextInPieces(
  json: string,
  columns: readonly { readonly name: string }[],
): Generator<undefined, QueryContext, void> {
  const root = yield* parse(json);
  let untilPause = CONSTRAINTS_A_PIECE;
  if (!isObject(root)) throw new QueryContextError(`context is ${kindOf(root)}, not an object`);
  const known = new Set(columns.map((column) => column.name));
  const constraints = new Map<string, Constraint[]>();
  let limit: number | undefined;
  let offset: number | undefined;
  for (const entry of list(root.constraints, 'constraints')) {
    if (!isObject(entry)) throw new QueryContextError(`context: a constraint is ${kindOf(entry)}, not an object`);
    const name = entry.name;
    if (typeof name !== 'string') throw new QueryContextError(`context: a constraint's name is ${kindOf(name)}`);
    for (const item of list(entry.list, `constraints of ${name.slice(0, 64)}`)) {
      if (--untilPause <= 0) {
        untilPause = CONSTRAINTS_A_PIECE;
        yield undefined;
      }
      const { code, expr } = operation(item, name);
      // LIMIT and OFFSET are no constraints on a column: osquery adds them to the first column.
      if (code === LIMIT) limit = count(expr);
      else if (code === OFFSET) offset = count(expr);
      else if (known.has(name)) {
        const constraint = { op: OPS[code] ?? 'unsupported', expr };
        const others = constraints.get(name);
        if (others) others.push(constraint);
        else constraints.set(name, [constraint]);
      }
    }
  }
  return {
    constraints,
    columnsUsed: columnsUsed(root.colsUsed, known),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
  };
}

function* parse(json: string): Generator<undefined, Json, void> {
  try {
    if (json.length <= ONE_PIECE_LENGTH) return JSON.parse(json);
    return yield* parseJsonInPieces(json, {
      maxDepth: MAX_DEPTH,
      maxString: MAX_EXPRESSION,
      longString: UNKNOWN_EXPRESSION,
    });
  } catch (error) {
    if (error instanceof RangeError) throw new QueryContextError(`context is ${error.message}`);
    throw new QueryContextError(
      `context is not JSON: ${JSON.stringify(json.slice(0, 64))} (${json.length} characters)`,
    );
  }
}

function operation(item: Json, column: string): { code: number; expr: string } {
  const op = isObject(item) ? item.op : undefined;
  const expr = isObject(item) ? item.expr : undefined;
  const code = typeof op === 'string' && /^\d{1,5}$/.test(op) ? Number(op) : op;
  if (typeof code !== 'number' || !Number.isInteger(code) || typeof expr !== 'string') {
    throw new QueryContextError(
      `context: a constraint on ${column.slice(0, 64)} is not {op: integer, expr: text} but {op: ${kindOf(op)}, expr: ${kindOf(expr)}}`,
    );
  }
  return { code, expr: expr.length > MAX_EXPRESSION ? UNKNOWN_EXPRESSION : expr };
}

function columnsUsed(value: Json | undefined, known: ReadonlySet<string>): ReadonlySet<string> | undefined {
  if (value === undefined || value === null) return undefined;
  const used = new Set<string>();
  for (const name of list(value, 'colsUsed')) {
    if (typeof name !== 'string') throw new QueryContextError(`context: colsUsed holds ${kindOf(name)}, not names`);
    if (known.has(name)) used.add(name);
  }
  return used;
}

// Older osquery versions write an empty list as "", because of boost's property tree.
function list(value: Json | undefined, what: string): readonly Json[] {
  if (value === undefined || value === '') return [];
  if (!Array.isArray(value)) throw new QueryContextError(`context: ${what} is ${kindOf(value)}, not a list`);
  return value;
}

// LIMIT -1 is no limit.
function count(expr: string): number | undefined {
  return /^\d{1,15}$/.test(expr) ? Number(expr) : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: Json | undefined): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
