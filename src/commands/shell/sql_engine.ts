/**
 * Runs SQL over the tables of registered extensions, with node:sqlite.
 *
 * Each query gets an empty database in memory with a shadow table per registered table. While SQLite prepares the
 * statement, its authorizer reports the tables and columns that the statement reads. Their rows are fetched from the
 * extensions and inserted into the shadow tables. Then the statement runs.
 */
import { constants, DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { type Constraint, pushDown } from './push_down.ts';
import { queryContext } from './query_context.ts';
import { isNumeric, type RegisteredColumn, type RegisteredTable } from './registered_table.ts';
import { addOsqueryFunctions } from './sql_functions.ts';
import { allStatements, tokenize } from './sql_text.ts';

interface ResultColumn {
  readonly name: string;
  /** Declared type of the source column; UNKNOWN for an expression. */
  readonly type: string;
}

export interface QueryResult {
  readonly columns: readonly ResultColumn[];
  /** Values converted to text by SQLite, in the order of the columns. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A table with a function that returns its rows. `context` is osquery's JSON text. */
export interface QueryableTable {
  readonly definition: RegisteredTable;
  generate(context: string): Promise<readonly Readonly<Record<string, string>>[]>;
}

const readingPragmas = new Set(['table_info', 'table_xinfo', 'table_list', 'function_list', 'compile_options']);

export class SqlEngine {
  readonly #tables: () => Iterable<QueryableTable>;
  readonly #views: () => ReadonlyMap<string, string>;

  /** `tables` and `views` (SQL by name) are called for each query, because extensions register at any time. */
  constructor(
    tables: () => Iterable<QueryableTable>,
    views: () => ReadonlyMap<string, string> = () => new Map<string, string>(),
  ) {
    this.#tables = tables;
    this.#views = views;
  }

  /** Runs one read-only statement; throws the error of SQLite or of the extension. */
  async query(sql: string): Promise<QueryResult> {
    using shadow = new ShadowDatabase(sql, [...this.#tables()], this.#views());
    for (const { table, columns } of shadow.reads()) await fill(shadow, sql, table, columns);
    return shadow.run();
  }

  /** Result columns of the statement, without reading rows from extensions. */
  columns(sql: string): readonly ResultColumn[] {
    using shadow = new ShadowDatabase(sql, [...this.#tables()], this.#views());
    shadow.reads();
    return shadow.columns();
  }
}

async function fill(
  shadow: ShadowDatabase,
  sql: string,
  table: QueryableTable,
  columns: ReadonlySet<string>,
): Promise<void> {
  const { definition } = table;
  const { calls, splitBy } = pushDown(sql, definition);
  for (const constraints of calls) {
    const rows = await table.generate(queryContext(definition, columns, constraints));
    const own = splitBy === undefined ? undefined : constraints.find(isEqualityOn(splitBy));
    shadow.insert(definition, columns, own === undefined ? rows : rows.filter((row) => row[own.column] === own.expr));
  }
}

function isEqualityOn(column: string): (constraint: Constraint) => boolean {
  return (constraint) => constraint.column === column && constraint.op === 2;
}

/**
 * A SQLite table cannot hide a column from `SELECT *`. So a shadow table has only those hidden columns that the statement
 * mentions, each after a marker column. A marker in the result comes from a `*`: the marker and the hidden column after
 * it are removed.
 */
const marker = '\u{1f}hidden ';

class ShadowDatabase implements Disposable {
  readonly #database = new DatabaseSync(':memory:');
  readonly #sql: string;
  readonly #tables: readonly QueryableTable[];
  /** All words of the statement, in lower case. */
  readonly #mentioned: ReadonlySet<string>;

  constructor(sql: string, tables: readonly QueryableTable[], views: ReadonlyMap<string, string>) {
    const [statement, another] = allStatements(sql);
    this.#sql = statement ?? sql;
    this.#tables = tables;
    const words = [sql, ...views.values()].flatMap((text) => tokenize(text).tokens);
    this.#mentioned = new Set(words.map((token) => token.text.toLowerCase()));
    try {
      if (another !== undefined) throw new Error('one statement at a time');
      addOsqueryFunctions(this.#database);
      for (const { definition } of tables) this.#declare(definition);
      for (const [name, view] of views) this.#createView(name, view);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Columns of the shadow table. */
  #columns({ columns }: RegisteredTable): readonly RegisteredColumn[] {
    return columns.filter(({ hidden, name }) => !hidden || this.#mentioned.has(name.toLowerCase()));
  }

  #declare(table: RegisteredTable): void {
    const declarations = this.#columns(table).flatMap(({ name, type, hidden }) => [
      ...(hidden ? [`${quote(marker + name)} TEXT DEFAULT ''`] : []),
      `${quote(name)} ${type}`,
    ]);
    this.#database.exec(`CREATE TABLE ${quote(table.name)} (${declarations.join(',')})`);
  }

  /** Uses osquery's statement (plugins/config/parsers/views.cpp). A view that SQLite refuses does not exist. */
  #createView(name: string, sql: string): void {
    try {
      this.#database.exec(`CREATE VIEW ${name} AS ${sql}`);
    } catch {
      // osquery only logs the error.
    }
  }

  /** Tables and columns that the statement reads. Throws if the statement is not read-only. */
  reads(): { table: QueryableTable; columns: ReadonlySet<string> }[] {
    const seen = new Map<string, Set<string>>();
    this.#authorize((table, column) => {
      const columns = seen.get(table) ?? new Set();
      seen.set(table, columns.add(column));
    });
    // Statements such as VACUUM read nothing, return nothing and do not call the authorizer.
    if (this.#database.prepare(this.#sql).columns().length === 0)
      throw new Error('only a statement that returns rows can run');
    const joined = joinColumns(this.#sql);
    return this.#tables.flatMap((table) => {
      const names = seen.get(table.definition.name);
      if (names === undefined) return [];
      const used = this.#columns(table.definition).filter(({ name }) => names.has(name) || joined(name));
      return [{ table, columns: new Set(used.map(({ name }) => name)) }];
    });
  }

  insert(table: RegisteredTable, used: ReadonlySet<string>, rows: readonly Readonly<Record<string, string>>[]): void {
    const columns = table.columns.filter(({ name }) => used.has(name));
    const names = columns.map(({ name }) => quote(name)).join(',');
    const values = columns.map(() => '?').join(',');
    this.#database.setAuthorizer(null);
    const insert = this.#database.prepare(
      `INSERT INTO ${quote(table.name)} ${columns.length === 0 ? 'DEFAULT VALUES' : `(${names}) VALUES (${values})`}`,
    );
    this.#database.exec('BEGIN');
    for (const row of rows) insert.run(...columns.map((column) => fromText(column, row[column.target ?? column.name])));
    this.#database.exec('COMMIT');
  }

  columns(): readonly ResultColumn[] {
    return this.#prepare().kept.map(({ column }) => column);
  }

  run(): QueryResult {
    const { statement, kept } = this.#prepare();
    // With setReturnArrays a row is an array, which Node's types do not declare.
    const rows = statement.all() as unknown as SQLOutputValue[][];
    const toText = textMaker(this.#database);
    return {
      columns: kept.map(({ column }) => column),
      rows: rows.map((row) => kept.map(({ index }) => toText(row[index] ?? null))),
    };
  }

  #prepare(): { statement: StatementSync; kept: { index: number; column: ResultColumn }[] } {
    this.#authorize(() => {});
    const statement = this.#database.prepare(this.#sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const columns = statement.columns().map(({ name, type }) => ({ name, type: type ?? 'UNKNOWN' }));
    const kept = withoutMarked(columns.map(({ name }) => name));
    return {
      statement,
      kept: columns.map((column, index) => ({ column, index })).filter(({ index }) => kept.has(index)),
    };
  }

  #authorize(onRead: (table: string, column: string) => void): void {
    const writes: ReadonlySet<number> = new Set([
      constants.SQLITE_INSERT,
      constants.SQLITE_UPDATE,
      constants.SQLITE_DELETE,
    ]);
    const harmless: ReadonlySet<number> = new Set([
      constants.SQLITE_SELECT,
      constants.SQLITE_FUNCTION,
      constants.SQLITE_RECURSIVE,
    ]);
    const isTable = (name: string | null) => this.#tables.some(({ definition }) => definition.name === name);
    this.#database.setAuthorizer((action, first, second) => {
      if (action === constants.SQLITE_READ) {
        onRead(first ?? '', second ?? '');
        return constants.SQLITE_OK;
      }
      if (writes.has(action) && isTable(first)) throw new Error(`table ${first} is read-only`);
      const allowed = harmless.has(action) || (action === constants.SQLITE_PRAGMA && readingPragmas.has(first ?? ''));
      return allowed ? constants.SQLITE_OK : constants.SQLITE_DENY;
    });
  }
}

