import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { manPage } from '../../../packaging/packages/man_page.ts';
import { commands } from '../../../src/config/command_line.ts';
import { flagNames } from '../../../src/config/flags.ts';

const page = manPage({ version: '1.2.3', date: '2026-01-02', summary: 'records', description: 'First.\n\n.Second' });
const plain = page.replaceAll('\\-', '-');

test('the manual has every command and every flag that --help has', () => {
  for (const command of commands) expect(plain).toContain(`process_ancestry ${command}`);
  for (const flag of flagNames) expect(plain).toContain(`--${flag}`);
  for (const flag of ['--socket PATH', '--verbose', '--embedded']) expect(plain).toContain(flag);
  expect(plain).not.toContain('process_ancestry.ext');
});

test('no line of text is taken for a request', () => {
  const requests = page.split('\n').filter((line) => /^['.]/.test(line));
  for (const line of requests) expect(line).toMatch(/^\.(TH|SH|TP|PP|B|BR|I|RI|br|nf|fi)( |$)/);
  expect(page).toContain('\\&.Second');
});

const formatter = spawnSync('sh', ['-c', 'command -v groff']).status === 0;
test.skipIf(!formatter && !process.env.CI)('groff has no warnings', () => {
  const formatted = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-rLL=120n'], { input: page, encoding: 'utf8' });
  expect(formatted.stderr).toBe('');
  expect(formatted.stdout).toContain('First.');
});
