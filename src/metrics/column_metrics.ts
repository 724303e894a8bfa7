/** Metrics made of a table's columns, whose values and descriptions are declared there and nowhere else. */
import type { Column } from '../osquery/index.ts';
import { type Family, PREFIX, type Sample } from './family.ts';

/** What a column is called as a metric. */
export interface ColumnMetric<Row> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** Where the column's own description is not what there is to say. */
  readonly help?: string;
  /** Where it is not the column's number. */
  samples?(row: Row): readonly Sample[];
}

export type ColumnMetrics<Row> = Readonly<Record<string, ColumnMetric<Row> | readonly ColumnMetric<Row>[]>>;

/** Of all rows of a table; `labels` tells them apart. */
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
