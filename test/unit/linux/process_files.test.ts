import { expect, test } from 'vitest';
import { cgroupPath, deviceOf, parseStat, ttyNameOf } from '../../../src/linux/process_files.ts';

test.each([
  ['cgroup v2', '0::/user.slice/session-3.scope\n', '/user.slice/session-3.scope'],
  ['a container on v1', '4:memory:/docker/3f\n1:name=systemd:/docker/3f\n0::/system\n', '/docker/3f'],
  ['a service on v1', '12:cpuset:/\n1:name=systemd:/system.slice/a:b.service\n', '/system.slice/a:b.service'],
  ['a group that is gone', '0::/run-5.scope (deleted)\n', '/run-5.scope'],
  ['an exiting process on v1', '4:memory:/\n1:name=systemd:/\n', ''],
  ['no text', '', ''],
])('the control group of %s', (_, text, path) => {
  expect(cgroupPath(text)).toBe(path);
});

test('a device number is split as the kernel composes it', () => {
  expect(deviceOf(34817)).toEqual({ major: 136, minor: 1 });
  expect(deviceOf(0x80088005 >>> 0)).toEqual({ major: 0x880, minor: 0x80005 });
  expect(deviceOf(-2146926587)).toEqual(deviceOf(-2146926587 >>> 0));
});

test('a name with parentheses and spaces does not shift the fields', () => {
  const fields = [
    'R',
    '7',
    '8',
    '9',
    '34817',
    '7',
    '4194304',
    ...Array(4).fill('0'),
    '2',
    '3',
    ...Array(6).fill('0'),
    '4242',
    '0',
  ];
  expect(parseStat(`12 (a) b (c)) ${fields.join(' ')}\n`)).toEqual({
    comm: 'a) b (c)',
    state: 'R',
    ppid: 7,
    pgid: 8,
    sid: 9,
    ttyNr: 34817,
    flags: 4194304,
    cpuTicks: 5,
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
  [(204 << 8) | 64, 'ttyAMA0'],
  [229 << 8, 'hvc0'],
])('terminal %i is %j', (device, name) => {
  expect(ttyNameOf(device)).toBe(name);
});
