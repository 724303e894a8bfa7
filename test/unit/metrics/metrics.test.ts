/** Metrics that the flags switch on and off. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { expect, test } from 'vitest';
import type { FlagValues } from '../../../src/config/flags.ts';
import { resolveFlags } from '../../../src/config/settings.ts';
import { healthOf } from '../../../src/metrics/health.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { afterwards, directory, until } from '../osquery/sandbox.ts';

function valuesOf(given: Readonly<Record<string, string>>): FlagValues {
  const commandLine = new Map(
    Object.entries(given).map(([name, value]) => [`process_ancestry_metrics_${name}`, value]),
  );
  return resolveFlags({
    commandLine: commandLine as never,
    environment: {},
    osqueryOptions: new Map(),
    file: undefined,
  }).values;
}

function setUp(given: Readonly<Record<string, string>>) {
  const said: { msg: string; code?: string }[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void said.push(JSON.parse(line)) });
  const metrics = new Metrics({
    values: valuesOf(given),
    log,
    tables: ['events'],
    read: () => [],
    health: () => ({ healthy: true, text: 'ok\n' }),
  });
  afterwards(() => metrics.close());
  return { metrics, said };
}

test('their code is loaded only when they are switched on', () => {
  const program = `
    import { createRequire } from 'node:module';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('prom-client'));
    const { Metrics } = await import(${JSON.stringify(new URL('../../../src/metrics/metrics.ts', import.meta.url).href)});
    const { resolveFlags } = await import(${JSON.stringify(new URL('../../../src/config/settings.ts', import.meta.url).href)});
    const { values } = resolveFlags({ commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file: undefined });
    const log = { info() {}, warn() {}, error(...what) { console.error(...what); } };
    const metrics = new Metrics({ values, log, tables: [], read: () => [], health: () => ({ healthy: true, text: '' }) });
    metrics.published({ unixMs: 0 });
    metrics.written(1);
    metrics.answered({ table: '', outcome: 'answered', rows: 0, bytes: 0, milliseconds: 0 });
    await metrics.settled;
    console.log(loaded());
    metrics.configure({ ...values, process_ancestry_metrics_textfile: '/nonexistent/x.prom' });
    while (!metrics.problems.length) await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(loaded());
    process.exit(0);
  `;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toBe(
    'false\ntrue\n',
  );
});

test('a port in use is a problem until it is free', async () => {
  const path = join(directory(), 'metrics.sock');
  writeFileSync(path, 'in the way');
  const { metrics, said } = setUp({ listen: path });
  await until(() => metrics.problems.length === 1);
  expect(metrics.problems[0]).toMatchObject({
    code: 'metrics_listen_failed',
    message: expect.stringContaining(`process_ancestry_metrics_listen=${path}: metrics are not served`),
  });
  execFileSync('rm', [path]);
  await until(() => metrics.problems.length === 0);
  expect(said.filter(({ code }) => code === 'metrics_listen_failed')).toHaveLength(1);
  expect(said.at(-1)?.msg).toBe('metrics are served');
});

test('a textfile that cannot be written is a problem until it can be', async () => {
  const folder = join(directory(), 'later');
  const { metrics } = setUp({ textfile: join(folder, 'x.prom'), textfile_interval: '1' });
  await until(() => metrics.problems.length === 1);
  expect(metrics.problems[0]?.code).toBe('metrics_textfile_failed');
  mkdirSync(folder);
  await until(() => metrics.problems.length === 0);
  expect(readFileSync(join(folder, 'x.prom'), 'utf8')).toContain('process_ancestry_queries_total');
});

test('of changes that come too fast only the last is made', async () => {
  const folder = directory();
  const at = (n: number) => join(folder, `${n}.sock`);
  const { metrics } = setUp({ listen: at(0) });
  for (let n = 1; n <= 5; n++) metrics.configure(valuesOf({ listen: at(n) }));
  await until(() => existsSync(at(5)));
  expect([0, 1, 2, 3, 4].filter((n) => existsSync(at(n)))).toEqual([]);
  metrics.close();
  expect(existsSync(at(5))).toBe(false);
});

test('closed while it begins to listen, it leaves no socket', async () => {
  const path = join(directory(), 'metrics.sock');
  const { metrics, said } = setUp({ listen: path, textfile: `${path}.prom` });
  metrics.close();
  metrics.configure(valuesOf({ listen: path }));
  await metrics.settled;
  expect(existsSync(path)).toBe(false);
  expect(existsSync(`${path}.prom`)).toBe(false);
  expect(said).toEqual([]);
});

test('an unknown group is a problem, and the socket is not made', async () => {
  const path = join(directory(), 'metrics.sock');
  const { metrics } = setUp({ listen: path, socket_group: 'no-such-group' });
  await until(() => metrics.problems.length === 1);
  expect(metrics.problems[0]?.message).toContain('there is no group "no-such-group"');
  expect(existsSync(path)).toBe(false);
});

test('it is healthy when it is registered and records; other problems are named', () => {
  const problems = [{ code: 'database_full', message: '' }];
  const source = (collector: 'audit' | 'none') => ({ collector }) as never;
  expect(healthOf({ registered: true }, { source: source('audit'), problems: [] })).toEqual({
    healthy: true,
    text: 'ok\n',
  });
  expect(healthOf({ registered: true }, { source: source('audit'), problems })).toEqual({
    healthy: true,
    text: 'ok\nproblem: database_full\n',
  });
  expect(healthOf({ registered: false }, { source: source('none'), problems })).toEqual({
    healthy: false,
    text: 'not registered with osquery\nnothing is recorded\nproblem: database_full\n',
  });
});
