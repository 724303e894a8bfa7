import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeptFlags, NOTHING_KEPT } from '../../../src/extension/kept_flags.ts';

const SOCKET = '/var/osquery/osquery.em';
const FLAGS = {
  options: { custom_process_ancestry_redact: '["secret"]' },
  queried: { '': { process_ancestry_max_depth: '5' } },
  database: '/opt/orbit/osquery.db',
};

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'kept-'));
  directory = join(parent, 'state');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const kept = (socket = SOCKET) => new KeptFlags(socket, directory);
const files = () => readdirSync(directory).map((name) => join(directory, name));

test('what is written is read by the next process, for the same socket alone', () => {
  kept().write(FLAGS);
  expect(kept().read()).toEqual({ kept: FLAGS });
  expect(kept('/run/other.em').read()).toEqual({ kept: NOTHING_KEPT });
});

test('only this user can read the file and its directory, and no part of a file is ever seen', () => {
  kept().write(FLAGS);
  expect(files()).toHaveLength(1);
  expect(statSync(files()[0] ?? '').mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('without values there is no file, and it is removed when all values are', () => {
  const nothing = { ...NOTHING_KEPT, database: '/x' };
  kept().write(nothing);
  expect(existsSync(directory)).toBe(false);
  const written = kept();
  written.write(FLAGS);
  written.write(nothing);
  expect(files()).toEqual([]);
  expect(kept().read()).toEqual({ kept: NOTHING_KEPT });
});

test.each([
  ['is cut short', (file: string) => writeFileSync(file, '{"options":{"custom')],
  ['holds something else', (file: string) => writeFileSync(file, '{"options":{"custom_process_ancestry_redact":7}}')],
  ['others can write', (file: string) => chmodSync(file, 0o666)],
  [
    'is a link',
    (file: string) => {
      rmSync(file);
      symlinkSync('/etc/passwd', file);
    },
  ],
  ['lies in a directory that others can write', () => chmodSync(directory, 0o777)],
])('a file that %s is not used, and is told', (_, spoil) => {
  kept().write(FLAGS);
  spoil(files()[0] ?? '');
  const { kept: read, error } = kept().read();
  expect(read).toEqual(NOTHING_KEPT);
  expect(error).toContain(directory);
});
