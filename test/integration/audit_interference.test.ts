/** Changes of kernel audit by other programs while this extension reads it, and facts that audit never reports. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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

const AUDIT = ['--collector', 'audit'];
const NOBODY = { uid: 65_534, gid: 65_534 };
/** linux/audit.h */
const EXECVE = '1309';
const CWD = '1307';
const PATH = '1302';
const EOE = '1320';
const PROCTITLE = '1327';
const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const PRESSURE = fileURLToPath(new URL('../fixtures/pressure/pressure.c', import.meta.url));

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

  /** After the resync from /proc: before it, no ancestry is certainly complete. */
  const madeGood = () =>
    until('complete again', async () => (await rowsOfShortLived('probe', 1))[0]?.ancestry_complete === '1');

  /** Executes /bin/true `times` times, and returns the rows. */
  async function rowsOfShortLived(tag: string, times = 20): Promise<Row[]> {
    const [first, last] = [await newest(), times];
    execFileSync('/bin/sh', ['-c', `i=0; while [ $i -lt ${last} ]; do /bin/true ${tag}-$i; i=$((i+1)); done`], {
      cwd: directory,
    });
    await extension?.settled();
    const isOurs = ({ eid, path = '', cmdline = '' }: Row) =>
      Number(eid) > first && /\/true$/.test(path) && (cmdline === '' || cmdline.includes(` ${tag}-`));
    return (await events()).filter(isOurs);
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
    extension = await ExtensionUnderTest.start(AUDIT);
    expectWhole(await rowsOfShortLived('first'), 'first');
    // An exec during the switch of audit may have no record.
    const missing = await count('details_missing');
    for (const type of types) auditControl('exclude', 'delete', type);
    expectWhole(await rowsOfShortLived('without'), 'without');
    for (const type of types) auditControl('exclude', 'add', type);
    execFileSync('/bin/true');
    expectWhole(await rowsOfShortLived('later'), 'later');
    expect(await stats()).toMatchObject({ details_missing: String(missing), incomplete: '0', events_lost: '0' });
    expect((await codes()).filter((code) => code.startsWith('audit_'))).toEqual([]);
  });

  test.each([
    ['EXECVE', [EXECVE]],
    ['CWD', [CWD]],
    ['EXECVE, CWD, PATH and EOE', [EXECVE, CWD, PATH, EOE]],
  ])('a rule that excludes %s is told, and what lives is read', async (_, types) => {
    extension = await ExtensionUnderTest.start(AUDIT);
    for (const type of types) auditControl('exclude', 'add', type);
    await told('audit_records_excluded');
    expect((await stats()).collector).toBe('audit+proc_events');
    await rowOfLiving('read from proc');
    const rows = await rowsOfShortLived('gone');
    // A dead process has the facts of audit; missing ones are counted.
    expect(rows).toHaveLength(20);
    for (const { path, auid } of rows) expect({ path, auid }).toMatchObject({ path: expect.stringMatching(/\/true$/) });
    const bare = rows.filter(({ cmdline }) => cmdline === '');
    for (const row of bare) expect(row.overflows).toBe('cmdline');
    expect(await count('details_missing')).toBeGreaterThanOrEqual(bare.length);
    for (const type of types) auditControl('exclude', 'delete', type);
    await untold('audit_records_excluded');
    await madeGood();
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
    extension = await ExtensionUnderTest.start(AUDIT);
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
    await madeGood();
    expectWhole(await rowsOfShortLived('after'), 'after');
    expect((await codes()).filter((code) => code.startsWith('audit_'))).toEqual([]);
  });

  test('rules that are removed while audit is off are added again once it is on', async () => {
    extension = await ExtensionUnderTest.start(AUDIT);
    auditControl('enable', '0');
    auditControl('delete-all');
    auditControl('enable', '1');
    await until('put back', () => hasOurRules());
    await until('counted', async () => (await count('events_lost')) > 0);
    await until('read /proc again', async () => (await count('resyncs')) > 0);
    await madeGood();
    expectWhole(await rowsOfShortLived('after'), 'after');
    expect((await codes()).filter((code) => code.startsWith('audit_'))).toEqual([]);
  });

  test('setpgid of a user that floods it is no longer recorded, and the flood hides nothing', async () => {
    const pressure = join(directory, 'pressure');
    execFileSync('cc', ['-O2', '-o', pressure, PRESSURE]);
    extension = await ExtensionUnderTest.start(AUDIT);
    const run = promisify(execFile);
    const asNobody = (...args: string[]) => run(pressure, args, { ...NOBODY, cwd: '/' });
    const rules = auditSettings().rules.length;
    const floods = [1, 2, 3, 4].map(() => asNobody('setpgid', '4'));
    await asNobody('mark', '200', 'beside');
    await told('audit_setpgid_flood');
    expect(auditSettings().rules.length).toBeLessThan(rules);
    // A process that joins a group without a record.
    const job = execFileSync('/bin/bash', ['-c', 'set -m; sleep 0.2 & echo $!; wait'], { encoding: 'utf8' }).trim();
    await Promise.all(floods);
    await extension.settled();
    const marks = (await events()).filter(({ cmdline }) => cmdline?.startsWith('true beside-'));
    const lost = await count('kernel_lost');
    expect(marks.length + (await count('details_missing'))).toBeGreaterThanOrEqual(200 - lost);
    if (lost === 0)
      expect(marks.map(({ cmdline }) => cmdline)).toEqual(Array.from({ length: 200 }, (_, i) => `true beside-${i}`));
    const [row] = await events({ pid: [{ op: 2, expr: job }] });
    // Read at the exec, or unknown; never its shell's.
    expect([job, undefined]).toContain(row?.pgid);
    expect(await count('events_lost')).toBeGreaterThan(0);
  });

  test('a helper that the kernel executes has its own image, and so have its children', async () => {
    const helper = join(directory, 'core');
    writeFileSync(helper, '#!/bin/sh\n/bin/true CHILD\nexec cat >/dev/null\n', { mode: 0o755 });
    const times = 20;
    const pattern = readFileSync(CORE_PATTERN, 'utf8');
    extension = await ExtensionUnderTest.start(AUDIT);
    try {
      writeFileSync(CORE_PATTERN, `|${helper} TAG %p`);
      for (let n = 0; n < times; n++) spawnSync('/bin/sh', ['-c', 'kill -SEGV $$'], { cwd: '/' });
    } finally {
      writeFileSync(CORE_PATTERN, pattern);
    }
    await extension.settled();
    const rows = await until('told', async () => {
      const all = await events();
      return all.filter(({ cmdline }) => cmdline === '/bin/true CHILD').length === times && all;
    });
    const helpers = rows.filter(({ cmdline }) => cmdline?.includes(`${helper} TAG`));
    // On a busy machine a process may have continued before it could be read: then the fact is unknown and counted.
    const unread = rows.filter(({ path = '' }) => path === '').length;
    // Other processes of the host may be unread too.
    expect(helpers.length + unread).toBeGreaterThanOrEqual(times);
    expect(helpers.length).toBeLessThanOrEqual(times);
    expect(helpers.length).toBeGreaterThan(0);
    expect(await count('details_missing')).toBeGreaterThanOrEqual(unread);
    for (const { cmdline, parent } of helpers) {
      expect(cmdline).toMatch(new RegExp(`^/bin/sh ${helper} TAG \\d+$`));
      expect(parent).toBe('2');
    }
    const creators = rows
      .filter(({ cmdline }) => cmdline === '/bin/true CHILD')
      .map(({ ancestry }) => JSON.parse(ancestry ?? '[]')[0].cmdline as string);
    expect(creators.filter((cmdline) => cmdline.includes(`${helper} TAG`))).toHaveLength(helpers.length);
    expect(creators.filter((cmdline) => cmdline === 'cat')).toEqual([]);
  });

  test('a process that enters another control group and executes at once is not in its creator’s', async () => {
    const root = ['unified', 'systemd', '.']
      .map((one) => join('/sys/fs/cgroup', one))
      .find((one) => existsSync(join(one, 'cgroup.procs')));
    // On hosts with several hierarchies the longest path is recorded.
    const [outer, inner] = ['outer', 'inner'].map((name) =>
      join(root ?? '', `pa-${process.pid}-${name}-${'0'.repeat(64)}`),
    ) as [string, string];
    for (const group of [outer, inner]) mkdirSync(group);
    extension = await ExtensionUnderTest.start(AUDIT);
    try {
      const loop = `(echo 0 > ${inner}/cgroup.procs; exec /bin/true entered-$i); /bin/true stayed-$i`;
      const parent = `read go; i=0; while [ $i -lt 60 ]; do ${loop}; i=$((i+1)); done; read line`;
      const script = `echo 0 > ${outer}/cgroup.procs; exec /bin/sh -c '${parent}' parent`;
      const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'] });
      const rowsOf = async (tag: string) =>
        (await events()).filter(({ cmdline }) => cmdline?.startsWith(`/bin/true ${tag}-`));
      // Children that are forked before the group of their creator is read have an unknown group.
      const creator = `/bin/sh -c ${parent} parent`;
      await until('creator told', async () => (await events()).some(({ cmdline }) => cmdline === creator));
      child.stdin.write('go\n');
      await until('all told', async () => (await rowsOf('stayed')).length === 60);
      const entered = await rowsOf('entered');
      const stayed = await rowsOf('stayed');
      child.stdin.end();
      await once(child, 'exit');
      expect(entered).toHaveLength(60);
      const groupsOf = (rows: readonly Row[]) => new Set(rows.map(({ cgroup_path = '' }) => cgroup_path));
      expect([...groupsOf(entered)].filter((group) => group !== '' && group !== `/${basename(inner)}`)).toEqual([]);
      // A process that never moved inherits the group if it ended before it could be read.
      expect(groupsOf(stayed)).toEqual(new Set([`/${basename(outer)}`]));
    } finally {
      await until('empty', () =>
        [outer, inner].every((group) => readFileSync(join(group, 'cgroup.procs'), 'utf8') === ''),
      );
      for (const group of [outer, inner]) rmdirSync(group);
    }
  });
});
