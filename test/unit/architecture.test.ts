/** ARCHITECTURE.md states every rule, and it and CONTRIBUTING.md name only files that exist. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const text = read('ARCHITECTURE.md');
const RULES = Array.from({ length: 16 }, (_, i) => `R${i + 1}`);
/** Folders whose files are named by their path from the root. */
const PATH = /`((?:native|src|tables|test|packaging|docs|thrift|\.ci)(?:\/[\w.@-]+)*)`/g;
const FILE = /`([A-Z]+\.md)`/g;

/** The rules in a row of the table of rules: `R3 to R5` are three. */
function rulesOf(row: string): string[] {
  const [first = '', second] = row.split('|')[1]?.match(/R\d+/g) ?? [];
  const from = RULES.indexOf(first);
  return second === undefined ? [first] : RULES.slice(from, RULES.indexOf(second) + 1);
}
const rows = text.split('\n').filter((line) => /^\| R\d+/.test(line));

test('every rule is stated, and its code and tests are named', () => {
  for (const rule of RULES) expect(text).toContain(`**${rule}** `);
  expect(rows.flatMap(rulesOf).sort()).toEqual(RULES.toSorted());
  for (const row of rows) expect(row).toMatch(/^\| R[^|]*\|.*`.*\|.*`.*\|$/);
});

test.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('the files and folders that %s names exist', (document) => {
  const named = [...read(document).matchAll(PATH), ...read(document).matchAll(FILE)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(40);
  // Built, not committed.
  expect(named.filter((path) => !path.includes('/build/') && !existsSync(new URL(path, root)))).toEqual([]);
});

test('a path is written whole, so that it can be checked', () => {
  const short = (document: string) =>
    [...read(document).matchAll(/`([\w/]+\.(?:ts|cc|h|c|sql|mjs))`/g)].map(([, path = '']) => path);
  const words = ['declaration.ts', 'sensor.h', 'NAME.sql'];
  for (const document of ['ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    const wrong = short(document).filter((path) => !existsSync(new URL(path, root)) && !words.includes(path));
    expect(wrong).toEqual([]);
  }
});
