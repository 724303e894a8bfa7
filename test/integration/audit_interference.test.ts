/** What others do to kernel audit while this extension reads it, and what the kernel never tells by audit. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { borrowAudit, quietAudit, restoreAudit } from '../bench/audit_state.ts';
import {
  auditControl,
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  hasOurRules,
  type Row,
  until,
} from './extension_under_test.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
/** linux/audit.h */
const EXECVE = '1309';
const CWD = '1307';
const PATH = '1302';
const EOE = '1320';
const PROCTITLE = '1327';

describe.skipIf(!canRecord())('audit that others change', () => {
  let borrowed: string;
  let before: ReturnType<typeof auditSettings>;
  let extension: ExtensionUnderTest | undefined;
  let directory: string;
  beforeEach(() => {
    before = auditSettings();
    borrowed = borrowAudit();
    quietAudit();
    directory = mkdtempSync(join(tmpdir(), 'pa-interference-'));
    chmodSync(directory, 0o755);
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    restoreAudit(borrowed);
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  const stats = async () => (await extension?.stats()) ?? {};
  const count = async (column: string) => Number((await stats())[column]);
  const codes = async (): Promise<string[]> =>
    JSON.parse((await stats()).problems ?? '[]').map(({ code }: { code: string }) => code);
  const told = (code: string) => until(`told: ${code}`, async () => (await codes()).includes(code));
  const untold = (code: string) => until(`no longer told: ${code}`, async () => !(await codes()).includes(code));
  const events = (constraints = {}): Promise<Row[]> =>
    extension?.generate('process_ancestry_events', constraints) ?? Promise.resolve([]);
  const worksAgain = () => until('works', async () => (await stats()).collector === 'audit+proc_events');

  /** Executes /bin/true so many times, and answers the rows of that. */
  async function rowsOfShortLived(tag: string, times = 20): Promise<Row[]> {
    const [first, last] = [await newest(), times];
    execFileSync('/bin/sh', ['-c', `i=0; while [ $i -lt ${last} ]; do /bin/true ${tag}-$i; i=$((i+1)); done`], {
      cwd: directory,
    });
    await extension?.settled();
    return (await events()).filter(({ eid, path = '' }) => Number(eid) > first && /\/true$/.test(path));
  }
  const newest = async () => Math.max(0, ...(await events()).map(({ eid }) => Number(eid)));
  const expectWhole = (rows: readonly Row[], tag: string, times = 20) => {
    expect(rows.map(({ cmdline }) => cmdline)).toEqual(
      Array.from({ length: times }, (_, i) => `/bin/true ${tag}-${i}`),
    );
    for (const row of rows) expect(row).toMatchObject({ cwd: directory, ancestry_complete: '1' });
  };

  /** The row of a process that lives until it has one. */
  async function rowOfLiving(name: string): Promise<Row> {
    const child = spawn('/bin/sh', ['-c', 'read line', name], {
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: directory,
    });
    try {
      const pid = { pid: [{ op: 2, expr: String(child.pid) }] };
      const row = await until('a row', async () => (await events(pid))[0]);
      expect(row).toMatchObject({ cmdline: `/bin/sh -c read line ${name}`, cwd: directory, uid: '0' });
      return row;
    } finally {
      child.stdin?.end();
    }
  }

  test.each([
    ['EOE', [EOE]],
    ['EOE and PROCTITLE', [EOE, PROCTITLE]],
  ])('a rule that excludes %s costs nothing, whether it comes first or later', async (_, types) => {
    for (const type of types) auditControl('exclude', 'add', type);
    extension = await ExtensionUnderTest.start();
    expectWhole(await rowsOfShortLived('first'), 'first');
    for (const type of types) auditControl('exclude', 'delete', type);
    expectWhole(await rowsOfShortLived('without'), 'without');
    for (const type of types) auditControl('exclude', 'add', type);
    execFileSync('/bin/true');
    expectWhole(await rowsOfShortLived('later'), 'later');
    expect(await stats()).toMatchObject({ details_missing: '0', incomplete: '0', events_lost: '0' });
    expect(await codes()).toEqual([]);
  });

  test.each([
    ['EXECVE', [EXECVE]],
    ['CWD', [CWD]],
    ['EXECVE, CWD, PATH and EOE', [EXECVE, CWD, PATH, EOE]],
  ])('a rule that excludes %s is told, and what lives is read', async (_, types) => {
    extension = await ExtensionUnderTest.start();
    for (const type of types) auditControl('exclude', 'add', type);
    await told('audit_records_excluded');
    expect((await stats()).collector).toBe('audit+proc_events');
    await rowOfLiving('read from proc');
    const rows = await rowsOfShortLived('gone');
    // What is gone has what audit still tells; what it lacks is counted.
    expect(rows).toHaveLength(20);
    for (const { path, auid } of rows) expect({ path, auid }).toMatchObject({ path: expect.stringMatching(/\/true$/) });
    const bare = rows.filter(({ cmdline }) => cmdline === '');
    for (const row of bare) expect(row.overflows).toBe('cmdline');
    expect(await count('details_missing')).toBeGreaterThanOrEqual(bare.length);
    for (const type of types) auditControl('exclude', 'delete', type);
    await untold('audit_records_excluded');
    expectWhole(await rowsOfShortLived('again'), 'again');
  });

  test.each([
    [
      'never,task',
      'audit_never_task',
      () => auditControl('never-task', 'add'),
      () => auditControl('never-task', 'delete'),
    ],
    ['enabled 0', 'audit_disabled', () => auditControl('enable', '0'), () => auditControl('enable', '1')],
    [
      'never,exit in front of ours',
      'audit_execs_hidden',
      () => auditControl('hide-execs', 'add'),
      () => auditControl('hide-execs', 'delete'),
    ],
    [
      'SYSCALL excluded',
      'audit_execs_hidden',
      () => auditControl('exclude', 'add', '1300'),
      () => auditControl('exclude', 'delete', '1300'),
    ],
  ])('%s while it records: told within seconds, and /proc tells until it is mended', async (_, code, harm, mend) => {
    extension = await ExtensionUnderTest.start();
    expectWhole(await rowsOfShortLived('before'), 'before');
    const lost = await count('events_lost');
    harm();
    await told(code);
    expect((await stats()).collector).toBe('proc_events');
    expect(await count('events_lost')).toBeGreaterThan(lost);
    const row = await rowOfLiving('meanwhile');
    expect(await events({ pid: [{ op: 2, expr: String(row.pid) }] })).toHaveLength(1);
    const resyncs = await count('resyncs');
    mend();
    await untold(code);
    await worksAgain();
    await until('read /proc again', async () => (await count('resyncs')) > resyncs);
    expectWhole(await rowsOfShortLived('after'), 'after');
    expect(await codes()).toEqual([]);
  });

  test('rules that are removed while audit is off are put back once it is on', async () => {
    extension = await ExtensionUnderTest.start();
    auditControl('enable', '0');
    auditControl('delete-all');
    auditControl('enable', '1');
    await until('put back', () => hasOurRules());
    await until('counted', async () => (await count('events_lost')) > 0);
    await until('read /proc again', async () => (await count('resyncs')) > 0);
    expectWhole(await rowsOfShortLived('after'), 'after');
    expect(await codes()).toEqual([]);
  });
});
