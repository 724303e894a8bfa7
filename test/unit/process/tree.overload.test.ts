/** What happens to rows when messages are lost, late or out of order: never a wrong ancestor that is called complete. */
import { describe, expect, test } from 'vitest';
import type { ExecEvent, LossEvent, Pid, ProcessEvent } from '../../../src/collect/event.ts';
import { BOOT_UNIX_MS, detailsOf, KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness } from './tree_harness.ts';

const exec = (pid: number, ppid: number, cmdline: string, unixMs: number): ExecEvent => ({
  kind: 'exec',
  origin: 'audit',
  pid: pid as Pid,
  bootMs: unixMs,
  unixMs,
  details: detailsOf(cmdline, ppid),
});
const fork = (parent: number, child: number, unixMs: number): ProcessEvent => ({
  kind: 'fork',
  origin: 'audit',
  pid: child as Pid,
  parent: parent as Pid,
  bootMs: unixMs,
  unixMs,
  imageFrom: undefined,
});
const loss = (bootMs: number): LossEvent => ({
  kind: 'loss',
  origin: 'audit',
  pid: 0 as Pid,
  bootMs,
  unixMs: BOOT_UNIX_MS + bootMs,
  count: 1,
});

describe('records that are lost or late', () => {
  /** 10 executes `parent` and forks 11, which executes `child`; 5 executes slowly, so that its stamp is old. */
  function parentAndChild() {
    const kernel = new KernelModel();
    kernel.fork(1, 5);
    kernel.exec(5, 'slow');
    kernel.fork(1, 10);
    kernel.exec(10, 'parent');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    const [slow, parent, child] = kernel.audit.splice(0) as [ExecEvent, ExecEvent, ExecEvent];
    const harness = new TreeHarness();
    harness.tree.apply(kernel.connector.splice(0));
    harness.tree.apply([child]);
    harness.nowMs += 60;
    harness.tree.apply([slow]);
    harness.nowMs += 40;
    harness.tree.flush();
    return { harness, parent };
  }

  test('an exec that still waits is given up before a child of it is published, and its late record does no harm', () => {
    const { harness, parent } = parentAndChild();
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['slow', '', 'child']);
    expect(harness.row('child').ancestry.complete).toBe(false);
    harness.tree.apply([parent]);
    harness.nowMs += 1000;
    harness.tree.flush();
    expect(harness.published).toHaveLength(3);
  });

  test('a record that is lost just before another of the same pid does not take the other’s place', () => {
    const kernel = new KernelModel(7);
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    kernel.fork(10, 11);
    kernel.exec(11, 'child of the lost');
    kernel.exec(10, 'kept');
    kernel.fork(10, 12);
    kernel.exec(12, 'child of the kept');
    kernel.audit.shift();
    const harness = new TreeHarness().run(kernel);
    harness.nowMs += 100;
    harness.tree.flush();
    expect(harness.chain('child of the kept')).toEqual(['kept', 'init']);
    expect(harness.chain('child of the lost')).toEqual(['', 'init']);
    expect(harness.row('child of the lost').ancestry.complete).toBe(false);
  });

  test('while a loss is not made good, what is paired by order is not called complete', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'a');
    kernel.fork(10, 11);
    kernel.exec(11, 'b');
    kernel.connector.splice(1, 1);
    const harness = new TreeHarness();
    harness.tree.apply([loss(kernel.bootMs)]);
    harness.run(kernel);
    for (const ms of [100, 100]) {
      harness.nowMs += ms;
      harness.tree.flush();
    }
    expect(harness.row('b').ancestry.complete).toBe(false);
  });

  test('while more is on its way only what audit has gone past is given up, and the rest not for ever', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    kernel.pass(500);
    kernel.fork(1, 11);
    kernel.exec(11, 'seen');
    kernel.fork(1, 12);
    kernel.exec(12, 'late');
    const [, seen] = kernel.audit.splice(0) as [ExecEvent, ExecEvent];
    const harness = new TreeHarness();
    harness.tree.apply([...kernel.connector.splice(0), seen]);
    harness.nowMs += 200;
    harness.tree.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([11, 10]);
    harness.nowMs += 50;
    harness.tree.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([11, 10]);
    harness.nowMs += 1750;
    harness.tree.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([11, 10, 12]);
  });

  test('the kernel is asked what there still is only when something has waited long enough, and once', () => {
    const kernel = new KernelModel();
    for (const pid of [10, 11]) {
      kernel.fork(1, pid);
      kernel.exec(pid, 'x');
    }
    const harness = new TreeHarness();
    harness.tree.apply(kernel.connector.splice(0));
    let asked = 0;
    const ask = () => {
      asked++;
      return true;
    };
    harness.nowMs += 50;
    harness.tree.flush('overdue', ask);
    expect(asked).toBe(0);
    harness.nowMs += 200;
    harness.tree.flush('overdue', ask);
    expect(asked).toBe(1);
  });

  test('a clock that is set in between neither doubles a row nor loses its details', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'x');
    const connector = kernel.connector.splice(0).map((event) => ({ ...event, unixMs: event.unixMs - 3_600_000 }));
    const harness = new TreeHarness();
    harness.tree.apply([...connector, ...kernel.audit.splice(0)]);
    harness.nowMs += 10_000;
    harness.tree.flush();
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['x']);
  });

  test('a late record of a pid’s dead owner does not displace the living one', () => {
    const kernel = new KernelModel(10);
    kernel.fork(1, 10);
    kernel.exec(10, 'old');
    kernel.exit(10);
    kernel.connector.splice(1, 1);
    kernel.pass(50);
    kernel.fork(1, 20);
    kernel.exec(20, 'sh');
    kernel.fork(20, 10);
    const harness = new TreeHarness().run(kernel);
    harness.nowMs += 100;
    harness.tree.flush();
    kernel.fork(10, 30);
    kernel.exec(30, 'grandchild');
    harness.run(kernel);
    expect(harness.chain('grandchild')).toEqual(['sh', 'sh', 'init']);
  });
});

