/** Runs statements in a child process, because JavaScript cannot interrupt SQLite, but can end a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { QueryRunner } from './prompt_session.ts';
import type { Question, Reply } from './query_channel.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryResult } from './sql_engine.ts';
import type { TableSource } from './table_source.ts';

/** Tables that statements can read. */
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

  /** Starts the process in advance, for a fast first statement. */
  start(): void {
    this.#child ??= this.#spawn();
  }

  /**
   * Runs one statement at a time. An abort ends the process; the next statement starts a new one.
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

  /** Resolves when all child processes have exited. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.kill('SIGKILL')) this.#ended = Promise.all([this.#ended, once(child, 'exit')]);
    await this.#ended;
  }

  #spawn(): ChildProcess {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, {
      // Its stdin is closed whenever this process ends.
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: this.#env,
      // In its own process group: only the shell receives the terminal's signals.
      detached: true,
    });
    const forget = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', forget).once('error', forget);
    return child;
  }
}
