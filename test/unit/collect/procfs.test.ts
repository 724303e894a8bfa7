import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { Procfs } from '../../../src/collect/procfs.ts';
import { cgroupPath } from '../../../src/linux/process_files.ts';

const proc = new Procfs();
let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill();
});

test('a process is read as it is', async () => {
  child = spawn('/bin/sleep', ['60'], { cwd: '/usr' });
  await new Promise((resolve) => child?.once('spawn', resolve));
  const snapshot = proc.read(child.pid as Pid);
  expect(snapshot).toMatchObject({ pid: child.pid, hasEnded: false });
  expect(snapshot?.details).toMatchObject({
    args: '/bin/sleep\u000060',
    argsCount: 2,
    cwd: '/usr',
    ppid: process.pid,
    comm: 'sleep',
    uid: process.getuid?.(),
    pidNamespace: Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]),
  });
  expect(snapshot?.details.path).toMatch(/\/sleep$/);
  expect(snapshot?.details.mode).toBeGreaterThan(0o100000);
  expect(snapshot?.details.root).toBe('/');
  const userNamespace = Number(/\d+/.exec(readlinkSync('/proc/self/ns/user'))?.[0]);
  expect([snapshot?.details.userNamespace, proc.userNamespace(child.pid as Pid)]).toEqual([
    userNamespace,
    userNamespace,
  ]);
  expect(proc.startTicks(child.pid as Pid)).toBe(Math.round((snapshot?.details.startMs ?? 0) / 10));
});

test('the title that a process has set is one argument', async () => {
  const script = `process.title = 'short title'; console.log('set'); setInterval(() => undefined, 1000)`;
  child = spawn(process.execPath, ['-e', script, ...Array.from({ length: 30 }, () => 'long')]);
  await once(child.stdout as Readable, 'data');
  expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).toMatch(/^short title\0{2,}$/);
  expect(proc.read(child.pid as Pid)?.details).toMatchObject({ args: 'short title', argsCount: 1 });
});

test('a process has its session, group, terminal, login session and control group', async () => {
  child = spawn('/bin/sleep', ['60'], { detached: true });
  await new Promise((resolve) => child?.once('spawn', resolve));
  const snapshot = proc.read(child.pid as Pid);
  const ses = Number(readFileSync('/proc/self/sessionid', 'utf8'));
  const expected = {
    sid: child.pid,
    pgid: child.pid,
    ttyNr: 0,
    ses: ses === 4294967295 ? undefined : ses,
    cgroup: cgroupPath(readFileSync('/proc/self/cgroup', 'utf8')),
  };
  expect(snapshot?.details).toMatchObject(expected);
  expect(expected.cgroup).toMatch(/^\//);
});

test('it is known whether a process still runs the image of its fork', async () => {
  child = spawn('/bin/sh', ['-c', '(echo; read line); :'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout as Readable, 'data');
  const [forked] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
  expect(proc.read(child.pid as Pid)?.hasExecuted).toBe(true);
  expect(proc.read(forked as Pid)).toMatchObject({ hasExecuted: false, details: { ppid: child.pid } });
  child.stdin?.end();
});

test('a pid without a process is undefined', () => {
  expect(proc.read(4_194_305 as Pid)).toBeUndefined();
  expect(proc.startTicks(4_194_305 as Pid)).toBeUndefined();
  expect(proc.pids()).toContain(process.pid);
});

test('a path in other mounts is not one of the host, unless it leads to the same file', async () => {
  const run = async (script: string) => {
    child = spawn('unshare', ['-Urm', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [said] = await once((child.stdout as Readable).setEncoding('utf8'), 'data');
    expect(said).toBe('ready\n');
    const mounts = readlinkSync(`/proc/${child.pid}/ns/mnt`);
    const root = proc.read(child.pid as Pid)?.details.root;
    child.stdin?.end();
    await once(child, 'exit');
    return { root, mounts };
  };
  expect((await run('echo ready; read line; :')).root).toBe('/');
  const hidden = await run(
    'mount -t tmpfs none /mnt && cp /bin/bash /mnt/sshd && exec /mnt/sshd -c "echo ready; read line; :"',
  );
  expect(hidden.root).toBe(hidden.mounts);
});
