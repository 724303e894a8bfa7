/** Flags that change while the extension runs, and flags that are not known at its start. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EmbeddedManager } from '../../src/commands/shell/embedded_manager.ts';
import { canRecord, ExtensionUnderTest, PATIENCE_MS, until } from './extension_under_test.ts';
import { logOfExecs } from './log_of_execs.ts';

let directory: string;
let file: string;
let extension: ExtensionUnderTest;
const replaying = (log: string, ...flags: string[]) =>
  ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log, ...flags], { recording: false });

/** Replaced as a whole, as by a script of a package manager or of Fleet. */
function writeFile(content: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(content));
  renameSync(`${file}.new`, file);
}
const capacity = async () => (await extension.stats()).cache_capacity;
const becomes = (size: string) => until(`a cache of ${size}`, async () => (await capacity()) === size);
const refusals = () => extension.stderr.split('\n').filter((line) => line.includes('the running value stays'));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pa-flags-'));
  file = join(directory, 'process_ancestry.json');
  writeFile({ process_ancestry_cache_size: 104 });
});
afterEach(async () => {
  await extension.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('while it runs', () => {
  // No kernel is needed: the interval is a second, and nothing is recorded.
  beforeEach(async () => {
    extension = await replaying(':sample:', '--config_file', file);
  });

  test('a view of osquery changes flags; a bad value changes nothing and is logged once; for a flag that the view no longer sets, the file counts', async () => {
    const { views } = extension.manager;
    await becomes('104');
    expect(refusals()).toEqual([]);
    views.set('process_ancestry_flags', 'SELECT 222 AS process_ancestry_cache_size, 7 AS process_ancestry_max_depth');
    await becomes('222');
    views.set(
      'process_ancestry_flags',
      "SELECT 'huge' AS process_ancestry_cache_size, 333 AS process_ancestry_cache_ttl",
    );
    await until('the others in force', () => extension.stderr.includes('"process_ancestry_cache_ttl":333'));
    expect(await capacity()).toBe('222');
    views.set(
      'process_ancestry_flags',
      "SELECT 'huge' AS process_ancestry_cache_size, 444 AS process_ancestry_cache_ttl",
    );
    await until('the others in force', () => extension.stderr.includes('"process_ancestry_cache_ttl":444'));
    expect(refusals()).toEqual([
      expect.stringContaining('process_ancestry_flags: process_ancestry_cache_size=\\"huge\\" is not 16 to 1000000'),
    ]);
    views.set('process_ancestry_flags', 'SELECT NULL AS process_ancestry_cache_size');
    await becomes('104');
  });

  test('a scheduled query changes flags, and osquery’s own options win', async () => {
    const { schedule, options } = extension.manager;
    schedule.set('pack/team-1/process_ancestry_flags', 'SELECT 555 AS process_ancestry_cache_size');
    await becomes('555');
    options.set('custom_process_ancestry_cache_size', { value: '666', default_value: '', type: 'string' });
    await becomes('666');
    expect(refusals()).toEqual([]);
  });

  test('the file changes flags; one that is half written changes nothing', async () => {
    await becomes('104');
    writeFile({ process_ancestry_cache_size: 777 });
    await becomes('777');
    writeFileSync(file, '{"process_ancestry_cache_size": 8');
    await until('refused', () => refusals().length > 0);
    expect(refusals()).toEqual([expect.stringContaining(`configuration file ${file}`)]);
    expect(await capacity()).toBe('777');
    rmSync(file);
    // A named file that is missing is an error too, not a request for defaults.
    await until('missed', () => refusals().length > 1);
    expect(await capacity()).toBe('777');
  });
});

/** An osquery whose configuration comes from a server, which has not answered yet. */
function early(manager: EmbeddedManager): void {
  manager.options.set('config_plugin', option('tls'));
  manager.isConfigValid = false;
}
const option = (value: string) => ({ value, default_value: '', type: 'string' });
const awaited = async () => (await extension.stats()).problems?.includes('configuration_awaited');

test('no rows on disk are dropped for a default: osquery may still set a larger limit', async () => {
  const log = join(directory, 'audit.log');
  writeFileSync(log, logOfExecs(51_000));
  const keep = (rows: number) =>
    extension.manager.views.set('process_ancestry_flags', `SELECT ${rows} AS process_ancestry_events_max`);
  const rows = async () => Number((await extension.stats()).store_rows);
  extension = await ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log], {
    recording: false,
    prepare: early,
  });
  expect(await awaited()).toBe(true);
  keep(60_000);
  extension.manager.isConfigValid = true;
  await until('all there', async () => (await rows()) >= 51_000);
  extension.manager.views.clear();
  extension.manager.isConfigValid = false;
  await extension.killAndRespawn(false);
  expect(await awaited()).toBe(true);
  keep(60_000);
  extension.manager.isConfigValid = true;
  await until('open', async () => !(await awaited()));
  // The kill lost rows that were not written yet.
  expect(await rows()).toBeGreaterThan(50_000);
  // A value counts at once.
  keep(40_000);
  await until('fewer', async () => (await rows()) <= 40_000);
});

describe.skipIf(!canRecord())('before osquery has applied its configuration', () => {
  const REDACT = 'custom_process_ancestry_redact';
  const run = (...args: string[]) => spawnSync('/bin/true', args);
  const cmdlines = async () =>
    (await extension.generate('process_ancestry_events', { path: [{ op: 65, expr: '%/true' }] }, ['cmdline', 'path']))
      .filter(({ path }) => path?.endsWith('/true'))
      .map(({ cmdline }) => cmdline);
  /** Files of the database that contain a text. */
  const holding = (text: string) =>
    readdirSync(extension.database, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => readFileSync(path).includes(text));

  test('no secret is stored at the start, nor after a worker was killed', async () => {
    extension = await ExtensionUnderTest.start([], { recording: false, prepare: early });
    await until('listening', async () => (await extension.stats()).collector !== 'none');
    run('early', 'password=hunter1');
    const asked = cmdlines();
    expect((await extension.stats()).store_rows).toBe('0');
    expect(await awaited()).toBe(true);
    const { manager } = extension;
    manager.options.set(REDACT, option('password=(\\w+)'));
    manager.isConfigValid = true;
    await asked;
    await until('recorded', async () => (await cmdlines()).length === 1);
    const { uuid } = extension;
    manager.options.delete(REDACT);
    manager.isConfigValid = false;
    await manager.kill();
    await manager.start();
    await until('registered again', () => extension.uuid !== undefined && extension.uuid !== uuid);
    await manager.waitForExtension('process_ancestry', PATIENCE_MS);
    run('again', 'password=hunter2');
    await until('seen', async () => (await cmdlines()).length === 2);
    expect(await cmdlines()).toEqual(['/bin/true early password=***', '/bin/true again password=***']);
    expect(extension.stderr).not.toContain('"process_ancestry_redact":""');
    expect([...holding('hunter1'), ...holding('hunter2')]).toEqual([]);
    expect(holding('password=***')).not.toEqual([]);
  });
});
