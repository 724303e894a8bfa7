/** Events of audit and the connector give the same rows in any order, and a row with a hole if one is lost. */
import { describe, expect, test } from 'vitest';
import type { Pid } from '../../../../src/collect/event.ts';
import type { ExecEvent, LossEvent, SensorEvent } from '../../../../src/collect/events.ts';
import type { Action } from '../../../../src/process/pending_event.ts';
import { LIFE, oneLife } from '../../process/happenings.ts';
import { BOOT_UNIX_MS, detailsOf, KernelModel } from '../../process/kernel_model.ts';
import { ancestorsOf } from '../../process/tree_harness.ts';
import { JoinHarness } from './join_harness.ts';

const EVERYTHING = new Set<Action>(['exec', 'fork', 'setsid', 'exit', 'existing']);
const rows = (harness: JoinHarness, pid: number) =>
  harness.published.filter(({ process }) => process.pid === pid).map(({ action }) => action);
const actionsAndSessions = ({ published }: JoinHarness, pid: number) =>
  published.filter(({ process }) => process.pid === pid).map(({ action, sid }) => [action, sid]);
const loss = (bootMs: number): LossEvent => ({
  ...{ kind: 'loss', origin: 'audit', pid: 0 as Pid, bootMs, unixMs: BOOT_UNIX_MS + bootMs, count: 1 },
});

describe('order and waiting (R10)', () => {
  const script = (kernel: KernelModel) => {
    kernel.fork(1, 10);
    kernel.exec(10, 'a');
    kernel.exec(10, 'b');
    kernel.fork(10, 11);
    kernel.exec(10, 'c');
    kernel.exec(11, 'd');
    kernel.exit(11);
    kernel.fork(10, 11);
    kernel.exec(11, 'e');
  };

  test('audit before the connector gives the same rows as the connector before audit', () => {
    const inOrder = new KernelModel();
    script(inOrder);
    const expected = new JoinHarness().run(inOrder);
    const early = new KernelModel();
    script(early);
    const harness = new JoinHarness();
    harness.hear(early.audit.splice(0));
    expect(harness.published).toEqual([]);
    harness.hear(early.connector.splice(0));
    expect(harness.told.toSorted((a, b) => a.cmdline.localeCompare(b.cmdline))).toEqual(expected.told);
    expect(harness.told).toHaveLength(5);
  });

  test('an exec whose record is lost is published after the wait, with what /proc still shows, and counted if that is nothing', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lives');
    kernel.fork(1, 11);
    kernel.exec(11, 'gone');
    kernel.audit.length = 0;
    const harness = new JoinHarness().run(kernel);
    harness.proc.show(10, 1, 'lives', Math.floor(1_000_001 / 10));
    harness.nowMs += 99;
    harness.flush();
    expect(harness.published).toEqual([]);
    harness.nowMs += 1;
    harness.flush();
    expect(harness.told.map(({ pid, cmdline }) => [pid, cmdline])).toEqual([
      [10, 'lives'],
      [11, ''],
    ]);
    expect(harness.tree.stats.detailsMissing).toBe(1);
  });

  test('a kernel thread waits for no record, and what the kernel executes does', () => {
    const kernel = new KernelModel();
    const init = kernel.processes.get(1);
    if (init) kernel.processes.set(2, { ...init, pid: 2, cmdline: '' });
    const { join } = new JoinHarness();
    const take = (events: SensorEvent[]) => join.take(events).map(({ kind, pid }) => `${kind} ${pid}`);
    kernel.fork(2, 50);
    kernel.exit(50);
    expect(take(kernel.connector.splice(0))).toEqual(['fork 50', 'exit 50']);
    expect(join.waitingSinceMs).toBeUndefined();
    kernel.fork(2, 51);
    kernel.exec(51, 'helper');
    kernel.exit(51);
    expect(take(kernel.connector.splice(0))).toEqual([]);
    expect(take(kernel.audit.splice(0))).toEqual(['fork 51', 'exec 51']);
    // The pid of a kernel thread is used again, also where its exit was lost.
    kernel.fork(2, 52);
    expect(take(kernel.connector.splice(0))).toEqual([]);
    kernel.exec(1, 'init');
    expect(take(kernel.takeHalves())).toEqual(['exit 51', 'fork 52', 'exec 1']);
    kernel.exit(52);
    kernel.connector.length = 0;
    kernel.fork(1, 52);
    expect(take(kernel.connector.splice(0))).toEqual([]);
  });

  test('an ancestor whose record is lost is named by its pid, and the ancestry is not called complete', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    kernel.audit.shift();
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 100;
    harness.flush();
    expect(ancestorsOf(harness.row('child')).map(({ pid, cmdline }) => [pid, cmdline])).toEqual([
      [10, ''],
      [1, 'init'],
    ]);
    expect(harness.row('child').ancestry.complete).toBe(false);
  });

  test('a record that comes too late makes no second row, and changes nothing for later children', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'slow');
    const record = kernel.audit.splice(0);
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 5000;
    harness.flush();
    harness.hear(record);
    harness.nowMs += 5000;
    harness.flush();
    expect(harness.published).toHaveLength(1);
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    expect(harness.run(kernel).chain('child')).toEqual(['', 'init']);
    expect(harness.row('child').ancestry.complete).toBe(false);
    expect(harness.row('').details).toBeUndefined();
  });

  test('while audit is still busy with earlier execs, later ones are not given up', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'early');
    kernel.pass(300);
    kernel.exec(10, 'later');
    const [first, second] = kernel.audit.splice(0) as ExecEvent[] as [ExecEvent, ExecEvent];
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 150;
    harness.hear([first]);
    harness.flush();
    harness.nowMs += 90;
    harness.flush();
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['early']);
    harness.hear([second]);
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['early', 'later']);
    expect(harness.tree.stats.detailsMissing).toBe(0);
  });

  test('a record whose connector message was lost makes a row of its own after the wait', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'unannounced');
    const harness = new JoinHarness();
    harness.hear([...kernel.connector.splice(0, 1), ...kernel.audit.splice(0)]);
    expect(harness.published).toEqual([]);
    harness.nowMs += 100;
    harness.flush();
    expect(harness.chain('unannounced')).toEqual(['init']);
  });

  test('when one record of a pid is lost, the next one is not taken for it', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    kernel.pass(1000);
    kernel.exec(10, 'kept');
    kernel.audit.shift();
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 100;
    harness.flush();
    expect(harness.told.map(({ cmdline }) => cmdline).toSorted()).toEqual(['', 'kept']);
  });

  test('what an exec says of a process from before the start is read at once, where audit will say nothing', () => {
    const kernel = new KernelModel();
    const harness = new JoinHarness();
    harness.tree.processes.adopt([harness.proc.show(10, 1, 'old shell', 50)]);
    kernel.processes.set(10, { pid: 10, cmdline: 'old shell', creator: [], parent: 1, alive: true, sid: 1, pgid: 1 });
    kernel.exec(10, 'new program');
    kernel.audit.length = 0;
    harness.proc.show(10, 1, 'new program', 50);
    harness.run(kernel);
    harness.proc.shown.delete(10);
    harness.nowMs += 100;
    harness.flush();
    expect(harness.chain('new program')).toEqual(['init']);
  });
});

