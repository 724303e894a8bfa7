/** This host's processes as the eBPF sensor reports them, before the process tree. */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BatchDecoder } from '../../src/collect/batch.ts';
import type { ExecDetails, ExecEvent, SensorEvent } from '../../src/collect/events.ts';
import { loadNative, type NativeCollectorOptions } from '../../src/collect/native.ts';
import { cgroupPath } from '../../src/linux/process_files.ts';
import { rowsOf } from './event_rows.ts';
import { auditControl, auditSettings, canRecord, until } from './extension_under_test.ts';
import { compare, forestBinary, runForest, truthOf } from './forest.ts';

const native = loadNative();
const isRoot = process.getuid?.() === 0;
/** Features that a host may lack; programs that its kernel refuses are a bug. */
const LACKS = ['ebpf_no_btf', 'ebpf_no_permission', 'ebpf_lockdown', 'ebpf_pid_namespace', 'ebpf_unsupported'];
const isOfHost = isRoot && native.trySensor('ebpf', '').some(({ code }) => LACKS.includes(code));

describe.skipIf(!isRoot || isOfHost)('eBPF', () => {
  let directory: string;
  let events: SensorEvent[];
  let child: ChildProcess | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pa-'));
    chmodSync(directory, 0o755);
  });
  afterEach(() => {
    child?.kill();
    child = undefined;
    native.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function listen(options: Partial<NativeCollectorOptions> = {}): void {
    const decoder = new BatchDecoder();
    let room = Buffer.alloc(1 << 20);
    events = [];
    const take = () => {
      for (;;) {
        const size = native.take(room);
        if (size === 0) return;
        if (size < 0) room = Buffer.alloc(-size);
        else events.push(...decoder.decode(room.subarray(0, size)).events);
      }
    };
    const state = native.start(
      {
        sensor: 'ebpf',
        ruleKey: 'process_ancestry',
        stateFile: '',
        argsMaxBytes: 128 << 10,
        queueMaxBytes: 1 << 26,
        socketBufferBytes: 1 << 20,
        ownerGraceMs: 1000,
        ...options,
      },
      take,
    );
    expect(state).toEqual({ hears: 'ebpf', hasSnapshot: true, problems: [] });
  }
  /** The last exec of `name`. */
  async function executed(isIt: (details: ExecDetails, event: ExecEvent) => boolean): Promise<ExecDetails> {
    native.drainNow();
    return until('told of the exec', () => {
      const exec = events.findLast(
        (event): event is ExecEvent => event.kind === 'exec' && !!event.details && isIt(event.details, event),
      );
      return exec?.details;
    });
  }
  const named = (name: string) => executed((details) => details.name === name);

  test('20 rounds of every program of the forest by two workers: all seen, all right, none twice', async () => {
    listen();
    native.requestSnapshot();
    await until('the snapshot', () => events.some(({ kind, pid }) => kind === 'snapshot' && pid === process.pid));
    const run = await runForest({ rounds: 20, jobs: 2 });
    native.drainNow();
    await until('all of it', () => native.onItsWay() === 0);
    const comparison = compare(run, rowsOf(events));
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    expect(comparison).toMatchObject({ execs: 2720, seen_percent: 100, doubled: 0 });
    expect(native.stats()).toMatchObject({ lost: 0, malformed: 0, queueDropped: 0 });
    const told = new Map<string, SensorEvent[]>();
    const tokens = new Map<number, string>();
    for (const event of events) {
      if (event.kind === 'exec') {
        const token = /\/dev\/shm\/forest\.\d+\0\d+\0([^\0]+)/.exec(event.details?.args ?? '')?.[1];
        if (token) tokens.set(event.pid, token);
      }
      const token = tokens.get(event.pid);
      if (token && (event.kind === 'exec' || event.kind === 'exit'))
        told.set(token, [...(told.get(token) ?? []), event]);
      if (event.kind === 'exit') tokens.delete(event.pid);
    }
    // A process in another pid namespace cannot name groups outside of it.
    const nameable = truthOf(run).filter(({ program }) => program !== 'pid_namespace');
    const wrong = nameable.filter(({ token, sid, pgid, exit }) => {
      const [exec, end] = told.get(token) ?? [];
      if (exec?.kind !== 'exec' || exec.details?.sid !== sid || exec.details.pgid !== pgid) return true;
      // Only the last image of a process has an end.
      return end?.kind === 'exit' && exit >= 0 && end.status !== exit << 8;
    });
    run.remove();
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test('an exec has all that /proc shows of the process, and more', async () => {
    listen({ environmentNames: ['PA_SHOWN', 'PA_MISSING'] });
    const script = join(directory, 'script');
    writeFileSync(script, '#!/bin/sh\nread line\n', { mode: 0o755 });
    child = spawn(script, ['two words', ''], {
      cwd: directory,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { PA_SHOWN: 'yes', PA_HIDDEN: 'no' },
    });
    const { pid } = child;
    const details = await named(script);
    const proc = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
    const link = (name: string) => readlinkSync(`/proc/${pid}/${name}`);
    const namespace = (name: string) => Number(/\d+/.exec(link(`ns/${name}`))?.[0]);
    const shell = statSync('/bin/sh');
    const [, , , ppid, pgid, sid, tty] = proc('stat')
      .replace(/ \(.*\) /, ' x ')
      .split(' ')
      .map(Number);
    const capabilities = Number(`0x${/CapEff:\s+(\w+)/.exec(proc('status'))?.[1]}`);
    expect(details).toMatchObject({
      syscall: 'execve',
      ppid,
      sid,
      pgid,
      ttyNr: tty,
      uid: 0,
      egid: 0,
      auid: Number(proc('loginuid')) === 0xffffffff ? undefined : Number(proc('loginuid')),
      mode: shell.mode,
      ownerUid: shell.uid,
      mtime: Math.floor(shell.mtimeMs / 1000),
      ctime: Math.floor(shell.ctimeMs / 1000),
      inode: shell.ino,
      device: shell.dev,
      size: shell.size,
      linkCount: shell.nlink,
      pidNamespace: namespace('pid'),
      userNamespace: namespace('user'),
      mountNamespace: namespace('mnt'),
      networkNamespace: namespace('net'),
      pidInNamespace: pid,
      capEffective: capabilities,
      stdinKind: 'socket',
      stdoutKind: 'null',
      argsCount: 4,
      args: proc('cmdline').slice(0, -1),
      argsCut: false,
      envCount: 2,
      envBytes: proc('environ').length,
      environment: 'PA_SHOWN=yes',
      path: link('exe'),
      cwd: directory,
      root: '/',
      cgroup: cgroupPath(proc('cgroup')),
      name: script,
      comm: 'script',
      isScript: true,
      isDeleted: false,
      gainsPrivilege: false,
      fromProcfs: false,
    });
    expect(Math.floor((details.startMs ?? 0) / 10)).toBe(
      Number(
        proc('stat')
          .replace(/ \(.*\) /, ' x ')
          .split(' ')[21],
      ),
    );
  });

  test('arguments beyond the limit are cut and counted; below it they are whole', async () => {
    listen({ argsMaxBytes: 100_000 });
    await promisify(execFile)('/bin/true', ['x'.repeat(90_000), 'end']);
    const whole = await named('/bin/true');
    expect(whole.args).toBe(`/bin/true\0${'x'.repeat(90_000)}\0end`);
    expect(whole).toMatchObject({ argsCount: 3, argsBytes: 90_014, argsCut: false });
    await promisify(execFile)('/bin/true', ['y'.repeat(110_000), 'end']);
    const cut = await executed(({ args }) => args.includes('yyy'));
    expect(cut).toMatchObject({ argsCount: 3, argsBytes: 110_014, argsCut: true });
    expect(cut.args.length).toBe(100_000);
  });

  test('a path in a chroot has the chroot as its root, a path in other mounts has their namespace', async () => {
    listen();
    const jail = join(directory, 'jail');
    mkdirSync(join(jail, 'bin'), { recursive: true });
    copyFileSync(forestBinary(), join(jail, 'bin', 'inside'));
    execFileSync('chroot', [jail, '/bin/inside', '--list']);
    expect(await named('/bin/inside')).toMatchObject({ path: '/bin/inside', root: jail, cwd: '/' });
    const mounts = 'mount -t tmpfs none "$0" && cp /bin/true "$0/hidden" && readlink /proc/self/ns/mnt && "$0/hidden"';
    const there = execFileSync('unshare', ['-m', 'sh', '-c', mounts, jail], { encoding: 'utf8' }).trim();
    expect(await named(join(jail, 'hidden'))).toMatchObject({ path: join(jail, 'hidden'), root: there });
    // The same file under the same path, seen from other mounts.
    execFileSync('unshare', ['-m', '/usr/bin/env', '--version']);
    expect(await named('/usr/bin/env')).toMatchObject({ root: '/' });
  });

  test('a program in the upper layer of an overlay is marked as such', async () => {
    listen();
    for (const name of ['lower', 'top']) mkdirSync(join(directory, name));
    copyFileSync('/bin/true', join(directory, 'lower', 'shipped'));
    const mounts = `cd "$0" && mount -t tmpfs none top && mkdir top/upper top/work top/merged &&
      mount -t overlay -o lowerdir=lower,upperdir=top/upper,workdir=top/work none top/merged &&
      cp /bin/true top/merged/added && top/merged/shipped overlay && top/merged/added overlay`;
    execFileSync('unshare', ['-m', 'sh', '-c', mounts, directory]);
    expect(await named('top/merged/added')).toMatchObject({ isUpperLayer: true });
    expect(await named('top/merged/shipped')).toMatchObject({ isUpperLayer: false });
  });

  test('a path longer than the programs follow is marked as cut at its beginning', async () => {
    listen();
    const name = 'x'.repeat(250);
    const deep = `import os, shutil
for i in range(20): os.mkdir('${name}'); os.chdir('${name}')
shutil.copy('/bin/true', 'far'); os.spawnv(os.P_WAIT, './far', ['./far'])`;
    execFileSync('python3', ['-c', deep], { cwd: directory });
    execFileSync('rm', ['-r', join(directory, name)]);
    const far = await named('./far');
    expect(far).toMatchObject({ pathCut: true, root: '', args: './far' });
    expect(far.path.endsWith(`/${name}/far`)).toBe(true);
  });

  test('a controlling terminal is reported by name and number', async () => {
    listen();
    execFileSync('script', ['-qec', '/bin/true terminal', '/dev/null'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const details = await executed(({ args }) => args === '/bin/true\0terminal');
    expect(details).toMatchObject({ stdinKind: 'tty', stdoutKind: 'tty', stderrKind: 'tty' });
    const minor = (number = 0) => (number & 0xff) | ((number >> 12) & 0xfff00);
    expect(details.tty).toBe(`pts/${minor(details.ttyNr)}`);
  });

  test('pids are those of the initial namespace, with the pid in the own namespace beside them', async () => {
    listen();
    execFileSync('unshare', ['-pf', 'sh', '-c', '/bin/true pid-namespace; exit 0']);
    const details = await executed(({ args }) => args.endsWith('pid-namespace'));
    expect(details.pidInNamespace).toBeLessThan(10);
    const fork = events.findLast(({ kind, pid }) => kind === 'fork' && pid > 10 && details.ppid !== pid);
    expect(fork).toBeDefined();
    const own = Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]);
    expect(details.pidNamespace).not.toBe(own);
  });

  test('a program without a name is reported as deleted, and its call as execveat', async () => {
    listen();
    const run = await runForest({ rounds: 1, jobs: 1, programs: ['memfd'] });
    run.remove();
    expect(await executed(({ isDeleted }) => isDeleted)).toMatchObject({
      path: '/memfd:forest (deleted)',
      syscall: 'execveat',
    });
  });

  test('a program that gains privileges says so', async () => {
    listen();
    const raised = join(directory, 'raised');
    copyFileSync('/bin/true', raised);
    chmodSync(raised, 0o4755);
    const nobody = 65534;
    spawnSync(raised, [], { uid: nobody, gid: nobody });
    expect(await named(raised)).toMatchObject({ uid: nobody, euid: 0, gainsPrivilege: true });
  });

  test('a child by CLONE_PARENT has its creator beside its parent', async () => {
    listen();
    const CLONE = { x64: 56, arm64: 220 }[process.arch as 'x64' | 'arm64'];
    const clone = `import ctypes, os; p = ctypes.CDLL(None).syscall(${CLONE}, 0x8000 | 17, 0, 0, 0, 0)\nif p == 0: os.execv('/bin/true', ['true', 'cloned'])\nprint(os.getpid())`;
    const creator = Number(execFileSync('sh', ['-c', 'python3 -c "$0"; wait', clone], { encoding: 'utf8' }));
    await executed(({ args }) => args === 'true\0cloned');
    const pid = events.find((event) => event.kind === 'exec' && event.details?.args === 'true\0cloned')?.pid;
    const fork = events.find((event) => event.kind === 'fork' && event.pid === pid);
    const parent = events.find((event) => event.kind === 'fork' && event.pid === creator);
    expect(fork).toMatchObject({ imageFrom: creator, parent: parent?.kind === 'fork' ? parent.parent : undefined });
  });

  test('a snapshot reports every process with parent and arguments, and those that have ended', async () => {
    child = spawn('sh', ['-c', 'sleep 0 & exec sleep 1000'], { stdio: 'ignore' });
    const shell = child.pid;
    const zombie = await until('a zombie', () => {
      const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim();
      return (
        children !== '' && /^State:\s+Z/m.test(readFileSync(`/proc/${children}/status`, 'utf8')) && Number(children)
      );
    });
    listen();
    native.requestSnapshot();
    const of = (pid: number | undefined) => events.find((event) => event.kind === 'snapshot' && event.pid === pid);
    await until('the end', () => events.some(({ kind }) => kind === 'snapshotEnd'));
    const end = events.findIndex(({ kind }) => kind === 'snapshotEnd');
    expect(events[end]).toMatchObject({ isWhole: true });
    expect(events.slice(end).some(({ kind }) => kind === 'snapshot')).toBe(false);
    expect(of(shell)).toMatchObject({
      hasEnded: false,
      hasExecuted: true,
      details: { ppid: process.pid, args: 'sleep\u00001000', argsCount: 2, path: readlinkSync(`/proc/${shell}/exe`) },
    });
    expect(of(zombie)).toMatchObject({ hasEnded: true, details: { ppid: shell } });
    expect(of(1)).toMatchObject({ details: { ppid: 0 } });
    const told = new Set(events.flatMap((event) => (event.kind === 'snapshot' ? [event.pid as number] : [])));
    const living = readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && statSync(`/proc/${name}`, { throwIfNoEntry: false }),
    );
    const forked = new Set(events.flatMap((event) => (event.kind === 'fork' ? [event.pid as number] : [])));
    expect(living.map(Number).filter((pid) => !told.has(pid) && !forked.has(pid))).toEqual([]);
  });

  test('a snapshot waits for room in the queue', async () => {
    const COUNT = 400;
    // For bash: each is a process.
    const text = `zeros=$(printf '0%.0s' $(seq 4000)); for i in $(seq ${COUNT}); do sleep 1000 $zeros & done; echo; wait`;
    child = spawn('bash', ['-c', text], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    const shell = child;
    try {
      await new Promise((resolve) => shell.stdout?.once('data', resolve));
      listen({ queueMaxBytes: 1 << 20 });
      native.requestSnapshot();
      // Nothing is taken meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      expect(native.stats().queueBytes).toBeGreaterThan(1 << 19);
      await until('the end', () => events.some(({ kind }) => kind === 'snapshotEnd'));
    } finally {
      if (shell.pid) process.kill(-shell.pid, 'SIGKILL');
    }
    const told = events.filter((event) => event.kind === 'snapshot' && event.details.ppid === shell.pid);
    expect(told).toHaveLength(COUNT);
    expect(native.stats()).toMatchObject({ lost: 0, queueDropped: 0 });
  });

  test('new sessions are reported when asked for', async () => {
    listen({ tellsSessions: true });
    const leader = Number(execFileSync('setsid', ['sh', '-c', 'echo $$'], { encoding: 'utf8' }));
    native.drainNow();
    await until('told', () => events.some(({ kind, pid }) => kind === 'setsid' && pid === leader));
  });

  test('an overflow of the ring is a counted loss in its place, and later events are reported', async () => {
    listen({ ringBytes: 1 << 16, queueMaxBytes: 1 << 16 });
    // Events are not read meanwhile: first the queue is full, then the ring.
    const COUNT = 300;
    for (let i = 0; i < COUNT; i++) spawnSync('/bin/true', [`${i}`, 'x'.repeat(5000)]);
    await until('a loss', () => events.some(({ kind, origin }) => kind === 'loss' && origin === 'ebpf'));
    spawnSync('/bin/true', ['after']);
    await executed(({ args }) => args === '/bin/true\0after');
    const losses = events.flatMap((event) => (event.kind === 'loss' && event.origin === 'ebpf' ? [event.count] : []));
    const lost = losses.reduce((sum, count) => sum + count, 0);
    expect(native.stats().lost).toBe(lost);
    const execs = events.filter(({ kind }) => kind === 'exec').length;
    // Each was a fork, an exec and an exit.
    expect(execs).toBeLessThan(COUNT);
    expect(events.length + lost).toBeGreaterThanOrEqual(3 * COUNT);
  });

  test('programs that were detached are noticed', async () => {
    listen();
    for (const fd of readdirSync('/proc/self/fd')) {
      const file = `/proc/self/fdinfo/${fd}`;
      if (existsSync(file) && /^link_type:\s+(tracing|raw_tracepoint)/m.test(readFileSync(file, 'utf8')))
        closeSync(Number(fd));
    }
    await until('noticed', () => native.stats().hears === '');
    expect(native.stats().problems.map(({ code }) => code)).toEqual(['ebpf_stopped']);
  });

  test.each([
    ['without capabilities', ['setpriv', '--bounding-set=-all', '--inh-caps=-all'], ['ebpf_no_permission']],
    ['in another pid namespace', ['unshare', '-pf', '--mount-proc'], ['ebpf_pid_namespace']],
    [
      'where the kernel tells no types',
      ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf; exec "$0" "$@"'],
      ['ebpf_no_btf'],
    ],
    ['with CAP_BPF and CAP_PERFMON alone', ['setpriv', '--bounding-set=-all,+bpf,+perfmon'], []],
  ])('what keeps it from working is told: %s', (_, [command = '', ...args], codes) => {
    const addon = join(import.meta.dirname, '../../native/build/Release/process_ancestry.node');
    const text = 'process.stdout.write(JSON.stringify(require(process.argv[1]).trySensor("ebpf", "")))';
    const told = execFileSync(command, [...args, process.execPath, '-e', text, addon], { encoding: 'utf8' });
    expect((JSON.parse(told) as { code: string }[]).map(({ code }) => code)).toEqual(codes);
  });

  test.skipIf(!canRecord())('logins are read while audit is on, and audit stays as it was', async () => {
    const before = auditSettings();
    const saved = auditControl('save');
    try {
      auditControl('quiet', '8192');
      auditControl('enable', '1');
      const during = auditSettings();
      listen();
      auditControl(
        'message',
        '1112',
        'op=login id=0 exe="/usr/sbin/sshd" hostname=? addr=2001:db8::42 terminal=/dev/pts/9 res=success',
      );
      const login = await until('heard', () => events.find(({ kind }) => kind === 'login'));
      expect(login).toMatchObject({ address: '2001:db8::42', terminal: 'pts/9', exe: '/usr/sbin/sshd' });
      expect(auditSettings()).toEqual(during);
    } finally {
      native.stop();
      spawnSync('python3', [join(import.meta.dirname, 'audit_control.py'), 'restore'], { input: saved });
    }
    expect(auditSettings()).toEqual(before);
  });
});
