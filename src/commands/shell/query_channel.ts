/** Messages between the shell and its query process, over Node's IPC channel. */
import type { QueryResult } from './sql_engine.ts';
import type { TableSource } from './table_source.ts';

export interface Question {
  readonly sql: string;
  readonly tables: readonly TableSource[];
  readonly views: ReadonlyMap<string, string>;
}

export type Reply = { readonly result: QueryResult } | { readonly error: string };

/** Internal command that runs this program as a query process. */
export const QUERY_PROCESS = 'query-process';
