/** Events that have starts and ids (R1, R6), and snapshots among them (R13, R14). */
import { describe, expect, test } from 'vitest';
import type { ExecDetails, Pid, ProcessEvent, SnapshotEvent } from '../../../src/collect/event.ts';
import { BOOT_UNIX_MS, detailsOf } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

const at = (bootMs: number) => ({ bootMs, unixMs: BOOT_UNIX_MS + bootMs });
/** A process's start. */
const START = 1_000_010.5;

const fork = (parent: number, pid: number, startMs: number, more: object = {}): ProcessEvent => ({
  ...{ kind: 'fork', pid: pid as Pid, parent: parent as Pid, imageFrom: undefined, startMs, sid: 1, pgid: 1 },
  ...at(startMs + 0.02),
  ...more,
});
const exec = (
  pid: number,
  ppid: number,
  cmdline: string,
  startMs: number,
  more: Partial<ExecDetails> = {},
): ProcessEvent => ({
  ...{ kind: 'exec', pid: pid as Pid, details: detailsOf(cmdline, ppid, { startMs, sid: 1, pgid: 1, ...more }) },
  ...at(startMs + 1),
});
const exit = (pid: number, startMs: number): ProcessEvent => ({
  ...{ kind: 'exit', pid: pid as Pid, status: 0, startMs, sid: 1, pgid: 1 },
  ...at(startMs + 5),
});
const snapshot = (
  pid: number,
  ppid: number,
  cmdline: string,
  startMs: number,
  more: Partial<ExecDetails> = {},
): SnapshotEvent => ({
  ...{ kind: 'snapshot', pid: pid as Pid, hasEnded: false, hasExecuted: true },
  details: detailsOf(cmdline, ppid, { startMs, sid: 1, pgid: 1, ...more }),
  ...at(START + 100),
});
const loss = (): ProcessEvent => ({ kind: 'loss', pid: 0 as Pid, count: 3, ...at(START + 50) });

describe('a start from the sensor', () => {
  test('is that of the identity, with any event time, and /proc is not read', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, 12_339.999, at(12_340.1)), exec(10, 1, 'ls', 12_339.999)]);
    expect(harness.row('ls').process).toMatchObject({ startTicks: 1233, startSlackTicks: [0, 0] });
    expect(harness.proc.reads).toBe(0);
  });

  test('distinguishes an exec of a process whose fork was lost from the earlier process of the pid', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'before', START), loss()]);
    harness.tree.processes.resynced(3);
    harness.tree.apply([exec(10, 1, 'after', START + 2), exec(10, 1, 'again', START + 2)]);
    harness.tree.flush('all');
    const [before, after, again] = ['before', 'after', 'again'].map((cmdline) => harness.row(cmdline).entityId);
    expect(after).toBe(again);
    expect(after).not.toBe(before);
    expect(harness.row('again').process.startMs).toBe(START + 2);
  });

  test('distinguishes a parent from the earlier process of its pid', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'before', START)]);
    harness.tree.apply([fork(10, 11, START + 9, { parentStartMs: START + 3 }), exec(11, 10, 'child', START + 9)]);
    harness.tree.flush('all');
    expect(harness.chain('child')).toEqual(['']);
    expect(harness.row('child').ancestry.complete).toBe(false);
  });

  test('finds a parent whose pid another process has now', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'before', START), exit(10, START)]);
    harness.row('before').process.isReferredTo = true;
    harness.tree.apply([fork(1, 10, START + 6), exec(10, 1, 'after', START + 6)]);
    harness.tree.apply([fork(10, 11, START + 4, { parentStartMs: START }), exec(11, 10, 'child', START + 4)]);
    expect(harness.chain('child')).toEqual(['before', 'init']);
  });

  test('does not end another process of the same pid', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exit(10, START - 2)]);
    expect(harness.livePids).toContain(10);
    harness.tree.apply([exit(10, START)]);
    expect(harness.livePids).not.toContain(10);
  });
});

test('sessions and groups are those of the events, with the process of that pid as leader', () => {
  const harness = new TreeHarness();
  const [shell, job] = [
    { sid: 10, pgid: 10 },
    { sid: 10, pgid: 11 },
  ];
  harness.tree.apply([
    ...[fork(1, 10, START), exec(10, 1, 'shell', START, shell)],
    ...[fork(10, 11, START + 2, shell), exec(11, 10, 'first', START + 2, job)],
    ...[fork(10, 12, START + 4, shell), exec(12, 10, 'second', START + 4, job)],
  ]);
  const row = harness.row('second');
  expect(row).toMatchObject({ sid: 10, pgid: 11 });
  expect(row.context.sessionLeader?.json()).toContain('"args":"shell"');
  expect(row.context.groupLeader?.json()).toContain('"args":"first"');
});

test('namespaces and control group are those of the exec event, and are not read', () => {
  const harness = new TreeHarness();
  const details = { userNamespace: 7, pidNamespace: 8, cgroup: '/of/exec' };
  harness.tree.apply([fork(1, 10, START), exec(10, 1, 'sshd', START, details)]);
  const row = harness.row('sshd');
  expect(row).toMatchObject({ pidNamespace: 8, cgroup: '/of/exec' });
  expect(row.process.userNamespace).toBe(7);
  expect(harness.proc.reads).toBe(0);
});

