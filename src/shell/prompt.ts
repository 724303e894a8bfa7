/** The prompt: SQL and dot commands, from a terminal, from a pipe, or given as an argument. */

import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../error_message.ts';
import { formatResult, isOutputMode, type OutputMode, outputModes, visible } from './output_format.ts';
import { historyLines, readHistory, writeHistory } from './prompt_history.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryResult } from './sql_engine.ts';
import { functionNames } from './sql_functions.ts';
import { allStatements, splitStatements } from './sql_text.ts';

/** What the prompt asks. */
export interface QueryRunner {
  query(sql: string): Promise<QueryResult>;
  readonly tables: readonly RegisteredTable[];
}

export interface PromptOptions {
  readonly runner: QueryRunner;
  readonly input: Readable & { isTTY?: boolean };
  readonly output: Writable & { isTTY?: boolean };
  readonly error: Writable;
  readonly mode: OutputMode;
  /** Default: no history. */
  readonly historyPath?: string;
  /** Ends the prompt. */
  readonly signal?: AbortSignal;
}

const prompt = 'process_ancestry> ';
const continuation = '   ...> ';

const help = `SQL ends with a semicolon, and may go over several lines.
.tables              the tables there are
.schema [TABLE]      their columns
.mode MODE           how results are shown: ${outputModes.join(', ')}
.help                this text
.exit, .quit         leave, as Ctrl-D does
`;

/** Runs the statements of `sql` until one fails; gives the exit status. */
export async function runOnce(sql: string, options: PromptOptions): Promise<number> {
  const session = new PromptSession(options);
  for (const statement of allStatements(sql)) {
    if (!(await session.run(statement))) return 1;
  }
  return 0;
}

/** Runs what the input says until it ends; gives the exit status, which for a terminal is always 0. */
export async function runPrompt(options: PromptOptions): Promise<number> {
  return options.input.isTTY === true ? runTerminal(options) : runPipe(options);
}

async function runPipe(options: PromptOptions): Promise<number> {
  const session = new PromptSession(options);
  const signal = options.signal;
  if (signal?.aborted) return 0;
  const lines = createInterface({
    input: options.input,
    crlfDelay: Number.POSITIVE_INFINITY,
    ...(signal && { signal }),
  });
  for await (const line of lines) {
    await session.line(line);
    if (session.left || signal?.aborted) break;
  }
  await session.end();
  return session.failures > 0 ? 1 : 0;
}

function runTerminal(options: PromptOptions): Promise<number> {
  const { input, output, historyPath, signal } = options;
  if (signal?.aborted) return Promise.resolve(0);
  const session = new PromptSession(options);
  const lines = createInterface({
    input,
    output,
    terminal: true,
    prompt,
    history: historyPath === undefined ? [] : readHistory(historyPath),
    historySize: historyLines,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(line, options.runner.tables),
    ...(signal && { signal }),
  });
  const ask = () => {
    lines.setPrompt(session.pending ? continuation : prompt);
    lines.prompt();
  };

  return new Promise((resolve) => {
    // One line at a time: what is typed ahead waits for the answer to what came before.
    let turn = Promise.resolve();
    let closed = false;
    lines.on('line', (line) => {
      turn = turn.then(async () => {
        if (session.left) return;
        await session.line(line);
        if (session.left) lines.close();
        else if (!closed) ask();
      });
    });
    lines.on('history', (latestFirst: string[]) => {
      if (historyPath !== undefined) writeHistory(historyPath, latestFirst);
    });
    lines.on('SIGINT', () => {
      session.forget();
      // To the end of the line, then delete back to its start.
      lines.write(null, { ctrl: true, name: 'e' });
      lines.write(null, { ctrl: true, name: 'u' });
      output.write('^C\n');
      ask();
    });
    lines.on('close', () => {
      closed = true;
      if (!session.left) output.write('\n');
      void turn.then(() => resolve(0));
    });
    ask();
  });
}

/** Puts lines together to statements and runs them. */
export class PromptSession {
  readonly #runner: QueryRunner;
  readonly #output: Writable & { isTTY?: boolean };
  readonly #error: Writable;
  readonly #signal: AbortSignal | undefined;
  #mode: OutputMode;
  #unfinished = '';
  /** An .exit was seen. */
  left = false;
  /** How many statements and commands failed. */
  failures = 0;

