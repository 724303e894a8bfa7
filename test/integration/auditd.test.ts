/** auditd and this extension on one host, in both orders: both read every exec, and each can stop and restart. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProcessEvent } from '../../src/collect/event.ts';
import { LiveSource, SENSORS } from '../../src/collect/live.ts';
import { loadNative } from '../../src/collect/native.ts';
import { borrowAudit, restoreAudit } from '../bench/audit_state.ts';
import {
  auditControl,
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  hasOurRules,
  until,
} from './extension_under_test.ts';

const AUDITD = '/usr/sbin/auditd';
/** Audit's unicast owner: a pid, 0 for none. */
const place = () => auditSettings().status.pid;
/** Number of sockets that read audit by multicast. */
const multicastReaders = () =>
  readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, protocol, , groups]) => protocol === NETLINK_AUDIT && groups !== '00000000').length;
const NETLINK_AUDIT = '9';

let directory: string;
let borrowed: string;
let before: ReturnType<typeof auditSettings>;
const started: ChildProcess[] = [];

const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** auditd with its own configuration; resolves when it has the place or has ended. */
async function startAuditd(): Promise<ChildProcess> {
  const child = spawn(AUDITD, ['-n', '-c', directory], { stdio: 'ignore' });
  started.push(child);
  await until('auditd started or ended', () => ended(child) || place() === child.pid);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await until(`${child.spawnfile} gone`, () => ended(child));
}

/** A shell that executes numbered programs until it is stopped. */
class Execs {
  readonly #stop = join(directory, 'stop');
  // A file, because a pipe's text comes only when the event loop has time.
  readonly #counter = join(directory, 'counter');
  readonly #shell: ChildProcess;

