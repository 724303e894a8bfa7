/** The output in README.md and docs/reference/commands.md is that of the commands. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(`${root}/README.md`, 'utf8');
const commands = readFileSync(`${root}/docs/reference/commands.md`, 'utf8');

test('the tree in docs/reference/commands.md is real', () => {
  const [, args = '', shown = ''] = /```\n\$ process_ancestry\.ext (tree [^\n]*)\n(.*?)```/s.exec(commands) ?? [];
  const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' };
  const drawn = execFileSync(process.execPath, ['dist/src/main.js', ...args.split(' ')], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  expect(drawn).toBe(shown);
  expect(shown.split('\n').length).toBeGreaterThan(5);
});

test('npm start prints nothing but the rows, and takes SQL that begins with a comment', () => {
  // npm passes its log level to the tests.
  const { npm_config_loglevel: _, ...inherited } = process.env;
  const env = { ...inherited, PROCESS_ANCESTRY_EMBEDDED: '1' };
  const sql = '-- how many\nSELECT count(*) AS n FROM process_ancestry_events';
  const args = ['start', '--', '--collector', 'replay', '--replay-file', ':sample:', '--json', sql];
  const printed = execFileSync('npm', args, { cwd: root, env, encoding: 'utf8' });
  expect(JSON.parse(printed)).toEqual([{ n: '21' }]);
});

test('the first look in README.md is real', () => {
  const [, command = '', shown = ''] = /```\n\$ npm start -- (.*?"\n.*?")\n(.*?)```/s.exec(readme) ?? [];
  const [, flags = '', sql = ''] = /^(.*?) "\n(.*)"$/s.exec(command) ?? [];
  const env = { ...process.env, PROCESS_ANCESTRY_EMBEDDED: '1' };
  const args = ['dist/src/main.js', 'shell', ...flags.split(' '), sql];
  expect(execFileSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' })).toBe(shown);
  expect(shown.split('\n').length).toBeGreaterThan(8);
});
