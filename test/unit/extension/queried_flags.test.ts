import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedManager } from '../../../src/commands/shell/embedded_manager.ts';
import { GONE_AFTER_MS, QueriedFlags } from '../../../src/extension/queried_flags.ts';
import { ExtensionError, ManagerClient } from '../../../src/osquery/index.ts';

let manager: EmbeddedManager;
let client: ManagerClient;
let nowMs: number;
let asked: string[];
let answers: boolean;
let queried: QueriedFlags;

beforeEach(async () => {
  manager = new EmbeddedManager();
  await manager.start();
  client = new ManagerClient(manager.socketPath);
  nowMs = 0;
  asked = [];
  answers = true;
  const query = (sql: string) => {
    asked.push(sql);
    return answers ? client.query(sql) : Promise.reject(new Error('gone'));
  };
  queried = new QueriedFlags(query, {}, () => nowMs);
});
afterEach(async () => {
  client.close();
  await manager.stop();
});

const flags = async () => Object.fromEntries((await queried.read()).flags);
const errors = async () => (await queried.read()).errors;
/** Reads every ten seconds. */
async function missedFor(ms: number): Promise<void> {
  for (const untilMs = nowMs + ms; nowMs < untilMs; ) {
    nowMs += 10_000;
    await queried.read();
  }
}
const setView = (sql: string) => manager.views.set('process_ancestry_flags', sql);

