/** The text for Prometheus: every value of SQL, in both formats, with any labels. */
import { afterEach, describe, expect, test } from 'vitest';
import { hashMisses } from '../../../src/files/file_hasher.ts';
import { AnswerCounts } from '../../../src/metrics/answers.ts';
import { cacheStatsFamilies, cacheStatsMetrics } from '../../../src/metrics/cache_stats.ts';
import { Exporter } from '../../../src/metrics/exporter.ts';
import { expose, formatFor, Histograms } from '../../../src/metrics/exposition.ts';
import type { Family } from '../../../src/metrics/family.ts';
import { subscriberFamilies, subscriberMetrics } from '../../../src/metrics/subscribers.ts';
import { columns as cacheColumns } from '../../../tables/process_ancestry_cache_stats.ts';
import { columns as subscriberColumns } from '../../../tables/process_ancestry_subscribers.ts';
import { stats } from './cache_stats_row.ts';

const subscriber = (name: string) => ({
  name,
  lastEid: 7,
  confirmedEid: 7,
  reader: '',
  firstReadMs: 1_600_000_000_000,
  lastReadMs: 1_700_000_000_000,
  lostRows: 2,
  lagRows: 3,
});

const text = (families: readonly Family[], format: 'text' | 'openmetrics' = 'text') =>
  expose(families, new Histograms(), format);

describe('the metrics of a table', () => {
  test.each([
    ['process_ancestry_cache_stats', cacheColumns, cacheStatsMetrics],
    ['process_ancestry_subscribers', subscriberColumns, subscriberMetrics],
  ])('%s: every column has one, and there is none without a column', (_table, columns, metrics) => {
    expect(Object.keys(metrics)).toEqual(columns.map(({ name }) => name));
  });

  test('every number of the row is there, under a name that says whether it is a counter', async () => {
    const row = stats();
    const families = cacheStatsFamilies(row);
    const values = new Set(families.flatMap(({ samples }) => samples.map(({ value }) => value)));
    for (const column of cacheColumns.filter(({ type, name }) => type !== 'TEXT' && name !== 'events_published')) {
      // Prometheus counts time in seconds.
      const value = Number(column.value(row)) / (column.name.endsWith('_ms') ? 1000 : 1);
      expect(values.has(value), column.name).toBe(true);
    }
    for (const miss of hashMisses) expect(values.has(row.hashes.missed[miss]), miss).toBe(true);
    const { filesRead, bytesRead, cacheSize, queueDepth } = row.hashes;
    for (const value of [filesRead, bytesRead, cacheSize, queueDepth]) expect(values.has(value)).toBe(true);
    for (const { name, type, help } of families) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help.length, name).toBeGreaterThan(10);
    }
    const published = families.find(({ name }) => name.endsWith('events_published_total'));
    expect(published?.samples.reduce((sum, { value }) => sum + value, 0)).toBe(row.tree.eventsPublished);
  });

  test('a problem is exposed by its code, once even if it is repeated', async () => {
    const problems = ['a', 'b', 'a'].map((code) => ({ code, message: 'secret' }));
    const exposed = await text(cacheStatsFamilies(stats({ problems })));
    expect(exposed).toContain('process_ancestry_problems 3\n');
    expect(exposed.match(/^process_ancestry_problem_info\{.*$/gm)).toEqual([
      'process_ancestry_problem_info{code="a"} 1',
      'process_ancestry_problem_info{code="b"} 1',
    ]);
    expect(exposed).not.toContain('secret');
    expect(await text(cacheStatsFamilies(stats()))).not.toMatch(/^process_ancestry_problem_info[ {]/m);
  });

  test('rows in memory are exposed', () => {
    const store = { rows: 0, bytes: 0, discarded: 0, cut: 0, waitingBytes: 0, lost: 0, subscribersEvicted: 0 };
    const inMemory = (database: string) =>
      cacheStatsFamilies(stats({ store: { ...store, database } })).find(({ name }) => name.endsWith('store_in_memory'))
        ?.samples;
    expect(inMemory(':memory:')).toEqual([{ value: 1 }]);
    expect(inMemory('/var/osquery/process_ancestry')).toEqual([{ value: 0 }]);
  });

  test('a subscriber with a hostile name is a label like any other', async () => {
    const names = ['a"} 1\nforged_total 9', 'back\\slash', '\ud800', '\ud801', '# TYPE'];
    const exposed = await text(subscriberFamilies(names.map(subscriber)));
    expect(exposed).not.toMatch(/^forged/m);
    const lines = exposed.match(/^process_ancestry_subscriber_lag_rows\{.*\} 3$/gm);
    // Two labels with invalid Unicode are the same on the wire, where a series may exist only once.
    expect(lines).toHaveLength(4);
    expect(new Set(lines).size).toBe(4);
  });
});

