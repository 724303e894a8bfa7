/** Describes a table as plain data, so that another process can query it. */
import { ExtensionClient } from '../../osquery/index.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryableTable } from './sql_engine.ts';

type Row = Readonly<Record<string, string>>;

/** A table of an extension has a socket; a table of the manager has its rows. */
export type TableSource =
  | { readonly definition: RegisteredTable; readonly socketPath: string }
  | { readonly definition: RegisteredTable; readonly rows: readonly Row[] };

export function queryable(source: TableSource): QueryableTable {
  const { definition } = source;
  if ('rows' in source) return { definition, generate: () => Promise.resolve(source.rows) };
  return {
    definition,
    generate: async (context) => {
      const request = { action: 'generate', context };
      const { status, rows } = await callTable(source.socketPath, definition.name, request);
      if (status.code !== 0) throw new Error(status.message);
      return rows;
    },
  };
}

export interface Answer {
  readonly status: { readonly code: number; readonly message: string };
  readonly rows: readonly Row[];
}

/** Calls a table as osquery does: a ping, then the call. There is no timeout; only a lost connection ends the call. */
export async function callTable(socketPath: string, name: string, request: Row): Promise<Answer> {
  const client = new ExtensionClient(socketPath, { timeoutMs: Number.POSITIVE_INFINITY });
  const status = await client.ping();
  return status.code === 0 ? client.call('table', name, request) : { status, rows: [] };
}
