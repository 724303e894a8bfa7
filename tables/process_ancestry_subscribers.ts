/** One row per subscriber: the read position of each named reader of process_ancestry_events. */

import { createHash } from 'node:crypto';
import { bigint, type Column, type TablePlugin, text } from '../src/osquery/index.ts';
import type { EventStore } from '../src/store/event_store.ts';

export type SubscriberRow = ReturnType<EventStore['subscribers']>[number];

export const columns: readonly Column<SubscriberRow>[] = [
  text('name', 'Name of the subscriber, as in WHERE subscriber = …', ({ name }) => name),
  text('last_eid', 'eid of the last row that it received', ({ lastEid }) => String(lastEid).padStart(10, '0')),
  bigint('lag_rows', 'Rows that it has not read yet', ({ lagRows }) => lagRows),
  bigint('last_read_time', 'Time of its last query in UNIX time', ({ lastReadMs }) => Math.floor(lastReadMs / 1000)),
  bigint('lost_rows', 'Rows that were removed or lost before it read them', ({ lostRows }) => lostRows),
];

export function processAncestrySubscribers(store: EventStore): TablePlugin<SubscriberRow> {
  return {
    name: 'process_ancestry_subscribers',
    description: 'Subscribers of process_ancestry_events, with their read positions and lost rows',
    columns,
    // Probability of a collision of 64 bits among a thousand names: 1 in 2^45.
    rowid: ({ name }) => createHash('sha256').update(name).digest().readBigInt64BE(),
    generate: () => store.subscribers(),
  };
}
