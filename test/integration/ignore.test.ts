/** process_ancestry_ignore and process_ancestry.at on the real kernel, with each sensor. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, PATIENT, type Row, until } from './extension_under_test.ts';

const SCRIPTS = {
  'loud.sh': '/bin/true loud\n/bin/true quiet\nsh noise.sh\n/bin/true last',
  'noise.sh': "/bin/true below\nsh -c '/bin/true deep; exit 0'",
};
const FLAG = 'custom_process_ancestry_ignore';

let directory: string;
let extension: ExtensionUnderTest | undefined;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'pa-ignore-')));
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(directory, name), text);
});
afterEach(async () => {
  await extension?.stop();
  extension = undefined;
  rmSync(directory, { recursive: true, force: true });
});

const option = (value: string) => ({ value, default_value: '', type: 'string' });
const eq = (value: string | undefined) => [{ op: 2, expr: value ?? '' }];

describe.skipIf(!canRecord()).each(['ebpf', 'audit'])('with %s', (collector) => {
  test('ignored events have no row, and a pid and a time give the ancestors', async () => {
    const rules = [
      { path: '*/true', cmdline: '/bin/true quiet', cwd: directory },
      { path: '*sh', cmdline: 'sh noise.sh', cwd: directory, descendants: true },
    ];
    const started = await ExtensionUnderTest.start(['--collector', collector, ...PATIENT], {
      prepare: ({ options }) => void options.set(FLAG, option(JSON.stringify(rules))),
    });
    extension = started;
    const rows = async (): Promise<Row[]> => {
      spawnSync('/bin/sh', ['loud.sh'], { cwd: directory });
      await started.settled();
      return started.generate('process_ancestry_events', { cwd: eq(directory) });
    };
    const cmdlines = (some: readonly Row[]) => some.map(({ cmdline }) => cmdline);
    const kept = ['/bin/sh loud.sh', '/bin/true loud', '/bin/true last'];
    const first = await rows();
    expect(cmdlines(first)).toEqual(kept);
    expect(await started.stats()).toMatchObject({ events_ignored: '5' });

    const { pid, time } = first[1] ?? {};
    const ancestors = await started.generate('process_ancestry', { pid: eq(pid), at: eq(time) });
    expect(ancestors[0]).toMatchObject({ pid, at: time, depth: '1', cmdline: '/bin/sh loud.sh' });
    expect(ancestors.at(-1)).toMatchObject({ ancestor_pid: '1', state: 'running' });

    started.manager.options.set(FLAG, option(JSON.stringify([...rules, { pth: '/x' }])));
    await until('refused', async () => (await started.stats()).problems?.includes('no event is ignored until'));
    const second = (await rows()).slice(kept.length);
    expect(cmdlines(second)).toEqual([
      ...['/bin/sh loud.sh', '/bin/true loud', '/bin/true quiet', 'sh noise.sh', '/bin/true below'],
      ...['sh -c /bin/true deep; exit 0', '/bin/true deep', '/bin/true last'],
    ]);
    expect(await started.stats()).toMatchObject({ events_ignored: '5' });
  });
});
