/** The outcome of one query, for statistics. */
export interface AnswerReport {
  /** '' where the requested table does not exist. */
  readonly table: string;
  /** Abandoned: the peer closed the connection before it had the whole answer. */
  readonly outcome: 'answered' | 'failed' | 'abandoned';
  readonly rows: number;
  /** Size of the reply; 0 where none was sent. */
  readonly bytes: number;
  /** From the request until the kernel has taken the last byte. */
  readonly milliseconds: number;
}
