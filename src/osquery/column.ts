import { ExtensionError } from './extension_error.ts';

/** SQL types that osquery knows by these names; every value crosses the socket as text. */
export type ColumnType = 'TEXT' | 'INTEGER' | 'BIGINT' | 'DOUBLE';

/**
 * Bits of a column's options (osquery/core/tables.h, ColumnOptions).
 *
 * - index: a lookup by it is cheap, and the rows are distinct by the index columns together.
 * - required: a query without a constraint on it fails.
 * - additional: a constraint on it changes what is generated.
 * - optimized: an IN list arrives in one call instead of one call a value.
 * - hidden: not part of `SELECT *`.
 */
export const ColumnOption = { default: 0, index: 1, required: 2, additional: 4, optimized: 8, hidden: 16 } as const;

/**
 * What a column gives for a row; null is NULL. osquery 5.23 shows a NULL in a TEXT column as '' (its
 * sql/dynamic_table_row.cpp, get_column), so a TEXT column that holds JSON uses `json`. Numbers above 2^53 are bigints;
 * INTEGER is 32 bits wide in osquery.
 */
export type ColumnValue = string | number | bigint | null;

/** A column, declared once: its name and type in SQL, its options, what it means, and where its value comes from. */
export interface Column<Row> {
  readonly name: string;
  readonly type: ColumnType;
  /** `ColumnOption` bits, or-ed. */
  readonly options: number;
  readonly description: string;
  /** Other names of the column in SQL, hidden from `SELECT *`. */
  readonly aliases?: readonly string[];
  // A method, not a property, so that tables of different rows fit into one list.
  value(row: Row): ColumnValue;
}

type Make = <Row>(name: string, description: string, value: (row: Row) => ColumnValue, options?: number) => Column<Row>;

const make =
  (type: ColumnType): Make =>
  (name, description, value, options = ColumnOption.default) => ({ name, type, options, description, value });

/** A TEXT column. */
export const text: Make = make('TEXT');
/** An INTEGER column: 32 bits, osquery cuts off what is above. */
export const integer: Make = make('INTEGER');
/** A BIGINT column: 64 bits, signed. */
export const bigint: Make = make('BIGINT');
/** A DOUBLE column. */
export const double: Make = make('DOUBLE');

/** A TEXT column of JSON. No value is JSON's `null`: SQLite's JSON functions refuse '', and make NULL of `null`. */
export const json: Make = (name, description, value, options) =>
  text(name, description, (row) => value(row) ?? JSON_NULL, options);

export const JSON_NULL = 'null';

/**
 * SQLite's mask of used columns has 64 bits, and the last one stands for all columns from this index on. osquery clears
 * it at the first alias there (sql/virtual_table.cpp, xBestIndex), so aliases lie below it.
 */
const SHARED_MASK_INDEX = 63;
/** SQLite's default limit of columns (sqlite.org/limits.html). */
const MAX_COLUMNS = 2000;

/** The key that carries a row's id beside its columns (osquery's sql/dynamic_table_row.cpp, get_rowid). */
export const ROWID = 'rowid';

/**
 * What a table says of itself, at registration and in answer to the `columns` action: one entry for each column, directly
 * after it one for each of its aliases, and one of attributes. Attributes 0: EVENT_BASED would make osquery log every
 * returned row again at each run.
 *
 * @throws {ExtensionError} `declaration`: a name that is declared twice, is `rowid`, or is not a SQL name; an alias that
 * osquery could not mark as used; too many columns.
 */
export function routes(plugin: {
  readonly name?: string;
  readonly columns: readonly Pick<Column<never>, 'name' | 'type' | 'options' | 'aliases'>[];
}): Record<string, string>[] {
  const names = new Set<string>();
  const rows: Record<string, string>[] = [];
  const refuse = (fault: string): never => {
    throw new ExtensionError('declaration', `table ${plugin.name ?? ''}: ${fault}`);
  };
  const declare = (name: string): void => {
    const quoted = JSON.stringify(name);
    // SQLite's names do not depend on case.
    const folded = name.toLowerCase();
    if (names.has(folded)) refuse(`column ${quoted} is declared twice`);
    if (folded === ROWID) refuse(`column ${quoted} has the name of the row's own id`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(`column ${quoted} is no SQL name`);
    names.add(folded);
  };
  for (const { name, type, options, aliases = [] } of plugin.columns) {
    declare(name);
    rows.push({ id: 'column', name, type, op: String(options) });
    for (const alias of aliases) {
      declare(alias);
      if (rows.length >= SHARED_MASK_INDEX)
        refuse(`alias ${JSON.stringify(alias)} has index ${rows.length}, 62 at most`);
      rows.push({ id: 'columnAlias', name: alias, target: name });
    }
  }
  if (rows.length > MAX_COLUMNS) refuse(`${rows.length} columns, ${MAX_COLUMNS} at most`);
  rows.push({ id: 'attributes', attributes: '0' });
  return rows;
}
