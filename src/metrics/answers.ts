/** What became of osquery's queries, counted by table. */
import type { AnswerReport } from '../osquery/index.ts';
import { counter, type Family, type Sample } from './family.ts';

const OUTCOMES = ['answered', 'failed', 'abandoned'] as const satisfies readonly AnswerReport['outcome'][];

interface Counts {
  readonly queries: Record<AnswerReport['outcome'], number>;
  rows: number;
  bytes: number;
}

export class AnswerCounts {
  /** Those that are served are there from the beginning, so that a rate has somewhere to begin. */
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
      counter('queries_total', "osquery's queries to a table, by what became of them", byOutcome),
      counter(
        'answer_rows_total',
        'Rows that osquery was given',
        each(({ rows }) => rows),
      ),
      counter(
        'answer_bytes_total',
        'Bytes of the answers that osquery was given',
        each(({ bytes }) => bytes),
      ),
    ];
  }
}

function noCounts(): Counts {
  return { queries: { answered: 0, failed: 0, abandoned: 0 }, rows: 0, bytes: 0 };
}
