/** Rows of more than execs: in the order in which things happened, with what is inherited while details are on their way. */
import { describe, expect, test } from 'vitest';
import type { ExecEvent, Pid } from '../../../src/collect/event.ts';
import type { Action } from '../../../src/process/execution.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

const ALL: ReadonlySet<Action> = new Set(['exec', 'fork', 'setsid', 'exit', 'existing']);

/** 10 is forked, executes, has a session of its own, executes again and ends. */
function oneLife(): KernelModel {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, 'setsid');
  const { bootMs, unixMs } = kernel.fork(10, 11);
  kernel.connector.push({ kind: 'setsid', origin: 'proc_events', pid: 10 as Pid, bootMs, unixMs });
  kernel.exec(10, 'sleep');
  kernel.exit(10, 9);
  return kernel;
}

const rowsOf = ({ published }: TreeHarness, pid: number) =>
  published.filter(({ process }) => process.pid === pid).map(({ action, sid }) => [action, sid]);
/** What audit might still say of groups is waited for, and no longer. */
function waited(harness: TreeHarness): TreeHarness {
  harness.nowMs += 100;
  harness.tree.flush();
  return harness;
}
const LIFE = [
  ['fork', 1],
  ['exec', 1],
  ['setsid', 10],
  ['exec', 10],
  ['exit', 10],
];

describe('the rows of a process', () => {
  test('are in the order in which it did things, when all is told at once', () => {
    expect(rowsOf(waited(new TreeHarness({ actions: ALL }).run(oneLife())), 10)).toEqual(LIFE);
  });

  test('are in that order when audit’s records come later, one by one', () => {
    const kernel = oneLife();
    const harness = new TreeHarness({ actions: ALL });
    harness.tree.apply(kernel.connector.splice(0));
    for (const record of kernel.audit.splice(0)) harness.tree.apply([record]);
    expect(rowsOf(waited(harness), 10)).toEqual(LIFE);
  });

  test('are in that order when audit’s records never come', () => {
    const kernel = oneLife();
    const harness = new TreeHarness({ actions: ALL });
    harness.tree.apply(kernel.connector.splice(0));
    harness.nowMs += 10_000;
    harness.tree.flush('all');
    expect(rowsOf(harness, 10)).toEqual(LIFE);
    expect(harness.tree.waiting).toBe(0);
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
    if (again) kernel.connector.push(again);
  }
  harness.run(kernel);
  harness.tree.flush('all');
  const exits = harness.published.filter(({ action }) => action === 'exit');
  expect(exits.map(({ process, exitStatus }) => [process.pid, exitStatus])).toEqual([
    [10, 256],
    [11, 256],
  ]);
});

describe('a control group and a pid namespace', () => {
  test('are those of who forked, also when its own exec was told of after the fork', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'container');
    kernel.fork(10, 11);
    kernel.fork(11, 12);
    kernel.exec(12, 'short');
    const [container, short] = kernel.audit.splice(0) as [ExecEvent, ExecEvent];
    const harness = new TreeHarness();
    harness.tree.apply(kernel.connector.splice(0));
    const details = container.details && { ...container.details, cgroup: '/docker/1', pidNamespace: 7 };
    harness.tree.apply([{ ...container, details }, short]);
    expect(harness.row('short')).toMatchObject({ cgroup: '/docker/1', pidNamespace: 7 });
  });

  test('are not those that the one who forked had later', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    kernel.fork(10, 11);
    kernel.exec(10, 'after');
    kernel.exec(11, 'short');
    const [first, second, short] = kernel.audit.splice(0) as [ExecEvent, ExecEvent, ExecEvent];
    const harness = new TreeHarness();
    harness.tree.apply(kernel.connector.splice(0));
    for (const [event, cgroup] of [
      [first, '/before'],
      [second, '/after'],
    ] as const) {
      harness.tree.apply([{ ...event, details: event.details && { ...event.details, cgroup } }]);
    }
    harness.tree.apply([short]);
    expect(harness.row('short').cgroup).toBe('/before');
  });

  test("are not its creator's where it may have been moved, nor for whom it creates", () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'container');
    kernel.fork(10, 11);
    kernel.exec(11, 'moved');
    kernel.fork(11, 12);
    kernel.exec(12, 'child');
    kernel.exec(11, 'read');
    const [container, moved, child, read] = kernel.audit.splice(0) as ExecEvent[];
    const harness = new TreeHarness();
    const withCgroup = (event: ExecEvent | undefined, cgroup: string): ExecEvent[] =>
      event?.details ? [{ ...event, details: { ...event.details, cgroup } }] : [];
    harness.tree.apply(kernel.connector.splice(0));
    harness.tree.apply(withCgroup(container, '/docker/1'));
    harness.tree.apply(moved ? [{ ...moved, cgroupUntold: true }] : []);
    harness.tree.apply([...withCgroup(child, ''), ...withCgroup(read, '/docker/2')]);
    expect(harness.row('moved').cgroup).toBe('');
    expect(harness.row('child').cgroup).toBe('');
    expect(harness.row('read').cgroup).toBe('/docker/2');
  });

  test('an exec of the kernel itself takes no record of a later one of its process', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'helper');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    kernel.exec(10, 'later');
    const [, child, later] = kernel.audit.splice(0) as ExecEvent[];
    const harness = new TreeHarness();
    const told = kernel.connector.splice(0);
    const first = told.findIndex(({ kind }) => kind === 'exec');
    harness.tree.apply(told.map((event, at) => (at === first ? { ...event, isUnrecorded: true } : event) as ExecEvent));
    harness.tree.apply([child, later].filter((event) => event !== undefined));
    expect(harness.tree.stats.detailsMissing).toBe(1);
    expect(harness.row('later')).toBeDefined();
    expect(harness.row('child').process.creator?.image.details.args).toBe('');
  });
});
