import { describe, expect, test } from 'vitest';
import type { Pid, ProcessEvent } from '../../../src/collect/event.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import { BOOT_UNIX_MS, detailsOf, KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness } from './tree_harness.ts';

describe('ancestry (R3 to R5)', () => {
  test('a chain goes from the creator up to pid 1, each with the image that it was running when it forked', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd');
    kernel.fork(10, 11);
    kernel.exec(11, 'bash');
    kernel.fork(11, 12);
    kernel.exec(12, 'ls');
    const harness = new TreeHarness().run(kernel);
    expect(harness.chain('ls')).toEqual(['bash', 'sshd', 'init']);
    expect(harness.row('ls').ancestry).toMatchObject({ depth: 3, truncated: false, complete: true });
  });

  test('a parent that executes after forking does not change the ancestry of its earlier children', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    kernel.fork(10, 11);
    kernel.exec(10, 'after');
    kernel.fork(10, 12);
    kernel.exec(11, 'elder');
    kernel.exec(12, 'younger');
    const harness = new TreeHarness().run(kernel);
    expect(harness.chain('elder')).toEqual(['before', 'init']);
    expect(harness.chain('younger')).toEqual(['after', 'init']);
  });

  test('a process that forks and never executes is an ancestor like any other', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'daemon');
    kernel.fork(10, 11);
    kernel.fork(11, 12);
    kernel.exit(11);
    kernel.exec(12, 'worker');
    const harness = new TreeHarness().run(kernel);
    expect(ancestorsOf(harness.row('worker')).map(({ pid, cmdline }) => [pid, cmdline])).toEqual([
      [11, 'daemon'],
      [10, 'daemon'],
      [1, 'init'],
    ]);
  });

  test('adoption changes the parent, never the ancestry', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.exit(10);
    kernel.exec(11, 'orphan');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('orphan').ppid).toBe(1);
    expect(harness.chain('orphan')).toEqual(['shell', 'init']);
  });

  test('with CLONE_PARENT the creator is the kernel’s parent', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'grandparent');
    kernel.fork(10, 11);
    kernel.exec(11, 'caller');
    kernel.fork(11, 12, { cloneParent: true });
    kernel.exec(12, 'child');
    expect(new TreeHarness().run(kernel).chain('child')).toEqual(['grandparent', 'init']);
  });

  test('a chain longer than the maximum is cut and marked, and the cut does not affect what is above', () => {
    const kernel = new KernelModel();
    for (let pid = 2; pid < 60; pid++) {
      kernel.fork(pid - 1, pid);
      kernel.exec(pid, `level ${pid}`);
    }
    const harness = new TreeHarness({ maxDepth: 5 }).run(kernel);
    expect(harness.chain('level 4')).toEqual(['level 3', 'level 2', 'init']);
    expect(harness.row('level 6').ancestry).toMatchObject({ depth: 5, truncated: false, complete: true });
    expect(harness.chain('level 59')).toEqual([58, 57, 56, 55, 54].map((n) => `level ${n}`));
    expect(harness.row('level 59').ancestry).toMatchObject({ depth: 5, truncated: true, complete: true });
  });

  test('a process that forks without end keeps a bounded number of ancestors in memory', () => {
    const kernel = new KernelModel(0.01);
    const harness = new TreeHarness();
    for (let pid = 2; pid < 6000; pid++) {
      kernel.fork(pid - 1, pid);
      kernel.exit(pid - 1);
      if (pid % 500 === 0) harness.run(kernel);
    }
    kernel.exec(5999, 'last');
    harness.run(kernel);
    let links = 0;
    for (let link = harness.row('last').process.creator; link; link = link.process.creator) links++;
    expect(links).toBeLessThanOrEqual(2048);
    expect(harness.row('last').ancestry).toMatchObject({ depth: 32, truncated: true });
  });
});

