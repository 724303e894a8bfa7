import { expect, test } from 'vitest';
import type { Pid } from '../../../../src/collect/event.ts';
import type { ProcReader } from '../../../../src/collect/procfs.ts';
import { procfsSnapshot } from '../../../../src/commands/tree/procfs_snapshot.ts';
import { parseRedactPatterns } from '../../../../src/process/redact.ts';
import { detailsOf } from '../../process/kernel_model.ts';

const proc: ProcReader = {
  pids: () => [1 as Pid],
  startTicks: () => 1,
  userNamespace: () => undefined,
  connectionPeer: () => '',
  supplementalGroups: () => undefined,
  read: (pid) => ({
    ...{ pid, ppid: 0, startTicks: 1, ended: false, executed: true, sid: 1, pgid: 1, ttyNr: 0, ses: undefined },
    ...{
      cgroup: '',
      supplementalGroups: [],
      userNamespace: undefined,
      details: detailsOf('init --password hunter2', 0),
    },
  }),
};
const argsOf = async (...patterns: Parameters<typeof procfsSnapshot>[0] & object) =>
  (await procfsSnapshot(patterns, proc).read('process_ancestry_tree', ['args']))[0]?.args;

test('a tree from /proc is redacted by the flags', async () => {
  expect(await argsOf()).toBe('["init","--password","hunter2"]');
  expect(await argsOf(...parseRedactPatterns('--password (\\S+)'))).toBe('["init","--password","***"]');
});
