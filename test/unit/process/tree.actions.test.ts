/** Rows of all actions, in their order. */
import { describe, expect, test } from 'vitest';
import type { Pid, SetidEvent } from '../../../src/collect/event.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { TreeOptions } from '../../../src/process/tree.ts';
import { LIFE, oneLife } from './happenings.ts';
import { BOOT_UNIX_MS, KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness } from './tree_harness.ts';

const ALL: ReadonlySet<Action> = new Set(['exec', 'fork', 'setsid', 'setid', 'exit', 'existing']);

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

describe('a change of ids', () => {
  const ids = (id: number) => ({ uid: id, gid: 50, euid: id, egid: 50, suid: id, sgid: 50, fsuid: id, fsgid: 50 });
  const setid = (kernel: KernelModel, pid: number): SetidEvent => ({
    ...{ kind: 'setid', pid: pid as Pid, bootMs: kernel.bootMs, unixMs: BOOT_UNIX_MS + kernel.bootMs },
    ...ids(1000),
    ...{ uidBefore: 0, gidBefore: 50, euidBefore: 0, egidBefore: 50 },
    ...{ suidBefore: 0, sgidBefore: 50, fsuidBefore: 0, fsgidBefore: 50 },
  });
  const daemon = (options: Partial<TreeOptions> = { actions: ALL }) => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'daemon');
    return { kernel, harness: new TreeHarness(options).run(kernel) };
  };

  test('is a row with the ids after it and before it, and with what the process runs', () => {
    const { kernel, harness } = daemon();
    harness.tree.apply([setid(kernel, 10)]);
    const row = harness.published.at(-1);
    expect(row).toMatchObject({ action: 'setid', details: { ...ids(1000), args: 'daemon' } });
    expect(JSON.parse(row?.context.credentials?.json ?? '')).toMatchObject({ uid: 1000, suid: 1000, egid: 50 });
    expect(JSON.parse(row?.context.credentialsBefore?.json ?? '')).toMatchObject({
      ...{ uid: 0, euid: 0, suid: 0, gid: 50 },
      userNames: { 0: 'root' },
    });
  });

  test('does not change the image: ancestors have the ids of their exec', () => {
    const { kernel, harness } = daemon();
    harness.tree.apply([setid(kernel, 10)]);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    harness.run(kernel);
    expect(ancestorsOf(harness.row('child'))[0]?.credentials).toMatchObject({ uid: 0, euid: 0 });
    expect(harness.row('child').context.credentialsBefore).toBeUndefined();
  });

  test('of an unknown process or one that has ended is no row', () => {
    const { kernel, harness } = daemon();
    const before = harness.published.length;
    harness.tree.apply([setid(kernel, 77)]);
    expect(harness.published).toHaveLength(before);
    kernel.exit(10, 0);
    harness.run(kernel);
    harness.tree.apply([setid(kernel, 10)]);
    expect(harness.published.map(({ action }) => action)).not.toContain('setid');
  });

  test('is no row unless it is wanted', () => {
    const { kernel, harness } = daemon({});
    harness.tree.apply([setid(kernel, 10)]);
    expect(harness.published.map(({ action }) => action)).toEqual(['exec']);
  });
});
