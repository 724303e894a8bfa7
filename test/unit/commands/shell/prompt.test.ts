import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { complete } from '../../../../src/commands/shell/completion.ts';
import type { OutputMode } from '../../../../src/commands/shell/output_format.ts';
import { runOnce, runPrompt } from '../../../../src/commands/shell/prompt.ts';
import type { QueryRunner } from '../../../../src/commands/shell/prompt_session.ts';
import { parseTableRoute } from '../../../../src/commands/shell/registered_table.ts';
import { eventually } from '../../eventually.ts';
import { route } from './stand_in_extension.ts';

const tables = [
  parseTableRoute('events', route(['pid', 'BIGINT'], ['path', 'TEXT'], ['eid', 'TEXT', 16])),
  parseTableRoute('stats', route(['collector', 'TEXT'])),
];

class Streams {
  readonly input = Object.assign(new PassThrough(), { isTTY: false });
  readonly output = Object.assign(new PassThrough(), { isTTY: false, columns: 200 });
  readonly error = new PassThrough();
  out = '';
  err = '';

  constructor() {
    this.output.on('data', (data) => {
      this.out += data;
    });
    this.error.on('data', (data) => {
      this.err += data;
    });
  }
}

/** Answers every statement with its own text, fails for those that request it, and never answers `wait`. */
class EchoRunner implements QueryRunner {
  readonly asked: string[] = [];
  readonly tables = tables;

  async query(sql: string, signal?: AbortSignal) {
    this.asked.push(sql);
    if (sql.startsWith('wait')) await new Promise((_, reject) => signal?.addEventListener('abort', reject));
    if (sql.includes('fail')) throw new Error('near "fail\x1b": syntax error');
    return { columns: [{ name: 'sql', type: 'TEXT' }], rows: [[sql]] };
  }
}

let streams: Streams;
let runner: EchoRunner;
beforeEach(() => {
  streams = new Streams();
  runner = new EchoRunner();
});

function options(mode: OutputMode = 'line') {
  const { input, output, error } = streams;
  return { runner, input, output, error, mode };
}

describe('SQL given as an argument', () => {
  test('runs every statement', async () => {
    expect(await runOnce('SELECT 1; SELECT 2', options('csv'))).toBe(0);
    expect(streams.out).toBe('sql\nSELECT 1\nsql\nSELECT 2\n');
  });

  test('without a statement is an error', async () => {
    expect(await runOnce('-- nothing', options())).toBe(1);
    expect(streams.err).toBe('Error: the SQL contains no statement\n');
  });

  test('stops at the first failure, with status 1 and the message on stderr', async () => {
    expect(await runOnce('SELECT 1; fail; SELECT 2', options())).toBe(1);
    expect(runner.asked).toEqual(['SELECT 1', 'fail']);
    expect(streams.err).toBe('Error: near "fail\\x1b": syntax error\n');
  });
});

describe('SQL on stdin', () => {
  async function piped(text: string, mode: OutputMode = 'line') {
    streams.input.end(text);
    return runPrompt(options(mode));
  }

  test('is run statement by statement, over lines, the last one without its semicolon', async () => {
    expect(await piped("SELECT 1; SELECT\n 'a;\nb';\n-- the end;\nSELECT 3")).toBe(0);
    expect(runner.asked).toEqual(['SELECT 1', "SELECT\n 'a;\nb'", 'SELECT 3']);
  });

  test('goes on after a failure, and ends with status 1', async () => {
    expect(await piped('fail;\nSELECT 2;')).toBe(1);
    expect(runner.asked).toEqual(['fail', 'SELECT 2']);
  });

  test('runs each statement as it comes', async () => {
    const ended = runPrompt(options());
    streams.input.write('SELECT 1;\n');
    await eventually(() => expect(streams.out).toBe('sql = SELECT 1\n'));
    streams.input.end();
    expect(await ended).toBe(0);
  });

  test('may hold dot commands, and .exit leaves', async () => {
    expect(await piped('.mode csv\nSELECT 1;\n.exit\nSELECT 2;\n')).toBe(0);
    expect(streams.out).toBe('sql\nSELECT 1\n');
  });

  test('a line in a statement that begins with a dot is no command', async () => {
    await piped('SELECT 1\n.5;');
    expect(runner.asked).toEqual(['SELECT 1\n.5']);
  });
});

