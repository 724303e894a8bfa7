/** Metrics of the real extension: read by a real Prometheus, from a unix socket, and from a textfile. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, until } from './extension_under_test.ts';
import { dashboardQueries, freePort, hasPrometheus, metricNames, Prometheus, promtool, RULES } from './prometheus.ts';

const PACKAGED = fileURLToPath(new URL('../../dist/package/process_ancestry.ext', import.meta.url));

let extension: ExtensionUnderTest | undefined;
let prometheus: Prometheus | undefined;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-metrics-'));
});
afterEach(async () => {
  await prometheus?.stop();
  prometheus = undefined;
  await extension?.stop();
  extension = undefined;
  rmSync(directory, { recursive: true, force: true });
});

const execs = (count: number) => {
  for (let n = 0; n < count; n++) execFileSync('/bin/true', [`metrics-${n}`]);
};

/** Of a text: the value of the one series that begins so. */
const sampleOf = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')
      .at(-1),
  );

function overSocket(socketPath: string, path = '/metrics'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

describe.skipIf(!canRecord() || !hasPrometheus)('Prometheus', () => {
  test('reads the same as SQL does, takes all rules, and knows every metric of the dashboard and the rules', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    extension = await ExtensionUnderTest.start(['--metrics-listen', address, '--hash']);
    execs(25);
    await extension.settled();
    const read = await extension.generate('process_ancestry_events', { subscriber: [{ op: 2, expr: 'metrics-test' }] });
    prometheus = await Prometheus.start(address);
    const own = prometheus;

    const exposed = await (await fetch(`http://${address}/metrics`)).text();
    expect(promtool(['check', 'metrics'], exposed)).toEqual({ status: 0, said: '' });
    const served = new Set(
      [...exposed.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );

    // The host goes on meanwhile: what SQL said before and after are bounds.
    const compare = async (column: string, expression: string) => {
      const before = Number((await extension?.stats())?.[column]);
      // The first that comes may have been made before.
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
    expect(await own.value(`process_ancestry_answer_rows_total${ofEvents}`)).toBe(read.length);
    expect(await own.query(`process_ancestry_queries_total{table="process_ancestry_events"} > 0`)).toMatchObject([
      { metric: { outcome: 'answered' }, value: 1 },
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
    // And the dashboard shows all there is, but for histograms' sums.
    const shown = new Set(queries.flatMap(({ expression }) => metricNames(expression)));
    expect([...served].filter((name) => !shown.has(name) && !/_(sum|count)$/.test(name))).toEqual([]);
  });
});

describe.skipIf(!canRecord())('metrics', () => {
  test('are read from a unix socket that only root can reach, which goes when the extension goes', async () => {
    const path = join(directory, 'run', 'metrics.sock');
    extension = await ExtensionUnderTest.start(['--metrics-listen', `unix:${path}`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    execs(3);
    await extension.settled();
    expect(
      sampleOf(await overSocket(path), 'process_ancestry_events_published_total{action="exec"}'),
    ).toBeGreaterThanOrEqual(3);
    expect(await overSocket(path, '/healthz')).toBe('ok\n');
    // A killed one leaves its socket behind: the next one takes its place.
    await extension.killAndRespawn();
    expect(sampleOf(await overSocket(path), 'process_ancestry_registered')).toBe(1);
    extension.child.kill('SIGTERM');
    await until('gone', () => extension?.exited);
    expect(existsSync(path)).toBe(false);
  });

  test('are written as a textfile that everybody can read, which goes when the extension goes', async () => {
    const path = join(directory, 'process_ancestry.prom');
    extension = await ExtensionUnderTest.start(['--metrics-textfile', path, '--metrics-textfile-interval', '1']);
    const published = () =>
      sampleOf(readFileSync(path, 'utf8'), 'process_ancestry_events_published_total{action="exec"}');
    await until('written', () => existsSync(path));
    expect(statSync(path).mode & 0o777).toBe(0o644);
    const before = published();
    execs(3);
    await until('written again', () => published() >= before + 3);
    if (hasPrometheus)
      expect(promtool(['check', 'metrics'], readFileSync(path, 'utf8'))).toEqual({ status: 0, said: '' });
    extension.child.kill('SIGTERM');
    await until('gone', () => extension?.exited);
    expect(existsSync(path)).toBe(false);
  });

  test('that cannot be served are a problem, recording goes on, and it is mended as soon as it can be', async () => {
    const path = join(directory, 'metrics.sock');
    chmodSync(directory, 0o777);
    extension = await ExtensionUnderTest.start(['--metrics-listen', path]);
    const problems = async () =>
      JSON.parse((await extension?.stats())?.problems ?? '[]') as { code: string; message: string }[];
    expect(await until('told', async () => (await problems())[0])).toMatchObject({
      code: 'metrics_listen_failed',
      message: expect.stringContaining(`others can write ${directory}: chmod go-w`),
    });
    expect(extension.stderr).toContain('metrics_listen_failed');
    execs(1);
    await extension.settled();
    expect(Number((await extension.stats()).events_published)).toBeGreaterThan(0);
    chmodSync(directory, 0o755);
    await until('served', () => existsSync(path));
    await until('well', async () => (await problems()).length === 0);
  });

  test('go on and off, and elsewhere, when osquery’s options change', async () => {
    extension = await ExtensionUnderTest.start();
    const option = (value: string) =>
      extension?.manager.options.set('custom_process_ancestry_metrics_listen', {
        value,
        default_value: '',
        type: 'string',
      });
    const [first, second] = [join(directory, 'first.sock'), join(directory, 'second.sock')];
    option(first);
    await until('on', () => existsSync(first));
    option(second);
    await until('elsewhere', () => existsSync(second) && !existsSync(first));
    option('0.0.0.0:9777');
    await until('refused', () => extension?.stderr.includes('0.0.0.0 is not a loopback address'));
    expect(await overSocket(second)).toContain('process_ancestry_registered 1');
    option('');
    await until('off', () => !existsSync(second));
  });
});

describe.skipIf(!canRecord() || !existsSync(PACKAGED))('the single executable', () => {
  test('has all in it that metrics need', async () => {
    const path = join(directory, 'metrics.sock');
    extension = await ExtensionUnderTest.start(['--metrics-listen', path], { program: PACKAGED });
    const text = await until('served', () => existsSync(path) && overSocket(path));
    expect(text).toMatch(/^process_ancestry_build_info\{.*packaged="true"\} 1$/m);
  });
});
