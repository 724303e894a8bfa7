/** The statements in the guides of packaging/. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LAUNCHER } from './extension_under_test.ts';

const text = readFileSync(new URL('../../packaging/operations/README.md', import.meta.url), 'utf8');
const statements = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql);

function answerOf(sql: string): Record<string, string>[] {
  const replayed = ['--collector', 'replay', '--replay-file', ':sample:'];
  const answer = execFileSync(LAUNCHER, ['shell', '--embedded', '--json', ...replayed, sql], { encoding: 'utf8' });
  return JSON.parse(answer) as Record<string, string>[];
}

test.each(statements)('packaging/operations/README.md: %s gives a row', (sql) => {
  const rows = answerOf(sql);
  expect(rows).toHaveLength(1);
  expect(Object.values(rows[0] ?? {})).not.toContain('');
});

test('docs/reference/process_ancestry.md: who started a process at some time', () => {
  const reference = readFileSync(new URL('../../docs/reference/process_ancestry.md', import.meta.url), 'utf8');
  const [, sql = ''] = /```sql\n([^`]* AND at = .*?)```/s.exec(reference) ?? [];
  expect(answerOf(sql).map(({ ancestor_pid }) => ancestor_pid)).toEqual([
    '4064',
    '4061',
    '4036',
    '4035',
    '4021',
    '812',
    '1',
  ]);
});
