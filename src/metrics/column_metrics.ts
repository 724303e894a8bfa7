/** Derives metrics from a table's columns: the column declares value and description. */
import type { Column } from '../osquery/index.ts';
import { type Family, PREFIX, type Sample } from './family.ts';

/** A metric of a column. */
export interface ColumnMetric<Row> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** Replaces the column's description. */
  readonly help?: string;
  /** Replaces the column's value. */
  samples?(row: Row): readonly Sample[];
}

export type ColumnMetrics<Row> = Readonly<Record<string, ColumnMetric<Row> | readonly ColumnMetric<Row>[]>>;

/** Metric families of all rows of a table. `labels` identifies a row. */
export function columnFamilies<Row>(
  columns: readonly Column<Row>[],
  metrics: ColumnMetrics<Row>,
  rows: readonly Row[],
  labels?: (row: Row) => Readonly<Record<string, string>>,
): Family[] {
  return columns.flatMap((column) =>
    [metrics[column.name] ?? []].flat().map(({ name, type, help, samples }: ColumnMetric<Row>): Family => {
      const plain = (row: Row): Sample[] => [
        { value: Number(column.value(row)), ...(labels && { labels: labels(row) }) },
      ];
      return { name: PREFIX + name, type, help: help ?? column.description, samples: rows.flatMap(samples ?? plain) };
    }),
  );
}
