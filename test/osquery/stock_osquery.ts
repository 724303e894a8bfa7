/** A stock osqueryd of this machine: OSQUERYD, or the one on PATH. It writes only into a directory of the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptFlags, NOTHING_KEPT } from '../../src/extension/kept_flags.ts';
import { ManagerClient } from '../../src/osquery/index.ts';
import { LAUNCHER, type Row, until } from '../integration/extension_under_test.ts';

export const OSQUERYD = process.env.OSQUERYD ?? onPath('osqueryd');

function onPath(name: string): string {
  const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
  if (found === '') throw new Error(`no ${name}: set OSQUERYD to a stock osqueryd`);
  return found;
}

export interface OsquerydOptions {
  readonly config?: object;
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** osqueryd with its watcher and worker, and the extension that it loads. */
export class StockOsqueryd {
  readonly directory: string;
  readonly #child: ChildProcess;
  #stderr = '';

  constructor({ config, flags = [], env = {} }: OsquerydOptions = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'pa-osquery-'));
    chmodSync(this.directory, 0o755);
    if (config) writeFileSync(this.at('osquery.conf'), JSON.stringify(config));
    writeFileSync(this.at('extensions.load'), `${LAUNCHER}\n`);
    const args = [
      ...[`--pidfile=${this.at('osquery.pid')}`, `--database_path=${this.at('osquery.db')}`],
      ...[`--extensions_socket=${this.socket}`, `--extensions_autoload=${this.at('extensions.load')}`],
      ...[`--logger_path=${this.at('log')}`, '--logger_plugin=filesystem', '--extensions_interval=1'],
      ...[`--config_path=${this.at('osquery.conf')}`, '--watchdog_level=-1', '--schedule_splay_percent=0'],
      ...['--disable_events=true', '--logger_min_status=1', ...flags],
    ];
    // osqueryd does not make the directory.
    spawnSync('mkdir', ['-p', this.at('log')]);
    this.#child = spawn(OSQUERYD, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  get socket(): string {
    return this.at('osquery.em');
  }

  /** The watcher, whose children are the worker and the extension. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The output of osqueryd and the extension. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Runs SQL as another client of osquery. */
  async query(sql: string): Promise<readonly Row[]> {
    const client = new ManagerClient(this.socket, 60_000);
    try {
      const { status, rows } = await client.query(sql);
      if (status.code !== 0) throw new Error(`${sql}: ${status.message}`);
      return rows as readonly Row[];
    } finally {
      client.close();
    }
  }

  /** The one value of one row. */
  async value(sql: string): Promise<string | undefined> {
    const [row] = await this.query(sql);
    return row && Object.values(row)[0];
  }

  /** Resolves when the table answers through osquery. */
  async ready(): Promise<void> {
    const count = 'SELECT count(*) FROM process_ancestry_events';
    await until('ready', () => this.value(count).catch(() => this.#failIfGone()));
  }

  /** The pid of the process that answers. */
  async worker(): Promise<number> {
    return Number(await this.value('SELECT pid FROM osquery_info'));
  }

  /** Results of the schedule, as logged by osquery: one object per row. */
  results(query: string): readonly Row[] {
    const path = this.at('log/osqueryd.results.log');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { name: string; columns: Row })
      .filter(({ name }) => name === query)
      .map(({ columns }) => columns);
  }

  /** Files below a directory that contain a text. */
  filesWith(text: string, directory = this.directory): string[] {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.conf'))
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => readFileSync(path).includes(text));
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await until('gone', () => this.#child.exitCode !== null || this.#child.signalCode !== null);
    new KeptFlags(this.socket).write(NOTHING_KEPT);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #failIfGone(): undefined {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return undefined;
    throw new Error(`osqueryd has exited: ${this.#stderr}`);
  }
}

/** An extension that osqueryi starts: its executable, and the name that it registers. */
export interface OsqueryiExtension {
  readonly path: string;
  readonly name: string;
}

/** Runs one statement in osqueryi, as in README.md. Returns the rows; its output is the error if it fails. */
export function osqueryi(
  sql: string,
  env: NodeJS.ProcessEnv = {},
  extension: OsqueryiExtension = { path: LAUNCHER, name: 'process_ancestry' },
): readonly Row[] {
  const directory = mkdtempSync(join(tmpdir(), 'pa-osqueryi-'));
  try {
    const args = ['-S', '--extension', extension.path, `--extensions_require=${extension.name}`];
    const paths = [`--extensions_socket=${join(directory, 'em')}`, `--database_path=${join(directory, 'db')}`];
    const run = spawnSync(OSQUERYD, [...args, '--extensions_timeout=30', ...paths, '--json', sql], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      timeout: 120_000,
    });
    if (run.status !== 0) throw new Error(`osqueryi: ${run.status ?? run.signal}: ${run.stdout}${run.stderr}`);
    return JSON.parse(run.stdout.slice(run.stdout.indexOf('['))) as Row[];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Environment of an extension that replays the sample log. */
export const SAMPLE = {
  PROCESS_ANCESTRY_COLLECTOR: 'replay',
  PROCESS_ANCESTRY_REPLAY_FILE: ':sample:',
} as const;
