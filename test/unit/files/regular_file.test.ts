import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfigFile } from '../../../src/config/config_file.ts';
import { readRegularFile } from '../../../src/files/regular_file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-regular-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a regular file is read', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'text');
  expect(readRegularFile(path, 4)).toBe('text');
  expect(() => readRegularFile(path, 3)).toThrow('has 4 bytes, more than 3');
});

test('a FIFO or a device is refused, and not waited for', () => {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const path of [fifo, '/dev/tty', '/dev/zero', directory]) {
    expect(() => readRegularFile(path, 4), path).toThrow(/not a regular file|ENXIO/);
  }
  expect(readConfigFile(fifo)).toMatchObject({
    content: undefined,
    error: expect.stringContaining('not a regular file'),
  });
});
