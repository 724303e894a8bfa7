import { expect, test } from 'vitest';
import { GroupHistory } from '../../../src/process/session.ts';

const group = (id: number) => ({ id, leader: undefined });
const set = (groups: GroupHistory, id: number, atMs: number, serial = 0) =>
  groups.set({ group: group(id), atMs, serial });

function started(id: number): GroupHistory {
  const groups = new GroupHistory();
  groups.start(group(id));
  return groups;
}

test('a group is the one that was set last before the time that is asked about', () => {
  const groups = started(1);
  set(groups, 2, 100);
  set(groups, 3, 200);
  expect([99, 100, 199, 200].map((atMs) => groups.at(atMs)?.id)).toEqual([1, 2, 2, 3]);
});

test('audit’s serial tells what came first where its clock shows the same time', () => {
  const groups = started(1);
  set(groups, 2, 100, 7);
  set(groups, 3, 100, 9);
  expect(groups.at(100, 8)?.id).toBe(2);
  expect(groups.at(100, 7)?.id).toBe(1);
});

test('who leads a session was put into a group before that, also when it is told later', () => {
  const groups = started(1);
  set(groups, 20, 200);
  set(groups, 2, 100, 7);
  set(groups, 3, 150, 8);
  expect([99, 100, 150, 199, 200].map((atMs) => groups.at(atMs)?.id)).toEqual([1, 2, 3, 3, 20]);
  expect(groups.at(250, 9)?.id).toBe(20);
});

test('a child has the group that its parent had at the fork, also when that is told later', () => {
  const parent = started(1);
  const child = new GroupHistory();
  child.inherit(parent, 150);
  set(parent, 2, 100);
  set(parent, 3, 200);
  expect(child.at(1000)?.id).toBe(2);
});

test('one that is settled does not change with its parent any more', () => {
  const parent = started(1);
  const child = new GroupHistory();
  child.inherit(parent, 150);
  child.settle(160, 0);
  set(parent, 2, 100);
  expect(child.at(1000)?.id).toBe(1);
});

test('what /proc shows stands for all that was told before', () => {
  const groups = started(1);
  set(groups, 2, 100);
  groups.start(group(3));
  expect(groups.at(1000)?.id).toBe(3);
});

test('a process that goes on setting its group is remembered with the last ones', () => {
  const groups = started(1);
  for (let n = 1; n <= 100; n++) set(groups, n, n);
  expect(groups.at(100)?.id).toBe(100);
  expect(groups.at(93)?.id).toBe(93);
  expect(groups.at(50)?.id).toBe(1);
});

test('of a process that forks itself on and on, the groups of those long gone are let go', async () => {
  let groups = started(5);
  const first = new WeakRef(groups);
  for (let n = 0; n < 10_000; n++) {
    const child = new GroupHistory();
    child.inherit(groups, n);
    groups = child;
  }
  expect(groups.at(20_000)?.id).toBe(5);
  // A reference that was looked at lives until the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect(first.deref()).toBeUndefined();
  expect(groups.at(20_000)?.id).toBe(5);
});
