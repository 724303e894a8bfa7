import type { Column } from './column.ts';
import type { QueryContext } from './query_context.ts';

/** How the answer to one query fares. */
export interface Answer {
  /**
   * Calls once the whole answer has been handed to the kernel for the peer; never when it was refused, failed, or the
   * peer went away before. The listener must not throw: that closes the connection.
   */
  onDelivered(listener: () => void): void;
  /**
   * Calls after `onDelivered`, once the peer has gone away and has left some of the answer unread. The listener must not
   * throw. Undefined where that is not known.
   */
  onUnread?(listener: () => void): void;
  /** How many bytes the rows that were taken until now have made it. Undefined where nobody counts them. */
  byteCount?(): number;
}

/** A table: what it is called, its columns, and what fills them. */
export interface TablePlugin<Row> {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Column<Row>[];
  /**
   * The rows for a query: all that the constraints admit, and any number of others, because SQLite checks again.
   *
   * An iterable is consumed in slices of about ten milliseconds, and left early when the caller goes away. All values
   * are taken from a row before the next is asked for: it may change then, and is not kept. `undefined` is no row but a
   * pause: a long search that finds nothing gives others a chance with it. What is thrown becomes the query's error.
   */
  generate(context: QueryContext, answer: Answer): Iterable<Row | undefined> | Promise<Iterable<Row | undefined>>;
  /**
   * The row's id: a signed 64-bit integer, unique in the table, and the same in every answer of one run of the
   * extension. SQLite answers an OR by one scan for each side, and takes rows of the same id for the same row.
   */
  rowid(row: Row): number | bigint;
  /**
   * What to do about an answer that is larger than `resultMaxBytes`, as the end of the error that says so. Default:
   * 'add constraints, or ask for fewer columns'.
   */
  readonly adviceWhenTooLarge?: string;
}