describe('identity (R1, R6, R7)', () => {
  test('a reused pid does not inherit the dead process’s ancestors, nor the other way round', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'first');
    kernel.fork(10, 50);
    kernel.exec(50, 'old');
    kernel.fork(50, 51);
    kernel.exit(50);
    kernel.fork(1, 50);
    kernel.exec(50, 'new');
    kernel.fork(50, 52);
    kernel.exec(51, 'child of old');
    kernel.exec(52, 'child of new');
    const harness = new TreeHarness().run(kernel);
    expect(harness.chain('new')).toEqual(['init']);
    expect(harness.chain('child of old')).toEqual(['old', 'first', 'init']);
    expect(harness.chain('child of new')).toEqual(['new', 'init']);
    expect(harness.row('old').entityId).not.toBe(harness.row('new').entityId);
  });

  test('a pid that is used again within the same clock tick is another entity', () => {
    const kernel = new KernelModel(0.001);
    kernel.bootMs = 1_000_005;
    const seen = new Set<string>();
    for (let n = 0; n < 5; n++) {
      kernel.fork(1, 10);
      kernel.exec(10, `use ${n}`);
      kernel.exit(10);
    }
    const harness = new TreeHarness().run(kernel);
    for (const { entityId } of harness.published) seen.add(entityId);
    expect(seen.size).toBe(5);
  });

  test('a pid that is reused without a reported end is still another process', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'first');
    kernel.fork(1, 20);
    kernel.exec(20, 'other');
    kernel.fork(20, 10);
    kernel.exec(10, 'second');
    expect(new TreeHarness().run(kernel).chain('second')).toEqual(['other', 'init']);
  });

  test('an exec by a thread keeps the identity, although the leader’s exit is reported before it', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'threads');
    kernel.leaderExit(10);
    kernel.exec(10, 'from a thread');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    const harness = new TreeHarness().run(kernel);
    expect(harness.row('from a thread').entityId).toBe(harness.row('threads').entityId);
    expect(harness.chain('child')).toEqual(['from a thread', 'init']);
    expect(harness.livePids).toContain(10);
  });

  test('the same process has the same id from its fork and from /proc, also across a clock tick', () => {
    const kernel = new KernelModel(0);
    kernel.bootMs = 5000.4;
    kernel.fork(1, 10);
    kernel.exec(10, 'edge');
    const harness = new TreeHarness();
    // The kernel took the start just before the tick, and the event's time just after it.
    const snapshot = harness.proc.show(10, 1, 'edge', 499);
    harness.run(kernel);
    const later = new TreeHarness();
    later.tree.processes.adopt([snapshot]);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    later.run(kernel);
    expect(ancestorsOf(later.row('child'))[0]?.entityId).toBe(harness.row('edge').entityId);
  });

  test('an id is URL-safe and tells boots apart', () => {
    const run = (bootId: string) => {
      const kernel = new KernelModel();
      kernel.fork(1, 10);
      kernel.exec(10, 'a');
      return new TreeHarness({ bootId }).run(kernel).row('a').entityId;
    };
    const id = run('4f731cd4-a2cf-420b-a2aa-ca46d08d1e22');
    expect(id).toMatch(/^[A-Za-z0-9._~-]+$/);
    expect(run('4f731cd4-a2cf-420b-a2aa-ca46d08d1e22')).toBe(id);
    expect(run('4f731cd4-a2cf-420b-a2aa-ca46d08d1e23')).not.toBe(id);
  });

  test('exits from before a process’s start do not end it', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'service', 200_000)]);
    kernel.whole.push({ kind: 'exit', pid: 10 as Pid, bootMs: 1000, unixMs: BOOT_UNIX_MS, status: 0 });
    harness.run(kernel);
    expect(harness.livePids).toContain(10);
  });
});

describe('events of a coarse clock', () => {
  const exec = (pid: number, ppid: number, cmdline: string, unixMs: number): ProcessEvent => ({
    kind: 'exec',
    isCoarse: true,
    pid: pid as Pid,
    bootMs: unixMs,
    unixMs,
    details: detailsOf(cmdline, ppid),
  });
  const fork = (parent: number, child: number, unixMs: number, imageFrom?: number): ProcessEvent => ({
    kind: 'fork',
    isCoarse: true,
    pid: child as Pid,
    parent: parent as Pid,
    bootMs: unixMs,
    unixMs,
    imageFrom: imageFrom as Pid | undefined,
  });

  test('the record of a vfork, which comes after the child’s exec, still sets the creator', () => {
    const harness = new TreeHarness({ proc: undefined });
    harness.tree.apply([exec(1, 0, 'init', 1000), fork(1, 10, 1001), exec(10, 1, 'make', 1002)]);
    harness.tree.apply([exec(11, 10, 'cc', 1005)]);
    expect(harness.published).toHaveLength(2);
    harness.tree.apply([fork(10, 11, 1004)]);
    expect(harness.chain('cc')).toEqual(['make', 'init']);
    expect(harness.row('cc').ancestry.complete).toBe(true);
  });

  test('without a reported fork the parent at the exec is the creator, and the ancestry is not complete', () => {
    const harness = new TreeHarness({ proc: undefined });
    harness.tree.apply([
      exec(1, 0, 'init', 1000),
      fork(1, 10, 1001),
      exec(10, 1, 'sh', 1002),
      exec(11, 10, 'ls', 1003),
    ]);
    harness.tree.flush('all');
    expect(harness.chain('ls')).toEqual(['sh', 'init']);
    expect(harness.row('ls').ancestry.complete).toBe(false);
    expect(harness.row('sh').ancestry.complete).toBe(true);
  });

  test('with CLONE_PARENT a child that never executes runs the caller’s image', () => {
    const harness = new TreeHarness({ proc: undefined });
    harness.tree.apply([
      exec(1, 0, 'init', 1000),
      fork(1, 10, 1001),
      exec(10, 1, 'runc create', 1002),
      fork(10, 11, 1003),
      exec(11, 10, 'runc init', 1004),
      fork(10, 12, 1005, 11),
      fork(12, 13, 1006),
      exec(13, 12, 'entrypoint', 1007),
    ]);
    expect(harness.chain('entrypoint')).toEqual(['runc init', 'runc create', 'init']);
  });

  test('contradictory forks build no circle', () => {
    const harness = new TreeHarness({ proc: undefined });
    harness.tree.apply([exec(10, 11, 'a', 1000), exec(11, 10, 'b', 1001), fork(10, 11, 1002), fork(11, 10, 1003)]);
    harness.tree.flush('all');
    expect(harness.published).toHaveLength(2);
    for (const row of harness.published) expect(row.ancestry.depth).toBeLessThanOrEqual(2);
  });
});

