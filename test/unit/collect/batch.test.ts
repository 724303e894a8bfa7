import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { files } from '../../../native/events/generate.ts';
import { BatchDecoder } from '../../../src/collect/batch.ts';
import { BatchFormatError, NO_DETAILS } from '../../../src/collect/events.ts';
import { loadNative } from '../../../src/collect/native.ts';
import { SAMPLES } from './samples.ts';

/** A record by hand, as native/batch.h describes it. */
function record(kind: number, source: number, flags: number, pid: number, time: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt32LE(20 + payload.length, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt8(source, 5);
  header.writeUInt16LE(flags, 6);
  header.writeInt32LE(pid, 8);
  header.writeDoubleLE(time, 12);
  return Buffer.concat([header, payload]);
}
const double = (value: number) => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value);
  return buffer;
};
const ints = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const buffer = Buffer.alloc(4);
      buffer.writeInt32LE(value);
      return buffer;
    }),
  );
const clock = (offset: number) => record(6, 0, 0, 0, 0, double(offset));

test('times are given in both clocks, by the offset at the start of the batch', () => {
  const batch = Buffer.concat([clock(1000), record(5, 1, 0, 7, 50.25, ints(3)), record(5, 2, 0, 7, 1060, ints(4))]);
  expect(new BatchDecoder().decode(batch).events).toEqual([
    { kind: 'loss', origin: 'proc_events', pid: 7, bootMs: 50.25, unixMs: 1050.25, count: 3 },
    { kind: 'loss', origin: 'audit', pid: 7, bootMs: 60, unixMs: 1060, count: 4 },
  ]);
});

test('a batch can be decoded in steps', () => {
  const decoder = new BatchDecoder();
  const batch = Buffer.concat([clock(0), ...[1, 2, 3].map((pid) => record(4, 1, 0, pid, 0, Buffer.alloc(0)))]);
  const first = decoder.decode(batch, 0, 2);
  expect(first.events.map(({ pid }) => pid)).toEqual([1, 2]);
  const second = decoder.decode(batch, first.next, 2);
  expect(second.events.map(({ pid }) => pid)).toEqual([3]);
  expect(second.next).toBe(batch.length);
});

test.each([
  ['a header cut short', Buffer.alloc(10)],
  ['a size that is too small', record(4, 1, 0, 1, 0, Buffer.alloc(0)).fill(3, 0, 1)],
  ['a size beyond the end', record(5, 1, 0, 1, 0, ints(0)).subarray(0, 22)],
  ['an unknown kind', record(99, 1, 0, 1, 0, Buffer.alloc(0))],
])('%s is a bug and throws', (_, batch) => {
  expect(() => new BatchDecoder().decode(batch)).toThrow(BatchFormatError);
});

test('what the native packer writes is what is read, field by field', () => {
  const line = (type: string, text: string) => `type=${type} msg=audit(1500000000.250:77): ${text}\n`;
  const log =
    line(
      'SYSCALL',
      'arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=41 pid=42 auid=1000 uid=1 gid=2 euid=3 suid=4 fsuid=5 egid=6 sgid=7 fsgid=8 tty=pts3 ses=9 comm="sh" exe="/usr/bin/dash" key="k"',
    ) +
    line('EXECVE', 'argc=3 a0="sh" a1="" a2=C3BC20F09F8CB2FF') +
    line('CWD', 'cwd="/home/u"') +
    line('PATH', 'item=0 name="/bin/sh" inode=5 dev=fd:01 mode=0104755 ouid=10 ogid=11 rdev=00:00') +
    line('EOE', '');
  const reader = new (loadNative().LogReader)({ argsMaxBytes: 1000 });
  const decoder = new BatchDecoder();
  const pieces = [...reader.feed(Buffer.from(log)), ...reader.end()];
  const events = pieces.flatMap(({ batch }) => decoder.decode(batch).events);
  expect(events).toEqual([
    {
      kind: 'exec',
      groupsUntold: false,
      cgroupUntold: false,
      isUnrecorded: false,
      origin: 'audit',
      pid: 42,
      bootMs: 1500000000250,
      unixMs: 1500000000250,
      details: {
        ...NO_DETAILS,
        serial: 77,
        ppid: 41,
        syscall: 'execve',
        auid: 1000,
        uid: 1,
        gid: 2,
        euid: 3,
        suid: 4,
        fsuid: 5,
        egid: 6,
        sgid: 7,
        fsgid: 8,
        ses: 9,
        mode: 0o104755,
        ownerUid: 10,
        ownerGid: 11,
        argsCount: 3,
        argsBytes: 12,
        comm: 'sh',
        path: '/usr/bin/dash',
        cwd: '/home/u',
        tty: 'pts/3',
        args: 'sh\0\0ü 🌲\ufffd',
        name: '/bin/sh',
      },
    },
  ]);
});

test('every field of every kind is read as it was packed', () => {
  const program = fileURLToPath(new URL('../../../native/build/Release/native_tests', import.meta.url));
  const { events } = new BatchDecoder().decode(execFileSync(program, ['--samples']));
  // Events before the clock have boot time only, and those after it both.
  const clock = SAMPLES.find(({ kind }) => kind === 'clock');
  const offset = clock?.kind === 'clock' ? clock.offset : 0;
  let isAfter = false;
  const expected = SAMPLES.flatMap((sample) => {
    isAfter ||= sample.kind === 'clock';
    if (sample.kind === 'clock') return [];
    const { time, ...fields } = sample;
    return [{ ...fields, bootMs: time, unixMs: time + (isAfter ? offset : 0) }];
  });
  expect(events).toEqual(expected);
});

test.each(files.map(({ file, text }) => [fileURLToPath(file).split('/').slice(-3).join('/'), file, text] as const))(
  '%s is what the declaration of events makes (npm run generate writes it)',
  (_, file, text) => expect(readFileSync(file, 'utf8')).toBe(text()),
);

test('a group and a login are read as the native packer writes them', () => {
  const line = (serial: number, type: string, text: string) =>
    `type=${type} msg=audit(1500000000.250:${serial}): ${text}\n`;
  const log =
    line(
      77,
      'SYSCALL',
      'arch=c000003e syscall=109 success=yes exit=0 a0=46 a1=0 a2=0 a3=0 items=0 ppid=50 pid=60 comm="bash" exe="/usr/bin/bash" key="k"',
    ) +
    line(77, 'PROCTITLE', 'proctitle="bash"') +
    line(
      78,
      'USER_LOGIN',
      `pid=60 uid=0 auid=4294967295 ses=4294967295 msg='op=login exe="/sbin/sshd" addr=::1 terminal=/dev/pts/1 res=success'`,
    );
  const reader = new (loadNative().LogReader)({ argsMaxBytes: 1000 });
  const time = { origin: 'audit', bootMs: 1500000000250, unixMs: 1500000000250 };
  reader.feed(Buffer.from(log));
  const [piece] = reader.flush();
  expect(piece && new BatchDecoder().decode(piece.batch).events).toEqual([
    // A log does not have the caller's namespace.
    { kind: 'setpgid', ...time, pid: 70, pgid: 70, goneCaller: 60, serial: 77 },
    { kind: 'login', ...time, pid: 60, ses: undefined, address: '::1', terminal: 'pts/1', exe: '/sbin/sshd' },
  ]);
});

test('an unknown group is undefined, and the event has the caller', () => {
  const batch = record(7, 2, 0, 5, 0, ints(0, 9, 77));
  expect(new BatchDecoder().decode(batch).events).toMatchObject([
    { kind: 'setpgid', pgid: undefined, goneCaller: 9, serial: 77 },
  ]);
});
