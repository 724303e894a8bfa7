/** Metrics of the columns of process_ancestry_subscribers. There are at most SUBSCRIBERS_MAX subscribers. */
import { columns, type SubscriberRow } from '../../tables/process_ancestry_subscribers.ts';
import { type ColumnMetrics, columnFamilies } from './column_metrics.ts';
import type { Family } from './family.ts';

/** Metrics by column name. The subscriber's name is the label. */
export const subscriberMetrics: ColumnMetrics<SubscriberRow> = {
  name: [],
  last_eid: { name: 'subscriber_last_eid', type: 'gauge' },
  lag_rows: { name: 'subscriber_lag_rows', type: 'gauge' },
  last_read_time: { name: 'subscriber_last_read_timestamp_seconds', type: 'gauge' },
  lost_rows: { name: 'subscriber_lost_rows_total', type: 'counter' },
};

export function subscriberFamilies(rows: readonly SubscriberRow[]): Family[] {
  // A name is untrusted text from a query. Ill-formed Unicode would not be distinct in the output.
  const named = new Map(rows.map((row) => [row.name.toWellFormed(), row]));
  return columnFamilies(columns, subscriberMetrics, [...named.values()], ({ name }) => ({
    subscriber: name.toWellFormed(),
  }));
}
