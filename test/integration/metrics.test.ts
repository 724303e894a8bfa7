/** Metrics of the real extension: from a unix socket, and from a textfile. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, until } from './extension_under_test.ts';
import { overSocket } from './over_socket.ts';

let extension: ExtensionUnderTest | undefined;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-metrics-'));
});
afterEach(async () => {
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

describe.skipIf(!canRecord())('metrics', () => {
  test('are read from a unix socket that only root can reach, and that is removed when the extension ends', async () => {
    const path = join(directory, 'run', 'metrics.sock');
    extension = await ExtensionUnderTest.start(['--metrics-listen', `unix:${path}`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    execs(3);
    await extension.settled();
    expect(
      sampleOf(await overSocket(path), 'process_ancestry_events_published_total{action="exec"}'),
    ).toBeGreaterThanOrEqual(3);
    expect(await overSocket(path, '/healthz')).toBe('ok\n');
    // A killed one leaves its socket: the next one replaces it.
    await extension.killAndRespawn();
    expect(sampleOf(await overSocket(path), 'process_ancestry_registered')).toBe(1);
    extension.child.kill('SIGTERM');
    await until('gone', () => extension?.exited);
    expect(existsSync(path)).toBe(false);
  });

  test('are written as a textfile that all users can read, and that is removed when the extension ends', async () => {
    const path = join(directory, 'process_ancestry.prom');
    extension = await ExtensionUnderTest.start(['--metrics-textfile', path, '--metrics-textfile-interval', '1']);
    const published = () =>
      sampleOf(readFileSync(path, 'utf8'), 'process_ancestry_events_published_total{action="exec"}');
    await until('written', () => existsSync(path));
    expect(statSync(path).mode & 0o777).toBe(0o644);
    const before = published();
    execs(3);
    await until('written again', () => published() >= before + 3);
    extension.child.kill('SIGTERM');
    await until('gone', () => extension?.exited);
    expect(existsSync(path)).toBe(false);
  });

  test('that cannot be served are a problem; recording continues, and the problem ends with its cause', async () => {
    const path = join(directory, 'metrics.sock');
    chmodSync(directory, 0o777);
    extension = await ExtensionUnderTest.start(['--metrics-listen', path]);
    const problems = async () =>
      JSON.parse((await extension?.stats())?.problems ?? '[]') as { code: string; message: string }[];
    expect(await until('told', async () => (await problems())[0])).toMatchObject({
      code: 'metrics_listen_failed',
      message: expect.stringContaining(`other users can write ${directory}: chmod go-w`),
    });
    expect(extension.stderr).toContain('metrics_listen_failed');
    execs(1);
    await extension.settled();
    expect(Number((await extension.stats()).events_published)).toBeGreaterThan(0);
    chmodSync(directory, 0o755);
    await until('served', () => existsSync(path));
    await until('well', async () => (await problems()).length === 0);
  });

  test('are switched on, off and to another address when osquery’s options change', async () => {
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