describe('the cache (R11)', () => {
  test('a complete chain keeps its top when the index drops the top', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'service');
    const harness = new TreeHarness({ cacheSize: 16 }).run(kernel);
    for (let pid = 100; pid < 200; pid++) {
      kernel.fork(10, pid);
      kernel.exec(pid, `job ${pid}`);
      harness.run(kernel);
    }
    kernel.fork(199, 300);
    kernel.exec(300, 'last');
    harness.run(kernel);
    expect(harness.chain('last')).toEqual(['job 199', 'service', 'init']);
    expect(harness.tree.stats.size).toBeLessThanOrEqual(16);
    expect(harness.tree.stats.evictions).toBeGreaterThan(0);
  });

  test('an evicted living orphan keeps its creator, which /proc no longer shows', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.exit(10);
    const harness = new TreeHarness({ cacheSize: 16 }).run(kernel);
    for (let pid = 100; pid < 200; pid++) {
      kernel.fork(1, pid);
      kernel.exit(pid);
    }
    harness.proc.show(11, 1, 'shell', Math.floor(1_000_003 / 10));
    kernel.exec(11, 'orphan');
    expect(harness.run(kernel).chain('orphan')).toEqual(['shell', 'init']);
    expect(harness.tree.stats.size).toBeLessThanOrEqual(16);
  });

  test('an evicted living process comes back from /proc; a dead one is a miss, and the ancestry is not complete', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.proc.show(70, 1, 'known to /proc', 100);
    kernel.processes.set(70, {
      pid: 70,
      cmdline: 'known to /proc',
      creator: [],
      parent: 1,
      alive: true,
      sid: 1,
      pgid: 1,
    });
    kernel.fork(70, 71);
    kernel.exec(71, 'of the living');
    kernel.processes.set(80, {
      pid: 80,
      cmdline: 'nobody knows',
      creator: [],
      parent: 1,
      alive: true,
      sid: 1,
      pgid: 1,
    });
    kernel.fork(80, 81);
    kernel.exec(81, 'of the dead');
    const { misses } = harness.tree.stats;
    harness.run(kernel);
    harness.nowMs += 100;
    harness.tree.flush();
    expect(harness.chain('of the living')).toEqual(['known to /proc', 'init']);
    expect(harness.row('of the living').ancestry.complete).toBe(true);
    expect(ancestorsOf(harness.row('of the dead')).map(({ pid }) => pid)).toEqual([80]);
    expect(harness.row('of the dead').ancestry.complete).toBe(false);
    expect(harness.tree.stats.misses - misses).toBe(2);
  });

  test('a dead process is dropped when its time is over, a living one is not', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(1, 11);
    kernel.exit(11);
    const harness = new TreeHarness({ cacheTtlSeconds: 60 }).run(kernel);
    const { size } = harness.tree.stats;
    harness.nowMs += 59_000;
    harness.tree.processes.sweep();
    expect(harness.tree.stats.size).toBe(size);
    // The next sweep is due a twentieth of the time to live later.
    harness.nowMs += 3_000;
    harness.tree.processes.sweep();
    expect(harness.tree.stats).toMatchObject({ size: size - 1, expirations: 1 });
    expect(harness.livePids).toContain(10);
  });

  test('a new capacity takes effect at once', () => {
    const kernel = new KernelModel();
    for (let pid = 10; pid < 110; pid++) kernel.fork(1, pid);
    const harness = new TreeHarness().run(kernel);
    const settings = {
      cacheTtlSeconds: 300,
      maxDepth: 32,
      ancestorCmdlineMax: 4096,
      publishWaitMs: 100,
      actions: new Set<Action>(['exec']),
      ignore: undefined,
    };
    harness.tree.configure({ ...settings, cacheSize: 20 });
    expect(harness.tree.stats).toMatchObject({ size: 20, capacity: 20 });
    kernel.exec(109, 'newest');
    expect(harness.run(kernel).chain('newest')).toEqual(['init']);
  });
});

