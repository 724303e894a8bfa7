import { ExtensionError } from './extension_error.ts';

/** SQL types, by osquery's names. Every value crosses the socket as text. */
export type ColumnType = 'TEXT' | 'INTEGER' | 'BIGINT' | 'DOUBLE';

/**
 * Bits of a column's options (osquery/core/tables.h, ColumnOptions).
 *
 * - index: a lookup by this column is cheap, and the index columns together are unique.
 * - required: a query without a constraint on this column fails.
 * - additional: a constraint on this column changes the generated rows.
 * - optimized: an IN list arrives in one call instead of one call per value.
 * - hidden: not part of `SELECT *`.
 */
export const ColumnOption = { default: 0, index: 1, required: 2, additional: 4, optimized: 8, hidden: 16 } as const;

/**
 * The value of a column in a row; null is NULL. osquery 5.23 shows NULL in a TEXT column as ''
 * (sql/dynamic_table_row.cpp, get_column), so a TEXT column of JSON uses `json`. Use bigint for numbers above 2^53.
 */
export type ColumnValue = string | number | bigint | null;

/** A column: name and SQL type, options, description, and the function that returns its value. */
export interface Column<Row> {
  readonly name: string;
  readonly type: ColumnType;
  /** `ColumnOption` bits, combined with `|`. */
  readonly options: number;
  readonly description: string;
  /** Other names of the column in SQL; hidden from `SELECT *`. */
  readonly aliases?: readonly string[];
  // A method, not a property, so that one list can hold tables with different row types.
  value(row: Row): ColumnValue;
}

type Make = <Row>(name: string, description: string, value: (row: Row) => ColumnValue, options?: number) => Column<Row>;

const make =
  (type: ColumnType): Make =>
  (name, description, value, options = ColumnOption.default) => ({ name, type, options, description, value });

/** A TEXT column. */
export const text: Make = make('TEXT');
/** An INTEGER column: 32 bits; osquery cuts larger numbers. */
export const integer: Make = make('INTEGER');
/** A BIGINT column: 64 bits, signed. */
export const bigint: Make = make('BIGINT');
/** A DOUBLE column. */
export const double: Make = make('DOUBLE');

/** A TEXT column of JSON. NULL becomes JSON's `null`: SQLite's JSON functions refuse '', and read `null` as NULL. */
export const json: Make = (name, description, value, options) =>
  text(name, description, (row) => value(row) ?? JSON_NULL, options);

export const JSON_NULL = 'null';

/**
 * SQLite's mask of used columns has 64 bits; the last bit stands for all columns from this index. osquery clears that bit
 * at the first alias (sql/virtual_table.cpp, xBestIndex), so aliases must have a lower index.
 */
const SHARED_MASK_INDEX = 63;
/** SQLite's default limit of columns (sqlite.org/limits.html). */
const MAX_COLUMNS = 2000;

/** The key of a row's id, beside its columns (osquery's sql/dynamic_table_row.cpp, get_rowid). */
export const ROWID = 'rowid';

/**
 * The routes of a table, for the registration and for the `columns` action: an entry for each column, followed by an entry
 * for each of its aliases; at the end the attributes. Attributes are 0: EVENT_BASED would make osquery log every returned
 * row again at each run.
 *
 * @throws {ExtensionError} `declaration`: a name is declared twice, is `rowid`, or is not a SQL name; an alias has too
 * high an index; too many columns.
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
    // SQLite ignores the case of names.
    const folded = name.toLowerCase();
    if (names.has(folded)) refuse(`column ${quoted} is declared twice`);
    if (folded === ROWID) refuse(`column ${quoted} has the reserved name of the row id`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(`column ${quoted} is not a SQL name`);
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
