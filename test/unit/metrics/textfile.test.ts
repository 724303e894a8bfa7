/** The file for node_exporter, in a folder where other users may have placed files. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { Textfile } from '../../../src/metrics/textfile.ts';
import { directory } from '../osquery/sandbox.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = directory();
  path = join(folder, 'process_ancestry.prom');
});

test('is always whole and readable by all, and leaves no other file', () => {
  const textfile = new Textfile(path);
  textfile.write('a 1\n');
  const first = statSync(path);
  textfile.write('b 2\n');
  expect(readFileSync(path, 'utf8')).toBe('b 2\n');
  expect(statSync(path).mode & 0o777).toBe(0o644);
  // A new file each time: a reader of the old one can read it to the end.
  expect(statSync(path).ino).not.toBe(first.ino);
  expect(readdirSync(folder)).toEqual(['process_ancestry.prom']);
});

test('a link that was planted under its name is replaced, not followed', () => {
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'precious');
  symlinkSync(precious, path);
  symlinkSync(precious, join(folder, '.process_ancestry.prom.new'));
  new Textfile(path).write('a 1\n');
  expect(readFileSync(precious, 'utf8')).toBe('precious');
  expect(lstatSync(path).isFile()).toBe(true);
});

test('a folder that is a link, is missing, or can be written by all is refused', () => {
  const real = join(folder, 'real');
  mkdirSync(real);
  symlinkSync(real, join(folder, 'link'));
  expect(() => new Textfile(join(folder, 'link', 'x.prom')).write('')).toThrow('link is a symbolic link');
  chmodSync(real, 0o777);
  expect(() => new Textfile(join(real, 'x.prom')).write('')).toThrow(`all users can write ${real}: chmod o-w ${real}`);
  expect(() => new Textfile(join(folder, 'none', 'x.prom')).write('')).toThrow('ENOENT');
  expect(readdirSync(real)).toEqual([]);
});

test('a file that cannot be renamed is removed', () => {
  mkdirSync(path);
  writeFileSync(join(path, 'in the way'), '');
  expect(() => new Textfile(path).write('a 1\n')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(['process_ancestry.prom']);
});

test('is removed at the end, but only if it is the file that was written', () => {
  writeFileSync(path, 'of somebody else');
  const textfile = new Textfile(path);
  textfile.remove();
  expect(existsSync(path)).toBe(true);
  textfile.write('a 1\n');
  textfile.remove();
  expect(existsSync(path)).toBe(false);
  textfile.write('a 1\n');
  renameSync(path, `${path}.moved`);
  expect(() => textfile.remove()).not.toThrow();
});