test('both formats are right in any order', async () => {
  const histograms = new Histograms();
  const families = [...cacheStatsFamilies(stats()), ...subscriberFamilies([subscriber('a')])];
  const before = await expose(families, histograms, 'text');
  const open = await expose(families, histograms, 'openmetrics');
  expect(await expose(families, histograms, 'text')).toBe(before);
  expect(before).toMatch(/^# TYPE process_ancestry_resyncs_total counter\nprocess_ancestry_resyncs_total \d+$/m);
  // OpenMetrics names a counter's family without _total, and its sample with it.
  expect(open).toMatch(/^# TYPE process_ancestry_resyncs counter\nprocess_ancestry_resyncs_total \d+$/m);
  expect(open.endsWith('\n# EOF\n')).toBe(true);
});

test.each([
  [undefined, 'text'],
  ['*/*', 'text'],
  ['text/plain;version=0.0.4', 'text'],
  ['application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'openmetrics'],
  ['text/plain, application/openmetrics-text;q=0', 'text'],
])('who accepts %s is given %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format);
});

describe('queries', () => {
  const report = { table: 'events', outcome: 'answered', rows: 10, bytes: 500, milliseconds: 3 } as const;

  test('are counted by table and outcome; an answer that did not arrive has no rows', async () => {
    const counts = new AnswerCounts(['events', 'stats']);
    counts.add(report);
    counts.add(report);
    counts.add({ ...report, outcome: 'abandoned' });
    counts.add({ ...report, table: '', outcome: 'failed', rows: 0, bytes: 0 });
    const exposed = await text(counts.families());
    expect(exposed).toContain('queries_total{table="events",outcome="answered"} 2\n');
    expect(exposed).toContain('queries_total{table="events",outcome="abandoned"} 1\n');
    expect(exposed).toContain('queries_total{table="",outcome="failed"} 1\n');
    expect(exposed).toContain('queries_total{table="stats",outcome="answered"} 0\n');
    expect(exposed).toContain('answer_rows_total{table="events"} 20\n');
    expect(exposed).toContain('answer_bytes_total{table="events"} 1000\n');
  });
});

describe('an exporter', () => {
  let exporter: Exporter | undefined;
  afterEach(() => exporter?.stop());

  test('makes a text once for all requests at the same time', async () => {
    let read = 0;
    exporter = new Exporter({
      tables: [],
      read: () => {
        read++;
        return [];
      },
    });
    const own = exporter;
    const texts = await Promise.all(Array.from({ length: 100 }, () => own.text('text')));
    expect(read).toBe(1);
    expect(new Set(texts).size).toBe(1);
    await exporter.text('openmetrics');
    expect(read).toBe(2);
  });

  test('a clock that was set back makes no negative delay', async () => {
    exporter = new Exporter({ tables: [], read: () => [] });
    exporter.published(-5000);
    exporter.published(40);
    exporter.written(3);
    exporter.answered({ table: 'events', outcome: 'answered', rows: 1, bytes: 1, milliseconds: 20 });
    const exposed = await exporter.text('text');
    expect(exposed).toContain('process_ancestry_publish_delay_seconds_sum 0.04\n');
    expect(exposed).toContain('process_ancestry_publish_delay_seconds_count 2\n');
    expect(exposed).toContain('process_ancestry_store_write_duration_seconds_count 1\n');
    expect(exposed).toContain('process_ancestry_answer_duration_seconds_sum{table="events"} 0.02\n');
  });
});