  constructor() {
    writeFileSync(this.#counter, '0\n');
    const body = `/bin/true number-$i; i=$((i+1)); echo $i >>${this.#counter}; sleep 0.005`;
    this.#shell = spawn('/bin/sh', ['-c', `i=0; while [ ! -e ${this.#stop} ]; do ${body}; done`], { stdio: 'ignore' });
    started.push(this.#shell);
  }
  get count(): number {
    return Number(readFileSync(this.#counter, 'utf8').trim().split('\n').at(-1));
  }
  async more(): Promise<void> {
    const until20More = this.count + 20;
    await until('20 more', () => this.count >= until20More);
  }
  async end(): Promise<number> {
    writeFileSync(this.#stop, '');
    await until('the shell ended', () => ended(this.#shell));
    return this.count;
  }
}

/** By number, how often it was seen. */
function timesSeen(count: number, seen: readonly string[]): number[] {
  const times = new Map<string, number>();
  for (const one of seen) times.set(one, (times.get(one) ?? 0) + 1);
  return Array.from({ length: count }, (_, number) => times.get(`number-${number}`) ?? 0);
}
const once = (count: number) => new Array<number>(count).fill(1);

describe.skipIf(!canRecord() || !existsSync(AUDITD))('beside auditd', () => {
  beforeEach(() => {
    before = auditSettings();
    borrowed = borrowAudit();
    directory = mkdtempSync(join(tmpdir(), 'pa-auditd-'));
    mkdirSync(join(directory, 'plugins.d'), { mode: 0o750 });
    const configuration = [
      `log_file = ${join(directory, 'audit.log')}`,
      'log_format = RAW',
      `plugin_dir = ${join(directory, 'plugins.d')}`,
      'space_left = 2',
      'admin_space_left = 1',
      '',
    ].join('\n');
    writeFileSync(join(directory, 'auditd.conf'), configuration, { mode: 0o640 });
  });
  afterEach(async () => {
    for (const child of started.splice(0).reverse()) if (!ended(child)) await stop(child);
    restoreAudit(borrowed);
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  test('auditd starts after the extension at the second try and restarts at the first; the extension sees every exec once', async () => {
    const extension = await ExtensionUnderTest.start(['--collector', 'audit']);
    try {
      expect(place()).toBe(extension.child.pid);
      expect(multicastReaders()).toBe(0);
      const execs = new Execs();
      await execs.more();
      const refused = await startAuditd();
      expect(refused.exitCode).toBe(1);
      await until('given up', () => place() === 0);
      expect(auditSettings().status).toMatchObject({ enabled: 1, backlog_limit: 8192, backlog_wait_time: 15000 });
      await execs.more();
      const auditd = await startAuditd();
      expect(place()).toBe(auditd.pid);
      const readByAuditd = execs.count;
      await execs.more();
      await stop(auditd);

      const uptime = async () => Number((await extension.stats()).uptime_seconds);
      const then = await uptime();
      await until('looked at twice', async () => (await uptime()) > then + 2);
      expect(place()).toBe(0);
      const again = await startAuditd();
      expect(place()).toBe(again.pid);
      await execs.more();
      expect(place()).toBe(again.pid);
      expect(hasOurRules()).toBe(true);

      const count = await execs.end();
      await extension.settled();
      const rows = (await extension.generate('process_ancestry_events')).filter(({ cmdline }) =>
        cmdline?.startsWith('/bin/true number-'),
      );
      const seen = rows.map(({ cmdline }) => cmdline?.slice('/bin/true '.length) ?? '');
      expect(timesSeen(count, seen)).toEqual(once(count));
      expect(rows.filter(({ ancestry_complete }) => ancestry_complete !== '1')).toEqual([]);
      expect((await extension.stats()).events_lost).toBe('0');
      await until('written by auditd', () =>
        readFileSync(join(directory, 'audit.log'), 'latin1').includes(`"number-${readByAuditd}"`),
      );
      // Settings that auditd relies on stay when the extension ends.
      await extension.stop();
      expect(hasOurRules()).toBe(false);
      expect(auditSettings().status).toMatchObject({ enabled: 1, pid: again.pid, backlog_wait_time: 15000 });
    } finally {
      await extension.stop();
    }
  });

  test('the extension takes the unicast place when auditd stops or does not take it; no exec is missed or read twice', async () => {
    const auditd = await startAuditd();
    expect(auditd.exitCode).toBeNull();
    const events: ProcessEvent[] = [];
    const source = new LiveSource(loadNative(), {
      sensors: SENSORS.audit,
      stateFile: join(directory, 'state'),
      argsMaxBytes: 1 << 20,
      queueMaxBytes: 1 << 24,
      socketBufferBytes: 1 << 22,
      ownerGraceMs: 1500,
    });
    try {
      const { problems } = await source.start((some) => events.push(...some));
      expect(problems.map(({ code }) => code)).toEqual(['audit_unicast_taken']);
      const execs = new Execs();
      await execs.more();
      // As osqueryd does at its end. The removal of rules is not reported.
      auditControl('enable', '0');
      auditControl('delete-all');
      await stop(auditd);
      await until('audit on again', () => auditSettings().status.enabled === 1 && hasOurRules());
      expect(place()).toBe(0);
      await until('no longer told', () => source.problems.length === 0);
      const first = execs.count;
      await until('taken', () => place() === process.pid);
      expect(auditSettings().status.backlog_wait_time).toBe(0);
      await execs.more();

      expect(auditControl('ask-for-place')).toContain('File exists');
      await until('given up', () => place() === 0);
      expect(auditSettings().status.backlog_wait_time).toBe(15000);
      expect(multicastReaders()).toBe(1);
      await execs.more();
      await until('taken back', () => place() === process.pid);
      await until('by unicast alone', () => multicastReaders() === 0);
      expect(auditSettings().status.backlog_wait_time).toBe(0);
      await execs.more();

      const count = await execs.end();
      await until('nothing on its way', () => !source.onItsWay());
      const seen = events.flatMap((event) =>
        event.kind === 'exec' && event.details ? [event.details.args.split('\0')[1] ?? ''] : [],
      );
      expect(timesSeen(count, seen).slice(first)).toEqual(once(count - first));
    } finally {
      source.stop();
    }
  });
});