describe('records that are lost or late', () => {
  /** 10 executes `parent` and forks 11, which executes `child`; 5 executes slowly, so that its time is old. */
  function parentAndChild() {
    const kernel = new KernelModel();
    kernel.fork(1, 5);
    kernel.exec(5, 'slow');
    kernel.fork(1, 10);
    kernel.exec(10, 'parent');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    const [slow, parent, child] = kernel.audit.splice(0) as [ExecEvent, ExecEvent, ExecEvent];
    const harness = new JoinHarness();
    harness.hear(kernel.connector.splice(0));
    harness.hear([child]);
    harness.nowMs += 60;
    harness.hear([slow]);
    harness.wait(100);
    return { harness, parent };
  }

  test('an exec that still waits is given up before a child of it is published, and its late record does no harm', () => {
    const { harness, parent } = parentAndChild();
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['slow', '', 'child']);
    expect(harness.row('child').ancestry.complete).toBe(false);
    harness.hear([parent]);
    harness.nowMs += 1000;
    harness.flush();
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
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 100;
    harness.flush();
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
    const harness = new JoinHarness();
    harness.hear([loss(kernel.bootMs)]);
    harness.run(kernel);
    for (const ms of [100, 100]) {
      harness.nowMs += ms;
      harness.flush();
    }
    expect(harness.row('b').ancestry.complete).toBe(false);
  });

  test('while records wait in the kernel, only events that audit has passed are given up; the rest waits for a bounded time', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    kernel.pass(500);
    kernel.fork(1, 11);
    kernel.exec(11, 'seen');
    kernel.fork(1, 12);
    kernel.exec(12, 'late');
    const [, seen] = kernel.audit.splice(0) as ExecEvent[] as [ExecEvent, ExecEvent];
    const harness = new JoinHarness();
    harness.hear([...kernel.connector.splice(0), seen]);
    harness.nowMs += 200;
    harness.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([10, 11]);
    harness.nowMs += 50;
    harness.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([10, 11]);
    harness.nowMs += 1750;
    harness.flush('overdue', () => true);
    expect(harness.told.map(({ pid }) => pid)).toEqual([10, 11, 12]);
  });

  test('the kernel is asked for waiting records once, and only when an event has waited long enough', () => {
    const kernel = new KernelModel();
    for (const pid of [10, 11]) {
      kernel.fork(1, pid);
      kernel.exec(pid, 'x');
    }
    const harness = new JoinHarness();
    harness.hear(kernel.connector.splice(0));
    let asked = 0;
    const ask = () => {
      asked++;
      return true;
    };
    harness.nowMs += 50;
    harness.flush('overdue', ask);
    expect(asked).toBe(0);
    harness.nowMs += 200;
    harness.flush('overdue', ask);
    expect(asked).toBe(1);
  });

  test('a clock that is set in between neither doubles a row nor loses its details', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'x');
    const connector = kernel.connector.splice(0).map((event) => ({ ...event, unixMs: event.unixMs - 3_600_000 }));
    const harness = new JoinHarness();
    harness.hear([...connector, ...kernel.audit.splice(0)]);
    harness.nowMs += 10_000;
    harness.flush();
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
    const harness = new JoinHarness().run(kernel);
    harness.nowMs += 100;
    harness.flush();
    kernel.fork(10, 30);
    kernel.exec(30, 'grandchild');
    harness.run(kernel);
    expect(harness.chain('grandchild')).toEqual(['sh', 'sh', 'init']);
  });
});