describe('dot commands', () => {
  async function command(line: string) {
    streams.input.end(`${line}\n`);
    return runPrompt(options());
  }

  test('.tables lists the tables', async () => {
    await command('.tables');
    expect(streams.out).toBe('  => events\n  => stats\n');
  });

  test('.schema shows columns, of one table or of all', async () => {
    await command('.schema events\n.schema');
    const events = 'CREATE TABLE events(`pid` BIGINT, `path` TEXT, `eid` TEXT HIDDEN);\n';
    expect(streams.out).toBe(`${events}${events}CREATE TABLE stats(\`collector\` TEXT);\n`);
  });

  test('.help lists every command', async () => {
    await command('.help');
    for (const name of ['.tables', '.schema', '.mode', '.help', '.exit', '.quit']) expect(streams.out).toContain(name);
  });

  test.each([
    ['.nope', 'no such command: .nope'],
    ['.schema nope', 'no such table: nope'],
    ['.mode', '.mode needs one of auto, pretty, line, json, csv'],
    ['.mode xml', '.mode needs one of'],
  ])('%s is an error: %s', async (line, message) => {
    expect(await command(line)).toBe(1);
    expect(streams.err).toContain(message);
  });
});

describe('on a terminal', () => {
  let home: string;
  let historyPath: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'prompt-'));
    historyPath = join(home, 'history');
    streams.input.isTTY = true;
    streams.output.isTTY = true;
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  function terminal(signal?: AbortSignal) {
    return runPrompt({ ...options(), historyPath, ...(signal && { signal }) });
  }

  async function shows(text: string) {
    await eventually(() => expect(streams.out).toContain(text));
  }

  test('prompts, runs, and shows another prompt until the semicolon', async () => {
    const ended = terminal();
    await shows('process_ancestry> ');
    streams.input.write('SELECT\r');
    await shows('   ...> ');
    streams.input.write("'x';\r");
    await shows("sql = SELECT\\n'x'");
    streams.input.write('.quit\r');
    expect(await ended).toBe(0);
  });

  test('an error does not end it', async () => {
    const ended = terminal();
    streams.input.write('fail;\rSELECT 2;\r');
    await shows('sql = SELECT 2');
    expect(streams.err).toContain('Error: near');
    streams.input.write('.exit\r');
    expect(await ended).toBe(0);
  });

  test('Ctrl-C drops what was typed, Ctrl-D leaves', async () => {
    const ended = terminal();
    streams.input.write('SELECT 1\r');
    await shows('   ...> ');
    streams.input.write('garbage\x1b[D\x1b[D\x03');
    await shows('^C');
    streams.input.write('SELECT 2\r;\r');
    await shows('sql = SELECT 2');
    expect(runner.asked).toEqual(['SELECT 2']);
    streams.input.write('\x04');
    expect(await ended).toBe(0);
  });

  test('Ctrl-C ends the statement that runs and drops what was typed ahead', async () => {
    const ended = terminal();
    streams.input.write('wait 1; SELECT 2;\r.tables\rSELECT 3;\r');
    await eventually(() => expect(runner.asked).toEqual(['wait 1']));
    streams.out = '';
    streams.input.write('\x03');
    await shows('process_ancestry> ');
    streams.input.write('SELECT 4;\r');
    await shows('sql = SELECT 4');
    expect(runner.asked).toEqual(['wait 1', 'SELECT 4']);
    expect(streams.out).not.toContain('=> events');
    expect(streams.err).toBe('');
    streams.input.write('\x04');
    expect(await ended).toBe(0);
  });

  test('a signal ends it, also while a statement runs', async () => {
    const stop = new AbortController();
    const ended = terminal(stop.signal);
    streams.input.write('wait;\r');
    await eventually(() => expect(runner.asked).toEqual(['wait']));
    stop.abort();
    expect(await ended).toBe(0);
  });

  test('a signal ends it', async () => {
    const stop = new AbortController();
    const ended = terminal(stop.signal);
    await shows('process_ancestry> ');
    stop.abort();
    expect(await ended).toBe(0);
  });

  test('keeps lines in a file of its owner only, and recalls them', async () => {
    writeFileSync(historyPath, 'SELECT 0;\n', { mode: 0o644 });
    const first = terminal();
    streams.input.write('SELECT 1;\r');
    await shows('sql = SELECT 1');
    streams.input.write('\x04');
    await first;
    expect(readFileSync(historyPath, 'utf8')).toBe('SELECT 0;\nSELECT 1;\n');
    expect(statSync(historyPath).mode & 0o777).toBe(0o600);

    streams = new Streams();
    streams.input.isTTY = true;
    const second = terminal();
    streams.input.write('\x1b[A\x1b[A\r');
    await shows('sql = SELECT 0');
    streams.input.write('\x04');
    await second;
  });

  test('recalls a statement of several lines as one, also at the next start', async () => {
    const first = terminal();
    streams.input.write('.tables\rSELECT\r');
    await shows('   ...> ');
    streams.input.write("'a';\r");
    await shows("sql = SELECT\\n'a'");
    streams.input.write('\x1b[A\r');
    await eventually(() => expect(runner.asked).toEqual(["SELECT\n'a'", "SELECT\n'a'"]));
    streams.input.write('\x04');
    await first;
    expect(readFileSync(historyPath, 'utf8')).toBe(`.tables\n"SELECT\\n'a';"\n`);

    streams = new Streams();
    streams.input.isTTY = true;
    const second = terminal();
    streams.input.write('\x1b[A\r');
    await shows("sql = SELECT\\n'a'");
    streams.input.write('\x04');
    await second;
  });

  test('a statement that Ctrl-C drops is not kept', async () => {
    const ended = terminal();
    streams.input.write('SELECT 1\r');
    await shows('   ...> ');
    streams.input.write('\x03');
    await shows('^C');
    streams.input.write('SELECT 2;\r');
    await shows('sql = SELECT 2');
    streams.input.write('\x04');
    await ended;
    expect(readFileSync(historyPath, 'utf8')).toBe('SELECT 2;\n');
  });

  test('keeps no more than a thousand statements', async () => {
    writeFileSync(historyPath, Array.from({ length: 1500 }, (_, index) => `SELECT ${index};\n`).join(''));
    const ended = terminal();
    streams.input.write("SELECT 'new';\r");
    await shows("sql = SELECT 'new'");
    streams.input.write('\x04');
    await ended;
    const lines = readFileSync(historyPath, 'utf8').trim().split('\n');
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([1000, 'SELECT 501;', "SELECT 'new';"]);
  });

  test('works without a home that can be written to', async () => {
    historyPath = join(home, 'no', 'such', 'directory');
    const ended = terminal();
    streams.input.write('SELECT 1;\r');
    await shows('sql = SELECT 1');
    streams.input.write('\x04');
    expect(await ended).toBe(0);
    expect(existsSync(historyPath)).toBe(false);
  });

  test('the tab key completes', async () => {
    const ended = terminal();
    for (const keys of ['SELECT collec', '\t', ' FROM sta', '\t']) {
      // A tab within other text counts as a paste.
      streams.input.write(keys);
      await eventually(() => expect(streams.input.readableLength).toBe(0));
    }
    await shows('FROM stats');
    streams.input.write(';\r');
    await eventually(() => expect(runner.asked).toEqual(['SELECT collector FROM stats']));
    streams.input.write('\x04');
    await ended;
  });
});

test.each([
  ['.t', ['.tables'], '.t'],
  ['.', ['.tables', '.schema', '.help', '.mode', '.exit', '.quit'], '.'],
  ['SELECT pa', ['path'], 'pa'],
  ['SELECT ei', ['eid'], 'ei'],
  ['SELECT * FROM ev', ['events'], 'ev'],
  ['sel', ['SELECT'], 'sel'],
  ['SELECT e.p', ['e.path', 'e.pid'], 'e.p'],
  ['SELECT regex_m', ['regex_match'], 'regex_m'],
  ['SELECT ', [], ''],
])('%j completes to %j', (line, expected, word) => {
  expect(complete(line, tables)).toEqual([expected, word]);
});
