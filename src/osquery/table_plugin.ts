import type { Column } from './column.ts';
import type { QueryContext } from './query_context.ts';

/** A table: what it is called, its columns, and what fills them. */
export interface TablePlugin<Row> {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Column<Row>[];
  /**
   * The rows for a query: all that the constraints admit, and any number of others, because SQLite checks again.
   *
   * An iterable is consumed in slices of about ten milliseconds, and left early when the caller goes away; a row is
   * kept until the answer is written, and must not change meanwhile. What is thrown becomes the query's error.
   */
  generate(context: QueryContext): Iterable<Row> | Promise<Iterable<Row>>;
}
