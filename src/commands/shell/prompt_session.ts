/** A session of the prompt: joins lines to statements, runs statements and dot commands, and prints results. */

import type { Writable } from 'node:stream';
import { messageOf } from '../../text/error_message.ts';
import { escapeTerminal, formatResult, isOutputMode, type OutputMode, outputModes } from './output_format.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryResult } from './sql_engine.ts';
import { splitStatements } from './sql_text.ts';

/** The manager as seen by the prompt. */
export interface QueryRunner {
  /** Rejects when the signal aborts. */
  query(sql: string, signal?: AbortSignal): Promise<QueryResult>;
  readonly tables: readonly RegisteredTable[];
}

export interface SessionOptions {
  readonly runner: QueryRunner;
  readonly output: Writable & { isTTY?: boolean; columns?: number };
  readonly error: Writable;
  readonly mode: OutputMode;
  /** Ends the prompt. */
  readonly signal?: AbortSignal;
}

const help = `End SQL with a semicolon; it may have several lines. Ctrl-C ends a running statement.
.tables              the tables there are
.schema [TABLE]      their columns
.mode MODE           how results are shown: ${outputModes.join(', ')}
                     auto: columns, or a column a line where they are wider than the terminal
.help                this text
.exit, .quit         leave, as Ctrl-D does
`;

/** Whether a first line is a dot command. */
export function isCommand(line: string): boolean {
  return line.trimStart().startsWith('.');
}

export class PromptSession {
  readonly #runner: QueryRunner;
  readonly #output: SessionOptions['output'];
  readonly #error: Writable;
  readonly #signal: AbortSignal | undefined;
  #mode: OutputMode;
  #unfinished = '';
  /** Whether .exit was entered. */
  left = false;
  /** Number of failed statements and commands. */
  failures = 0;

  constructor({ runner, output, error, mode, signal }: SessionOptions) {
    this.#runner = runner;
    this.#output = output;
    this.#error = error;
    this.#mode = mode;
    this.#signal = signal;
  }

  /** Whether a statement waits for its semicolon. */
  get pending(): boolean {
    return this.#unfinished !== '';
  }

  forget(): void {
    this.#unfinished = '';
  }

  /** Adds a line, and runs the completed statements until the signal aborts. */
  async line(line: string, signal?: AbortSignal): Promise<void> {
    if (!this.pending && isCommand(line)) {
      this.#command(line.trim());
      return;
    }
    const { complete, rest, restIsBlank } = splitStatements(`${this.#unfinished}${line}\n`);
    this.#unfinished = restIsBlank ? '' : rest;
    for (const statement of complete) {
      if (signal?.aborted) return;
      await this.run(statement, signal);
    }
  }

  /** At the end of input, runs a statement without a semicolon. */
  async end(signal?: AbortSignal): Promise<void> {
    if (this.pending && !this.left && !signal?.aborted) await this.run(this.#unfinished.trim(), signal);
    this.forget();
  }

  /** Runs one statement and prints its result; returns whether it succeeded. */
  async run(statement: string, signal?: AbortSignal): Promise<boolean> {
    try {
      const result = await this.#runner.query(statement, signal);
      const { isTTY, columns } = this.#output;
      this.#output.write(formatResult(result, this.#mode, isTTY === true ? { columns } : undefined));
      return true;
    } catch (error) {
      // A statement that is interrupted, or ends with the shell, is not a failure.
      if (!signal?.aborted && !this.#signal?.aborted) this.#fail(messageOf(error));
      return false;
    }
  }

  #fail(message: string): void {
    this.failures += 1;
    this.#error.write(`Error: ${escapeTerminal(message)}\n`);
  }

  #command(line: string): void {
    const [command, argument] = line.split(/\s+/);
    switch (command) {
      case '.tables':
        for (const { name } of this.#runner.tables) this.#output.write(`  => ${escapeTerminal(name)}\n`);
        return;
      case '.schema':
        this.#schema(argument);
        return;
      case '.help':
        this.#output.write(help);
        return;
      case '.mode':
        if (argument !== undefined && isOutputMode(argument)) this.#mode = argument;
        else this.#fail(`.mode needs one of ${outputModes.join(', ')}`);
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
      this.#output.write(`CREATE TABLE ${escapeTerminal(table.name)}(${escapeTerminal(columns.join(', '))});\n`);
    }
  }
}
