/** Counters of the recording since the start of the extension: the row of process_ancestry_cache_stats. */
import type { CollectorProblem, SourceStats } from '../collect/source.ts';
import type { FileHasherStats } from '../files/file_hasher.ts';
import type { Action } from '../process/pending_event.ts';
import type { TreeStats } from '../process/tree.ts';
import type { EventStoreStats } from '../store/event_store.ts';

export interface RecorderStats {
  readonly tree: TreeStats;
  readonly source: SourceStats;
  readonly store: Omit<EventStoreStats, 'problems'>;
  readonly hashes: FileHasherStats;
  readonly containersUnread: number;
  /** tree.eventsPublished, by action. */
  readonly published: Readonly<Record<Action, number>>;
  /** Events ignored by the rules in force, by the text of the rule. */
  readonly ignored: Readonly<Record<string, number>>;
  readonly resyncs: number;
  readonly problems: readonly CollectorProblem[];
  readonly uptimeSeconds: number;
}
