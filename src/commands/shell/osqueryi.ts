/** Runs osqueryi instead of the built-in shell, on hosts that have it. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, join } from 'node:path';
import type { OutputMode } from './output_format.ts';
import { withoutLeadingComments } from './sql_text.ts';

/** The first executable osqueryi on PATH. */
export function findOsqueryi(path: string | undefined): string | undefined {
  for (const directory of (path ?? '').split(delimiter)) {
    // An empty entry means the working directory, which is not trusted.
    if (directory === '') continue;
    const candidate = join(directory, 'osqueryi');
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

interface OsqueryiOptions {
  readonly osqueryi: string;
  /** The executable that osqueryi starts as its extension. */
  readonly extensionPath: string;
  readonly flags: OsqueryiFlags;
  readonly sql?: string;
  readonly mode: OutputMode;
  readonly env: NodeJS.ProcessEnv;
  readonly stdio?: 'inherit' | 'ignore';
}

/** Runs osqueryi on the terminal; returns its exit status. */
export function runOsqueryi(options: OsqueryiOptions): Promise<number> {
  const { osqueryi, extensionPath, sql, mode } = options;
  const { flags, env } = options.flags;
  const args = [
    ...['--extension', extensionPath, '--extensions_require', 'process_ancestry', '--extensions_timeout', '10'],
    ...flags,
    ...(mode === 'auto' || mode === 'pretty' ? [] : [`--${mode}`]),
    // osqueryi would parse a leading comment as a flag.
    ...(sql === undefined ? [] : [withoutLeadingComments(sql)]),
  ];
  return new Promise((resolve, reject) => {
    // The terminal sends signals to both processes; only osqueryi handles them.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    const child = spawn(osqueryi, args, { stdio: options.stdio ?? 'inherit', env: { ...options.env, ...env } });
    const terminate = () => child.kill('SIGTERM');
    process.on('SIGTERM', terminate);
    const settle = () => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', terminate);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      settle();
      resolve(code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]));
    });
  });
}

interface OsqueryiFlags {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Converts the extension's flags (`--name=value` or `--name value`) to environment variables, because osqueryi passes no
 * flags to extensions. Undefined if a flag cannot be converted.
 */
export function osqueryiFlags(args: readonly string[]): OsqueryiFlags | undefined {
  const flags: string[] = [];
  const env: Record<string, string> = {};
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    const [, name, inline] = /^--(process_ancestry_\w+)(?:=(.*))?$/s.exec(arg) ?? [];
    const next = args[index + 1];
    if (name === undefined) {
      if (arg !== '--verbose') return undefined;
      flags.push(arg);
    } else if (inline === undefined && next !== undefined && !next.startsWith('--')) {
      env[name.toUpperCase()] = next;
      index += 1;
    } else env[name.toUpperCase()] = inline ?? 'true';
  }
  return { flags, env };
}
