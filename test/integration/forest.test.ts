/** Every exec seen, every chain right: the forest on the real kernel, through the extension's own socket. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { auditSettings, canRecord, ExtensionUnderTest, LAUNCHER } from './extension_under_test.ts';
import { type Comparison, compare, forestBinary, runForest } from './forest.ts';

/** The flag, and its sensor on this host. */
const SENSORS = [
  ['ebpf', 'ebpf'],
  ['audit', 'audit+proc_events'],
] as const;
let extension: ExtensionUnderTest | undefined;
let before: ReturnType<typeof auditSettings>;

async function record(
  flags: string[],
  rounds = 20,
  options: Parameters<typeof ExtensionUnderTest.start>[1] = {},
): Promise<{ comparison: Comparison; stats: Record<string, string> }> {
  extension = await ExtensionUnderTest.start(flags, options);
  const run = await runForest({ rounds, jobs: 2 });
  await extension.settled();
  const rows = await extension.forestRows();
  const stats = await extension.stats();
  const comparison = compare(run, rows);
  run.remove();
  return { comparison, stats };
}

describe.skipIf(!canRecord())('forest', () => {
  beforeAll(() => {
    forestBinary();
    before = auditSettings();
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    expect(auditSettings()).toEqual(before);
  });

  test.each(SENSORS)(
    'by %s 20 rounds of every program by two workers: all seen, all right, none twice, nothing lost',
    async (flag, collector) => {
      const { comparison, stats } = await record(['--collector', flag]);
      expect(comparison.right_percent, comparison.complaints).toBe(100);
      expect(comparison).toMatchObject({ execs: 2720, seen_percent: 100, doubled: 0 });
      expect(stats).toMatchObject({
        collector,
        kernel_lost: '0',
        events_lost: '0',
        details_missing: '0',
        malformed: '0',
        incomplete: '0',
      });
    },
  );

  test.each(SENSORS)('by %s a stall of the whole extension over 2,720 execs loses nothing', async (flag) => {
    extension = await ExtensionUnderTest.start(['--collector', flag]);
    extension.child.kill('SIGSTOP');
    const run = await runForest({ rounds: 20, jobs: 2 }).finally(() => extension?.child.kill('SIGCONT'));
    await extension.settled();
    const comparison = compare(run, await extension.forestRows());
    run.remove();
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    expect(comparison).toMatchObject({ execs: 2720, seen_percent: 100, doubled: 0 });
    expect(await extension.stats()).toMatchObject({ events_lost: '0', details_missing: '0' });
  });

  test('with a cache of 16 processes chains are as right as with a large one', async () => {
    const { comparison, stats } = await record(['--cache-size', '16'], 3);
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    expect(Number(stats.evictions)).toBeGreaterThan(100);
  });

  test('audit alone sees every exec; which chains are right depends on when a fork’s record comes', async () => {
    // The connector reports nothing in another network namespace, but audit does.
    const program = join(mkdtempSync(join(tmpdir(), 'pa-')), 'process_ancestry.ext');
    writeFileSync(program, `#!/bin/sh\nexec unshare --net ${LAUNCHER} "$@"\n`, { mode: 0o755 });
    const { comparison, stats } = await record(['--collector', 'audit'], 20, { program });
    rmSync(dirname(program), { recursive: true });
    // It comes when the parent continues. Until then the exec of a reused pid may count as one of its old process.
    console.log(`audit alone: right ${comparison.right_percent.toFixed(2)} %`);
    expect(comparison).toMatchObject({ seen_percent: 100, doubled: 0 });
    expect(stats).toMatchObject({ collector: 'audit', kernel_lost: '0', events_lost: '0' });
  });

  test('the proc connector alone sees every exec, but knows nothing of processes that ended before /proc was read', async () => {
    const { comparison, stats } = await record(['--collector', 'proc_events']);
    console.log(
      `proc connector alone: seen ${comparison.seen_percent.toFixed(2)} %, right ${comparison.right_percent.toFixed(2)} %`,
    );
    expect(Number(stats.events_published)).toBeGreaterThanOrEqual(2720);
    expect(stats).toMatchObject({ collector: 'proc_events', events_lost: '0' });
  });
});
