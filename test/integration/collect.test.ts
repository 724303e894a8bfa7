/** Groups, sessions, logins and control groups as this host's kernel reports them, before the process tree. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExecEvent, SensorEvent } from '../../src/collect/events.ts';
import { LiveSource, RULE_KEY } from '../../src/collect/live.ts';
import { loadNative, type SensorName } from '../../src/collect/native.ts';
import { cgroupPath } from '../../src/linux/process_files.ts';
import { auditControl, auditSettings, canRecord, hasOurRules, until } from './extension_under_test.ts';

/** linux/netlink.h */
const NETLINK_AUDIT = '9';
const NETLINK_CONNECTOR = '11';

/** Descriptors of this process that are netlink sockets of a protocol. */
function netlinkSockets(protocol: string): number[] {
  const lines = readFileSync('/proc/net/netlink', 'utf8').trim().split('\n').slice(1);
  const ofProtocol = lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[1] === protocol);
  const links = new Set(ofProtocol.map((fields) => `socket:[${fields.at(-1)}]`));
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => links.has(linkOf(fd)));
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

function close(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}

/** Makes the connector stop messages to a socket of this process (linux/cn_proc.h, PROC_CN_MCAST_IGNORE). */
function silence(fd: number): void {
  const script = `
import ctypes, os, socket, struct, sys
pid, fd = map(int, sys.argv[1:])
PIDFD_GETFD = 438
taken = socket.socket(fileno=ctypes.CDLL(None).syscall(PIDFD_GETFD, os.pidfd_open(pid), fd, 0))
message = struct.pack('=IIIIHHI', 1, 1, 0, 0, 4, 0, 2)
taken.send(struct.pack('=IHHII', 16 + len(message), 3, 0, 0, 0) + message)
`;
  execFileSync('python3', ['-c', script, `${process.pid}`, `${fd}`]);
}

