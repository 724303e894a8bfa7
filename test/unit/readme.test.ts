import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withReference } from '../../packaging/readme_tables.ts';

test('the columns and flags in README.md are those that are declared (npm run generate writes them)', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toBe(withReference(readme));
});
