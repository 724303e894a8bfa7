/** Reads rows of the extension's tables, over its socket or in this process. */
import { type Column, ExtensionClient, parseQueryContext, type TablePlugin } from '../../osquery/index.ts';
import type { Row } from './rows.ts';

/** osquery/core/tables.h, ConstraintOperator. */
const OPS = { '=': 2, '<=': 8, '>=': 32 } as const;

export interface Asked {
  readonly column: string;
  readonly op: keyof typeof OPS;
  readonly value: string;
}

export interface TableReader {
  /** Several = constraints on one column match any of the values. Throws when the table does not answer. */
  read(table: string, columns: readonly string[], asked?: readonly Asked[]): Promise<readonly Row[]>;
}

/**
 * Queries the extension directly, not through osquery: the watchdog limits the memory of osqueryd.
 */
export class SocketTables implements TableReader {
  readonly #client: ExtensionClient;

  /** @param path the extension's own socket */
  constructor(path: string) {
    this.#client = new ExtensionClient(path);
  }

  async read(table: string, columns: readonly string[], asked: readonly Asked[] = []): Promise<readonly Row[]> {
    const request = { action: 'generate', context: contextOf(columns, asked) };
    const { status, rows } = await this.#client.call('table', table, request);
    if (status.code !== 0) throw new Error(status.message);
    return rows;
  }
}

/** Tables of this process. */
export class OwnTables implements TableReader {
  readonly #tables: ReadonlyMap<string, TablePlugin<unknown>>;

  constructor(tables: readonly TablePlugin<unknown>[]) {
    this.#tables = new Map(tables.map((table) => [table.name, table]));
  }

  async read(name: string, columns: readonly string[], asked: readonly Asked[] = []): Promise<readonly Row[]> {
    const table = this.#tables.get(name);
    // A procfs snapshot has no history.
    if (!table) return [];
    const context = parseQueryContext(contextOf(columns, asked), table.columns);
    const wanted = table.columns.filter(({ name }) => columns.includes(name));
    const rows: Row[] = [];
    for (const row of await table.generate(context, { onDelivered: () => undefined })) {
      if (row === undefined) continue;
      rows.push(recordOf(wanted, row));
    }
    return rows;
  }
}

/** As on the wire: a missing key is NULL. */
function recordOf<Row>(columns: readonly Column<Row>[], row: Row): Record<string, string> {
  const values = columns.map((column) => [column.name, column.value(row)] as const);
  return Object.fromEntries(values.flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])));
}

function contextOf(columns: readonly string[], asked: readonly Asked[]): string {
  const byColumn = Map.groupBy(asked, ({ column }) => column);
  const constraints = [...byColumn].map(([name, list]) => ({
    name,
    affinity: 'TEXT',
    list: list.map(({ op, value }) => ({ op: OPS[op], expr: value })),
  }));
  return JSON.stringify({ constraints, colsUsed: columns });
}
