/** Metrics of the real extension, read by a real Prometheus. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, PATIENT, until } from '../integration/extension_under_test.ts';
import { dashboardQueries, freePort, hasPrometheus, metricNames, Prometheus, promtool, RULES } from './prometheus.ts';

let extension: ExtensionUnderTest | undefined;
let prometheus: Prometheus | undefined;

afterEach(async () => {
  await prometheus?.stop();
  prometheus = undefined;
  await extension?.stop();
  extension = undefined;
});

describe.skipIf(!canRecord() || !hasPrometheus)('Prometheus', () => {
  test('reads the same as SQL does, takes all rules, and knows every metric of the dashboard and the rules', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    extension = await ExtensionUnderTest.start(['--metrics-listen', address, '--hash', ...PATIENT]);
    for (let n = 0; n < 25; n++) execFileSync('/bin/true', [`metrics-${n}`]);
    await extension.settled();
    const answered = async () => {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      const sample = (series: string) =>
        Number(
          text
            .split('\n')
            .find((line) => line.startsWith(series))
            ?.split(' ')[1],
        );
      return {
        rows: sample('process_ancestry_answer_rows_total{table="process_ancestry_events"}'),
        queries: sample('process_ancestry_queries_total{table="process_ancestry_events",outcome="answered"}'),
      };
    };
    const before = await answered();
    const read = await extension.generate('process_ancestry_events', { subscriber: [{ op: 2, expr: 'metrics-test' }] });
    // Counted when osquery has read it, perhaps after it was read here.
    await until('counted', async () => (await answered()).queries > before.queries);
    const after = await answered();
    expect(after).toEqual({ rows: before.rows + read.length, queries: before.queries + 1 });
    prometheus = await Prometheus.start(address);
    const own = prometheus;

    const exposed = await (await fetch(`http://${address}/metrics`)).text();
    expect(promtool(['check', 'metrics'], exposed)).toEqual({ status: 0, said: '' });
    const served = new Set(
      [...exposed.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );

    // The host continues meanwhile: the values of SQL before and after are bounds.
    const compare = async (column: string, expression: string) => {
      const before = Number((await extension?.stats())?.[column]);
      // The first one may be older.
      for (let n = 0; n < 2; n++) {
        const scraped = await own.value('process_ancestry_uptime_seconds');
        await until('scraped again', async () => (await own.value('process_ancestry_uptime_seconds')) !== scraped);
      }
      const value = await own.value(expression);
      const after = Number((await extension?.stats())?.[column]);
      expect(value, column).toBeGreaterThanOrEqual(before);
      expect(value, column).toBeLessThanOrEqual(after);
      return value;
    };
    expect(await compare('events_published', 'sum(process_ancestry_events_published_total)')).toBeGreaterThanOrEqual(
      25,
    );
    const stats = await extension.stats();
    for (const [column, expression] of [
      ['cache_capacity', 'process_ancestry_cache_capacity_processes'],
      ['events_lost', 'process_ancestry_events_lost_total'],
      ['kernel_lost', 'process_ancestry_kernel_records_lost_total'],
      ['resyncs', 'process_ancestry_resyncs_total'],
      ['store_lost', 'process_ancestry_store_lost_rows_total'],
      ['store_discarded', 'process_ancestry_store_discarded_rows_total'],
    ] as const) {
      expect(await own.value(expression), column).toBe(Number(stats[column]));
    }
    expect(await own.query('process_ancestry_collector_info')).toMatchObject([
      { metric: { collector: stats.collector } },
    ]);
    expect(await own.query('process_ancestry_store_info')).toMatchObject([{ metric: { database: stats.database } }]);
    expect(await own.value('sum(process_ancestry_hashed_rows_total)')).toBeGreaterThan(0);
    expect(await own.value('process_ancestry_registered')).toBe(1);
    expect(await own.value('process_ancestry_publish_delay_seconds_count')).toBeGreaterThanOrEqual(25);
    const ofEvents = '{table="process_ancestry_events"}';
    expect(await own.value(`process_ancestry_answer_rows_total${ofEvents}`)).toBe(after.rows);
    expect(await own.query(`process_ancestry_queries_total{table="process_ancestry_events"} > 0`)).toMatchObject([
      { metric: { outcome: 'answered' }, value: after.queries },
    ]);
    const [subscriber] = await extension.generate('process_ancestry_subscribers');
    expect(await own.query('process_ancestry_subscriber_last_eid')).toMatchObject([
      { metric: { subscriber: 'metrics-test' }, value: Number(subscriber?.last_eid) },
    ]);

    const queries = dashboardQueries();
    for (const { panel, expression } of queries) {
      await expect(own.query(expression), `${panel}: ${expression}`).resolves.toBeDefined();
    }
    const rules = await until('evaluated', async () => {
      const all = await own.rules();
      return all.length > 0 && all.every(({ health }) => health !== 'unknown') && all;
    });
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(await own.query('ALERTS{alertstate="firing"}')).toEqual([]);

    const named = new Set(
      [
        ...queries.map(({ expression }) => expression),
        readFileSync(RULES, 'utf8').replace(/^\s*(summary|description|- name|- record):.*$/gm, ''),
      ].flatMap(metricNames),
    );
    expect(named.size).toBeGreaterThan(30);
    expect([...named].filter((name) => !served.has(name))).toEqual([]);
    // The dashboard shows all metrics, except sums of histograms.
    const shown = new Set(queries.flatMap(({ expression }) => metricNames(expression)));
    expect([...served].filter((name) => !shown.has(name) && !/_(sum|count)$/.test(name))).toEqual([]);
  });
});
