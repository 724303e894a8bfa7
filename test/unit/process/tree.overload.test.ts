/** Rows when messages are lost, late or out of order: a complete ancestry is never wrong. */
import { describe, expect, test, vi } from 'vitest';
import type { ExecEvent, LossEvent, Pid, ProcessEvent } from '../../../src/collect/event.ts';
import { Image } from '../../../src/process/image.ts';
import { BOOT_UNIX_MS, detailsOf, KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness } from './tree_harness.ts';

const exec = (pid: number, ppid: number, cmdline: string, unixMs: number): ExecEvent => ({
  kind: 'exec',
  isCoarse: true,
  pid: pid as Pid,
  bootMs: unixMs,
  unixMs,
  details: detailsOf(cmdline, ppid),
});
const fork = (parent: number, child: number, unixMs: number): ProcessEvent => ({
  kind: 'fork',
  isCoarse: true,
  pid: child as Pid,
  parent: parent as Pid,
  bootMs: unixMs,
  unixMs,
  imageFrom: undefined,
});
const loss = (bootMs: number): LossEvent => ({
  kind: 'loss',
  pid: 0 as Pid,
  bootMs,
  unixMs: BOOT_UNIX_MS + bootMs,
  count: 1,
});

describe('losses and /proc', () => {
  test('a process whose end was wrongly reported keeps its creator when /proc shows that it lives', () => {
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
    kernel.take();
    harness.tree.apply([loss(kernel.bootMs)]);
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'after', startTicks)]);
    harness.tree.processes.resynced(1);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    expect(harness.run(kernel).chain('child')).toEqual(['after', 'init']);
    expect(harness.row('child').ancestry.complete).toBe(true);
  });

  test('an exec during a loss is certain once /proc has shown it', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    const harness = new TreeHarness().run(kernel);
    harness.tree.apply([loss(kernel.bootMs)]);
    kernel.exec(10, 'shell');
    const [process] = harness.run(kernel).published.map((row) => row.process);
    expect(process?.image.known).toBe(false);
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'shell', process?.startTicks)]);
    harness.tree.processes.resynced(1);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    expect(harness.run(kernel).chain('child')).toEqual(['shell', 'init']);
    expect(harness.row('child').ancestry.complete).toBe(true);
  });

  test('a pid that was reused while /proc was read does not end with its old process', () => {
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

  test('what a process ran before the first snapshot is not guessed', () => {
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

describe('events of a coarse clock', () => {
  test('a program that respawns itself by vfork without end keeps a bounded number of ancestors', () => {
    const harness = new TreeHarness({ proc: undefined });
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

  test('a process known only by its pid is not the one that gets the pid long after', () => {
    const harness = new TreeHarness({ proc: undefined });
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
    expect(ancestorsOf(harness.row('child of the old'))[0]?.entityId).not.toBe(harness.row('new').entityId);
  });

  test('without forks, an exec of a known pid under another parent is of another process', () => {
    const harness = new TreeHarness({ proc: undefined });
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

test.each([
  [0.4, 1233],
  [0.6, 1234],
])('a fork reported %f ms after a tick began starts at tick %i, if /proc shows the tick before', (ms, ticks) => {
  const harness = new TreeHarness();
  const bootMs = 12_340 + ms;
  harness.tree.apply([
    {
      ...{ kind: 'fork', pid: 10 as Pid, parent: 1 as Pid, imageFrom: undefined },
      ...{ bootMs, unixMs: BOOT_UNIX_MS + bootMs },
    },
  ]);
  harness.proc.show(10, 1, 'init', 1233);
  const [process] = harness.tree.processes.withPid(10 as Pid);
  if (!process) throw new Error('no process');
  harness.tree.processes.entityIdOf(process);
  expect(process.startTicks).toBe(ticks);
});

test('an event costs no more with many execs that wait for the forks of their processes', () => {
  const harness = new TreeHarness({ proc: undefined });
  const one = (pid: number) => exec(pid, 1, `program ${pid}`, 1000 + pid);
  const waiting = 2_000;
  harness.tree.apply(Array.from({ length: waiting }, (_, n) => one(n + 10)));
  expect(harness.tree.stats.waiting).toBe(waiting);
  const looked = vi.spyOn(Image.prototype, 'sealed', 'get');
  harness.tree.apply([one(5_000)]);
  expect(looked.mock.calls.length).toBeLessThan(100);
  looked.mockRestore();
  harness.tree.flush('all');
  expect(harness.published.map(({ process }) => process.pid)).toEqual([
    ...Array.from({ length: waiting }, (_, n) => n + 10),
    5_000,
  ]);
});
