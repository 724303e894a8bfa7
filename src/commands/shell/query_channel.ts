/** What the shell and its query process say to each other, over Node's channel between parent and child. */
import type { QueryResult } from './sql_engine.ts';
import type { TableSource } from './table_source.ts';

export interface Question {
  readonly sql: string;
  readonly tables: readonly TableSource[];
  readonly views: ReadonlyMap<string, string>;
}

export type Reply = { readonly result: QueryResult } | { readonly error: string };

/** The command-line word that makes this program a query process. It is no command for people. */
export const QUERY_PROCESS = 'query-process';
