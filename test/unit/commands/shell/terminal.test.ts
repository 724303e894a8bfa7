/** The shell as a user sees it: the program on a terminal, over the sample log. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { QUERY_PROCESS } from '../../../../src/commands/shell/query_channel.ts';
import { eventually } from '../../eventually.ts';

const program = join(import.meta.dirname, '../../../../src/main.ts');
const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';

let home: string;
let shown: string;
let terminal: ChildProcessWithoutNullStreams;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'terminal-'));
});
afterEach(async () => {
  terminal.stdin.destroy();
  if (terminal.exitCode === null && terminal.signalCode === null) {
    terminal.kill('SIGKILL');
    await once(terminal, 'exit');
  }
  rmSync(home, { recursive: true, force: true });
});

function start(columns: number, ...args: string[]): void {
  const shell = [process.execPath, program, 'shell', '--embedded', '--replay-file', ':sample:'];
  const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, TERM: 'xterm' };
  const pty = [join(import.meta.dirname, 'on_terminal.py'), String(columns)];
  terminal = spawn('python3', [...pty, ...shell, ...args], { env });
  shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
}

/** Types, and waits until new output matches. */
async function type(keys: string, expected: string | RegExp): Promise<void> {
  shown = '';
  terminal.stdin.write(keys);
  await shows(expected);
}

function shows(expected: string | RegExp): Promise<void> {
  return eventually(() => expect(shown).toMatch(expected));
}

async function status(): Promise<number> {
  const [code] = await once(terminal, 'exit');
  return code;
}

test('Ctrl-C ends what SQLite computes, and the up arrow brings whole statements back', async () => {
  start(80);
  await shows('process_ancestry> ');
  expect(shown).toContain('A recorded log is replayed');
  await type('SELECT 40 +\r', '   ...> ');
  await type('  2 AS answer;\r', /\| 42 +\|/);
  await type(`${endless};\r`, /FROM n;\s+$/);
  await type('\x03', /\^C.*process_ancestry> /s);
  await type('\x1b[A\x1b[A', /SELECT 40 \+\s+.* 2 AS answer;/s);
  await type('\r', /\| 42 +\|/);
  await type('\x04', /\n/);
  expect(await status()).toBe(0);
});

test('a shell that is killed leaves no statement behind that still computes', async () => {
  start(80);
  await shows('process_ancestry> ');
  await type('SELECT pid AS shell FROM osquery_info;\r', /\| \d+ +\|/);
  const shell = Number(/\| (\d+) +\|/.exec(shown)?.[1]);
  const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
  const query = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(QUERY_PROCESS));
  expect(query).toBeDefined();
  await type(`${endless};\r`, /FROM n;\s+$/);
  process.kill(shell, 'SIGKILL');
  await eventually(() => expect(existsSync(`/proc/${query}`)).toBe(false));
});

test('a terminal that is closed ends the shell, which leaves nothing', async () => {
  start(80);
  await shows('process_ancestry> ');
  const sockets = () => readdirSync(home).filter((name) => name.startsWith('process_ancestry-'));
  expect(sockets()).toHaveLength(1);
  await type(`${endless};\r`, /FROM n;\s+$/);
  terminal.stdin.destroy();
  terminal.kill('SIGKILL');
  await eventually(() => expect(sockets()).toEqual([]));
});

test('Ctrl-C ends a statement given as an argument with status 130', async () => {
  // The table's rows show that SQLite has begun: the log is read by then.
  start(80, '--log-level', 'info', `SELECT count(*) FROM process_ancestry_events; ${endless}`);
  await shows('| 21 ');
  terminal.stdin.write('\x03');
  expect(await status()).toBe(130);
  expect(shown).not.toContain('Error');
});

test.each([
  [40, [], /^ +pid = 1\r\n/m],
  [40, ['--pretty'], /^\| pid +\|/m],
  [200, [], /^\| pid +\|/m],
] as const)('rows on a terminal of %i columns, with %j, are shown as %s', async (columns, flags, form) => {
  start(
    columns,
    ...flags,
    "SELECT pid, 'a value that is rather long for it' AS value FROM process_ancestry_events LIMIT 1",
  );
  await shows(form);
  expect(await status()).toBe(0);
});
