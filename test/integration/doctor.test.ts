/** doctor on this host: it finds problems, says what to do, and changes nothing. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { auditControl, auditSettings, canRecord, ExtensionUnderTest, LAUNCHER } from './extension_under_test.ts';

interface Found {
  readonly id: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'skipped';
  readonly message: string;
  readonly advice: string;
}

/** Asynchronous, because the embedded manager in this process must answer meanwhile. */
async function doctor(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<{ exit: number; found: readonly Found[]; of: (id: string) => readonly Found[] }> {
  const [command = '', ...rest] = [...prefix, LAUNCHER, 'doctor', '--json', ...args];
  const done = Promise.withResolvers<{ exit: number; stdout: string }>();
  execFile(command, rest, { encoding: 'utf8' }, (error, stdout, stderr) => {
    if (stderr) done.reject(new Error(stderr));
    else done.resolve({ exit: typeof error?.code === 'number' ? error.code : 0, stdout });
  });
  const { exit, stdout } = await done.promise;
  const found = JSON.parse(stdout) as Found[];
  return { exit, found, of: (id) => found.filter((one) => one.id === id) };
}

/** Depends on the host of the tests, and on the owner of the clone. */
const OF_THE_HOST = ['file_permissions', 'autoload', 'clock'];

describe.skipIf(!canRecord())('doctor', () => {
  let extension: ExtensionUnderTest | undefined;
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
  });

  test.each([
    ['ebpf', 'ebpf', /^not needed/],
    ['audit', 'audit\\+proc_events', /^on, read by/],
  ])(
    'beside an extension that records by %s: it finds nothing wrong with it, and leaves all as it was',
    async (flag, collector, audit) => {
      extension = await ExtensionUnderTest.start(['--collector', flag]);
      const { manager, child } = extension;
      const database = (await extension.stats()).database ?? '';
      const before = { audit: auditSettings(), files: readdirSync(database).sort() };
      const { found, of } = await doctor(['--socket', manager.socketPath]);
      expect({ audit: auditSettings(), files: readdirSync(database).sort() }).toEqual(before);
      // On a busy machine audit may report an exec too late. Then the loss is real, and doctor must tell it.
      const isLossReal = Number((await extension.stats()).details_missing) > 0;
      const known = isLossReal ? [...OF_THE_HOST, 'loss'] : OF_THE_HOST;
      const wrong = found.filter(({ id, status }) => status === 'problem' && !known.includes(id));
      expect(wrong).toEqual([]);
      expect(of('socket')).toMatchObject([{ status: 'ok' }]);
      const running = new RegExp(`process ${child.pid}, up for .*collector ${collector}`);
      expect(of('registration')).toMatchObject([{ status: 'ok', message: expect.stringMatching(running) }]);
      expect(of('capabilities')).toMatchObject([
        { status: 'ok', message: expect.stringContaining(`the extension (process ${child.pid}) has`) },
      ]);
      expect(of('kernel_audit')).toMatchObject([{ status: 'ok', message: expect.stringMatching(audit) }]);
      expect(of('proc_connector')).toMatchObject([{ status: 'ok' }]);
      expect(of('database')).toMatchObject([
        { status: 'ok', message: expect.stringContaining(`${database}: 1 MiB, in use by process ${child.pid}`) },
      ]);
      // The extension continues: doctor's access to its sockets and database disturbs nothing.
      expect((await extension.stats()).problems).toBe('[]');
    },
  );

  test('a rule never,task is found, with what to do', async () => {
    auditControl('never-task', 'add');
    try {
      // If eBPF works it does not matter.
      const withoutEbpf = ['--bounding-set=-bpf,-sys_admin', '--inh-caps=-bpf,-sys_admin'];
      const { exit, of } = await doctor([], ['setpriv', ...withoutEbpf]);
      expect(exit).toBe(2);
      expect(of('kernel_audit')).toContainEqual({
        id: 'kernel_audit',
        status: 'problem',
        message: 'a rule never,task excludes all processes from audit',
        advice: expect.stringContaining('auditctl -d never,task'),
      });
    } finally {
      auditControl('never-task', 'delete');
    }
  });

  test('without the capabilities: status 2, with the missing ones and what needs them', async () => {
    const { exit, of } = await doctor([], ['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
    expect(exit).toBe(2);
    const [problem] = of('capabilities');
    expect(problem?.status).toBe('problem');
    expect(problem?.message).toMatch(/CAP_AUDIT_CONTROL \(kernel audit cannot be set up\)/);
    // Linux 6.6 and later let all users listen (drivers/connector/cn_proc.c).
    const [connector] = of('proc_connector');
    expect(problem?.message.includes('CAP_NET_ADMIN')).toBe(connector?.status !== 'ok');
    expect(problem?.advice).toMatch(/^run as root/);
    expect(of('kernel_audit')).toMatchObject([{ status: 'skipped' }]);
  });
});

describe('doctor, with the database of an extension that has left', () => {
  test('reads it without making a file, and finds what is damaged', async () => {
    const rows = mkdtempSync(join(tmpdir(), 'pa-rows-'));
    try {
      const file = join(rows, 'events.db');
      const db = new DatabaseSync(file);
      db.exec("PRAGMA page_size = 4096; CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('x')");
      db.exec('PRAGMA journal_mode = WAL');
      db.close();
      const flags = ['--socket', join(rows, 'none'), '--database', rows];
      expect((await doctor(flags)).of('database')).toMatchObject([{ status: 'ok' }]);
      expect(readdirSync(rows)).toEqual(['events.db']);
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4096);
      writeFileSync(file, bytes);
      const [damaged] = (await doctor(flags)).of('database');
      expect(damaged).toMatchObject({ status: 'problem', message: expect.stringContaining('events.db is damaged') });
      expect(readFileSync(file).equals(bytes)).toBe(true);
    } finally {
      rmSync(rows, { recursive: true, force: true });
    }
  });
});
