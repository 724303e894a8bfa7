import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadUnnamed } from '../../../src/collect/unnamed_addon.ts';
import { readBundledFile } from '../../../src/program/bundled_files.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-addon-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const addon = () => readBundledFile('process_ancestry.node');

test('what is no addon is refused', () => {
  expect(() => loadUnnamed(Buffer.from('no addon'), [directory])).toThrow(/not mounted noexec .*file too short/);
  expect(readdirSync(directory)).toEqual([]);
});

test('where no directory can be used the error names each, why, and what is needed', () => {
  const places = [join(directory, 'missing'), '/proc'];
  expect(() => loadUnnamed(addon(), places)).toThrow(
    /writable by this user and not mounted noexec \(.*\/missing: ENOENT.*; \/proc: E/,
  );
});

// The last here: it can be loaded once in a process.
test('an addon is loaded from its bytes in the first usable directory, through a file that never has a name', () => {
  expect(loadUnnamed(addon(), [join(directory, 'missing'), directory])).toHaveProperty('LogReader');
  expect(readdirSync(directory)).toEqual([]);
  const ours = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));
  expect(ours.length).toBeGreaterThan(0);
  // An unnamed file is shown as its inode's number (fs/dcache.c, d_tmpfile).
  for (const line of ours) expect(line).toMatch(/\/#\d+ \(deleted\)$/);
});
