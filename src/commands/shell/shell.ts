/** The shell: runs the extension with a SQL prompt, with or without osquery on the host. */
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { homedir, constants as osConstants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { EmbeddedManager } from './embedded_manager.ts';
import { ExtensionProcess } from './extension_process.ts';
import { greeting } from './greeting.ts';
import { findOsqueryi, isExecutable, osqueryiFlags, runOsqueryi } from './osqueryi.ts';
import type { OutputMode } from './output_format.ts';
import { runOnce, runPrompt } from './prompt.ts';
import type { QueryRunner } from './prompt_session.ts';
import { QueryProcess } from './query_process.ts';

export interface ShellOptions {
  /** Command that starts the extension; `--socket` and other flags are appended. */
  readonly extensionCommand: readonly string[];
  /** Command that starts the query process. */
  readonly queryCommand: readonly string[];
  /** Executable for osqueryi; without it the built-in manager is used. */
  readonly extensionPath?: string;
  /** Flags for the extension; `--embedded` is for the shell itself. */
  readonly args?: readonly string[];
  /** Statements to run before exit; undefined: read the input. */
  readonly sql?: string;
  readonly mode?: OutputMode;
  /** Recording time before SQL that is not typed is run; default 300. */
  readonly settleMs?: number;
  /** Maximum idle time of the extension before it registers; default 15,000. A busy extension has no limit. */
  readonly idleLimitMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: Readable & { isTTY?: boolean };
  readonly output?: Writable & { isTTY?: boolean; columns?: number };
  readonly error?: Writable;
  /** Receives log messages of the manager. */
  readonly log?: (message: string) => void;
}

/** Name of the extension at registration. */
const extensionName = 'process_ancestry';
/** A longer base path leaves too little room for the socket name and the extension's UUID. */
const longestBase = 60;

/** Runs the shell; returns the exit status. */
export async function runShell(options: ShellOptions): Promise<number> {
  const env = options.env ?? process.env;
  const args = options.args ?? [];
  const embedded = args.includes('--embedded') || env.PROCESS_ANCESTRY_EMBEDDED === '1';
  const passedOn = args.filter((arg) => arg !== '--embedded');
  const osqueryi = embedded ? undefined : findOsqueryi(env.PATH);
  const flags = osqueryiFlags(passedOn);
  const { extensionPath, sql, mode = 'auto' } = options;
  if (osqueryi && flags && extensionPath !== undefined && isExecutable(extensionPath)) {
    return runOsqueryi({ osqueryi, extensionPath, flags, mode, env, ...(sql !== undefined && { sql }) });
  }
  return runEmbedded({ ...options, args: passedOn, env });
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Why the shell ends before the end of its input. */
type Ending = { readonly status: number; readonly message?: string };

async function runEmbedded(
  options: ShellOptions & { args: readonly string[]; env: NodeJS.ProcessEnv },
): Promise<number> {
  const { env, output = process.stdout, error = process.stderr } = options;
  const directory = await makePrivateDirectory(env);
  const stopping = new AbortController();
  const end = (ending: Ending) => stopping.abort(ending);
  const onSignal = (signal: (typeof signals)[number]) => end({ status: 128 + osConstants.signals[signal] });
  // The reader closed the pipe: not an error.
  const onBrokenPipe = () => end({ status: 0 });
  for (const signal of signals) process.on(signal, onSignal);
  output.on('error', onBrokenPipe);

  const socketPath = join(directory, 'osquery.em');
  const manager = new EmbeddedManager({ socketPath, ...(options.log && { log: options.log }) });
  const queries = new QueryProcess(options.queryCommand, env, manager);
  let child: ExtensionProcess | undefined;
  try {
    await manager.start();
    const flags = ['--socket', socketPath, '--timeout', '10', '--interval', '1', ...options.args];
    child = new ExtensionProcess(options.extensionCommand, flags, env, error);
    queries.start();
    const { ended } = child;
    const stopped = whenAborted(stopping.signal);
    const early = await Promise.race([registration(manager, child, options.idleLimitMs ?? 15_000), stopped]);
    if (early !== undefined) return report(early, error);

    void ended.then((how) => end({ status: 1, message: `the extension ${how}` }));
    const status = await Promise.race([converse(options, queries, stopping.signal), stopped]);
    return typeof status === 'number' ? status : report(status, error);
  } finally {
    await queries.stop();
    await child?.stop();
    await manager.stop();
    await rm(directory, { recursive: true, force: true });
    for (const signal of signals) process.off(signal, onSignal);
    output.off('error', onBrokenPipe);
  }
}

/** Waits for the registration of the extension; returns the reason of a failure. */
async function registration(
  manager: EmbeddedManager,
  child: ExtensionProcess,
  idleLimitMs: number,
): Promise<Ending | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([
      manager.waitForExtension(extensionName, Number.POSITIVE_INFINITY).then(
        () => undefined,
        (reason: Error): Ending => ({ status: 1, message: reason.message }),
      ),
      child.ended.then((how): Ending => ({ status: 1, message: `the extension ${how} before it registered` })),
      child.whenIdle(idleLimitMs, over.signal).then((): Ending => {
        const message = `the extension (process ${child.pid}) has not registered, and has been idle for ${idleLimitMs} ms`;
        return { status: 1, message };
      }),
    ]);
  } finally {
    over.abort();
  }
}

/** Runs after the registration; returns the exit status. */
async function converse(options: ShellOptions, runner: QueryRunner, signal: AbortSignal): Promise<number> {
  const { input = process.stdin, output = process.stdout, error = process.stderr, env = process.env } = options;
  const mode = options.mode ?? 'auto';
  const asked = { runner, input, output, error, mode, signal };
  const typed = options.sql === undefined && input.isTTY === true;
  if (!typed) await new Promise((resolve) => setTimeout(resolve, options.settleMs ?? 300));
  if (typed && output.isTTY === true) output.write(await greeting(runner, signal));
  const historyPath = join(env.HOME ?? homedir(), '.process_ancestry_history');
  const status = await (options.sql === undefined ? runPrompt({ ...asked, historyPath }) : runOnce(options.sql, asked));
  return status === 0 && !typed && (await hasReplayFailed(runner, signal)) ? 1 : status;
}

/** Whether reading the recorded log failed. The extension's log has the error. */
async function hasReplayFailed(runner: QueryRunner, signal: AbortSignal): Promise<boolean> {
  const sql = `SELECT 1 FROM process_ancestry_cache_stats, json_each(problems) WHERE value ->> 'code' = 'replay_failed'`;
  return runner.query(sql, signal).then(
    ({ rows }) => rows.length > 0,
    () => false,
  );
}

function report({ status, message }: Ending, error: Writable): number {
  if (message !== undefined) error.write(`Error: ${message}.\n`);
  return status;
}

function whenAborted(signal: AbortSignal): Promise<Ending> {
  return new Promise((resolve) => {
    const tell = () => resolve(signal.reason as Ending);
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
}

/** Creates a private directory (0700) for the socket, in the runtime directory or in /tmp. */
async function makePrivateDirectory(env: NodeJS.ProcessEnv): Promise<string> {
  const bases = [env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'];
  for (const base of bases) {
    if (base === undefined || base === '' || base.length > longestBase) continue;
    const usable = await access(base, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return mkdtemp(join(base, 'process_ancestry-'));
  }
  throw new Error(`no directory for a socket: none of ${bases.filter(Boolean).join(', ')} is writable`);
}