describe.skipIf(!canRecord())('what the kernel reports', () => {
  let before: ReturnType<typeof auditSettings>;
  let directory: string;
  let source: LiveSource | undefined;
  let child: ChildProcess | undefined;
  let events: SensorEvent[];
  beforeEach(() => {
    before = auditSettings();
    directory = mkdtempSync(join(tmpdir(), 'pa-'));
    events = [];
  });
  afterEach(() => {
    child?.kill();
    source?.stop();
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  async function listen(sensor: SensorName, hears = sensor): Promise<void> {
    source = new LiveSource(loadNative(), {
      sensors: [sensor],
      stateFile: join(directory, 'state'),
      argsMaxBytes: 1 << 20,
      queueMaxBytes: 1 << 24,
      socketBufferBytes: 1 << 22,
    });
    const state = await source.start((some) => events.push(...(some as SensorEvent[])));
    expect(state.collector).toBe(hears);
    expect(hasOurRules()).toBe(hears !== 'proc_events');
  }
  /** The events of one kind, once there is one of `pid`. */
  async function heard<K extends SensorEvent['kind']>(kind: K, pid: number) {
    const ofKind = () => events.filter((event): event is Extract<SensorEvent, { kind: K }> => event.kind === kind);
    await until(`heard of ${kind}: ${pid}`, () => ofKind().some((event) => event.pid === pid));
    return ofKind();
  }
  /** Numbers that a shell prints in one line. It and its job live until `release`. */
  async function shell(command: string, ...prefix: string[]) {
    const [program = '', ...args] = [...prefix, 'bash', '-c', `${command}; read line; kill %1; wait`];
    const started = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    const closed = once(started, 'close');
    const [said] = (await once(started.stdout.setEncoding('utf8'), 'data')) as [string];
    const release = async () => {
      started.stdin.end();
      await closed;
    };
    return { numbers: said.trim().split(/\s+/).map(Number), release };
  }

  test('a shell with job control puts each job into a group of its own, and a pipeline into one', async () => {
    await listen('audit+proc_events');
    const single = await shell('set -m; sleep 1000 & echo $!');
    const [job = 0] = single.numbers;
    // The job calls setpgid, and so does the shell, unless the job has already executed its program (man 2 setpgid, EACCES).
    for (const one of (await heard('setpgid', job)).filter(({ pid }) => pid === job))
      expect(one).toMatchObject({ pgid: job, origin: 'audit' });
    await single.release();
    const pipeline = await shell('set -m; sleep 1000 | sleep 1001 & echo $(jobs -p) $!');
    const [leader = 0, last = 0] = pipeline.numbers;
    expect(last).not.toBe(leader);
    const groups = await heard('setpgid', last);
    expect(new Set(groups.filter(({ pid }) => pid === last).map(({ pgid }) => pgid))).toEqual(new Set([leader]));
    expect(groups.every(({ serial }) => serial > 0)).toBe(true);
    await pipeline.release();
  });

  test('pids of another namespace are not taken for pids of this one', async () => {
    await listen('audit+proc_events');
    // In there bash is 1 and its job among the first.
    const inside = await shell('set -m; sleep 1002 & echo $!', 'unshare', '--pid', '--fork');
    const [job = 0] = inside.numbers;
    const sleep = await until('heard of the sleep', () =>
      events.find((event): event is ExecEvent => event.kind === 'exec' && event.details?.args === 'sleep\u00001002'),
    );
    expect(job).toBeLessThan(sleep.pid);
    const groups = await heard('setpgid', sleep.pid);
    expect(groups.map(({ pid }) => pid)).not.toContain(job);
    expect(groups.filter(({ pid }) => pid === sleep.pid)).toMatchObject([{ pgid: undefined }]);
    await inside.release();
  });

  test("with audit alone, a child's pid in another namespace is not taken for a pid of this one", async () => {
    await listen('audit');
    const inside = await shell('(read line) & echo $$ $!', 'unshare', '-pf');
    const [self = 0, forked = 0] = inside.numbers;
    expect(self).toBe(1);
    const outside = await shell('sleep 1000 & echo $$ $!');
    const [caller = 0, job = 0] = outside.numbers;
    const forks = await heard('fork', job);
    // With a caller in the initial namespace the number is certain.
    expect(forks.find(({ pid }) => pid === job)).toMatchObject({ parent: caller, origin: 'audit' });
    expect(forks.find(({ pid }) => pid === job)?.isClaimed).toBe(false);
    expect(forks.filter(({ pid, isClaimed }) => pid === forked && !isClaimed)).toEqual([]);
    await inside.release();
    await outside.release();
  });

  test('audit alone also reports new sessions', async () => {
    await listen('audit');
    const leader = Number(execFileSync('setsid', ['bash', '-c', 'echo $$'], { encoding: 'utf8' }));
    expect((await heard('setsid', leader)).find(({ pid }) => pid === leader)).toMatchObject({ origin: 'audit' });
  });

  const losses = (origin: string) => events.filter((event) => event.kind === 'loss' && event.origin === origin).length;
  const codes = () => source?.problems.map(({ code }) => code);
  /** A process that is created and executes is reported completely. */
  async function expectAllTold(name: string): Promise<void> {
    const pid = Number(execFileSync('/bin/sh', ['-c', `echo $$; : ${name}`], { encoding: 'utf8' }));
    await heard('fork', pid);
    await until('told of the exec', () =>
      events.some((event) => event.kind === 'exec' && event.pid === pid && event.details?.args.includes(name)),
    );
  }

  test.each([
    ['is closed', close],
    ['is told nothing more', ([first = -1]: readonly number[]) => silence(first)],
  ])('the connector is opened again where its socket %s, and what was missed is a loss', async (_, harm) => {
    await listen('audit+proc_events');
    await expectAllTold('before');
    const lost = source?.stats().eventsLost ?? 0;
    harm(netlinkSockets(NETLINK_CONNECTOR));
    await until('a loss', () => losses('proc_events') > 0);
    expect(source?.stats().eventsLost).toBeGreaterThan(lost);
    await expectAllTold('after');
    await until('whole', () => source?.stats().collector === 'audit+proc_events' && codes()?.length === 0);
  });

  test('audit is opened again after its sockets are closed, and what was missed is a loss', async () => {
    await listen('audit+proc_events');
    await expectAllTold('before');
    const lost = source?.stats().eventsLost ?? 0;
    close(netlinkSockets(NETLINK_AUDIT));
    await until('a loss', () => losses('audit') > 0);
    expect(source?.stats().eventsLost).toBeGreaterThan(lost);
    await until('whole', () => source?.stats().collector === 'audit+proc_events' && codes()?.length === 0);
    await until('a place', () => auditSettings().status.pid === process.pid);
    expect(hasOurRules()).toBe(true);
    const told = events.length;
    await expectAllTold('after');
    expect(events.slice(told).some(({ kind, origin }) => kind === 'exec' && origin === 'audit')).toBe(true);
  });

  test('audit that a rule never,task disabled at the start is used once the rule is removed', async () => {
    auditControl('never-task', 'add');
    let isThere = true;
    const remove = () => {
      if (isThere) auditControl('never-task', 'delete');
      isThere = false;
    };
    try {
      const native = loadNative();
      expect(native.trySensor('audit+proc_events', RULE_KEY).map(({ code }) => code)).toEqual(['audit_never_task']);
      expect(native.trySensor('proc_events', RULE_KEY)).toEqual([]);
      await listen('audit+proc_events', 'proc_events');
      expect(codes()).toContain('audit_never_task');
      remove();
      // The connector continues.
      expect(native.trySensor('audit+proc_events', RULE_KEY)).toEqual([]);
      await until('used', () => source?.stats().collector === 'audit+proc_events' && codes()?.length === 0);
      expect(losses('audit')).toBeGreaterThan(0);
      await expectAllTold('audited');
    } finally {
      remove();
    }
  });

  test('either login message is reported with its origin and sender; a failed login is not reported', async () => {
    await listen('audit+proc_events');
    const text = (result: string, terminal: string) =>
      `op=login id=0 exe="/usr/sbin/sshd" hostname=? addr=2001:db8::42 terminal=${terminal} res=${result}`;
    const [START, LOGIN] = ['1105', '1112'];
    auditControl('message', LOGIN, text('failed', 'ssh'));
    auditControl('message', START, text('success', 'ssh'));
    auditControl('message', LOGIN, text('success', '/dev/pts/9'));
    const logins = () => events.filter(({ kind }) => kind === 'login');
    await until('heard of both', () => logins().length >= 2);
    const from = { address: '2001:db8::42', exe: '/usr/sbin/sshd' };
    expect(logins()).toMatchObject([
      { ...from, terminal: 'ssh' },
      { ...from, terminal: 'pts/9' },
    ]);
    const speakers = events.filter(({ kind, origin }) => kind === 'exec' && origin === 'audit').map(({ pid }) => pid);
    expect(speakers).toEqual(expect.arrayContaining(logins().map(({ pid }) => pid)));
  });

  test.each(['audit+proc_events', 'proc_events'] as const)(
    '%s: an exec of a process that lives has its control group',
    async (collector) => {
      await listen(collector);
      child = spawn('/bin/sleep', ['60'], { detached: true });
      const pid = await until('started', () => child?.pid);
      const details = await until('told', () => {
        const told = events.find(
          (event): event is ExecEvent => event.kind === 'exec' && event.pid === pid && !!event.details,
        );
        return told?.details;
      });
      expect(details.cgroup).toBe(cgroupPath(readFileSync(`/proc/${pid}/cgroup`, 'utf8')));
      expect(details).toMatchObject(
        collector === 'audit+proc_events'
          ? { fromProcfs: false, sid: undefined, pgid: undefined, ttyNr: undefined }
          : { fromProcfs: true, sid: pid, pgid: pid, ttyNr: 0 },
      );
    },
  );
});
