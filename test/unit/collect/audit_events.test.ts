/** Groups in audit's own stream, where a child's record of joining one may come before its creator's fork. */
import { describe, expect, test } from 'vitest';
import { AuditEvents } from '../../../src/collect/audit_events.ts';
import type { Pid, ProcessEvent } from '../../../src/collect/event.ts';
import type { SensorEvent } from '../../../src/collect/events.ts';
import { detailsOf } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';

let serial = 0;
const base = (pid: number, unixMs: number) => ({ origin: 'audit', pid: pid as Pid, bootMs: unixMs, unixMs }) as const;
const fork = (parent: number, pid: number, ms: number): SensorEvent => ({
  ...{ kind: 'fork', parent: parent as Pid, imageFrom: undefined },
  ...base(pid, ms),
});
const exec = (pid: number, ppid: number, cmdline: string, ms: number): SensorEvent => ({
  ...{ kind: 'exec', details: detailsOf(cmdline, ppid, { serial: ++serial }) },
  ...base(pid, ms),
});
const setpgid = (pid: number, pgid: number, ms: number): SensorEvent => ({
  ...{ kind: 'setpgid', pgid: pgid as Pid, serial: ++serial },
  ...base(pid, ms),
});
const exit = (pid: number, ms: number): SensorEvent => ({ kind: 'exit', status: 0, ...base(pid, ms) });
const told = (events: readonly ProcessEvent[]) => events.map(({ kind, pid }) => `${kind} ${pid}`);

test('all are of a coarse clock', () => {
  expect(new AuditEvents().whole([fork(1, 10, 1000)])).toMatchObject([{ kind: 'fork', isCoarse: true }]);
});

describe('a group', () => {
  test('comes before what its process does next, and after its fork', () => {
    const events = new AuditEvents();
    const whole = events.whole([
      setpgid(10, 10, 1001),
      fork(1, 10, 1000),
      exec(10, 1, 'sh', 1002),
      setpgid(10, 1, 1003),
      fork(10, 11, 1004),
    ]);
    expect(told(whole)).toEqual(['fork 10', 'setpgid 10', 'exec 10', 'setpgid 10', 'fork 11']);
  });

  test('of a process that had the pid long before is forgotten', () => {
    const whole = new AuditEvents().whole([setpgid(10, 10, 1000), fork(1, 10, 9000), exec(10, 1, 'sh', 9001)]);
    expect(told(whole)).toEqual(['fork 10', 'exec 10']);
  });

  test('is remembered of the last thousand processes, the last eight times', () => {
    const events = new AuditEvents();
    for (let pid = 2; pid < 2000; pid++) events.whole([setpgid(pid, pid, 1000)]);
    for (let n = 0; n < 100; n++) events.whole([setpgid(1999, n + 1, 1001)]);
    expect(told(events.whole([exit(2, 1002)]))).toEqual(['exit 2']);
    expect(events.whole([exit(1999, 1002)])).toMatchObject([
      ...[93, 94, 95, 96, 97, 98, 99, 100].map((pgid) => ({ kind: 'setpgid', pgid })),
      { kind: 'exit' },
    ]);
  });

  test('also holds for a child that is forked after it', () => {
    const harness = new TreeHarness({ proc: undefined });
    const events = [exec(1, 0, 'init', 1000), fork(1, 10, 1001), exec(10, 1, 'sh', 1002), setpgid(10, 10, 1003)];
    harness.tree.apply(new AuditEvents().whole([...events, fork(10, 11, 1004), exec(11, 10, 'ls', 1005)]));
    expect(harness.row('sh').pgid).toBe(1);
    expect(harness.row('ls').pgid).toBe(10);
  });
});

test('a session’s leader was put into a group before it led, also when the record comes later', () => {
  const harness = new TreeHarness({ proc: undefined });
  const setsid: SensorEvent = { kind: 'setsid', ...base(10, 1003) };
  const events = [exec(1, 0, 'init', 1000), fork(1, 10, 1001), setsid, setpgid(10, 1, 1002), exec(10, 1, 'sh', 1004)];
  harness.tree.apply(new AuditEvents().whole(events));
  expect(harness.row('sh')).toMatchObject({ sid: 10, pgid: 10 });
});