describe('a snapshot among the events', () => {
  test('adds existing processes, also if a leader or a parent comes after its children', () => {
    const harness = new TreeHarness();
    const ids = { sid: 20, pgid: 20 };
    harness.proc.show(20, 1, 'shell', Math.floor(START / 10), false, ids);
    harness.tree.apply([snapshot(10, 20, 'job', START + 3, ids), snapshot(20, 1, 'shell', START, ids)]);
    harness.tree.processes.linkLeaders();
    harness.tree.apply([fork(10, 11, START + 200, ids), exec(11, 10, 'ls', START + 200, ids)]);
    expect(harness.chain('ls')).toEqual(['job', 'shell', 'init']);
    expect(harness.row('ls').context.sessionLeader?.json()).toContain('"args":"shell"');
  });

  test('changes nothing of a process from events, except after a loss', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'told', START), snapshot(10, 1, 'shown', START, { sid: 10 })]);
    const [process] = harness.tree.processes.withPid(10 as Pid);
    expect(process?.image.details.comm).toBe('told');
    expect(process?.session?.id).toBe(1);
    harness.tree.apply([loss(), snapshot(10, 1, 'shown', START, { sid: 10 })]);
    expect(process?.image.details.comm).toBe('shown');
    expect(process?.session?.id).toBe(10);
  });

  describe('that was begun before the events in front of it', () => {
    const older = (bootMs: number, event: SnapshotEvent): SnapshotEvent => ({ ...event, ...at(bootMs) });
    const shown = snapshot(10, 1, 'shown', START, { sid: 10 });

    test('does not take back an exec', () => {
      const harness = new TreeHarness();
      harness.tree.apply([fork(1, 10, START), loss(), exec(10, 1, 'told', START), older(START + 0.5, shown)]);
      const [process] = harness.tree.processes.withPid(10 as Pid);
      expect(process?.image.details.comm).toBe('told');
      expect(process?.session?.id).toBe(1);
    });

    test('does not take back an exit', () => {
      const harness = new TreeHarness();
      harness.tree.apply([fork(1, 10, START), loss(), exit(10, START), older(START + 4, shown)]);
      expect(harness.livePids).not.toContain(10);
    });

    test('does not give the pid back to the process that had it before', () => {
      const harness = new TreeHarness();
      harness.tree.apply([loss(), fork(1, 10, START + 9), older(START + 4, shown)]);
      const [now] = harness.tree.processes.withPid(10 as Pid);
      expect(now?.startMs).toBe(START + 9);
    });

    test('and has ended since, does not take back an exec', () => {
      const harness = new TreeHarness();
      harness.tree.apply([fork(1, 10, START), loss(), exec(10, 1, 'told', START)]);
      harness.tree.apply([older(START + 0.5, { ...shown, hasEnded: true })]);
      expect(harness.livePids).toContain(10);
    });
  });

  test('names a parent that is not the earlier process of its pid', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'before', START), loss()]);
    harness.proc.show(10, 1, 'after', Math.floor((START + 30) / 10));
    harness.tree.apply([{ ...snapshot(11, 10, 'child', START + 40), parentStartMs: START + 30 }]);
    const [child] = harness.tree.processes.withPid(11 as Pid);
    expect(child?.creator?.image.details.comm).toBe('after');
  });

  test('is of another process if the start differs, even within one tick', () => {
    const harness = new TreeHarness();
    harness.tree.apply([fork(1, 10, START), exec(10, 1, 'told', START), snapshot(10, 1, 'shown', START + 1)]);
    const [now] = harness.tree.processes.withPid(10 as Pid);
    expect(now).toMatchObject({ discoveredBy: 'procfs', startMs: START + 1 });
  });

  test('and a fork that is reported after it are one process', () => {
    const harness = new TreeHarness();
    harness.tree.apply([snapshot(10, 1, 'init', START), fork(1, 10, START), fork(10, 11, START + 2)]);
    harness.tree.apply([exec(11, 10, 'child', START + 2)]);
    expect(harness.chain('child')).toEqual(['init', 'init']);
    expect(harness.tree.processes.withPid(10 as Pid)).toHaveLength(1);
  });
});

describe('what an exec does not report', () => {
  const untold = (event: ProcessEvent, more: object): ProcessEvent => ({ ...event, ...more }) as ProcessEvent;

  test("its control group is not its creator's, nor its children's, until one is reported", () => {
    const harness = new TreeHarness();
    harness.tree.apply([
      fork(1, 10, START),
      exec(10, 1, 'container', START, { cgroup: '/docker/1' }),
      fork(10, 11, START + 2),
      untold(exec(11, 10, 'moved', START + 2, { cgroup: '' }), { cgroupUntold: true }),
      fork(11, 12, START + 4),
      exec(12, 11, 'child', START + 4, { cgroup: '' }),
      exec(11, 10, 'read', START + 2, { cgroup: '/docker/2' }),
    ]);
    const groups = ['container', 'moved', 'child', 'read'].map((cmdline) => harness.row(cmdline).cgroup);
    expect(groups).toEqual(['/docker/1', '', '', '/docker/2']);
  });

  test("its process group is not its creator's", () => {
    const harness = new TreeHarness();
    harness.tree.apply([
      fork(1, 10, START, { sid: undefined, pgid: undefined }),
      untold(exec(10, 1, 'unknown', START, { pgid: undefined }), { groupsUntold: true }),
      untold(exec(10, 1, 'read', START, { pgid: 1 }), { groupsUntold: true }),
    ]);
    expect(['unknown', 'read'].map((cmdline) => harness.row(cmdline).pgid)).toEqual([undefined, 1]);
  });
});