/** Whether NATURAL or USING compares a column: SQLite does not call the authorizer for those. */
function joinColumns(sql: string): (column: string) => boolean {
  const { tokens } = tokenize(sql);
  const words = tokens.map(({ kind, text }) => (kind === 'word' ? text.toUpperCase() : ''));
  // SQLite determines the common columns, so all columns count.
  if (words.includes('NATURAL')) return () => true;
  const names = new Set<string>();
  let inside = false;
  for (const [index, { text }] of tokens.entries()) {
    if (words[index - 1] === 'USING') inside = text === '(';
    else if (text === ')') inside = false;
    else if (inside) names.add(text.toLowerCase());
  }
  return (column) => names.has(column.toLowerCase());
}

/** Indexes of result columns without markers and without hidden columns from a `*`. */
function withoutMarked(names: readonly string[]): Set<number> {
  const kept = new Set<number>();
  for (const [index, name] of names.entries()) {
    const marked = plain(names[index - 1] ?? '') === marker + plain(name);
    if (!marked && !name.startsWith(marker)) kept.add(index);
  }
  return kept;
}

/** SQLite adds a suffix to columns of the same name in a subquery. */
function plain(name: string): string {
  return name.replace(/:\d+$/, '');
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Converts the text of a row as osquery 5.23 does (sql/dynamic_table_row.cpp, get_column): a missing number, or text that
 * is not a number, is NULL; a missing text is ''.
 */
function fromText(column: RegisteredColumn, text: string | undefined): SQLInputValue {
  if (!isNumeric(column)) return text ?? '';
  if (text === undefined) return null;
  if (column.type === 'DOUBLE') {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    return Number.isNaN(value) ? null : value;
  }
  if (!/^[-+]?\d{1,20}$/.test(text)) return null;
  const value = BigInt(text.replace(/^\+/, ''));
  const wrapped = BigInt.asIntN(64, value);
  return wrapped === value || (column.type === 'UNSIGNED BIGINT' && BigInt.asUintN(64, value) === value)
    ? wrapped
    : null;
}

function textMaker(database: DatabaseSync): (value: SQLOutputValue) => string | null {
  database.setAuthorizer(null);
  // SQLite decides the number of digits of a real number.
  const cast = database.prepare('SELECT CAST(? AS TEXT) AS text');
  return (value) => {
    if (value === null || typeof value === 'string') return value;
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Uint8Array) return Buffer.from(value).toString();
    return String(cast.get(value)?.text);
  };
}
