import { expect, test } from 'vitest';
import { charDeviceOf, terminalNamed, terminalOf } from '../../../src/linux/terminal.ts';

const DEVICES = {
  ...{ 'pts/0': [136, 0], 'pts/300': [136, 300], tty1: [4, 1], tty63: [4, 63], ttyS0: [4, 64], ttyS1: [4, 65] },
  ...{
    console: [5, 1],
    ttyUSB0: [188, 0],
    ttyACM1: [166, 1],
    ttyAMA0: [204, 64],
    xvc0: [204, 191],
    ttymxc0: [207, 16],
  },
  ...{ hvc0: [229, 0], '204:5': [204, 5], '204:154': [204, 154], '5:0': [5, 0] },
} as const satisfies Record<string, readonly [number, number]>;

test.each<[string, readonly [number, number]]>(Object.entries(DEVICES))(
  '%s is the same terminal by its name and by its device',
  (name, [major, minor]) => {
    expect(charDeviceOf(name)).toEqual({ major, minor });
    expect(terminalOf({ major, minor })).toBe(name);
  },
);

test('a pts number continues over the major numbers, one for every 256', () => {
  expect(terminalOf({ major: 137, minor: 1 })).toBe('pts/257');
});

test.each(['', '?', '(none)', 'tty', 'pts/', '204', 'tty1:2', 'ttyX0', 'ssh'])('%j tells no device', (name) => {
  expect(charDeviceOf(name)).toBeUndefined();
});

test('has the same name as in osquery, from any source', () => {
  const told = ['pts3', '/dev/pts/3', 'tty1', 'ssh', '', '204:64', '229:0', '5:1', '204:5', 'hvc0'];
  const names = ['pts/3', 'pts/3', 'tty1', 'ssh', '', 'ttyAMA0', 'hvc0', 'console', '204:5', 'hvc0'];
  expect(told.map(terminalNamed)).toEqual(names);
});
