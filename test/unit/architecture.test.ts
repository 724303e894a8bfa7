import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('ARCHITECTURE.md', root), 'utf8');
const RULES = Array.from({ length: 16 }, (_, i) => `R${i + 1}`);

/** The rules that a row of the table of rules is about: `R3 to R5` are three. */
function rulesOf(row: string): string[] {
  const [first = '', second] = row.split('|')[1]?.match(/R\d+/g) ?? [];
  const from = RULES.indexOf(first);
  return second === undefined ? [first] : RULES.slice(from, RULES.indexOf(second) + 1);
}
const rows = text.split('\n').filter((line) => /^\| R\d+/.test(line));

test('every rule is stated, and its code and tests are named', () => {
  for (const rule of RULES) expect(text).toContain(`**${rule}** `);
  expect(rows.flatMap(rulesOf).sort()).toEqual(RULES.toSorted());
});

test('the files that it names as the rules’ are there', () => {
  const paths = rows.flatMap((row) => [...row.matchAll(/`([\w./]+\/[\w./]+)`/g)].map(([, path = '']) => path));
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
});
