/** The detections, each and in one query, inside a stock osquery, with a rule of process_ancestry_allow from its configuration. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPack } from '../../packaging/osquery/pack.ts';
import { until } from '../integration/extension_under_test.ts';
import { SAMPLE, StockOsqueryd } from './stock_osquery.ts';

const ALLOW = [{ detection: 'pretends_*', entry_type: 'sshd' }];

let osquery: StockOsqueryd;
beforeAll(async () => {
  const options = { custom_process_ancestry_allow: JSON.stringify(ALLOW) };
  osquery = new StockOsqueryd({ config: { options }, env: SAMPLE });
  await osquery.ready();
}, 180_000);
afterAll(() => osquery.stop());

test('a query each and the one query find the same, without what a rule leaves out', async () => {
  await until('configured', async () => (await osquery.query('SELECT * FROM process_ancestry_allow')).length === 1);
  const found: string[] = [];
  for (const [name, { query }] of Object.entries(readPack('detections').queries)) {
    for (const { pid } of await osquery.query(query)) found.push(`${name} ${pid}`);
  }
  expect(found).toEqual(['miner 4065', 'shell_under_web_server 5120', 'temporary_file_executed_in_ssh_session 4065']);
  const combined = await osquery.query(readPack('detections-combined').queries.detections?.query ?? '');
  expect(combined.map(({ detection, pid }) => `${detection} ${pid}`).sort()).toEqual(found);
});
