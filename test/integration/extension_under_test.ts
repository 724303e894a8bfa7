/** The built extension, run as osquery runs it: a process of its own, a manager's socket, Thrift in between. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KeptFlags, NOTHING_KEPT } from '../../src/extension/kept_flags.ts';
import { ExtensionClient } from '../../src/osquery/extension_client.ts';
import { EmbeddedManager } from '../../src/shell/embedded_manager.ts';

export type Row = Record<string, string>;

const NAMED = process.env.PROCESS_ANCESTRY_UNDER_TEST;

/** What osquery would start: the launcher, or the file that the environment names (dist/package/process_ancestry.ext). */
export const LAUNCHER = NAMED ?? fileURLToPath(new URL('../../dist/process_ancestry.ext', import.meta.url));

/** Whether a test can have something of its own loaded into it. The single executable does not listen to NODE_OPTIONS. */
export const TAKES_NODE_OPTIONS = NAMED === undefined;

/** Waits for something to become true, and fails with what it is when it does not. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`after ${ms} ms: still not ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Whether this machine can record: root with the capabilities in a kernel with audit. Where it is false the kernel tests
 * are skipped; where it is true nothing of them may be.
 */
export function canRecord(): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s+(\w+)/m.exec(status)?.[1] ?? '0'}`);
  const CAP_NET_ADMIN = 1n << 12n;
  const CAP_AUDIT_CONTROL = 1n << 30n;
  // /proc/PID/loginuid is there when the kernel has CONFIG_AUDIT.
  return Boolean(effective & CAP_NET_ADMIN && effective & CAP_AUDIT_CONTROL) && existsSync('/proc/self/loginuid');
}

const AUDIT_CONTROL = fileURLToPath(new URL('audit_control.py', import.meta.url));

/** See audit_control.py. */
export function auditControl(...args: string[]): string {
  return execFileSync('python3', [AUDIT_CONTROL, ...args], { encoding: 'utf8' });
}

export interface AuditSettings {
  readonly status: Readonly<Record<string, number>>;
  readonly rules: readonly {
    readonly flags: number;
    readonly action: number;
    readonly fields: number;
    readonly strings: string;
  }[];
}

/** Audit's settings and rules, without the counters. */
export function auditSettings(): AuditSettings {
  return JSON.parse(auditControl('show')) as AuditSettings;
}

/** Whether our rules are in the kernel. */
export function hasOurRules(): boolean {
  return auditSettings().rules.some(({ strings }) => strings === 'process_ancestry');
}

/** When nothing is on its way any more: nothing has been published for longer than anything waits on the way. */
export async function settled(askStats: () => Promise<Row>): Promise<void> {
  let published = '';
  let quietSince = performance.now();
  await until('settled', async () => {
    const stats = await askStats();
    const onItsWay = stats.queue_depth !== '0' || stats.queue_bytes !== '0' || stats.kernel_backlog !== '0';
    if (onItsWay || stats.events_published !== published) quietSince = performance.now();
    published = stats.events_published ?? '';
    return performance.now() - quietSince > 200;
  });
}

export class ExtensionUnderTest {
  readonly manager: EmbeddedManager;
  readonly #directory: string;
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess;
  #stderr = '';
  exited: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  private constructor(manager: EmbeddedManager, spawnChild: () => ChildProcess, directory: string) {
    this.manager = manager;
    this.#directory = directory;
    this.#spawn = spawnChild;
    this.#child = this.#started();
  }

  get child(): ChildProcess {
    return this.#child;
  }

  /** Resolves when it is registered and records. */
  static async start(
    flags: readonly string[] = [],
    options: {
      env?: NodeJS.ProcessEnv;
      recording?: boolean;
      program?: string;
      /** What osquery is like when the extension starts. */
      prepare?: (manager: EmbeddedManager) => void;
    } = {},
  ): Promise<ExtensionUnderTest> {
    const directory = mkdtempSync(join(tmpdir(), 'pa-'));
    const manager = new EmbeddedManager({ socketPath: join(directory, 'em') });
    options.prepare?.(manager);
    await manager.start();
    const database = ['--database', join(directory, 'rows')];
    const args = ['--socket', manager.socketPath, '--timeout', '5', '--interval', '1', ...database, ...flags];
    const env = { ...process.env, ...options.env };
    const program = options.program ?? LAUNCHER;
    const spawnChild = () => spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    const running = new ExtensionUnderTest(manager, spawnChild, directory);
    await running.#ready(options.recording ?? true);
    return running;
  }

  /** Kills it, and starts it again as osqueryd's watcher does. */
  async killAndRespawn(recording = true): Promise<void> {
    this.#child.kill('SIGKILL');
    await until('killed', () => this.exited);
    await until('forgotten', () => this.uuid === undefined);
    this.exited = undefined;
    this.#stderr = '';
    this.#child = this.#started();
    await this.#ready(recording);
  }

  #started(): ChildProcess {
    const child = this.#spawn();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.on('exit', (code, signal) => {
      this.exited = { code, signal };
    });
    return child;
  }

  async #ready(recording: boolean): Promise<void> {
    await Promise.race([
      this.manager.waitForExtension('process_ancestry', 10_000),
      until('gone', () => this.exited, 10_000).then(() => this.failIfGone()),
    ]);
    if (recording) await until('recording', () => this.#stderr.includes('"recording"') || this.failIfGone());
  }

  failIfGone(): false {
    if (this.exited) throw new Error(`the extension is gone (${JSON.stringify(this.exited)}): ${this.#stderr}`);
    return false;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get uuid(): number | undefined {
    return this.manager.extensions.find(({ name }) => name === 'process_ancestry')?.uuid;
  }

  /** Where the rows are, unless a flag says otherwise. */
  get database(): string {
    return join(this.#directory, 'rows');
  }

  get socketPath(): string {
    return `${this.manager.socketPath}.${this.uuid}`;
  }

  /** One generate over the wire, as osquery does it. */
  async generate(
    table: string,
    constraints: Record<string, { op: number; expr: string }[]> = {},
    colsUsed?: string[],
  ): Promise<Row[]> {
    const context = {
      constraints: Object.entries(constraints).map(([name, list]) => ({ name, list, affinity: 'TEXT' })),
      ...(colsUsed ? { colsUsed } : {}),
    };
    const { status, rows } = await new ExtensionClient(this.socketPath).call('table', table, {
      action: 'generate',
      context: JSON.stringify(context),
    });
    if (status.code !== 0) throw new Error(status.message);
    return rows as Row[];
  }

  async stats(): Promise<Row> {
    const [row] = await this.generate('process_ancestry_cache_stats');
    if (!row) throw new Error('no statistics');
    return row;
  }

  async settled(): Promise<void> {
    await settled(() => this.stats());
  }

  /** When all that the kernel has told until now has become rows, whatever goes on meanwhile. */
  async caughtUp(): Promise<void> {
    await until('caught up', async () => {
      const { queue_bytes, kernel_backlog } = await this.stats();
      return queue_bytes === '0' && kernel_backlog === '0';
    });
    // As long as anything waits for what is missing, and for others to be merged with.
    await new Promise((resolve) => setTimeout(resolve, 500));
  }

  async stop(): Promise<void> {
    if (!this.exited) {
      this.child.kill('SIGTERM');
      await until('gone', () => this.exited, 5000);
    }
    await this.manager.stop();
    new KeptFlags(join(this.#directory, 'em')).write(NOTHING_KEPT);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
