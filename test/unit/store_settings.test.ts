import { expect, test } from 'vitest';
import type { Response } from '../../src/osquery/response_decoder.ts';
import { askOsquery, OSQUERY_DATABASE } from '../../src/store_settings.ts';

type Rows = Response['rows'];

/** An osquery that answers what it is asked of each table; an error is one that it does not answer. */
const osquery = (tables: Readonly<Record<string, Rows | Error>>) => (sql: string) => {
  const [, rows = []] = Object.entries(tables).find(([name]) => sql.includes(name)) ?? [];
  return rows instanceof Error
    ? Promise.reject(rows)
    : Promise.resolve({ status: { code: 0, message: 'OK', uuid: '' }, rows } as Response);
};
const INFO = [{ pid: '42', start_time: '1000' }];

test('osquery says where its database is, and which process of it asks', async () => {
  const asked = osquery({ osquery_flags: [{ value: '/opt/orbit/osquery.db' }], osquery_info: INFO });
  expect(await askOsquery(asked)).toEqual({ database: '/opt/orbit/osquery.db', worker: '42:1000' });
});

test.each<[string, Rows]>([
  ['has no such flag', []],
  ['has an empty one', [{ value: '' }]],
  ['has a relative path', [{ value: 'osquery.db' }]],
])('an osquery that %s has its database where osquery has it by default', async (_, rows) => {
  const { database } = await askOsquery(osquery({ osquery_flags: rows, osquery_info: INFO }));
  expect(database).toBe(OSQUERY_DATABASE);
});

test('an osquery that does not answer in time has its database nowhere yet: it is asked again', async () => {
  const late = new Error('no answer within 5 s');
  expect(await askOsquery(osquery({ osquery_flags: late, osquery_info: late }))).toEqual({
    database: undefined,
    worker: '',
  });
});
