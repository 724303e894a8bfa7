/** Counts osquery's queries by table and outcome. */
import type { AnswerReport } from '../osquery/index.ts';
import { counter, type Family, type Sample } from './family.ts';

const OUTCOMES = ['answered', 'failed', 'abandoned'] as const satisfies readonly AnswerReport['outcome'][];

interface Counts {
  readonly queries: Record<AnswerReport['outcome'], number>;
  rows: number;
  bytes: number;
}

export class AnswerCounts {
  /** Served tables start with zero counts, so that rates are correct from the first query. */
  readonly #tables: Map<string, Counts>;

  constructor(tables: readonly string[]) {
    this.#tables = new Map(tables.map((table) => [table, noCounts()]));
  }

  add({ table, outcome, rows, bytes }: AnswerReport): void {
    const counts = this.#tables.get(table) ?? noCounts();
    this.#tables.set(table, counts);
    counts.queries[outcome]++;
    if (outcome !== 'answered') return;
    counts.rows += rows;
    counts.bytes += bytes;
  }

  families(): Family[] {
    const tables = [...this.#tables];
    const each = (of: (counts: Counts) => number): Sample[] =>
      tables.map(([table, counts]) => ({ value: of(counts), labels: { table } }));
    const byOutcome = tables.flatMap(([table, { queries }]) =>
      OUTCOMES.map((outcome) => ({ value: queries[outcome], labels: { table, outcome } })),
    );
    return [
      counter('queries_total', 'Queries from osquery, by table and outcome', byOutcome),
      counter(
        'answer_rows_total',
        'Rows in answers to osquery',
        each(({ rows }) => rows),
      ),
      counter(
        'answer_bytes_total',
        'Size of answers to osquery, in bytes',
        each(({ bytes }) => bytes),
      ),
    ];
  }
}

function noCounts(): Counts {
  return { queries: { answered: 0, failed: 0, abandoned: 0 }, rows: 0, bytes: 0 };
}
