import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { Procfs, parseStat, ttyNameOf } from '../../../src/process/procfs.ts';

const proc = new Procfs();
let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill();
});

test('a process is read as it is', async () => {
  child = spawn('/bin/sleep', ['60'], { cwd: '/usr' });
  await new Promise((resolve) => child?.once('spawn', resolve));
  const snapshot = proc.read(child.pid as Pid);
  expect(snapshot).toMatchObject({ pid: child.pid, ppid: process.pid, ended: false });
  expect(snapshot?.details).toMatchObject({
    args: '/bin/sleep\u000060',
    argsCount: 2,
    cwd: '/usr',
    comm: 'sleep',
    uid: process.getuid?.(),
    pidNamespace: Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]),
  });
  expect(snapshot?.details.path).toMatch(/\/sleep$/);
  expect(snapshot?.details.mode).toBeGreaterThan(0o100000);
  expect(proc.startTicks(child.pid as Pid)).toBe(snapshot?.startTicks);
});

test('a pid that nobody has is undefined', () => {
  expect(proc.read(4_194_305 as Pid)).toBeUndefined();
  expect(proc.startTicks(4_194_305 as Pid)).toBeUndefined();
  expect(proc.pids()).toContain(process.pid);
});

test('a name with parentheses and spaces does not shift the fields', () => {
  const fields = ['R', '7', '1', '1', '34817', ...Array(14).fill('0'), '4242', '0'];
  expect(parseStat(`12 (a) b (c)) ${fields.join(' ')}\n`)).toEqual({
    comm: 'a) b (c)',
    state: 'R',
    ppid: 7,
    ttyNumber: 34817,
    startTicks: 4242,
  });
  expect(parseStat('')).toBeUndefined();
  expect(parseStat('12 (x) R')).toBeUndefined();
});

test.each([
  [0, ''],
  [(136 << 8) | 3, 'pts/3'],
  [(137 << 8) | 1, 'pts/257'],
  [(4 << 8) | 1, 'tty1'],
  [(4 << 8) | 64, 'ttyS0'],
  [(5 << 8) | 1, 'console'],
])('terminal %i is %j', (device, name) => {
  expect(ttyNameOf(device)).toBe(name);
});
