/** A table as described by an extension at registration, and in the answer to a query for its columns. */

import { ColumnOption } from '../../osquery/index.ts';

export interface RegisteredColumn {
  readonly name: string;
  /** TEXT, INTEGER, BIGINT, UNSIGNED BIGINT, DOUBLE or BLOB. */
  readonly type: string;
  /** A sum of ColumnOption bits. */
  readonly options: number;
  readonly hidden: boolean;
  /** Target column of an alias. */
  readonly target?: string;
}

export interface RegisteredTable {
  readonly name: string;
  readonly columns: readonly RegisteredColumn[];
}

const knownTypes = new Set(['TEXT', 'INTEGER', 'BIGINT', 'UNSIGNED BIGINT', 'DOUBLE', 'BLOB']);

/** Parses the route information of one table. Errors contain the table and the reason. */
export function parseTableRoute(name: string, route: readonly Readonly<Record<string, string>>[]): RegisteredTable {
  const columns: RegisteredColumn[] = [];
  for (const row of route) {
    if (row.id !== 'column' && row.id !== 'columnAlias') continue;
    const { name: column, type } = row;
    const options = Number(row.op ?? '0');
    if (!column) throw new Error(`table ${name}: a column has no name`);
    if (columns.some((one) => one.name.toLowerCase() === column.toLowerCase())) {
      throw new Error(`table ${name}: column ${column} is declared twice`);
    }
    if (row.id === 'columnAlias') {
      const target = columns.find((one) => one.name === row.target);
      if (!target) throw new Error(`table ${name}: alias ${column} of ${row.target}, which is no column before it`);
      columns.push({
        name: column,
        type: target.type,
        options: ColumnOption.hidden,
        hidden: true,
        target: target.name,
      });
      continue;
    }
    if (type === undefined || !knownTypes.has(type))
      throw new Error(`table ${name}: column ${column} has type ${type}`);
    if (!Number.isInteger(options)) throw new Error(`table ${name}: column ${column} has options ${row.op}`);
    columns.push({ name: column, type, options, hidden: (options & ColumnOption.hidden) !== 0 });
  }
  if (columns.length === 0) throw new Error(`table ${name} has no columns`);
  return { name, columns };
}

/** Whether SQLite treats the column's values as numbers. */
export function isNumeric(column: RegisteredColumn): boolean {
  return column.type !== 'TEXT' && column.type !== 'BLOB';
}
