/**
 * auditd with its own configuration: Debian's, but with raw logs in a directory of the benchmark. For a plugin, see
 * laurel.ts.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../integration/extension_under_test.ts';
import { BACKLOG_LIMIT } from '../audit_state.ts';
import type { Listener, RunningListener } from '../listener.ts';
import { childrenOf, isRunning } from '../process_cost.ts';
import { execsOfAuditLog } from './audit_log.ts';
import { rowsOf } from './offline_join.ts';

const KEY = 'bench_exec';
const DEBIAN = '/etc/audit/auditd.conf';

/** The installed auditd.conf, with other values for some keys. */
function configuration(values: Readonly<Record<string, string>>): string {
  let text = readFileSync(DEBIAN, 'utf8');
  for (const [key, value] of Object.entries(values)) {
    const line = new RegExp(`^${key} =.*$`, 'm');
    text = line.test(text) ? text.replace(line, `${key} = ${value}`) : `${text}\n${key} = ${value}\n`;
  }
  return text;
}

/** Commands of auditctl for the records that this extension gets. */
function loadRules(): void {
  const of = (arch: string) => ['-a', 'always,exit', '-F', `arch=${arch}`, '-S', 'execve', '-S', 'execveat'];
  execFileSync('auditctl', ['-b', String(BACKLOG_LIMIT)], { stdio: 'ignore' });
  for (const arch of ['b64', 'b32']) {
    execFileSync('auditctl', [...of(arch), '-F', 'success=1', '-k', KEY], { stdio: 'ignore' });
  }
}

function status(name: 'lost' | 'pid'): number {
  const text = execFileSync('auditctl', ['-s'], { encoding: 'utf8' });
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

export class Auditd {
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #lostBefore: number;
  #plugins: number[] = [];

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.#child = child;
    this.#lostBefore = status('lost');
  }

  /** `plugins`: makes the files for its plugins.d; gets the directory. Resolves when the rules are loaded. */
  static async start(options: {
    writeLogs: boolean;
    plugins?: (directory: string) => Readonly<Record<string, string>>;
  }): Promise<Auditd> {
    const directory = mkdtempSync(join(tmpdir(), 'bench-auditd-'));
    // A plugin that drops its privileges must be able to reach its own directory.
    chmodSync(directory, 0o711);
    const plugins = join(directory, 'plugins.d');
    for (const made of [plugins, join(directory, 'log')]) mkdirSync(made, { mode: 0o750 });
    for (const [name, text] of Object.entries(options.plugins?.(directory) ?? {})) {
      writeFileSync(join(plugins, name), text, { mode: 0o640 });
    }
    const values = {
      write_logs: options.writeLogs ? 'yes' : 'no',
      log_format: 'RAW',
      log_file: join(directory, 'log', 'audit.log'),
      plugin_dir: plugins,
      // Not rotated before it is read.
      max_log_file: '1000',
    };
    writeFileSync(join(directory, 'auditd.conf'), configuration(values), { mode: 0o640 });
    const child = spawn('auditd', ['-n', '-c', directory], { stdio: 'ignore' });
    const auditd = new Auditd(directory, child);
    try {
      await until('auditd reading audit', () => {
        if (child.exitCode !== null) throw new Error(`auditd has ended with status ${child.exitCode}`);
        return status('pid') === child.pid;
      });
      loadRules();
    } catch (error) {
      await auditd.stop();
      throw error;
    }
    return auditd;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The started plugin. */
  async plugin(): Promise<number> {
    const pid = await until('a plugin', () => childrenOf(this.pid)[0]);
    this.#plugins.push(pid);
    return pid;
  }

  lost(): number {
    return status('lost') - this.#lostBefore;
  }

  /** Resolves when it and its plugins have written everything and exited. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    for (const pid of [this.pid, ...this.#plugins]) await until(`${pid} gone`, () => !isRunning(pid));
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const auditdListener: Listener = {
  name: 'auditd, raw log',
  async start(): Promise<RunningListener> {
    const auditd = await Auditd.start({ writeLogs: true });
    return {
      processes: { auditd: auditd.pid },
      lost: async () => auditd.lost(),
      async finish() {
        await auditd.end();
        const log = readFileSync(join(auditd.directory, 'log', 'audit.log'), 'latin1');
        await auditd.stop();
        return rowsOf(execsOfAuditLog(log));
      },
      stop: () => auditd.stop(),
    };
  },
};
