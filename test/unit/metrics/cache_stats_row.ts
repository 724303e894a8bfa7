import { hashMisses } from '../../../src/files/file_hasher.ts';
import type { RecorderStats } from '../../../src/recording/recorder_stats.ts';

let count = 0;
/** A different number each time. */
const some = () => 1000 + ++count;

/** A row of process_ancestry_cache_stats in which all numbers are different. */
export function stats(more: Partial<RecorderStats> = {}): RecorderStats {
  return {
    tree: {
      size: some(),
      capacity: some(),
      hits: some(),
      misses: some(),
      evictions: some(),
      expirations: some(),
      eventsReceived: some(),
      eventsPublished: 15,
      eventsIgnored: 3,
      waiting: some(),
      waitedMs: some(),
      detailsMissing: some(),
      hurried: some(),
      textsCut: some(),
      textBytes: some(),
    },
    source: {
      collector: 'audit',
      collectorReason: 'ebpf',
      eventsLost: some(),
      kernelLost: some(),
      kernelBacklog: some(),
      queueBytes: some(),
      malformed: some(),
      incomplete: some(),
    },
    store: {
      ...{ rows: some(), bytes: some(), discarded: some(), cut: some(), waitingBytes: some(), lost: some() },
      subscribersEvicted: some(),
      database: '/var/x',
    },
    hashes: {
      known: some(),
      computed: some(),
      missed: Object.fromEntries(hashMisses.map((miss) => [miss, some()])) as never,
      filesRead: some(),
      bytesRead: some(),
      cacheSize: some(),
      queueDepth: some(),
    },
    published: { exec: 1, fork: 2, setsid: 3, setid: 4, exit: 3, existing: 2 },
    ignored: { '{"path":"/bin/true"}': 1, '{"uid":33}': 2 },
    resyncs: some(),
    problems: [],
    uptimeSeconds: some(),
    containersUnread: some(),
    ...more,
  };
}
