/** The statements in the guides of packaging/. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LAUNCHER } from './extension_under_test.ts';

const text = readFileSync(new URL('../../packaging/operations/README.md', import.meta.url), 'utf8');
const statements = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql);

test.each(statements)('packaging/operations/README.md: %s gives a row', (sql) => {
  const replayed = ['--collector', 'replay', '--replay-file', ':sample:'];
  const answer = execFileSync(LAUNCHER, ['shell', '--embedded', '--json', ...replayed, sql], { encoding: 'utf8' });
  const rows = JSON.parse(answer) as Record<string, string>[];
  expect(rows).toHaveLength(1);
  expect(Object.values(rows[0] ?? {})).not.toContain('');
});
