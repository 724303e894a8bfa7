/** Metrics of the columns of process_ancestry_cache_stats, and of the cost of hashing. */
import { columns } from '../../tables/process_ancestry_cache_stats.ts';
import type { FileHasherStats } from '../files/file_hasher.ts';
import type { RecorderStats } from '../recording/recorder_stats.ts';
import { type ColumnMetric, type ColumnMetrics, columnFamilies } from './column_metrics.ts';
import { counter as counterOf, type Family, gauge as gaugeOf, type Sample } from './family.ts';

const counter = (name: string, more: Partial<ColumnMetric<RecorderStats>> = {}): ColumnMetric<RecorderStats> => ({
  name: `${name}_total`,
  type: 'counter',
  ...more,
});
const gauge = (name: string, more: Partial<ColumnMetric<RecorderStats>> = {}): ColumnMetric<RecorderStats> => ({
  name,
  type: 'gauge',
  ...more,
});

/** Metrics by column name. */
export const cacheStatsMetrics: ColumnMetrics<RecorderStats> = {
  cache_size: gauge('cache_processes'),
  cache_capacity: gauge('cache_capacity_processes'),
  cache_hits: counter('cache_hits'),
  cache_misses: counter('cache_misses', {
    help: 'Cache look-ups of a parent or an executing process that failed',
  }),
  hit_rate: gauge('cache_hit_ratio', { help: 'Share of cache look-ups since the start that found the process' }),
  evictions: counter('cache_evictions'),
  expirations: counter('cache_expirations'),
  events_received: counter('events_received'),
  events_published: counter('events_published', {
    help: 'Events that became rows, by action',
    samples: ({ published }) => byLabel('action', published),
  }),
  events_ignored: counter('events_ignored', {
    help: 'Events without a row because of process_ancestry_ignore, by rule; only rules in force',
    samples: ({ ignored }) => byLabel('rule', ignored),
  }),
  events_lost: counter('events_lost'),
  details_missing: counter('details_missing'),
  kernel_lost: counter('kernel_records_lost'),
  kernel_backlog: gauge('kernel_backlog_records'),
  rows_hurried: counter('hurried_rows'),
  texts_cut: counter('cut_texts'),
  store_cut: counter('store_cut_rows'),
  memory_bytes: gauge('memory_bytes'),
  malformed: counter('malformed_records'),
  incomplete: counter('incomplete_audit_events'),
  resyncs: counter('resyncs'),
  queue_depth: gauge('waiting_events'),
  queue_wait_ms: gauge('oldest_waiting_event_seconds', {
    samples: ({ tree }) => [{ value: tree.waitedMs / 1000 }],
    help: 'Time that the oldest event has waited for details, ancestors, the hash of its file or the facts of its container',
  }),
  queue_bytes: gauge('queue_bytes'),
  store_rows: gauge('store_rows'),
  store_discarded: counter('store_discarded_rows'),
  store_bytes: gauge('store_bytes'),
  store_lost: counter('store_lost_rows'),
  subscribers_evicted: counter('evicted_subscribers'),
  database: [
    gauge('store_in_memory', {
      help: '1 while rows are kept in memory: they are lost when the extension ends',
      samples: ({ store }) => [{ value: store.database === ':memory:' ? 1 : 0 }],
    }),
    gauge('store_info', { samples: ({ store }) => [{ value: 1, labels: { database: store.database } }] }),
  ],
  hashed: counter('hashed_rows'),
  hash_missed: counter('hash_missed_rows', {
    help: 'Rows without the hash of the executed file, by reason',
    samples: ({ hashes }) => byLabel('reason', hashes.missed),
  }),
  collector: gauge('collector_info', {
    samples: ({ source }) => [{ value: 1, labels: { collector: source.collector } }],
  }),
  // Free text is not suitable as a label.
  collector_reason: [],
  problems: [
    gauge('problems', {
      help: 'Number of current problems of the collector, the store or the metrics',
      samples: ({ problems }) => [{ value: problems.length }],
    }),
    gauge('problem_info', {
      help: 'Current problems by code; the column problems says what to do',
      samples: ({ problems }) =>
        [...new Set(problems.map(({ code }) => code))].map((code) => ({ value: 1, labels: { code } })),
    }),
  ],
  uptime_seconds: gauge('uptime_seconds'),
  containers_unread: counter('unread_containers'),
};

export function cacheStatsFamilies(row: RecorderStats): Family[] {
  return [...columnFamilies(columns, cacheStatsMetrics, [row]), ...hashingFamilies(row.hashes)];
}

type HashingCosts = Pick<FileHasherStats, 'filesRead' | 'bytesRead' | 'cacheSize' | 'queueDepth'>;

/** Cost of hashing, which no column contains. */
export function hashingFamilies({ filesRead, bytesRead, cacheSize, queueDepth }: HashingCosts): Family[] {
  return [
    counterOf('hash_read_files_total', 'Files read for hashing', filesRead),
    counterOf('hash_read_bytes_total', 'Bytes read for hashing', bytesRead),
    gaugeOf('hash_cache_files', 'Files whose hash is cached', cacheSize),
    gaugeOf('hash_queue_files', 'Files that wait for hashing, including the current one', queueDepth),
  ];
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ value, labels: { [label]: key } }));
}