describe('losses and /proc', () => {
  test('a process whose end was wrongly reported keeps its creator, when /proc shows that it lives', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.exec(11, 'threads');
    kernel.exit(10);
    const harness = new TreeHarness().run(kernel);
    harness.tree.apply([loss(kernel.bootMs)]);
    harness.proc.show(11, 1, 'threads', harness.row('threads').process.startTicks);
    kernel.leaderExit(11);
    kernel.exec(11, 'from a thread');
    expect(harness.run(kernel).chain('from a thread')).toEqual(['shell', 'init']);
    kernel.leaderExit(11);
    harness.run(kernel);
    harness.tree.processes.adopt([...harness.proc.shown.values()]);
    expect(harness.livePids).toContain(11);
  });

  test('a process whose exec was lost runs what /proc shows, from the resync on', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    const harness = new TreeHarness().run(kernel);
    const { startTicks } = harness.row('before').process;
    kernel.exec(10, 'after');
    kernel.connector.length = 0;
    kernel.audit.length = 0;
    harness.tree.apply([loss(kernel.bootMs)]);
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'after', startTicks)]);
    harness.tree.processes.resynced(1);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    expect(harness.run(kernel).chain('child')).toEqual(['after', 'init']);
    expect(harness.row('child').ancestry.complete).toBe(true);
  });

  test('a pid that was reused while /proc was read is not ended for its old owner', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'old');
    const harness = new TreeHarness().run(kernel);
    const gone = harness.tree.processes.living().filter(({ pid }) => pid === 10);
    kernel.exit(10);
    kernel.fork(1, 10);
    harness.run(kernel);
    harness.tree.processes.adopt([], gone);
    expect(harness.livePids).toContain(10);
  });

  test('what a process ran before the first snapshot showed it is not made up', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'after', 50)]);
    kernel.processes.set(10, { pid: 10, cmdline: 'before', creator: [], parent: 1, alive: true, sid: 1, pgid: 1 });
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    kernel.exec(10, 'after');
    kernel.fork(10, 12);
    kernel.exec(12, 'later child');
    harness.tree.processes.forgetImages([10 as Pid]);
    harness.run(kernel);
    expect(harness.chain('child')).toEqual(['', 'init']);
    expect(harness.row('child').ancestry.complete).toBe(false);
    expect(harness.chain('later child')).toEqual(['after', 'init']);
    expect(harness.row('later child').ancestry.complete).toBe(true);
  });
});