describe('sessions and groups', () => {
  test.each([0, 10, 500])('a group belongs to the new process that set it, with audit’s clock %i ms late', (lateMs) => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'old');
    kernel.exit(10);
    kernel.pass(600);
    kernel.fork(1, 10);
    kernel.lateMs = lateMs;
    kernel.setpgid(10, 10);
    kernel.exec(10, 'new');
    kernel.exit(10);
    expect(new JoinHarness().run(kernel).row('new').pgid).toBe(10);
  });

  test('a group’s record that comes before its pid is reused is not of the new process', () => {
    const kernel = new KernelModel(50);
    const harness = new JoinHarness();
    kernel.fork(1, 10);
    kernel.setpgid(10, 10);
    kernel.exit(10);
    harness.run(kernel);
    kernel.fork(1, 10);
    kernel.exec(10, 'another');
    expect(harness.run(kernel).row('another').pgid).toBe(1);
  });

  test('a group’s record that comes after its pid is reused may be of either process: the group is unknown', () => {
    const kernel = new KernelModel(50);
    kernel.fork(1, 10);
    kernel.setpgid(10, 10);
    kernel.exit(10);
    kernel.fork(1, 10);
    kernel.exec(10, 'another');
    expect(new JoinHarness().run(kernel).row('another').pgid).toBeUndefined();
  });

  describe('a group with a time before the end of the pid’s earlier process', () => {
    const reused = (between: (kernel: KernelModel) => void) => {
      const kernel = new KernelModel(0.5);
      kernel.fork(1, 10);
      kernel.exec(10, 'old');
      kernel.fork(1, 11);
      kernel.exit(10);
      between(kernel);
      kernel.fork(1, 10);
      kernel.setpgid(10, 10);
      kernel.exec(10, 'new');
      kernel.exit(10);
      return new JoinHarness().run(kernel).row('new').pgid;
    };

    test('belongs to the new process if audit reported it after an exec of that time', () => {
      expect(reused((kernel) => kernel.exec(11, 'between'))).toBe(10);
    });

    test('is unknown if nothing else was executed', () => {
      expect(reused(() => undefined)).toBeUndefined();
    });
  });

  test.each([3_600_000, 300])(
    'are those from before the clock was set back by %i ms, and are still waited for',
    (step) => {
      const kernel = new KernelModel();
      const harness = new JoinHarness({ actions: EVERYTHING });
      kernel.fork(1, 10);
      kernel.setpgid(10, 10);
      kernel.exec(10, 'shell');
      harness.run(kernel);
      const setBack = () =>
        kernel.takeHalves().map((event) => ({ ...event, unixMs: event.unixMs - step }) satisfies typeof event);
      kernel.fork(10, 11);
      kernel.exec(11, 'first');
      harness.hear(setBack());
      harness.nowMs += 6000;
      harness.flush();
      expect(harness.row('first').pgid).toBe(10);
      kernel.exec(11, 'second');
      harness.hear(setBack());
      kernel.pass(100);
      kernel.fork(11, 12);
      harness.hear(setBack());
      expect(rows(harness, 12)).toEqual([]);
      kernel.pass(100);
      kernel.exec(11, 'third');
      harness.hear(setBack());
      expect(rows(harness, 12)).toEqual(['fork']);
    },
  );

  test('a leader whose exec’s record is lost is waited for no longer than the exec itself', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'lost');
    kernel.fork(1, 11);
    kernel.setpgid(11, 10);
    kernel.exec(11, 'member');
    const harness = new JoinHarness();
    kernel.audit.shift();
    harness.run(kernel);
    expect(harness.published).toEqual([]);
    harness.nowMs += 150;
    harness.flush();
    expect(harness.published).toHaveLength(2);
    expect(harness.row('member')).toMatchObject({ pgid: 10 });
    expect(harness.tree.stats.waiting).toBe(0);
  });

  test('wait until audit has passed a possible change of their group, for a bounded time', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setpgid(10, 10);
    kernel.fork(10, 11);
    const harness = new JoinHarness({ actions: EVERYTHING });
    harness.hear(kernel.connector.splice(0));
    expect(harness.published).toEqual([]);
    harness.hear(kernel.audit.splice(0));
    harness.nowMs += 150;
    harness.flush();
    expect(rows(harness, 11)).toEqual(['fork']);
    expect(harness.published.find(({ process }) => process.pid === 11)?.pgid).toBe(10);
    expect(harness.tree.stats).toMatchObject({ waiting: 0, detailsMissing: 0 });
  });
});

