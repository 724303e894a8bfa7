import type { Column } from './column.ts';
import type { QueryContext } from './query_context.ts';

/** Reports on the answer to one query. */
export interface Answer {
  /**
   * Calls the listener when the kernel has taken the whole answer; not where the answer failed, was refused, or the peer
   * closed the connection. The listener must not throw: an error closes the connection.
   */
  onDelivered(listener: () => void): void;
  /**
   * Calls the listener, after `onDelivered`, when the peer has closed the connection with a part of the answer unread.
   * The listener must not throw. Undefined where this is unknown.
   */
  onUnread?(listener: () => void): void;
  /** Size of the answer with the rows so far. Undefined where it is not counted. */
  byteCount?(): number;
}

/** A table: its name, its columns, and the function that returns its rows. */
export interface TablePlugin<Row> {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Column<Row>[];
  /**
   * The rows of a query: all rows that the constraints admit, and any number of other rows, because SQLite checks again.
   *
   * The iterable is consumed in slices of about ten milliseconds, and closed early when the peer closes the connection.
   * All values of a row are read before the next row is taken; the row may change then. `undefined` is a pause, not a row:
   * a long search that finds nothing yields it to let other queries run. An error fails the query with its message.
   */
  generate(context: QueryContext, answer: Answer): Iterable<Row | undefined> | Promise<Iterable<Row | undefined>>;
  /**
   * The id of a row: a signed 64-bit integer, unique in the table, and the same in every answer of one run of the
   * extension. SQLite answers an OR by one scan for each side, and treats rows with the same id as the same row.
   */
  rowid(row: Row): number | bigint;
  /**
   * Advice at the end of the error for an answer that is larger than `resultMaxBytes`. Default: 'add constraints, or ask
   * for fewer columns'.
   */
  readonly adviceWhenTooLarge?: string;
}
