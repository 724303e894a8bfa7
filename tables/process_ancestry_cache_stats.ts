/** One row: how the cache does, what was seen, published and lost, and by which collector. */

import { bigint, type Column, double, json, type TablePlugin, text } from '../src/osquery/index.ts';
import type { TreeStats } from '../src/process/tree.ts';
import type { RecorderStats } from '../src/recording/recorder_stats.ts';

export const columns: readonly Column<RecorderStats>[] = [
  bigint('cache_size', 'Processes in the cache', ({ tree }) => tree.size),
  bigint('cache_capacity', 'Processes that fit: process_ancestry_cache_size', ({ tree }) => tree.capacity),
  bigint('cache_hits', 'Look-ups of a parent or of an executing process that found it', ({ tree }) => tree.hits),
  bigint('cache_misses', 'Look-ups that did not', ({ tree }) => tree.misses),
  double('hit_rate', 'cache_hits of all look-ups, from 0 to 1', ({ tree }) => hitRate(tree)),
  bigint('evictions', 'Processes that made room for others', ({ tree }) => tree.evictions),
  bigint('expirations', 'Dead processes whose process_ancestry_cache_ttl was over', ({ tree }) => tree.expirations),
  bigint(
    'events_received',
    'Forks, execs and exits that arrived from the collector',
    ({ tree }) => tree.eventsReceived,
  ),
  bigint('events_published', 'Rows made', ({ tree }) => tree.eventsPublished),
  bigint('events_lost', 'Events lost on the way, by any cause', ({ source }) => source.eventsLost),
  bigint(
    'details_missing',
    'Execs published without what audit should have told of them',
    ({ tree }) => tree.detailsMissing,
  ),
  bigint('kernel_lost', "Records that the kernel's audit dropped since the start", ({ source }) => source.kernelLost),
  bigint('kernel_backlog', "Records that wait in the kernel's audit queue", ({ source }) => source.kernelBacklog),
  bigint(
    'rows_hurried',
    'Rows made before all of them was known, because those that waited took too much memory',
    ({ tree }) => tree.hurried,
  ),
  bigint(
    'texts_cut',
    'Ancestors and leaders told with texts that were cut to make room in memory; they end in …',
    ({ tree }) => tree.textsCut,
  ),
  bigint(
    'store_cut',
    'Rows with arguments cut to a 32nd of process_ancestry_events_max_bytes; overflows says which',
    ({ store }) => store.cut,
  ),
  bigint(
    'memory_bytes',
    'Memory of what is bounded: texts of processes, and what waits to become rows',
    ({ tree, store, source }) => tree.textBytes + store.waitingBytes + source.queueBytes,
  ),
  bigint('malformed', 'Records that could not be parsed', ({ source }) => source.malformed),
  bigint('incomplete', 'Audit events of which records were missing', ({ source }) => source.incomplete),
  bigint('resyncs', 'Snapshots of /proc taken to make a loss good', ({ resyncs }) => resyncs),
  bigint(
    'queue_depth',
    'Events that wait for details, ancestors or the hash of their file',
    ({ tree }) => tree.waiting,
  ),
  bigint('queue_wait_ms', 'Milliseconds that the oldest of them has waited', ({ tree }) => Math.round(tree.waitedMs)),
  bigint('queue_bytes', 'Bytes between the collector thread and the process tree', ({ source }) => source.queueBytes),
  bigint('store_rows', 'Rows of process_ancestry_events that can be asked for', ({ store }) => store.rows),
  bigint('store_discarded', 'Rows that were too old or made room for newer ones', ({ store }) => store.discarded),
  bigint('store_bytes', 'Disk that the database and its log take', ({ store }) => store.bytes),
  bigint(
    'store_lost',
    'Rows that could not be written, or that went with a kill or with a database that was damaged, removed or replaced',
    ({ store }) => store.lost,
  ),
  bigint(
    'subscribers_evicted',
    'Subscribers that were forgotten because there were more than 1,024 names',
    ({ store }) => store.subscribersEvicted,
  ),
  text('database', 'Where rows are written now: a directory, or :memory:', ({ store }) => store.database),
  bigint('hashed', 'Rows that have the hash of their file', ({ hashes }) => hashes.known + hashes.computed),
  json('hash_missed', 'Rows that have not, by why, as a JSON object', ({ hashes }) =>
    JSON.stringify(Object.fromEntries(Object.entries(hashes.missed).filter(([, count]) => count > 0))),
  ),
  text(
    'collector',
    'Where events come from: ebpf, audit+proc_events, audit, proc_events, replay or none',
    ({ source }) => source.collector,
  ),
  text('collector_reason', 'Why no better collector is used', ({ source }) => source.collectorReason),
  json(
    'problems',
    'What keeps the collector or the store from working fully, and what to do, as a JSON array',
    ({ problems }) => JSON.stringify(problems),
  ),
  bigint('uptime_seconds', 'Seconds since the extension started', ({ uptimeSeconds }) => uptimeSeconds),
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
