/** What README.md shows is what its command prints. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('the first look in README.md is real', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const readme = readFileSync(`${root}/README.md`, 'utf8');
  const [, command = '', shown = ''] = /```\n\$ npm start -- (.*?"\n.*?")\n(.*?)```/s.exec(readme) ?? [];
  const [, flags = '', sql = ''] = /^(.*?) "\n(.*)"$/s.exec(command) ?? [];
  const env = { ...process.env, PROCESS_ANCESTRY_EMBEDDED: '1' };
  const args = ['dist/src/main.js', 'shell', ...flags.split(' '), sql];
  expect(execFileSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' })).toBe(shown);
  expect(shown.split('\n').length).toBeGreaterThan(8);
});