describe('logs of audit alone', () => {
  test('a program that respawns itself by vfork for ever keeps a bounded number of ancestors', () => {
    const harness = new TreeHarness({ detailsApart: false, proc: undefined });
    harness.tree.apply([exec(1, 0, 'init', 1000)]);
    for (let pid = 2; pid < 5000; pid++) {
      harness.nowMs += 2;
      harness.tree.apply([exec(pid, pid - 1, `x ${pid}`, 1000 + 2 * pid + 1), fork(pid - 1, pid, 1000 + 2 * pid)]);
    }
    let links = 0;
    for (let link = harness.published.at(-1)?.process.creator; link; link = link.process.creator) links++;
    expect(links).toBeGreaterThan(1000);
    expect(links).toBeLessThanOrEqual(2048);
  });

  test('a process that was only named is not the one that gets its pid long after', () => {
    const harness = new TreeHarness({ detailsApart: false, proc: undefined });
    harness.tree.apply([
      exec(1, 0, 'init', 1000),
      fork(99, 100, 1001),
      fork(1, 20, 400_000),
      exec(20, 1, 'stranger', 400_001),
      fork(20, 99, 500_000),
      exec(99, 20, 'new', 500_001),
      exec(100, 99, 'child of the old', 500_010),
    ]);
    harness.tree.flush('all');
    expect(harness.chain('child of the old')).not.toContain('stranger');
    expect(ancestorsOf(harness.row('child of the old'))[0]?.entity_id).not.toBe(harness.row('new').entityId);
  });

  test('without forks, an exec of a known pid under another parent is of another process', () => {
    const harness = new TreeHarness({ detailsApart: false, proc: undefined });
    harness.tree.apply([
      exec(1, 0, 'init', 1000),
      exec(10, 1, 'sshd', 1001),
      exec(20, 1, 'cron', 1002),
      exec(50, 10, 'bash', 1003),
    ]);
    harness.tree.flush('all');
    harness.tree.apply([exec(50, 20, 'job', 9_000_000)]);
    harness.tree.flush('all');
    expect(harness.chain('job')).toEqual(['cron', 'init']);
    expect(harness.row('job').entityId).not.toBe(harness.row('bash').entityId);
  });
});

test('an exec that was published without details is not awaited for ever', () => {
  const harness = new TreeHarness();
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  harness.run(kernel);
  const at = { pid: 10 as Pid, bootMs: kernel.bootMs, unixMs: BOOT_UNIX_MS + kernel.bootMs };
  harness.tree.apply([{ kind: 'exec', origin: 'proc_events', details: undefined, ...at }]);
  harness.nowMs += 200;
  harness.tree.flush();
  expect(harness.published).toHaveLength(1);
  harness.nowMs += 20_000;
  harness.tree.flush();
  // Of a system call at the same time by the coarse clock: without the exec above it has a row of its own.
  harness.tree.apply([{ ...exec(10, 1, 'another', at.unixMs), bootMs: at.bootMs }]);
  harness.nowMs += 200;
  harness.tree.flush();
  expect(harness.published).toHaveLength(2);
});

test.each([
  [0.4, 1233],
  [0.6, 1234],
])('of a fork told %f ms after a tick began the start is tick %i, where /proc shows the tick before', (ms, ticks) => {
  const harness = new TreeHarness();
  const bootMs = 12_340 + ms;
  harness.tree.apply([
    {
      ...{ kind: 'fork', origin: 'proc_events', pid: 10 as Pid, parent: 1 as Pid, imageFrom: undefined },
      ...{ bootMs, unixMs: BOOT_UNIX_MS + bootMs },
    },
  ]);
  harness.proc.show(10, 1, 'init', 1233);
  const [process] = harness.tree.processes.withPid(10 as Pid);
  if (!process) throw new Error('no process');
  harness.tree.processes.entityIdOf(process);
  expect(process.startTicks).toBe(ticks);
});