  constructor({ runner, output, error, mode, signal }: Omit<PromptOptions, 'input' | 'historyPath'>) {
    this.#runner = runner;
    this.#output = output;
    this.#error = error;
    this.#mode = mode;
    this.#signal = signal;
  }

  /** A statement has begun and waits for its semicolon. */
  get pending(): boolean {
    return this.#unfinished !== '';
  }

  forget(): void {
    this.#unfinished = '';
  }

  async line(line: string): Promise<void> {
    if (!this.pending && line.trim().startsWith('.')) {
      this.#command(line.trim());
      return;
    }
    const { complete, rest, restIsBlank } = splitStatements(`${this.#unfinished}${line}\n`);
    this.#unfinished = restIsBlank ? '' : rest;
    for (const statement of complete) await this.run(statement);
  }

  /** The input is over: runs what still lacks its semicolon. */
  async end(): Promise<void> {
    if (this.pending && !this.left) await this.run(this.#unfinished.trim());
    this.forget();
  }

  /** Runs one statement and shows its result; says whether it worked. */
  async run(statement: string): Promise<boolean> {
    try {
      const result = await this.#runner.query(statement);
      this.#output.write(formatResult(result, this.#mode, this.#output.isTTY === true));
      return true;
    } catch (error) {
      // What fails because everything is being taken down is no news.
      if (this.#signal?.aborted !== true) this.#fail(messageOf(error));
      return false;
    }
  }

  #fail(message: string): void {
    this.failures += 1;
    this.#error.write(`Error: ${visible(message)}\n`);
  }

  #command(line: string): void {
    const [command, argument] = line.split(/\s+/);
    switch (command) {
      case '.tables':
        for (const { name } of this.#runner.tables) this.#output.write(`  => ${visible(name)}\n`);
        return;
      case '.schema':
        this.#schema(argument);
        return;
      case '.help':
        this.#output.write(help);
        return;
      case '.mode':
        if (argument !== undefined && isOutputMode(argument)) this.#mode = argument;
        else this.#fail(`.mode takes one of ${outputModes.join(', ')}`);
        return;
      case '.exit':
      case '.quit':
        this.left = true;
        return;
      default:
        this.#fail(`no such command: ${command} (.help lists them)`);
    }
  }

  #schema(name: string | undefined): void {
    const tables = this.#runner.tables.filter((table) => name === undefined || table.name === name);
    if (name !== undefined && tables.length === 0) this.#fail(`no such table: ${name}`);
    for (const table of tables) {
      const columns = table.columns.map(
        (column) => `\`${column.name}\` ${column.type}${column.hidden ? ' HIDDEN' : ''}`,
      );
      this.#output.write(`CREATE TABLE ${visible(table.name)}(${visible(columns.join(', '))});\n`);
    }
  }
}

const commands = ['.tables', '.schema', '.help', '.mode', '.exit', '.quit'];
const keywords = (
  'SELECT FROM WHERE AND OR NOT IN LIKE GLOB BETWEEN IS NULL AS JOIN LEFT ON USING GROUP BY HAVING ORDER ASC DESC ' +
  'LIMIT OFFSET DISTINCT UNION ALL WITH CASE WHEN THEN ELSE END COUNT MIN MAX SUM json_each json_extract json_array_length'
).split(' ');

/** What the last word of the line may become, and that word, as readline's completer gives them. */
export function complete(line: string, tables: readonly RegisteredTable[]): [string[], string] {
  const word = /[.\w]*$/.exec(line)?.[0] ?? '';
  if (word.startsWith('.') && word === line.trimStart()) {
    return [commands.filter((command) => command.startsWith(word)), word];
  }
  const afterDot = /^(.*\.)(\w*)$/.exec(word);
  const columns = tables.flatMap((table) => table.columns.map(({ name }) => name));
  const qualifier = afterDot?.[1] ?? '';
  const names = afterDot ? columns : [...tables.map(({ name }) => name), ...columns, ...keywords, ...functionNames()];
  const start = word.slice(qualifier.length).toLowerCase();
  if (start === '' && !afterDot) return [[], word];
  const found = [...new Set(names)].filter((name) => name.toLowerCase().startsWith(start));
  return [found.sort().map((name) => qualifier + name), word];
}
