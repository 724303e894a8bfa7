/** Rows of more than execs: in the order in which things happened. */
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../src/process/execution.ts';
import { LIFE, oneLife } from './happenings.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

const ALL: ReadonlySet<Action> = new Set(['exec', 'fork', 'setsid', 'exit', 'existing']);

const rowsOf = ({ published }: TreeHarness, pid: number) =>
  published.filter(({ process }) => process.pid === pid).map(({ action, sid }) => [action, sid]);
describe('the rows of a process', () => {
  test('are in the order in which it did things, ', () => {
    expect(rowsOf(new TreeHarness({ actions: ALL }).run(oneLife()), 10)).toEqual(LIFE);
  });
});

test('an end that /proc showed before it was told has its row and its exit code, once', () => {
  const kernel = new KernelModel();
  const harness = new TreeHarness({ actions: ALL });
  kernel.fork(1, 10);
  kernel.exec(10, 'gone');
  kernel.fork(1, 11);
  kernel.exec(11, 'zombie');
  const zombie = harness.proc.show(11, 1, 'zombie', Math.floor(kernel.bootMs / 10), true);
  harness.run(kernel);
  const { processes } = harness.tree;
  processes.adopt(
    [zombie],
    processes.living().filter(({ pid }) => pid === 10),
  );
  expect(harness.livePids).toEqual([1]);
  for (const pid of [10, 11]) {
    kernel.exit(pid, 256);
    const again = kernel.connector.at(-1);
    if (again) kernel.tell(again);
  }
  harness.run(kernel);
  harness.tree.flush('all');
  const exits = harness.published.filter(({ action }) => action === 'exit');
  expect(exits.map(({ process, exitStatus }) => [process.pid, exitStatus])).toEqual([
    [10, 256],
    [11, 256],
  ]);
});
