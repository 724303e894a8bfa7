import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runShell, type ShellOptions } from '../../../../src/commands/shell/shell.ts';
import { eventually } from '../../eventually.ts';

let home: string;
let runtime: string;
let pidFile: string;
let out: string;
let err: string;
let input: PassThrough & { isTTY: boolean };
let output: PassThrough & { isTTY: boolean };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shell-'));
  runtime = join(home, 'run');
  pidFile = join(home, 'pids');
  mkdirSync(runtime);
  out = '';
  err = '';
  input = Object.assign(new PassThrough(), { isTTY: false });
  output = Object.assign(new PassThrough(), { isTTY: false });
  output.on('data', (data) => {
    out += data;
  });
});

afterEach(() => {
  const children = pids().filter(isAlive);
  for (const pid of children) process.kill(pid, 'SIGKILL');
  const left = readdirSync(runtime);
  rmSync(home, { recursive: true, force: true });
  expect([children, left]).toEqual([[], []]);
});

function pids(): number[] {
  try {
    return readFileSync(pidFile, 'utf8').trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function shell(options: Partial<ShellOptions> & { flags?: string[] } = {}): Promise<number> {
  const { flags = [], env, ...rest } = options;
  const error = new PassThrough();
  error.on('data', (data) => {
    err += data;
  });
  return runShell({
    extensionCommand: [process.execPath, join(import.meta.dirname, 'fake_extension.ts')],
    queryCommand: [process.execPath, join(import.meta.dirname, 'query_process_main.ts'), pidFile],
    args: ['--pid-file', pidFile, ...flags],
    settleMs: 0,
    env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: runtime, PATH: '', ...env },
    input,
    output,
    error,
    ...rest,
  });
}

describe('SQL given as an argument', () => {
  test('is answered by the extension over its socket', async () => {
    const status = await shell({ sql: 'SELECT collector FROM process_ancestry_cache_stats', mode: 'json' });
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual([{ collector: 'audit' }]);
  });

  test('that fails gives status 1 and the message', async () => {
    expect(await shell({ sql: 'SELECT nope' })).toBe(1);
    expect(err).toContain('Error: no such column: nope');
    expect(out).toBe('');
  });

  test('has status 1 when the log cannot be read', async () => {
    const unreadable = { flags: ['--unreadable'], mode: 'json' as const };
    expect(await shell({ ...unreadable, sql: 'SELECT collector FROM process_ancestry_cache_stats' })).toBe(1);
    expect(JSON.parse(out)).toEqual([{ collector: 'replay' }]);
    input.end('SELECT 1;\n');
    expect(await shell(unreadable)).toBe(1);
  });

  test('waits for events as long as its flag says', async () => {
    await shell({ sql: 'SELECT milliseconds_ago FROM started', mode: 'csv', settleMs: 600 });
    expect(Number(out.split('\n')[1])).toBeGreaterThanOrEqual(600);
  });
});

test('the extension gets a socket in a private directory, a timeout, an interval, and what was passed on', async () => {
  await shell({
    sql: 'SELECT value FROM arguments',
    mode: 'csv',
    flags: ['--process_ancestry_max_depth=5', '--embedded'],
  });
  const args = out.trim().split('\n').slice(1);
  expect(args[0]).toBe('--socket');
  expect(args[1]?.startsWith(`${runtime}/process_ancestry-`)).toBe(true);
  expect(args.slice(2)).toEqual([
    '--timeout',
    '10',
    '--interval',
    '1',
    '--pid-file',
    pidFile,
    '--process_ancestry_max_depth=5',
  ]);
});

test('all output of the extension goes to stderr, also what it writes to stdout', async () => {
  await shell({ sql: 'SELECT 1 AS one', mode: 'csv' });
  expect(err).toContain('registered\n');
  expect(err).toContain('said on stdout\n');
  expect(out).toBe('one\n1\n');
});

test('SQL on stdin is run', async () => {
  input.end('SELECT 1 AS one; SELECT 2 AS two;');
  expect(await shell({ mode: 'line' })).toBe(0);
  expect(out).toBe('one = 1\ntwo = 2\n');
});

test('on a terminal it first shows the collector and an example that works', async () => {
  input.isTTY = true;
  output.isTTY = true;
  const ended = shell();
  await eventually(() => expect(out).toContain('process_ancestry> '));
  expect(out).toContain('(collector: audit)');
  expect(out).toContain('SELECT pid');
  input.write('.exit\r');
  expect(await ended).toBe(0);
});

test.each([
  ['replay', 'A recorded log is replayed'],
  ['none', 'Nothing is recorded'],
])('with the collector %s the greeting does not promise to record', async (collector, words) => {
  input.isTTY = true;
  output.isTTY = true;
  const ended = shell({ flags: ['--collector', collector] });
  await eventually(() => expect(out).toContain('process_ancestry> '));
  expect(out).toContain(words);
  expect(out).not.toContain('from now on');
  input.write('.exit\r');
  expect(await ended).toBe(0);
});

describe('an extension that', () => {
  test('ends before it registers is reported after its own messages, which appear once', async () => {
    expect(await shell({ sql: 'SELECT 1', flags: ['--fail'] })).toBe(1);
    expect(err).toBe('cannot open the moon\nError: the extension ended with status 3 before it registered.\n');
  });

  test('cannot be run is reported', async () => {
    expect(await shell({ extensionCommand: [join(home, 'nothing')] })).toBe(1);
    expect(err).toMatch(/Error: the extension could not be run: .*ENOENT/);
  });

  test('sleeps instead of registering is reported and ended', async () => {
    expect(await shell({ flags: ['--silent'], idleLimitMs: 400 })).toBe(1);
    expect(err).toMatch(/Error: the extension \(process \d+\) has not registered, and has been idle for 400 ms/);
  });

  test('takes longer than that to register is waited for', async () => {
    expect(await shell({ sql: 'SELECT 1 AS one', mode: 'csv', flags: ['--slow'], idleLimitMs: 400 })).toBe(0);
    expect(out).toBe('one\n1\n');
  });

  test('ends while the prompt waits ends the shell', async () => {
    expect(await shell({ flags: ['--die'] })).toBe(1);
    expect(err).toContain('Error: the extension ended with status 4');
  });

  test('does not leave on SIGTERM is killed', async () => {
    expect(await shell({ sql: 'SELECT 1', flags: ['--stubborn'] })).toBe(0);
    expect(err).toContain('never');
  });
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends everything', async (signal) => {
  const listeners = process.listenerCount(signal);
  const ended = shell();
  await eventually(() => expect(err).toContain('registered'));
  process.kill(process.pid, signal);
  expect(await ended).toBe(signal === 'SIGINT' ? 130 : 143);
  expect(process.listenerCount(signal)).toBe(listeners);
});

test.each([
  [
    'SQLite computes',
    'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n, started',
  ],
  ['the extension answers', 'SELECT * FROM endless'],
])('SIGINT ends a statement given as an argument while %s, with status 130', async (_, sql) => {
  const ended = shell({ sql });
  await eventually(() => expect(err).toContain('asked'));
  process.kill(process.pid, 'SIGINT');
  expect(await ended).toBe(130);
  expect(err).not.toContain('Error');
});

test('after a statement that Ctrl-C ended the prompt answers the next one', async () => {
  input.isTTY = true;
  output.isTTY = true;
  const ended = shell({ mode: 'line' });
  await eventually(() => expect(out).toContain('process_ancestry> '));
  input.write('SELECT * FROM endless;\r');
  await eventually(() => expect(err).toContain('asked'));
  input.write('\x03');
  await eventually(() => expect(out).toContain('^C\n'));
  input.write('SELECT 2 AS two;\r');
  await eventually(() => expect(out).toContain('two = 2'));
  input.write('.exit\r');
  expect(await ended).toBe(0);
  expect(err).not.toContain('Error');
});

test('a terminal that is closed ends everything', async () => {
  input.isTTY = true;
  output.isTTY = true;
  const ended = shell();
  await eventually(() => expect(out).toContain('process_ancestry> '));
  input.write('SELECT * FROM endless;\r');
  await eventually(() => expect(err).toContain('asked'));
  input.destroy(new Error('read EIO'));
  expect(await ended).toBe(0);
});

describe('where osqueryi is on the PATH', () => {
  let bin: string;
  let said: string;
  let extensionPath: string;
  beforeEach(() => {
    bin = join(home, 'bin');
    said = join(home, 'said');
    extensionPath = join(home, 'process_ancestry.ext');
    writeFileSync(extensionPath, '#!/bin/sh\n', { mode: 0o755 });
    mkdirSync(bin);
    const script = `#!/bin/sh\nprintf '%s\\n' "$@" "depth=$PROCESS_ANCESTRY_MAX_DEPTH" > '${said}'\nexit 7\n`;
    writeFileSync(join(bin, 'osqueryi'), script);
    chmodSync(join(bin, 'osqueryi'), 0o755);
  });

  const env = () => ({ PATH: bin });

  test.each([
    [['--process_ancestry_max_depth=5', '--verbose']],
    [['--process_ancestry_max_depth', '5', '--verbose']],
    [['--verbose', '--process_ancestry_max_depth', '5']],
  ])('it is run instead, with the extension, the format, the SQL, and %j, and gives the status', async (args) => {
    expect(await shell({ extensionPath, args, sql: '-- why\nSELECT 1', mode: 'json', env: env() })).toBe(7);
    expect(readFileSync(said, 'utf8').trim().split('\n')).toEqual([
      ...['--extension', extensionPath, '--extensions_require', 'process_ancestry', '--extensions_timeout', '10'],
      ...['--verbose', '--json', 'SELECT 1', 'depth=5'],
    ]);
  });

  test.each<[string, () => Partial<ShellOptions> & { flags?: string[] }]>([
    ['--embedded asks for it', () => ({ args: ['--embedded'] })],
    ['the environment asks for it', () => ({ args: [], env: { ...env(), PROCESS_ANCESTRY_EMBEDDED: '1' } })],
    ['there is no executable for it to start', () => ({ args: [], extensionPath: join(home, 'nothing') })],
    ['a flag is given that osqueryi does not know', () => ({ args: ['--config_file', '/etc/x.json'] })],
  ])('the embedded manager is used if %s', async (_, asked) => {
    expect(await shell({ extensionPath, sql: 'SELECT 1', env: env(), ...asked() })).toBe(0);
  });

  test('one that cannot be executed does not count', async () => {
    chmodSync(join(bin, 'osqueryi'), 0o644);
    // Root may read any file, but executes only one with an x bit.
    expect(await shell({ extensionPath, args: [], sql: 'SELECT 1', env: env() })).toBe(0);
  });
});
