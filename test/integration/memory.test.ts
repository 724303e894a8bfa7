/** Memory and disk under the load of an ordinary user, measured by the kernel. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, until } from './extension_under_test.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
const RESIDENT_MAX_KB = 160_000;
const MAX_BYTES = 134_217_728;
/** The default of process_ancestry_ebpf_args_max_bytes. */
const EBPF_ARGS_MAX = 131_072;
const TRUE = { path: [{ op: 65, expr: '%/true' }] };

describe.skipIf(!canRecord())('what an ordinary user executes', () => {
  let programs: string;
  let extension: ExtensionUnderTest | undefined;

  beforeAll(() => {
    programs = mkdtempSync(join(tmpdir(), 'pa-pressure-'));
    chmodSync(programs, 0o755);
    for (const name of ['pressure', 'long_args']) {
      const source = fileURLToPath(new URL(`../fixtures/pressure/${name}.c`, import.meta.url));
      execFileSync('cc', ['-O2', '-o', join(programs, name), source]);
    }
  });
  afterAll(() => rmSync(programs, { recursive: true, force: true }));
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
  });

  const asNobody = (name: string, ...args: string[]) =>
    promisify(execFile)(join(programs, name), args, { ...NOBODY, cwd: '/' });
  /** The peak of resident memory (man 5 proc). */
  const peakKb = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${extension?.child.pid}/status`, 'utf8'))?.[1]);
  const ownRows = async (tag: string) =>
    (await extension?.generate('process_ancestry_events', { cmdline: [{ op: 65, expr: `%${tag}-%` }] }, ['eid'])) ?? [];

  test('many arguments of two-byte characters, one exec after the other', async () => {
    const rows = join(mkdtempSync(join(tmpdir(), 'pa-memory-')), 'rows');
    extension = await ExtensionUnderTest.start(['--database', rows]);
    let mostOnDisk = 0;
    const size = (name: string) => statSync(join(rows, name), { throwIfNoEntry: false })?.size ?? 0;
    const watch = setInterval(() => {
      mostOnDisk = Math.max(mostOnDisk, size('events.db') + size('events.db-wal'));
    }, 20);
    for (let n = 0; n < 2; n++) await asNobody('pressure', 'fat', '400', '9');
    await asNobody('pressure', 'mark', '20', 'after-fat');
    await until('recorded', async () => (await ownRows('after-fat')).length > 0);
    clearInterval(watch);
    const stats = await extension.stats();
    expect(Number(stats.events_published)).toBeGreaterThan(3000);
    expect(peakKb()).toBeLessThan(RESIDENT_MAX_KB);
    expect(mostOnDisk).toBeGreaterThan(MAX_BYTES / 2);
    expect(mostOnDisk).toBeLessThan(1.1 * MAX_BYTES);
    rmSync(join(rows, '..'), { recursive: true, force: true });
  });

  test('with audit: arguments as long as the kernel allows; one exec alone keeps them whole', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'audit']);
    await asNobody('long_args', '80', '1900000', '/bin/true', 'long');
    expect(peakKb()).toBeLessThan(RESIDENT_MAX_KB);
    await extension.settled();
    await asNobody('long_args', '1', '1900000', '/bin/true', 'alone');
    await until('recorded', async () => (await ownRows('alone')).length > 0);
    const [row] = await extension.generate('process_ancestry_events', { cmdline: [{ op: 65, expr: '%alone-0' }] }, [
      'cmdline',
      'overflows',
    ]);
    expect(row?.cmdline).toHaveLength('/bin/true '.length + 1_900_000 + 19 + ' alone-0'.length - 1);
    expect(row?.overflows ?? '').toBe('');
    expect(peakKb()).toBeLessThan(RESIDENT_MAX_KB);
  });

  test('with eBPF: arguments as long as the kernel allows are kept up to the limit, and marked', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'ebpf']);
    await asNobody('long_args', '80', '1900000', '/bin/true', 'long');
    const rows = await extension.generate('process_ancestry_events', TRUE, ['cmdline', 'overflows']);
    const long = rows.filter(({ overflows }) => overflows === 'cmdline');
    expect(long.length).toBeGreaterThan(0);
    for (const { cmdline } of long) expect(cmdline?.length).toBeLessThanOrEqual(EBPF_ARGS_MAX);
    expect(Math.max(...long.map(({ cmdline = '' }) => cmdline.length))).toBe(EBPF_ARGS_MAX);
    expect(peakKb()).toBeLessThan(RESIDENT_MAX_KB);
  });
});