describe('start and loss (R13, R14)', () => {
  test('a fork that /proc already showed makes no second process, and its exec is published', () => {
    const kernel = new KernelModel();
    kernel.bootMs = 3004;
    kernel.fork(1, 10);
    kernel.exec(10, 'started meanwhile');
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'started meanwhile', 300)]);
    const { size } = harness.tree.stats;
    harness.run(kernel);
    expect(harness.tree.stats.size).toBe(size);
    expect(harness.chain('started meanwhile')).toEqual(['init']);
  });

  test('after a loss, /proc shows new processes and those that are gone', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'gone by now');
    const harness = new TreeHarness().run(kernel);
    harness.tree.apply([
      {
        kind: 'loss',
        pid: 0 as Pid,
        bootMs: 1_000_100,
        unixMs: BOOT_UNIX_MS + 1_000_100,
        count: 7,
      },
    ]);
    expect(harness.tree.processes.losses).toEqual({ total: 7, sinceResync: 7 });
    const snapshot = harness.proc.show(20, 1, 'unseen', 100_050);
    harness.tree.processes.adopt(
      [snapshot],
      harness.tree.processes.living().filter(({ pid }) => pid === 10),
    );
    harness.tree.processes.resynced(7);
    expect(harness.livePids).toEqual(expect.arrayContaining([1, 20]));
    expect(harness.livePids).not.toContain(10);
    kernel.processes.set(20, { pid: 20, cmdline: 'unseen', creator: [], parent: 1, alive: true, sid: 1, pgid: 1 });
    kernel.pass(1000);
    kernel.fork(20, 21);
    kernel.exec(21, 'child of the unseen');
    expect(harness.run(kernel).chain('child of the unseen')).toEqual(['unseen', 'init']);
    expect(harness.tree.processes.losses).toEqual({ total: 7, sinceResync: 0 });
  });

  test('a process of the kernel without a parent is the top', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(2, 0, 'kthreadd'), harness.proc.show(40, 2, 'kworker')]);
    kernel.processes.set(40, { pid: 40, cmdline: 'kworker', creator: [], parent: 2, alive: true, sid: 1, pgid: 1 });
    kernel.fork(40, 41);
    kernel.exec(41, 'modprobe');
    harness.run(kernel);
    expect(harness.chain('modprobe')).toEqual(['kworker', 'kthreadd']);
    expect(harness.row('modprobe').ancestry.complete).toBe(true);
  });
});

describe('an ancestor', () => {
  test('has its identity, its creator, and the certain facts about its file', () => {
    const kernel = new KernelModel(10);
    kernel.fork(1, 10);
    kernel.exec(10, 'bash -l', { tty: 'pts/0' });
    kernel.setsid(10);
    kernel.fork(10, 11);
    kernel.exec(11, 'ls');
    const row = new TreeHarness().run(kernel).row('ls');
    const [bash, init] = ancestorsOf(row);
    const entityId = expect.stringMatching(/^\S+$/);
    const start = Math.floor((BOOT_UNIX_MS + 1_000_010) / 10);
    expect(JSON.parse(row.context.creator?.json() ?? '')).toEqual({
      ...{ entityId, pid: 10, start, ppid: 1, creatorStart: BOOT_UNIX_MS / 10 + 1 },
      ...{ name: 'bash', path: '/bin/bash', root: '', rootOwned: true, cwd: '/', tty: '', known: true },
      ...{ args: 'bash\0-l', argsCount: 2, cmdlineMax: 4096 },
      credentials: expect.objectContaining({ uid: 0, userNames: { 0: 'root' } }),
      groupLeader: [row.context.creator?.entityId, 10, start],
      sessionLeader: [row.context.creator?.entityId, 10, start],
    });
    expect(bash?.entityId).toBe(row.context.creator?.entityId);
    expect(init).toMatchObject({ pid: 1, ppid: 0, creatorStart: 0 });
  });

  test('with quotes, control characters and emoji in its arguments is valid JSON', () => {
    const nasty = 'sh "quoted"\\ \u0001\t\n🌲 \ufffd';
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, nasty);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    expect(new TreeHarness().run(kernel).chain('child')[0]).toBe(nasty);
  });

  test('has no more of its arguments than requested, and shows that they are cut', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sh -c true');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    const { creator } = new TreeHarness({ ancestorCmdlineMax: 5 }).run(kernel).row('child').context;
    const args = (max?: number) => JSON.parse(creator?.json(max) ?? '').args;
    expect([args(), args(10), args(4)]).toEqual(['sh\0-c\0true', 'sh\0-c\0true', 'sh\0-…']);
    expect(JSON.parse(creator?.json() ?? '').cmdlineMax).toBe(5);
  });
});
