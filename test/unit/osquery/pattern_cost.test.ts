import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { stepsPerCharacter } from '../../../src/osquery/pattern_cost.ts';

test.each<['like' | 'glob', string, number]>([
  ['like', 'curl', 1],
  ['like', 'aaaaaaaa%', 1],
  ['like', '%', 1],
  ['like', '%curl%', 1],
  ['like', '%/etc/shadow%', 2],
  ['like', '%/usr/bin/%python%', 2],
  ['like', `%${'a'.repeat(80)}b%`, 80],
  ['like', `%${'aB'.repeat(20)}%`, 20],
  ['like', `%${'aA'.repeat(20)}%`, 40],
  ['glob', `*${'a'.repeat(80)}*`, 80],
  ['glob', '*[a-z][a-z]x*', 11],
  ['like', '%a__b%', 4],
  ['glob', `a%${'b'.repeat(9)}`, 1],
])('%s %s takes up to %i steps for a character', (op, pattern, steps) => {
  expect(stepsPerCharacter(op, pattern)).toBe(steps);
});

test('SQLite takes as many times longer for what is said to be dear', () => {
  const db = new DatabaseSync(':memory:');
  const statement = db.prepare('SELECT ? LIKE ? AS matches');
  const text = 'a'.repeat(100_000);
  const costOf = (pattern: string) => {
    const costs = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      statement.get(text, pattern);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    return Math.min(...costs);
  };
  const dear = `%${'a'.repeat(400)}b%`;
  const cheap = '%aab%';
  costOf(cheap);
  expect(stepsPerCharacter('like', dear) / stepsPerCharacter('like', cheap)).toBe(200);
  expect(costOf(dear) / costOf(cheap)).toBeGreaterThan(20);
  db.close();
});
