/** Flags that change while the extension runs, by each way that leaves osquery's own options alone. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExtensionUnderTest, until } from './extension_under_test.ts';
import { logOfExecs } from './log_of_execs.ts';

let directory: string;
let file: string;
let extension: ExtensionUnderTest;
const replaying = (log: string, ...flags: string[]) =>
  ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log, ...flags], { recording: false });

/** As a script of a package manager or of Fleet writes it: whole, or not at all. */
function writeFile(content: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(content));
  renameSync(`${file}.new`, file);
}
const capacity = async () => (await extension.stats()).cache_capacity;
const becomes = (size: string) => until(`a cache of ${size}`, async () => (await capacity()) === size, 3000);
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

  test('a view of osquery changes flags; a bad value changes nothing and is said once; what it says no more, the file says', async () => {
    const { views } = extension.manager;
    await becomes('104');
    expect(refusals()).toEqual([]);
    views.set('process_ancestry_flags', 'SELECT 222 AS process_ancestry_cache_size, 7 AS process_ancestry_max_depth');
    await becomes('222');
    views.set(
      'process_ancestry_flags',
      "SELECT 'huge' AS process_ancestry_cache_size, 333 AS process_ancestry_cache_ttl",
    );
    await until('the others in force', () => extension.stderr.includes('"process_ancestry_cache_ttl":333'), 3000);
    expect(await capacity()).toBe('222');
    views.set(
      'process_ancestry_flags',
      "SELECT 'huge' AS process_ancestry_cache_size, 444 AS process_ancestry_cache_ttl",
    );
    await until('the others in force', () => extension.stderr.includes('"process_ancestry_cache_ttl":444'), 3000);
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

  test('the file changes flags within an interval; one that is half written changes nothing', async () => {
    await becomes('104');
    writeFile({ process_ancestry_cache_size: 777 });
    await becomes('777');
    writeFileSync(file, '{"process_ancestry_cache_size": 8');
    await until('refused', () => refusals().length > 0, 3000);
    expect(refusals()).toEqual([expect.stringContaining(`configuration file ${file}`)]);
    expect(await capacity()).toBe('777');
    rmSync(file);
    // A file that was named and is not there is an error too, not the wish for defaults.
    await until('missed', () => refusals().length > 1, 3000);
    expect(await capacity()).toBe('777');
  });
});

test('rows on disk do not go for a default, as osquery may be about to say that more are kept', async () => {
  const log = join(directory, 'audit.log');
  writeFileSync(log, logOfExecs(51_000));
  const database = ['--database', join(directory, 'rows')];
  const rows = async () => Number((await extension.stats()).store_rows);
  extension = await replaying(log, ...database);
  await until('all there', async () => (await rows()) >= 51_000, 30_000);
  await extension.stop();
  extension = await replaying('/dev/null', ...database);
  await becomes('1000');
  expect(await rows()).toBeGreaterThanOrEqual(51_000);
  extension.manager.views.set(
    'process_ancestry_flags',
    'SELECT 60000 AS process_ancestry_events_max, 222 AS process_ancestry_cache_size',
  );
  await becomes('222');
  expect(await rows()).toBeGreaterThanOrEqual(51_000);
  // What is said counts at once.
  extension.manager.views.set('process_ancestry_flags', 'SELECT 40000 AS process_ancestry_events_max');
  await until('fewer', async () => (await rows()) <= 40_000, 5000);
});
