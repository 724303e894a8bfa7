/** Rows of all actions, in their order. */
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../src/process/pending_event.ts';
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

test('an end that /proc showed before its event has one row with its exit code', () => {
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

describe('an end that is reported after the pid was reused', () => {
  const endsOf = (told: (kernel: KernelModel, next: () => void) => void) => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'first');
    told(kernel, () => {
      kernel.fork(1, 10);
      kernel.exec(10, 'second');
    });
    const harness = new TreeHarness({ actions: ALL }).run(kernel);
    harness.tree.flush('all');
    const ends = harness.published.filter(({ action }) => action === 'exit');
    return ends.map(({ atFork, exitStatus }) => [atFork.image.details.comm, exitStatus]);
  };
  const exit = (kernel: KernelModel, status: number) => kernel.tell(kernel.exitEvent(10, status));

  test('is that of the process that had the pid before', () => {
    const ends = endsOf((kernel, next) => {
      next();
      exit(kernel, 256);
      exit(kernel, 512);
    });
    expect(ends).toEqual([
      ['first', 256],
      ['second', 512],
    ]);
  });

  test('is that of the process that has it now, if events were lost meanwhile', () => {
    const ends = endsOf((kernel, next) => {
      next();
      kernel.tell(kernel.loss());
      exit(kernel, 512);
    });
    expect(ends).toEqual([['second', 512]]);
  });
});
