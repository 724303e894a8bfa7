/** What became of one query, for whoever counts. */
export interface AnswerReport {
  /** '' where the peer named one that there is not. */
  readonly table: string;
  /** Abandoned: the peer went away before it had all of its answer. */
  readonly outcome: 'answered' | 'failed' | 'abandoned';
  readonly rows: number;
  /** Of the reply, 0 where there was none. */
  readonly bytes: number;
  /** From the request to the last byte that the kernel took. */
  readonly milliseconds: number;
}
