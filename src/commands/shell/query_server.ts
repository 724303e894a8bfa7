/** The query process: runs the shell's statements one by one, until the shell exits. */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../text/error_message.ts';
import type { Question, Reply } from './query_channel.ts';
import { type QueryResult, SqlEngine } from './sql_engine.ts';
import { queryable } from './table_source.ts';

/** The shell holds the other end of stdin. A separate thread detects its end also while SQLite is busy. */
const ENDS_WITH_THE_SHELL = `
const { Socket } = require('node:net');
new Socket({ fd: 0 }).on('close', () => process.kill(process.pid, 'SIGKILL')).resume();`;

/** Resolves to the exit status. */
export function serveQueries(): Promise<number> {
  new Worker(ENDS_WITH_THE_SHELL, { eval: true, execArgv: [] }).unref();
  process.on('message', async (question: Question) => {
    const reply: Reply = await answer(question).then(
      (result) => ({ result }),
      (error: unknown) => ({ error: messageOf(error) }),
    );
    process.send?.(reply);
  });
  return new Promise((resolve) => process.once('disconnect', () => resolve(0)));
}

function answer({ sql, tables, views }: Question): Promise<QueryResult> {
  const engine = new SqlEngine(
    () => tables.map(queryable),
    () => views,
  );
  return engine.query(sql);
}