test('an exec that was published without details is not kept without end', () => {
  const harness = new JoinHarness();
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  harness.run(kernel);
  const at = { pid: 10 as Pid, bootMs: kernel.bootMs, unixMs: BOOT_UNIX_MS + kernel.bootMs };
  harness.hear([{ kind: 'exec', origin: 'proc_events', details: undefined, ...at }]);
  harness.nowMs += 200;
  harness.flush();
  expect(harness.published).toHaveLength(1);
  harness.nowMs += 20_000;
  harness.flush();
  // From a system call at the same time on the coarse clock: without the exec above it has its own row.
  harness.hear([{ kind: 'exec', origin: 'audit', details: detailsOf('another', 1), ...at }]);
  harness.nowMs += 200;
  harness.flush();
  expect(harness.published).toHaveLength(2);
});

describe('the rows of a process', () => {
  test('are in that order when audit’s records come later, one by one', () => {
    const kernel = oneLife();
    const harness = new JoinHarness({ actions: EVERYTHING });
    harness.hear(kernel.connector.splice(0));
    for (const record of kernel.audit.splice(0)) harness.hear([record]);
    expect(actionsAndSessions(harness.wait(100), 10)).toEqual(LIFE);
  });

  test('are in that order when audit’s records never come', () => {
    const kernel = oneLife();
    const harness = new JoinHarness({ actions: EVERYTHING });
    harness.hear(kernel.connector.splice(0));
    harness.nowMs += 10_000;
    harness.flush('all');
    expect(actionsAndSessions(harness, 10)).toEqual(LIFE);
    expect(harness.tree.waiting).toBe(0);
  });
});

describe('a control group and a pid namespace', () => {
  test('are those of the forker, also if its own exec was reported after the fork', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'container');
    kernel.fork(10, 11);
    kernel.fork(11, 12);
    kernel.exec(12, 'short');
    const [container, short] = kernel.audit.splice(0) as ExecEvent[] as [ExecEvent, ExecEvent];
    const harness = new JoinHarness();
    harness.hear(kernel.connector.splice(0));
    const details = container.details && { ...container.details, cgroup: '/docker/1', pidNamespace: 7 };
    harness.hear([{ ...container, details }, short]);
    expect(harness.row('short')).toMatchObject({ cgroup: '/docker/1', pidNamespace: 7 });
  });

  test('are not the later ones of the forker', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    kernel.fork(10, 11);
    kernel.exec(10, 'after');
    kernel.exec(11, 'short');
    const [first, second, short] = kernel.audit.splice(0) as ExecEvent[] as [ExecEvent, ExecEvent, ExecEvent];
    const harness = new JoinHarness();
    harness.hear(kernel.connector.splice(0));
    for (const [event, cgroup] of [
      [first, '/before'],
      [second, '/after'],
    ] as const) {
      harness.hear([{ ...event, details: event.details && { ...event.details, cgroup } }]);
    }
    harness.hear([short]);
    expect(harness.row('short').cgroup).toBe('/before');
  });
});

