/** One row a subscriber: how far each named reader of process_ancestry_events is. */

import { createHash } from 'node:crypto';
import { bigint, type Column, type TablePlugin, text } from '../src/osquery/index.ts';
import type { EventStore } from '../src/store/event_store.ts';

export type SubscriberRow = ReturnType<EventStore['subscribers']>[number];

export const columns: readonly Column<SubscriberRow>[] = [
  text('name', 'What it calls itself in WHERE subscriber = …', ({ name }) => name),
  text('last_eid', 'eid of the last row that it was given', ({ lastEid }) => String(lastEid).padStart(10, '0')),
  bigint('lag_rows', 'Rows that it has still to read', ({ lagRows }) => lagRows),
  bigint('last_read_time', 'When it last asked, in UNIX time', ({ lastReadMs }) => Math.floor(lastReadMs / 1000)),
  bigint('lost_rows', 'Rows that had to make room, or were lost, before it had read them', ({ lostRows }) => lostRows),
];

export function processAncestrySubscribers(store: EventStore): TablePlugin<SubscriberRow> {
  return {
    name: 'process_ancestry_subscribers',
    description: 'Named readers of process_ancestry_events, how far each is, and what it has lost',
    columns,
    // Collisions of 64 bits among a thousand names: 1 in 2^45.
    rowid: ({ name }) => createHash('sha256').update(name).digest().readBigInt64BE(),
    generate: () => store.subscribers(),
  };
}
