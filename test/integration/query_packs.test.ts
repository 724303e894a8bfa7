/** The queries of the packs run as written, and return only new rows. */
import { afterEach, expect, test } from 'vitest';
import { readPack } from '../../packaging/osquery/pack.ts';
import { ExtensionUnderTest, until } from './extension_under_test.ts';

const { queries } = readPack('process-ancestry');
let extension: ExtensionUnderTest | undefined;
afterEach(async () => {
  await extension?.stop();
  extension = undefined;
});

const replay = (file: string, ...flags: string[]) =>
  ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', file, ...flags], { recording: false });

async function run(name: string): Promise<Record<string, string | null>[]> {
  const { columns, rows } = (await extension?.manager.query(queries[name]?.query ?? '')) ?? { columns: [], rows: [] };
  return rows.map((row) => Object.fromEntries(row.map((value, at) => [columns[at]?.name, value])));
}

test('the stream has every execution, health and lag have one row each, problems has none', async () => {
  extension = await replay(':sample:');
  const execs = await run('execs');
  expect(execs).toHaveLength(21);
  expect(execs.every(({ ancestry_complete }) => ancestry_complete === '1')).toBe(true);
  expect(await run('cache_health')).toMatchObject([{ collector: 'replay', events_published: '21', problems: '[]' }]);
  expect(await run('subscribers_lag')).toMatchObject([{ name: 'process_ancestry.execs', lost_rows: '0' }]);
  expect(await run('problems')).toEqual([]);
  expect(Object.keys(queries).sort()).toEqual(['cache_health', 'execs', 'problems', 'subscribers_lag']);
});

test('a query gets every row once, and the detections find only the attacks in the sample log', async () => {
  extension = await replay(':sample:');
  const found: string[] = [];
  for (const [name, { query }] of Object.entries(readPack('detections').queries)) {
    for (const row of (await extension.manager.query(query)).rows) found.push(`${name} ${row[1]}`);
  }
  expect(found).toEqual([
    'miner 4065',
    'pretends_to_be_kernel_thread 4065',
    'shell_under_web_server 5120',
    'temporary_file_executed_in_ssh_session 4065',
  ]);
  const subscribers = await extension.generate('process_ancestry_subscribers');
  expect(new Set(subscribers.map(({ lag_rows }) => lag_rows))).toEqual(new Set(['0']));
});

test('what process_ancestry_allow names is left out', async () => {
  const rules = [
    { detection: '*kernel_thread', entry_type: 'sshd' },
    { detection: 'shell_under_*', ancestor_path: '/usr/sbin/php-fpm*' },
    { detection: 'miner', uid: 0 },
  ];
  extension = await replay(':sample:', '--allow', JSON.stringify(rules));
  const { query = '' } = readPack('detections-combined').queries.detections ?? {};
  const rows = (await extension.manager.query(query)).rows.map(([name, , , pid]) => `${name} ${pid}`);
  expect(rows).toEqual(['miner 4065', 'temporary_file_executed_in_ssh_session 4065']);
  const shown = await extension.generate('process_ancestry_allow', {}, ['rule', 'detection', 'uid']);
  expect(shown.map(({ rule, detection }) => `${rule} ${detection}`)).toEqual([
    '1 *kernel_thread',
    '2 shell_under_*',
    '3 miner',
  ]);
  expect(shown[2]?.uid).toBe('0');
});

test('a problem of the extension is a row', async () => {
  extension = await replay('/nowhere/audit.log');
  // Until osquery's configuration is known, that is the problem.
  await until('replayed', () => extension?.stderr.includes('/nowhere/audit.log'));
  expect(await run('problems')).toMatchObject([
    { code: 'replay_failed', message: expect.stringContaining('/nowhere/audit.log cannot be read') },
  ]);
});
