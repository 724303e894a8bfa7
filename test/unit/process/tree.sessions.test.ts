/** Sessions, groups, and rows other than execs. */
import { describe, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import { BOOT_UNIX_MS, KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

const EVERYTHING = new Set<Action>(['exec', 'fork', 'setsid', 'exit', 'existing']);
const rows = (harness: TreeHarness, pid: number) =>
  harness.published.filter(({ process }) => process.pid === pid).map(({ action }) => action);

describe('session and group', () => {
  test('are kept over fork and exec, and by a sibling that CLONE_PARENT makes', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.setpgid(11, 11);
    kernel.exec(11, 'job');
    kernel.fork(11, 12);
    kernel.exec(12, 'child');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('shell')).toMatchObject({ sid: 10, pgid: 10 });
    expect(harness.row('job')).toMatchObject({ sid: 10, pgid: 11 });
    expect(harness.row('child')).toMatchObject({ sid: 10, pgid: 11 });
    kernel.fork(12, 13, { cloneParent: true });
    kernel.exec(13, 'sibling');
    expect(harness.run(kernel).row('sibling')).toMatchObject({ sid: 10, pgid: 11 });
  });

  test('are those that a process set for itself and its children before it ended at once', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.setpgid(11, 11);
    kernel.exec(11, 'first');
    kernel.exit(11);
    kernel.fork(10, 12);
    kernel.setpgid(12, 11, 12);
    kernel.exec(12, 'second');
    kernel.fork(12, 13);
    kernel.setpgid(13, 13, 12);
    kernel.exec(13, 'third');
    kernel.exit(12);
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('second').pgid).toBe(11);
    expect(harness.row('second').context.groupLeader?.json()).toContain('"args":"first"');
    expect(harness.row('third').pgid).toBe(13);
  });

  test('are unknown if a process that has ended set one in another namespace', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    const at = { bootMs: kernel.bootMs, unixMs: BOOT_UNIX_MS + kernel.bootMs };
    kernel.tell({
      kind: 'setpgid',
      origin: 'audit',
      pid: 10 as Pid,
      ...at,
      pgid: undefined,
      goneCaller: undefined,
      serial: 9,
    });
    kernel.exec(10, 'after');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('before').pgid).toBe(1);
    expect(harness.row('after').pgid).toBeUndefined();
  });

  test('are not the numbers of another namespace that an ended process used', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 5);
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'container');
    kernel.fork(10, 11);
    kernel.setpgid(5, 5, 11);
    kernel.setpgid(11, 5, 11);
    kernel.exec(11, 'inside');
    kernel.exec(5, 'outside');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('outside').pgid).toBe(1);
    expect(harness.row('inside').pgid).toBe(10);
  });

  test('of processes from before the start are as /proc shows them, and their leaders are known', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    const group = { sid: 50, pgid: 51 };
    harness.tree.processes.adopt([
      harness.proc.show(50, 1, 'shell', 1, false, { sid: 50, pgid: 50 }),
      harness.proc.show(52, 50, 'second', 3, false, group),
      harness.proc.show(51, 50, 'first', 2, false, group),
    ]);
    for (const [pid, pgid] of [
      [50, 50],
      [52, 51],
    ] as const) {
      kernel.processes.set(pid, { pid, cmdline: '', creator: [], parent: 1, alive: true, sid: 50, pgid });
    }
    kernel.fork(52, 60);
    kernel.exec(60, 'new');
    const row = harness.run(kernel).row('new');
    expect(row).toMatchObject({ sid: 50, pgid: 51 });
    expect(row.context.sessionLeader?.json()).toContain('"args":"shell"');
    expect(row.context.groupLeader?.json()).toContain('"args":"first"');
  });

  test('that changed while events were lost are read again', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'daemon');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('daemon')).toMatchObject({ sid: 1, pgid: 1 });
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'daemon', 100_000, false, { sid: 10, pgid: 10 })]);
    kernel.fork(10, 11);
    kernel.exec(11, 'worker');
    const row = harness.run(kernel).row('worker');
    expect(row).toMatchObject({ sid: 10, pgid: 10 });
    expect(row.context.sessionLeader?.json()).toContain('"pid":10,');
  });
});

