import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bashCompletion } from '../../../packaging/packages/bash_completion.ts';
import { commands, processFlags } from '../../../src/config/command_line.ts';
import { flagNames } from '../../../src/config/flags.ts';

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const script = `${bashCompletion()}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_process_ancestry
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = execFileSync('bash', ['-c', script, 'bash', 'process_ancestry', ...words], {
    encoding: 'utf8',
    cwd: '/',
  });
  return said.split('\n').filter(Boolean);
}

test('the first word is a command', () => {
  expect(offered('')).toEqual(commands);
  expect(offered('doc')).toEqual(['doctor']);
  expect(offered('doctor', '')).toEqual([]);
});

test('every flag is offered once, by its short name', () => {
  const short = flagNames.map((name) => name.replace('process_ancestry_', ''));
  expect(offered('shell', '--')).toEqual([...Object.keys(processFlags), ...short].map((name) => `--${name}`));
});

test('a value is one of the choices, a file, or free text', () => {
  expect(offered('shell', '--collector', 're')).toEqual(['replay']);
  expect(offered('--process_ancestry_collector', 're')).toEqual(['replay']);
  expect(offered('--socket', '/etc/os-rel')).toEqual(['/etc/os-release']);
  expect(offered('tree', '--depth', '')).toEqual([]);
  expect(offered('sigma', '--format', '')).toEqual(['pack', 'fleet', 'sql']);
  expect(offered('sigma', '/etc/os-rel')).toEqual(['/etc/os-release']);
});