describe('flags that osquery’s configuration gives as SQL', () => {
  test('there are none where nothing is called process_ancestry_flags, and nothing fails', async () => {
    manager.views.set('other', 'SELECT 1 AS process_ancestry_cache_size');
    manager.schedule.set('pack/Global/process_ancestry_flags_report', 'SELECT 2 AS process_ancestry_cache_size');
    expect(await queried.read()).toMatchObject({ flags: new Map(), isWhole: true, errors: [] });
    expect((await client.query(asked[0] ?? '')).status.code).toBe(0);
  });

  test('a view gives one flag per column, with its name in any case', async () => {
    manager.views.set(
      'Process_Ancestry_Flags',
      "SELECT 4000 AS process_ancestry_cache_size, 'audit' AS process_ancestry_collector",
    );
    expect(await flags()).toEqual({ process_ancestry_cache_size: '4000', process_ancestry_collector: 'audit' });
  });

  test('a view that reads a table, and more than one line, gives what it computes', async () => {
    setView(
      "SELECT CASE WHEN version = 'embedded'\n THEN 16 ELSE 9 END AS process_ancestry_max_depth\nFROM osquery_info",
    );
    expect(await flags()).toEqual({ process_ancestry_max_depth: '16' });
  });

  test('a scheduled query does the same, and a fleet’s own wins over the global one and the view', async () => {
    setView(
      'SELECT 1 AS process_ancestry_cache_size, 1 AS process_ancestry_max_depth, 1 AS process_ancestry_cache_ttl',
    );
    manager.schedule.set('pack/team-3/process_ancestry_flags', 'SELECT 3 AS process_ancestry_cache_size');
    manager.schedule.set(
      'pack/Global/process_ancestry_flags',
      'SELECT 2 AS process_ancestry_cache_size, 2 AS process_ancestry_max_depth',
    );
    expect(await flags()).toEqual({
      process_ancestry_cache_size: '3',
      process_ancestry_max_depth: '2',
      process_ancestry_cache_ttl: '1',
    });
  });

  test('a changed view is read again, and one that is as it was is not', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    const before = asked.length;
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    expect(asked).toHaveLength(before + 1);
    setView('SELECT 200 AS process_ancestry_cache_size');
    expect(await flags()).toEqual({ process_ancestry_cache_size: '200' });
  });

  test('NULL, an empty text and a view without rows set nothing', async () => {
    setView("SELECT NULL AS process_ancestry_cache_size, '' AS process_ancestry_redact");
    expect(await flags()).toEqual({});
    setView('SELECT 9 AS process_ancestry_max_depth WHERE 1 = 2');
    expect(await queried.read()).toMatchObject({ flags: new Map(), isWhole: true, errors: [] });
  });

  test('SQL that fails is an error with its place, and the former values stay', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    setView('SELECT 200 AS process_ancestry_cache_size FROM nowhere');
    expect(await errors()).toEqual(['process_ancestry_flags: view: no such table: nowhere']);
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    setView('SELECT 1 AS process_ancestry_cache_size UNION ALL SELECT 2');
    expect(await errors()).toEqual(['process_ancestry_flags: view: more than one row']);
  });

  test('a view that is not seen is gone after five minutes, not before: osquery may have looked elsewhere', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    manager.views.clear();
    await missedFor(GONE_AFTER_MS - 10_000);
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    manager.views.clear();
    await missedFor(GONE_AFTER_MS - 10_000);
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    await missedFor(20_000);
    expect(await flags()).toEqual({});
  });

  test('a view is not gone when osquery restarts: a new worker has no views yet', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    manager.views.clear();
    await missedFor(GONE_AFTER_MS - 10_000);
    nowMs += 10 * GONE_AFTER_MS;
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    await missedFor(GONE_AFTER_MS - 20_000);
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
  });

  test('the values of an earlier process are in force until osquery gives them again', async () => {
    queried = new QueriedFlags(
      (sql) => client.query(sql),
      { '': { process_ancestry_redact: 'secret' } },
      () => nowMs,
    );
    expect(await queried.read()).toMatchObject({
      flags: new Map([['process_ancestry_redact', 'secret']]),
      isWhole: false,
    });
    setView("SELECT 'password' AS process_ancestry_redact");
    expect(await queried.read()).toMatchObject({
      flags: new Map([['process_ancestry_redact', 'password']]),
      isWhole: true,
    });
    expect(queried.byPlace).toEqual({ '': { process_ancestry_redact: 'password' } });
    manager.views.clear();
    expect(await queried.read()).toMatchObject({ isWhole: false });
  });

  test('SQL that osquery does not answer in time is logged, and run ever more rarely', async () => {
    const sql =
      'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) AS process_ancestry_cache_size FROM n';
    const triedMs: number[] = [];
    queried = new QueriedFlags(
      (text) => {
        if (!text.includes(sql)) return client.query(text);
        triedMs.push(nowMs);
        return Promise.reject(new ExtensionError('timeout', 'no answer within 5000 ms'));
      },
      {},
      () => nowMs,
    );
    setView(sql);
    expect(await errors()).toEqual(['process_ancestry_flags: view: no answer within 5000 ms']);
    await missedFor(150_000);
    expect(triedMs).toEqual([0, 10_000, 30_000, 70_000, 150_000]);
    setView('SELECT 200 AS process_ancestry_cache_size');
    expect(await flags()).toEqual({ process_ancestry_cache_size: '200' });
  });

  test('an osquery that does not list its queries in time is left alone for half a minute', async () => {
    const triedMs: number[] = [];
    queried = new QueriedFlags(
      () => {
        triedMs.push(nowMs);
        return Promise.reject(new ExtensionError('timeout', 'no answer within 5000 ms'));
      },
      {},
      () => nowMs,
    );
    await missedFor(70_000);
    expect(triedMs).toEqual([10_000, 40_000, 70_000]);
  });

  test('a million rows, or a megabyte, are refused with a short message', async () => {
    setView(
      'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS process_ancestry_cache_size FROM n',
    );
    expect(await errors()).toEqual(['process_ancestry_flags: view: more than one row']);
    setView('SELECT hex(zeroblob(500000)) AS process_ancestry_redact;');
    expect(await errors()).toEqual([
      'process_ancestry_flags: view: values of 1000000 characters; the maximum is 65536',
    ]);
  });

  test('a semicolon or a comment at the end is accepted', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size; ');
    expect(await flags()).toEqual({ process_ancestry_cache_size: '100' });
    setView('SELECT 200 AS process_ancestry_cache_size -- twice');
    expect(await flags()).toEqual({ process_ancestry_cache_size: '200' });
  });

  test('while osquery does not answer, all stays as it is', async () => {
    setView('SELECT 100 AS process_ancestry_cache_size');
    await flags();
    answers = false;
    expect(await queried.read()).toMatchObject({
      flags: new Map([['process_ancestry_cache_size', '100']]),
      errors: [],
    });
  });
});
