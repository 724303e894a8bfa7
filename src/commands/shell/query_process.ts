/** Runs statements in a child process: SQLite cannot be interrupted from JavaScript, a process can be ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { QueryRunner } from './prompt_session.ts';
import type { Question, Reply } from './query_channel.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryResult } from './sql_engine.ts';
import type { TableSource } from './table_source.ts';

/** What the statements read. */
interface QueriedTables {
  readonly tables: readonly RegisteredTable[];
  readonly sources: readonly TableSource[];
  readonly views: ReadonlyMap<string, string>;
}

export class QueryProcess implements QueryRunner {
  readonly #command: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #queried: QueriedTables;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(command: readonly string[], env: NodeJS.ProcessEnv, queried: QueriedTables) {
    this.#command = command;
    this.#env = env;
    this.#queried = queried;
  }

  get tables(): readonly RegisteredTable[] {
    return this.#queried.tables;
  }

  /** Starts the process, so that the first statement need not wait for it. */
  start(): void {
    this.#child ??= this.#spawn();
  }

  /**
   * Runs one statement; an abort ends the process, and the next statement gets another. One at a time.
   *
   * @throws SQLite's error, the extension's, or the signal's reason
   */
  query(sql: string, signal?: AbortSignal): Promise<QueryResult> {
    this.#child ??= this.#spawn();
    const child = this.#child;
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult>();
    const onReply = (reply: Reply) => ('result' in reply ? resolve(reply.result) : reject(new Error(reply.error)));
    const onEnd = (code: number | null, by: NodeJS.Signals | null) =>
      reject(new Error(`the query process ${by === null ? `ended with status ${code}` : `was ended by ${by}`}`));
    const onError = (error: Error) => reject(new Error(`the query process failed: ${error.message}`));
    const onAbort = () => {
      reject(signal?.reason);
      void this.stop();
    };
    child.on('message', onReply).on('exit', onEnd).on('error', onError);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    else {
      const { sources, views } = this.#queried;
      const question: Question = { sql, tables: sources, views };
      child.send(question, (error) => error !== null && onError(error));
    }
    return promise.finally(() => {
      child.off('message', onReply).off('exit', onEnd).off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    });
  }

  /** Resolves when every process that this one started is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.kill('SIGKILL')) this.#ended = Promise.all([this.#ended, once(child, 'exit')]);
    await this.#ended;
  }

  #spawn(): ChildProcess {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, {
      // Its stdin ends when this process does, however it ends.
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: this.#env,
      // In the terminal's group it would get the terminal's signals, which are the shell's to answer.
      detached: true,
    });
    const forget = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', forget).once('error', forget);
    return child;
  }
}