describe('rows beside execs', () => {
  test('there are none unless requested, and no execs if only others are', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'sh');
    kernel.exit(10);
    const events = kernel.take();
    const [execs, exits] = [new TreeHarness(), new TreeHarness({ actions: new Set<Action>(['exit']) })];
    for (const harness of [execs, exits]) {
      harness.tree.apply(events);
      harness.tree.flush('all');
    }
    expect(rows(execs, 10)).toEqual(['exec']);
    expect(rows(exits, 10)).toEqual(['exit']);
  });

  test('of one process come in the order in which they happened', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'sh');
    kernel.exec(10, 'ls');
    kernel.exit(10, 256);
    const harness = new TreeHarness({ actions: EVERYTHING }).run(kernel);
    harness.tree.flush('all');
    expect(rows(harness, 10)).toEqual(['fork', 'setsid', 'exec', 'exec', 'exit']);
    expect(harness.published.at(-1)).toMatchObject({ exitStatus: 256, endUnixMs: expect.any(Number), sid: 10 });
    expect(harness.published.at(-1)?.details?.args).toBe('ls');
  });

  test('an end of a leader whose other threads live makes no exit', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'threads');
    kernel.leaderExit(10);
    kernel.exec(10, 'by a thread');
    const harness = new TreeHarness({ actions: EVERYTHING }).run(kernel);
    harness.tree.flush('all');
    expect(rows(harness, 10)).toEqual(['fork', 'exec', 'exec']);
  });

  test('a new session and its forked processes have no terminal until an exec with one', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'bash', { tty: 'pts/0' });
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.fork(11, 12);
    kernel.exec(12, 'sh', { tty: 'pts/1' });
    kernel.exit(12);
    kernel.exit(11);
    const harness = new TreeHarness({ actions: EVERYTHING }).run(kernel);
    harness.tree.flush('all');
    const told = [10, 11, 12].map((pid) =>
      harness.published
        .filter(({ process }) => process.pid === pid)
        .map(({ action, details }) => [action, details?.tty].join(' ')),
    );
    expect(told).toEqual([
      ['fork ', 'exec pts/0'],
      ['fork pts/0', 'setsid ', 'exit '],
      ['fork ', 'exec pts/1', 'exit pts/1'],
    ]);
    const [leader] = harness.published.filter(({ action, process }) => action === 'fork' && process.pid === 12);
    expect(leader?.context.sessionLeader?.json()).toContain('"tty":""');
  });

  test('a session’s terminal ends with its leader', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'bash', { tty: 'pts/0' });
    kernel.fork(10, 11);
    kernel.fork(10, 12);
    kernel.exit(11);
    kernel.exit(10);
    kernel.exit(12);
    const harness = new TreeHarness({ actions: EVERYTHING }).run(kernel);
    harness.tree.flush('all');
    const exits = harness.published.filter(({ action }) => action === 'exit');
    expect(exits.map(({ process, details }) => [process.pid, details?.tty])).toEqual([
      [11, 'pts/0'],
      [10, 'pts/0'],
      [12, ''],
    ]);
  });

  test('existing processes are published on demand', () => {
    const harness = new TreeHarness({ actions: EVERYTHING });
    harness.tree.processes.adopt([harness.proc.show(20, 1, 'daemon', 1, false, { sid: 20, pgid: 20 })]);
    harness.tree.publishExisting({ bootMs: 5000, unixMs: 1_700_000_005_000 });
    expect(harness.published.map(({ action, process, sid }) => [action, process.pid, sid])).toEqual([
      ['existing', 1, 1],
      ['existing', 20, 20],
    ]);
  });
});

test('a daemon that forks into a new session again and again does not keep all its earlier processes', () => {
  const kernel = new KernelModel(0.01);
  const harness = new TreeHarness({ cacheSize: 100, cacheTtlSeconds: 0 });
  for (let pid = 2; pid < 8000; pid++) {
    kernel.fork(pid - 1, pid);
    if (pid % 2 === 0) kernel.setsid(pid);
    kernel.exit(pid - 1);
    if (pid % 500 === 0) harness.run(kernel);
  }
  kernel.exec(7999, 'last');
  harness.run(kernel);
  const held = new Set<unknown>();
  const found = [harness.row('last').process];
  for (let one = found.pop(); one; one = found.pop()) {
    if (held.has(one)) continue;
    held.add(one);
    const { creator, session, group } = one;
    const others = [creator?.process, creator?.session?.leader, session?.leader, group?.leader];
    for (const other of others) if (other) found.push(other);
  }
  expect(held.size).toBeLessThan(3 * 1024);
});