test('an exec waits for the image that its process was forked with, by any creator', () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.fork(10, 11);
  kernel.exec(11, 'cloner');
  kernel.fork(11, 12, { cloneParent: true });
  kernel.exec(12, 'ls');
  const harness = new JoinHarness();
  const { connector } = kernel;
  const forks = connector
    .splice(0)
    .map((event) => (event.kind === 'fork' && event.pid === 12 ? { ...event, imageFrom: 11 as Pid } : event));
  // Audit reports the cloner's exec last.
  const cloner = kernel.audit.findIndex(({ pid }) => pid === 11);
  const [late] = kernel.audit.splice(cloner, 1);
  harness.hear([...forks, ...kernel.audit.splice(0)]);
  expect(harness.told.map(({ cmdline }) => cmdline)).not.toContain('ls');
  if (late) harness.hear([late]);
  expect(harness.row('ls').context.previous?.json).toContain('cloner');
});

describe('what waits stays within its memory', () => {
  const LONG = 'x'.repeat(100_000);

  test('when an exec’s record is lost while records of others come', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'lost');
    for (let pid = 11; pid < 60; pid++) {
      kernel.fork(1, pid);
      kernel.exec(pid, `long ${pid} ${LONG}`);
    }
    kernel.audit.shift();
    const harness = new JoinHarness().run(kernel);
    expect(harness.join.stats).toMatchObject({ hurried: 1, waiting: 0, textBytes: 0 });
    expect(harness.published).toHaveLength(50);
    expect(harness.tree.stats.detailsMissing).toBe(1);
  });

  test('when records come without an announced exec', () => {
    const kernel = new KernelModel();
    for (let pid = 11; pid < 60; pid++) {
      kernel.fork(1, pid);
      kernel.exec(pid, `long ${pid} ${LONG}`);
    }
    const harness = new JoinHarness().hear(kernel.audit.splice(0));
    expect(harness.join.stats.hurried).toBeGreaterThan(0);
    expect(harness.join.stats.textBytes).toBeLessThan(4 * 1024 * 1024);
  });

  test('and is in the statistics until it is given up', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'waits');
    const harness = new JoinHarness().hear(kernel.connector.splice(0));
    expect(harness.join.waitingSinceMs).toBe(harness.nowMs);
    expect(harness.join.executing()).toEqual([10]);
    expect(harness.join.stats.waiting).toBe(1);
    harness.wait(100);
    expect(harness.join.waitingSinceMs).toBeUndefined();
    expect(harness.join.stats.waiting).toBe(0);
  });
});

describe('what the sensor says of an exec', () => {
  test('an exec by the kernel takes no record of a later exec of its process', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'helper');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    kernel.exec(10, 'later');
    // Audit does not report the first.
    kernel.audit.shift();
    const helper = kernel.connector.findIndex(({ kind }) => kind === 'exec');
    kernel.connector[helper] = { ...kernel.connector[helper], isUnrecorded: true } as ExecEvent;
    const harness = new JoinHarness().run(kernel);
    expect(harness.told.map(({ cmdline }) => cmdline)).toEqual(['', 'child', 'later']);
    expect(ancestorsOf(harness.row('child'))[0]).toMatchObject({ pid: 10, cmdline: '' });
    expect(harness.tree.stats.detailsMissing).toBe(1);
  });

  test('groups and control groups that are not reported are unknown', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'container');
    kernel.fork(10, 11);
    kernel.exec(11, 'moved');
    const [container, moved] = kernel.audit as ExecEvent[];
    kernel.audit.splice(
      0,
      2,
      { ...container, details: { ...container?.details, cgroup: '/docker/1' } } as ExecEvent,
      { ...moved, groupsUntold: true, cgroupUntold: true } as ExecEvent,
    );
    const harness = new JoinHarness().run(kernel);
    expect(harness.row('container').cgroup).toBe('/docker/1');
    expect(harness.row('moved')).toMatchObject({ cgroup: '', pgid: undefined });
  });
});
