/** The extension as osqueryd's watcher starts it: from the path in a list, with three flags and a service's environment. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { EmbeddedManager } from '../../src/commands/shell/embedded_manager.ts';
import { PATIENCE_MS, type Row, settled, until } from '../integration/extension_under_test.ts';
import { forestRows } from '../integration/forest.ts';
import type { CleanRoot } from './clean_root.ts';

/** Path in the root. */
const SOCKET = '/var/osquery/osquery.em';
/**
 * The environment that systemd gives a service (man 5 systemd.exec, Environment Variables in Spawned Processes). The
 * watcher passes it on with two more variables (osquery/core/watcher.cpp, createWorker; osquery/process/posix/process.cpp,
 * launchExtension).
 */
const ENVIRONMENT = {
  LANG: 'C.UTF-8',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
  INVOCATION_ID: '00112233445566778899aabbccddeeff',
  JOURNAL_STREAM: '8:12345',
  OSQUERY_EXTENSIONS: 'true',
};
const EXECUTE = 'export OSQUERY_EXTENSION=$$; exec "$0" "$@"';

export class AutoloadedExtension {
  readonly manager: EmbeddedManager;
  readonly #root: CleanRoot;
  readonly #path: string;
  /** Whether an ended extension is started again, as by the watcher. */
  #isWatched = true;
  #child: ChildProcess | undefined;
  #stderr = '';

  private constructor(root: CleanRoot, path: string) {
    this.#root = root;
    this.#path = path;
    this.manager = new EmbeddedManager({ socketPath: root.at(SOCKET) });
  }

  /** Resolves when it is registered and records. `list`: the file of `--extensions_autoload`. */
  static async start(root: CleanRoot, list: string): Promise<AutoloadedExtension> {
    const lines = root
      .text(list)
      .split('\n')
      .map((line) => line.trim());
    const [path, ...others] = lines.filter((line) => line !== '' && !/^[#;]/.test(line));
    if (path === undefined || others.length > 0) throw new Error(`${list} names ${path} and ${others}`);
    const started = new AutoloadedExtension(root, path);
    await started.manager.start();
    started.#spawn();
    await started.recording();
    return started;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRegistered(): boolean {
    return this.manager.extensions.length > 0;
  }

  async recording(): Promise<void> {
    await this.manager.waitForExtension('process_ancestry', PATIENCE_MS);
    await until('recording', () => this.#stderr.includes('"recording"'));
  }

  /** Resolves when a new process has replaced it. */
  async replaced(pid: number | undefined): Promise<void> {
    await until('replaced', () => this.#child !== undefined && this.pid !== pid && this.isRegistered);
    await this.recording();
  }

  /** As in a crash of all of osquery: no process starts another one. */
  async kill(): Promise<void> {
    this.#isWatched = false;
    this.#child?.kill('SIGKILL');
    await until('killed', () => this.#child === undefined);
  }

  /** As when osqueryd is stopped. */
  async stop(): Promise<void> {
    this.#isWatched = false;
    this.#child?.kill('SIGTERM');
    await until('gone', () => this.#child === undefined);
    await this.manager.stop();
  }

  async query(sql: string): Promise<Row[]> {
    const { columns, rows } = await this.manager.query(sql);
    return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? ''])));
  }

  /** Rows of the forest's execs, for `compare`. */
  async forestRows(): Promise<Row[]> {
    return forestRows((columns, first, end) =>
      this.query(`SELECT ${columns} FROM process_ancestry_events WHERE pid >= ${first} AND pid < ${end}`),
    );
  }

  async stats(): Promise<Row> {
    const [row] = await this.query('SELECT * FROM process_ancestry_cache_stats');
    if (!row) throw new Error('no statistics');
    return row;
  }

  /** Resolves when every earlier event has its row. */
  async settled(): Promise<void> {
    await settled({
      stats: () => this.stats(),
      cmdlinesOf: async (pid) => {
        const rows = await this.query(`SELECT cmdline FROM process_ancestry_events WHERE pid = ${pid}`);
        return rows.map(({ cmdline }) => cmdline);
      },
    });
  }

  #spawn(): void {
    this.#stderr = '';
    const args = ['--socket', SOCKET, '--timeout', '120', '--interval', '3'];
    const child = this.#root.spawn('/bin/sh', ['-c', EXECUTE, this.#path, ...args], ENVIRONMENT, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.once('exit', () => {
      this.#child = undefined;
      // osquery checks each time whether the file exists (osquery/core/watcher.cpp, createExtension).
      if (this.#isWatched && existsSync(this.#root.at(this.#path))) this.#spawn();
    });
  }
}
