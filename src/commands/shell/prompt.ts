/** The prompt: SQL and dot commands from a terminal, a pipe or an argument. */

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { complete } from './completion.ts';
import { historyEntries, StatementHistory } from './prompt_history.ts';
import { PromptSession, type SessionOptions } from './prompt_session.ts';
import { allStatements } from './sql_text.ts';

interface PromptOptions extends SessionOptions {
  readonly input: Readable & { isTTY?: boolean };
  /** Default: no history. */
  readonly historyPath?: string;
}

const prompt = 'process_ancestry> ';
const continuation = '   ...> ';

/** Runs the statements of `sql` until one fails; returns the exit status. */
export async function runOnce(sql: string, options: PromptOptions): Promise<number> {
  const session = new PromptSession(options);
  const statements = allStatements(sql);
  if (statements.length === 0) {
    options.error.write('Error: the SQL contains no statement\n');
    return 1;
  }
  for (const statement of statements) {
    if (!(await session.run(statement, options.signal))) return 1;
  }
  return 0;
}

/** Runs the input until its end; returns the exit status, which is always 0 for a terminal. */
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
    await session.line(line, signal);
    if (session.left || signal?.aborted) break;
  }
  await session.end(signal);
  return session.failures > 0 ? 1 : 0;
}

function runTerminal(options: PromptOptions): Promise<number> {
  const { input, output, historyPath, signal } = options;
  if (signal?.aborted) return Promise.resolve(0);
  const session = new PromptSession(options);
  const history = new StatementHistory(historyPath);
  const lines = createInterface({
    input,
    output,
    terminal: true,
    prompt,
    history: history.entries,
    historySize: historyEntries,
    completer: (line: string) => complete(line, options.runner.tables),
    ...(signal && { signal }),
  });
  const ask = () => {
    lines.setPrompt(session.pending ? continuation : prompt);
    lines.prompt();
  };

  return new Promise((resolve) => {
    // Lines are processed in order: a line waits for the answer to the previous one.
    let turn = Promise.resolve();
    let closed = false;
    let isRunning = false;
    /** Aborts the running statement, and drops lines that wait. */
    let interrupt = new AbortController();
    lines.on('line', (typed) => {
      // readline joins the lines of a history entry with carriage returns.
      const line = typed.replaceAll('\r', '\n');
      history.add(line);
      const { signal: interrupted } = interrupt;
      turn = turn.then(async () => {
        if (session.left || interrupted.aborted) return;
        isRunning = true;
        await session.line(line, interrupted);
        isRunning = false;
        if (session.left) lines.close();
        else if (!closed) ask();
      });
    });
    lines.on('SIGINT', () => {
      session.forget();
      history.forget();
      if (lines.line !== '') {
        // Move to the end of the line, then delete to its start.
        lines.write(null, { ctrl: true, name: 'e' });
        lines.write(null, { ctrl: true, name: 'u' });
      }
      output.write('^C\n');
      const wasRunning = isRunning;
      interrupt.abort();
      interrupt = new AbortController();
      // The running statement shows the prompt when it ends.
      if (!wasRunning) ask();
    });
    // A closed terminal fails with EIO, and again when readline resets it.
    let isLost = false;
    lines.on('error', () => {
      if (isLost) return;
      isLost = true;
      interrupt.abort();
      lines.close();
    });
    const stop = () => interrupt.abort();
    signal?.addEventListener('abort', stop);
    lines.on('close', () => {
      closed = true;
      if (!session.left) output.write('\n');
      void turn.then(() => {
        signal?.removeEventListener('abort', stop);
        resolve(0);
      });
    });
    ask();
  });
}
