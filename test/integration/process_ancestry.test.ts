/** The ancestors in a tree on the real kernel, and in one of a recorded log. */
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, type Row, until } from './extension_under_test.ts';
import { GrownTree } from './grown_tree.ts';

const SAMPLE = fileURLToPath(new URL('../../packaging/sample/audit.log', import.meta.url));
const TREE: Readonly<Record<string, string>> = {
  'top.sh': 'sh mid.sh\necho top $$\nexec sleep 60 >/dev/null',
  'mid.sh': 'sh failing.sh\nsh killed.sh\n/bin/true leaf &\necho mid $$ leaf $!\nwait',
  'failing.sh': 'sleep 60 >/dev/null &\necho failing $$ first $!\nexit 3',
  'killed.sh': 'sleep 60 >/dev/null &\necho killed $$ second $!\nkill -9 $$',
};

let extension: ExtensionUnderTest | undefined;
let grown: GrownTree | undefined;
afterEach(async () => {
  grown?.remove();
  grown = undefined;
  await extension?.stop();
  extension = undefined;
});

/** Grows it; returns the pids by name. `first` and `second` are living orphans, `top` has executed another program. */
async function growTree(): Promise<Record<string, string>> {
  grown = await GrownTree.grow(TREE, ['first', 'second', 'top']);
  return Object.fromEntries(Object.entries(grown.pids).map(([name, pid]) => [name, String(pid)]));
}

const eq = (...texts: (string | undefined)[]) => texts.map((text) => ({ op: 2, expr: text ?? '' }));
const byDepth = (a: Row, b: Row) => Number(a.depth) - Number(b.depth);

describe.skipIf(!canRecord())('a tree of shells', () => {
  test('has every ancestor of the living and the dead, every descendant, and how each ended', async () => {
    extension = await ExtensionUnderTest.start();
    const began = Date.now() / 1000;
    const pids = await growTree();
    await extension.settled();
    const chain = async (name: string) =>
      (await extension?.generate('process_ancestry', { pid: eq(pids[name]) }))?.toSorted(byDepth) ?? [];
    const ends = (rows: Row[]) =>
      rows.slice(0, 4).map(({ ancestor_pid, cmdline, state, exit_code }) => [ancestor_pid, cmdline, state, exit_code]);

    const top = [pids.top, '/bin/sh top.sh', 'running', undefined];
    const mid = [pids.mid, 'sh mid.sh', 'exited', '0'];
    const living = await chain('first');
    expect(ends(living).slice(0, 3)).toEqual([[pids.failing, 'sh failing.sh', 'exited', '3'], mid, top]);
    expect(ends(living)[3]?.slice(0, 1)).toEqual([String(process.pid)]);
    expect(living.map(({ depth }) => depth)).toEqual(living.map((_, index) => String(index + 1)));
    expect(living.at(-1)?.ancestor_pid).toBe('1');
    expect(living[0]).toMatchObject({
      path: expect.stringMatching(/\/dash$/),
      cwd: grown?.directory,
      uid: '0',
      euid: '0',
    });
    // Clock ticks and the time of boot are rounded.
    expect(Number(living[0]?.start_time)).toBeGreaterThanOrEqual(began - 2);
    expect(Number(living[0]?.start_time)).toBeLessThanOrEqual(Date.now() / 1000 + 2);
    expect(ends(await chain('second'))[0]).toEqual([pids.killed, 'sh killed.sh', 'exited', '137']);
    expect(ends(await chain('leaf')).slice(0, 2)).toEqual([mid, top]);

    const below = await extension.generate('process_ancestry', { ancestor_pid: eq(pids.top) });
    const told = below.map(({ pid, depth }) => [pid, depth]).toSorted();
    const depths = { mid: '1', failing: '2', killed: '2', leaf: '2', first: '3', second: '3' };
    expect(told).toEqual(
      Object.entries(depths)
        .map(([name, depth]) => [pids[name], depth])
        .toSorted(),
    );
    const byIdentity = { ancestor_entity_id: eq(below[0]?.ancestor_entity_id) };
    expect(await extension.generate('process_ancestry', byIdentity)).toEqual(below);
  });

  test('joins with its execs, a look-up for each, as osquery makes them', async () => {
    extension = await ExtensionUnderTest.start();
    const pids = await growTree();
    await extension.settled();
    const wanted = { pid: eq(pids.first, pids.second, pids.leaf) };
    const execs = await extension.generate('process_ancestry_events', wanted, ['pid', 'entity_id', 'ancestry']);
    expect(execs).toHaveLength(3);
    for (const { entity_id, ancestry = '[]' } of execs) {
      const rows = (await extension.generate('process_ancestry', { entity_id: eq(entity_id) })).toSorted(byDepth);
      const fromRow = (JSON.parse(ancestry) as Record<string, string>[]).map((one) => [one.entity_id, one.cmdline]);
      // The column ancestry cuts long command lines, for example of the program that runs the tests.
      const asInRow = (cmdline = '') => (cmdline.length > 4096 ? `${cmdline.slice(0, 4096)}…` : cmdline);
      expect(rows.map((one) => [one.ancestor_entity_id, asInRow(one.cmdline)])).toEqual(fromRow);
    }
  });
});

test('a query sees a recorded log as a whole', async () => {
  extension = await ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', SAMPLE], { recording: false });
  const rows = await until('read', () => extension?.generate('process_ancestry', { pid: eq('4065') }));
  expect(rows.toSorted(byDepth).map(({ ancestor_pid }) => ancestor_pid)).toEqual([
    '4064',
    '4061',
    '4036',
    '4035',
    '4021',
    '812',
    '1',
  ]);
  const below = await extension.generate('process_ancestry', { ancestor_pid: eq('4036') });
  expect(below.map(({ pid }) => pid)).toEqual(expect.arrayContaining(['4061', '4062', '4063', '4064', '4065']));
});
