import { expect, test } from 'vitest';
import { BatchDecoder } from '../../../src/collect/batch.ts';
import { batchesOf, happenings } from '../../bench/javascript/execs.ts';
import { wholeBatch } from '../../bench/javascript/whole_events.ts';

test('the batches of the benchmark have the events of its processes, in the present form', () => {
  const [batch = []] = batchesOf(happenings(1000), 1, 3);
  const { events } = new BatchDecoder().decode(wholeBatch(batch, 500));
  const kinds = ['fork', 'exec', 'fork', 'exec', 'fork', 'exec', 'exit', 'exit', 'exit'];
  expect(events.map(({ kind }) => kind)).toEqual(kinds);
  expect(events.map(({ pid }) => pid)).toEqual([
    10_000, 10_000, 10_001, 10_001, 10_002, 10_002, 10_002, 10_001, 10_000,
  ]);
  expect(events.every(({ bootMs, unixMs, origin }) => unixMs === bootMs + 500 && origin === 'ebpf')).toBe(true);
  const [fork, , next, exec] = events;
  expect(fork).toMatchObject({ parent: 700, parentStartMs: 1000, startMs: fork?.bootMs, sid: 700 });
  expect(next).toMatchObject({ parent: 10_000, parentStartMs: fork?.bootMs });
  expect(exec).toMatchObject({
    isUnrecorded: false,
    details: {
      ...{ ppid: 10_000, syscall: 'execve', uid: 0, ses: 4, mode: 0o100755, startMs: next?.bootMs, argsCount: 5 },
      ...{ args: 'make\0-C\0build/module_0\0check\0JOB=0', comm: 'make', path: '/usr/bin/make', stdoutKind: 'pipe' },
      ...{ cgroup: '/system.slice/build-agent.service', root: '/', tty: '', environment: '', argsCut: false },
    },
  });
});
