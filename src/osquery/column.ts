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
 * What a column gives for a row. In a numeric column '' is NULL, and so is any text that is no number. Numbers above
 * 2^53 are to be bigints; INTEGER is 32 bits wide in osquery.
 */
export type ColumnValue = string | number | bigint;

/** A column, declared once: its name and type in SQL, its options, what it means, and where its value comes from. */
export interface Column<Row> {
  readonly name: string;
  readonly type: ColumnType;
  /** `ColumnOption` bits, or-ed. */
  readonly options: number;
  readonly description: string;
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

// SQLite's mask of used columns has 64 bits and its last one stands for all that follow.
const MAX_COLUMNS = 62;

/**
 * What a table says of itself, at registration and in answer to the `columns` action: a row a column, and one of
 * attributes. 0: none; EVENT_BASED would make osquery log every returned row again at each run.
 *
 * @throws {ExtensionError} `declaration`: a column twice, a name that is no SQL name, more columns than osquery can mark
 * as used.
 */
export function routes(plugin: {
  readonly name?: string;
  readonly columns: readonly Pick<Column<never>, 'name' | 'type' | 'options'>[];
}): Record<string, string>[] {
  const names = new Set<string>();
  const rows: Record<string, string>[] = [];
  for (const { name, type, options } of plugin.columns) {
    const fault = names.has(name)
      ? 'is declared twice'
      : /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
        ? undefined
        : 'is no SQL name';
    if (fault) {
      throw new ExtensionError('declaration', `table ${plugin.name ?? ''}: column ${JSON.stringify(name)} ${fault}`);
    }
    names.add(name);
    rows.push({ id: 'column', name, type, op: String(options) });
  }
  if (rows.length > MAX_COLUMNS) {
    throw new ExtensionError(
      'declaration',
      `table ${plugin.name ?? ''}: ${rows.length} columns, ${MAX_COLUMNS} at most`,
    );
  }
  rows.push({ id: 'attributes', attributes: '0' });
  return rows;
}
