import { expect, test } from 'vitest';
import type { RecordedHost } from '../../../src/collect/recorded_host.ts';
import type { ProcessTree } from '../../../src/process/tree.ts';
import { HostTrees } from '../../../src/recording/host_trees.ts';

test('counts of all hosts are added; the wait is the longest, the capacity that of one', () => {
  const stats = { eventsReceived: 3, waitedMs: 40, capacity: 100 };
  const trees = new HostTrees((host) => ({ stats: { ...stats, waitedMs: host ? 70 : 40 } }) as ProcessTree);
  trees.of({ name: 'a' } as RecordedHost);
  expect(trees.stats).toMatchObject({ eventsReceived: 6, waitedMs: 70, capacity: 100 });
});
