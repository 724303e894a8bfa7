/** Hosts with restrictions: each reports the problem and what to do, and uses the best sensor that works. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  auditControl,
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  hasOurRules,
  LAUNCHER,
  type Row,
  until,
} from './extension_under_test.ts';

/** Root's user id without any of root's capabilities. */
const WITHOUT_CAPABILITIES = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] as const;

describe.skipIf(!canRecord())('on a host with restrictions', () => {
  let before: ReturnType<typeof auditSettings>;
  let extension: ExtensionUnderTest | undefined;
  beforeEach(() => {
    before = auditSettings();
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    expect(auditSettings()).toEqual(before);
  });

  /** The row of a process that lives until it has one: without audit, a process that ends at once has no details. */
  async function rowOfLiving(name: string): Promise<Row> {
    const child = spawn('/bin/sh', ['-c', 'read line', name], { stdio: ['pipe', 'ignore', 'ignore'] });
    try {
      const pid = { pid: [{ op: 2, expr: String(child.pid) }] };
      const row = await until('a row', async () => {
        const rows = await extension?.generate('process_ancestry_events', pid);
        return rows?.find(({ cmdline }) => cmdline === `/bin/sh -c read line ${name}`);
      });
      return row;
    } finally {
      child.stdin?.end();
    }
  }

  test('a rule never,task: the proc connector goes on alone, and the rule is named', async () => {
    auditControl('never-task', 'add');
    try {
      extension = await ExtensionUnderTest.start(['--collector', 'audit']);
      const stats = await extension.stats();
      expect(stats.collector).toBe('proc_events');
      expect(stats.problems).toContain('audit_never_task');
      expect(extension.stderr).toContain('auditctl -d never,task');
      expect(await rowOfLiving('under the rule')).toMatchObject({ uid: '0', ancestry_complete: '1' });
    } finally {
      await extension?.stop();
      extension = undefined;
      auditControl('never-task', 'delete');
    }
  });

  test('a rule never,task hides nothing from eBPF', async () => {
    auditControl('never-task', 'add');
    try {
      extension = await ExtensionUnderTest.start();
      execFileSync('/bin/true', ['not-hidden']);
      const wanted = { cmdline: [{ op: 2, expr: '/bin/true not-hidden' }] };
      expect(await extension.generate('process_ancestry_events', wanted)).toMatchObject([{ ancestry_complete: '1' }]);
      expect(await extension.stats()).toMatchObject({ collector: 'ebpf', problems: '[]' });
    } finally {
      await extension?.stop();
      extension = undefined;
      auditControl('never-task', 'delete');
    }
  });

  test('audit switched off by another program: /proc is read until it is on again, and removed rules are added again', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'audit']);
    auditControl('enable', '0');
    await until('noticed', async () => (await extension?.stats())?.collector === 'proc_events');
    // The gap until the detection is repaired by reading /proc again.
    await until('read again', async () => Number((await extension?.stats())?.resyncs) > 0);
    expect(await rowOfLiving('while off')).toMatchObject({ ancestry_complete: '1' });
    auditControl('enable', '1');
    await until('noticed', async () => (await extension?.stats())?.collector === 'audit+proc_events');
    auditControl('delete-all');
    await until('back', () => hasOurRules());
    execFileSync('/bin/true', ['after-all-that']);
    await extension.settled();
    const after = await extension.generate('process_ancestry_events', {
      cmdline: [{ op: 2, expr: '/bin/true after-all-that' }],
    });
    expect(after).toHaveLength(1);
    await extension.stop();
    extension = undefined;
    // Another program switched audit off and on again: its settings must stay.
    auditControl('enable', '0');
  });

  test('no permission: the message says what to do; the shell replays the sample log, and says so in one line', async () => {
    const [command, ...flags] = WITHOUT_CAPABILITIES;
    const sql = "SELECT cmdline, ancestry_depth FROM process_ancestry_events WHERE cmdline = 'id'";
    const { stdout, stderr } = await promisify(execFile)(command, [
      ...flags,
      LAUNCHER,
      'shell',
      '--embedded',
      '--json',
      sql,
    ]);
    expect(JSON.parse(stdout)).toEqual([{ cmdline: 'id', ancestry_depth: '4' }]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/no permission for kernel audit: run as root.*replaying the sample log/);
  });

  test('switched off: nothing is recorded, nothing in the kernel is touched, and the tables answer', async () => {
    extension = await ExtensionUnderTest.start(['--enable=false'], { recording: false });
    expect(auditSettings()).toEqual(before);
    execFileSync('/bin/true');
    expect(await extension.generate('process_ancestry_events')).toEqual([]);
    expect(await extension.stats()).toMatchObject({ collector: 'none' });
  });

  test('arguments beyond the bound are cut and marked, with their whole size; the next exec is whole again', async () => {
    extension = await ExtensionUnderTest.start(['--args-max-bytes', '1000']);
    const long = 'x'.repeat(60_000);
    execFileSync('/bin/true', ['cut-here', long, long]);
    execFileSync('/bin/true', ['not-cut']);
    await extension.settled();
    const rows = await extension.generate('process_ancestry_events');
    const cut = rows.find(({ cmdline }) => cmdline?.startsWith('/bin/true cut-here'));
    expect(cut).toMatchObject({
      overflows: 'cmdline',
      args_count: '4',
      cmdline_size: String('/bin/true cut-here'.length + 2 * 60_001),
    });
    expect(cut?.cmdline?.length).toBe(1000);
    expect(rows.find(({ cmdline }) => cmdline === '/bin/true not-cut')).not.toHaveProperty('overflows');
  });

  test('what must not be stored is redacted in arguments, also in those of ancestors', async () => {
    extension = await ExtensionUnderTest.start(['--redact', 'hunter(\\d)']);
    execFileSync('/bin/sh', ['-c', '/bin/true of-hunter2; exit 0', 'hunter3']);
    await extension.settled();
    const rows = await extension.generate('process_ancestry_events', {}, [
      'cmdline',
      'args',
      'ancestry',
      'parent_cmdline',
    ]);
    const row = rows.find(({ cmdline }) => cmdline?.startsWith('/bin/true of-'));
    expect(row).toMatchObject({ cmdline: '/bin/true of-hunter***', args: '["/bin/true","of-hunter***"]' });
    expect(row?.parent_cmdline).toBe('/bin/sh -c /bin/true of-hunter***; exit 0 hunter***');
    expect(JSON.stringify(rows)).not.toMatch(/hunter\d/);
  });

  test('while the patterns are refused, all arguments are redacted, and a problem says why', async () => {
    const refusing = await ExtensionUnderTest.start(['--redact', '(?<=hunter)\\d']);
    extension = refusing;
    execFileSync('/bin/sh', ['-c', '/bin/true of-hunter2; exit 0', 'hunter3']);
    await refusing.settled();
    const tables = ['process_ancestry_events', 'process_ancestry', 'process_ancestry_tree'];
    const rows = await Promise.all(tables.map((table) => refusing.generate(table)));
    expect(rows[0]?.filter(({ path }) => /\/(true|dash|sh)$/.test(path ?? '')).length).toBeGreaterThan(1);
    expect(JSON.stringify(rows)).not.toContain('hunter');
    expect(rows[0]?.map(({ cmdline }) => cmdline?.replaceAll('***', '').trim()).join('')).toBe('');
    const [stats] = await refusing.generate('process_ancestry_cache_stats');
    const problems = JSON.parse(stats?.problems ?? '[]') as { code: string; message: string }[];
    expect(problems).toContainEqual({
      code: 'flag_refused',
      message: expect.stringMatching(/"\(\?<=hunter\).*lookbehind is not supported.*all arguments are redacted/),
    });
  });
});
