/** One row: counters of the cache, the collector and the store. */

import { bigint, type Column, double, json, type TablePlugin, text } from '../src/osquery/index.ts';
import type { TreeStats } from '../src/process/tree.ts';
import type { RecorderStats } from '../src/recording/recorder_stats.ts';

export const columns: readonly Column<RecorderStats>[] = [
  bigint('cache_size', 'Processes in the cache', ({ tree }) => tree.size),
  bigint(
    'cache_capacity',
    'Maximum number of processes in the cache: process_ancestry_cache_size',
    ({ tree }) => tree.capacity,
  ),
  bigint(
    'cache_hits',
    'Look-ups of a parent or of an executing process that found it in the cache',
    ({ tree }) => tree.hits,
  ),
  bigint('cache_misses', 'Look-ups that did not find it', ({ tree }) => tree.misses),
  double('hit_rate', 'cache_hits divided by all look-ups, from 0 to 1', ({ tree }) => hitRate(tree)),
  bigint('evictions', 'Processes that were evicted to make room for others', ({ tree }) => tree.evictions),
  bigint('expirations', 'Dead processes that expired after process_ancestry_cache_ttl', ({ tree }) => tree.expirations),
  bigint(
    'events_received',
    'Forks, execs and exits that arrived from the collector',
    ({ tree }) => tree.eventsReceived,
  ),
  bigint('events_published', 'Rows published', ({ tree }) => tree.eventsPublished),
  bigint(
    'events_ignored',
    'Events without a row because a rule of process_ancestry_ignore matched',
    ({ tree }) => tree.eventsIgnored,
  ),
  bigint(
    'events_lost',
    'Events lost between the kernel and the process tree, for any reason',
    ({ source }) => source.eventsLost,
  ),
  bigint(
    'details_missing',
    'Execs published without details such as path and arguments',
    ({ tree }) => tree.detailsMissing,
  ),
  bigint('kernel_lost', 'Records that the kernel dropped since the start', ({ source }) => source.kernelLost),
  bigint('kernel_backlog', 'Records that wait in the audit queue of the kernel', ({ source }) => source.kernelBacklog),
  bigint(
    'rows_hurried',
    'Rows published incomplete because the waiting events took too much memory',
    ({ tree }) => tree.hurried,
  ),
  bigint(
    'texts_cut',
    'Ancestors and leaders with texts that were cut to save memory; a cut text ends in …',
    ({ tree }) => tree.textsCut,
  ),
  bigint(
    'store_cut',
    'Rows with arguments cut to 1/32 of process_ancestry_events_max_bytes; the column overflows marks them',
    ({ store }) => store.cut,
  ),
  bigint(
    'memory_bytes',
    'Memory of the bounded parts: texts of processes, and events and rows that wait',
    ({ tree, store, source }) => tree.textBytes + store.waitingBytes + source.queueBytes,
  ),
  bigint('malformed', 'Records that could not be parsed', ({ source }) => source.malformed),
  bigint('incomplete', 'Audit events with missing records', ({ source }) => source.incomplete),
  bigint('resyncs', 'Snapshots of the processes taken after a loss of events', ({ resyncs }) => resyncs),
  bigint(
    'queue_depth',
    'Events that wait for details, ancestors, the hash of their file or the facts of their container',
    ({ tree }) => tree.waiting,
  ),
  bigint('queue_wait_ms', 'How long the oldest event in the queue has waited, in milliseconds', ({ tree }) =>
    Math.round(tree.waitedMs),
  ),
  bigint(
    'queue_bytes',
    'Bytes in the queue between the collector thread and the process tree',
    ({ source }) => source.queueBytes,
  ),
  bigint('store_rows', 'Rows in process_ancestry_events', ({ store }) => store.rows),
  bigint(
    'store_discarded',
    'Rows that were removed because they expired or to make room for newer ones',
    ({ store }) => store.discarded,
  ),
  bigint('store_bytes', 'Disk space of the database and its log, in bytes', ({ store }) => store.bytes),
  bigint(
    'store_lost',
    'Rows lost because they could not be written, the process was killed, or the database was damaged, removed or replaced',
    ({ store }) => store.lost,
  ),
  bigint(
    'subscribers_evicted',
    'Subscribers that were removed because there were more than 1,024 names',
    ({ store }) => store.subscribersEvicted,
  ),
  text('database', 'Where rows are stored now: a directory, or :memory:', ({ store }) => store.database),
  bigint('hashed', 'Rows with the hash of the executed file', ({ hashes }) => hashes.known + hashes.computed),
  json('hash_missed', 'Rows without the hash, counted by reason, as a JSON object', ({ hashes }) =>
    JSON.stringify(Object.fromEntries(Object.entries(hashes.missed).filter(([, count]) => count > 0))),
  ),
  text(
    'collector',
    'Source of the events: ebpf, audit+proc_events, audit, proc_events, replay or none',
    ({ source }) => source.collector,
  ),
  text('collector_reason', 'Why no better collector is used', ({ source }) => source.collectorReason),
  json(
    'problems',
    'Problems of the collector or the store, and what to do about them, as a JSON array',
    ({ problems }) => JSON.stringify(problems),
  ),
  bigint('uptime_seconds', 'Seconds since the extension started', ({ uptimeSeconds }) => uptimeSeconds),
  bigint(
    'containers_unread',
    'Failed attempts to read the files of a container: an error, or other users can change the files',
    ({ containersUnread }) => containersUnread,
  ),
];

function hitRate({ hits, misses }: TreeStats): number {
  return hits + misses === 0 ? 0 : Number((hits / (hits + misses)).toFixed(6));
}

export function processAncestryCacheStats(read: () => RecorderStats): TablePlugin<RecorderStats> {
  return {
    name: 'process_ancestry_cache_stats',
    description: 'Health of the process cache, the collector and the event store, in one row',
    columns,
    rowid: () => 1,
    generate: () => [read()],
  };
}
