/** The built extension, run as by osquery: a separate process, with a manager's socket and Thrift. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedManager } from '../../src/commands/shell/embedded_manager.ts';
import { KeptFlags, NOTHING_KEPT } from '../../src/extension/kept_flags.ts';
import { ExtensionClient } from '../../src/osquery/index.ts';
import { GIVEN_AGAIN_MS } from '../../src/store/subscribers.ts';
import { forestRows } from './forest.ts';

export type Row = Record<string, string>;

const NAMED = process.env.PROCESS_ANCESTRY_UNDER_TEST;

/** The file that osquery would start: the launcher, or the file from the environment (dist/package/process_ancestry.ext). */
export const LAUNCHER = NAMED ?? fileURLToPath(new URL('../../dist/process_ancestry.ext', import.meta.url));

/** Whether a test can load its own code into it. The single executable ignores NODE_OPTIONS. */
export const TAKES_NODE_OPTIONS = NAMED === undefined;

/** Only a safety net: no test may depend on timing. Below the tests' own limit, so that the error names the condition. */
export const PATIENCE_MS = 120_000;

/** Flags: the maximum wait for a hash, for a slow machine. */
export const PATIENT = ['--publish-wait-ms', '10000'] as const;

/** Waits for a condition. Fails with its name after PATIENCE_MS. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`after ${PATIENCE_MS} ms: still not ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Whether this machine can record: root with the capabilities in a kernel with audit. If false, the kernel tests are
 * skipped; if true, none may be.
 */
export function canRecord(): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s+(\w+)/m.exec(status)?.[1] ?? '0'}`);
  const CAP_NET_ADMIN = 1n << 12n;
  const CAP_AUDIT_CONTROL = 1n << 30n;
  // /proc/PID/loginuid exists if the kernel has CONFIG_AUDIT.
  return Boolean(effective & CAP_NET_ADMIN && effective & CAP_AUDIT_CONTROL) && existsSync('/proc/self/loginuid');
}

const AUDIT_CONTROL = fileURLToPath(new URL('audit_control.py', import.meta.url));

/** Debian's own starts sooner than one of a version manager on PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** See audit_control.py. */
export function auditControl(...args: string[]): string {
  return execFileSync(PYTHON, [AUDIT_CONTROL, ...args], { encoding: 'utf8' });
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

/** Queries a recording extension, however it was started. */
export interface Asked {
  readonly stats: () => Promise<Row>;
  /** The command lines of the rows with this pid. */
  readonly cmdlinesOf: (pid: number) => Promise<readonly (string | undefined)[]>;
}

/**
 * Resolves when every event until now has its row; later events may go on. Both kernel sources report in order, so the row
 * of a process that starts now means that all earlier events were received. Then no event may have waited for details or a
 * hash since before. Events that waited for a hash are merged with later ones, in order: hence a second process.
 */
export async function settled(asked: Asked): Promise<void> {
  await received(asked);
  const receivedMs = performance.now();
  await until('published', async () => {
    const askedMs = performance.now();
    return Number((await asked.stats()).queue_wait_ms) < askedMs - receivedMs;
  });
  await received(asked);
}

let markers = 0;

/** Executes a program that lives until its row exists: a collector without audit reads its command line from /proc. */
async function received({ stats, cmdlinesOf }: Asked): Promise<void> {
  const lost = async () => (await stats()).events_lost;
  for (;;) {
    const before = await lost();
    const name = `settled-${process.pid}-${markers++}`;
    const marker = spawn('/bin/sh', ['-c', 'read line', name], { stdio: ['pipe', 'ignore', 'ignore'] });
    try {
      // All of it may be redacted.
      const isOurs = (cmdline = '') => cmdline === `/bin/sh -c read line ${name}` || /^[* ]*\*[* ]*$/.test(cmdline);
      // It may be lost too.
      const outcome = await until('received', async () =>
        (await cmdlinesOf(marker.pid ?? 0)).some(isOurs) ? 'seen' : (await lost()) !== before && 'lost',
      );
      if (outcome === 'seen') return;
    } finally {
      marker.stdin?.end();
    }
  }
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
      /** Seconds between two looks at osquery; few, so that tests need not wait. */
      interval?: number;
      /** The state of osquery at the start of the extension. */
      prepare?: (manager: EmbeddedManager) => void;
    } = {},
  ): Promise<ExtensionUnderTest> {
    const directory = mkdtempSync(join(tmpdir(), 'pa-'));
    const manager = new EmbeddedManager({ socketPath: join(directory, 'em') });
    options.prepare?.(manager);
    await manager.start();
    const database = ['--database', join(directory, 'rows')];
    const args = [
      '--socket',
      manager.socketPath,
      '--timeout',
      '120',
      '--interval',
      String(options.interval ?? 1),
      ...database,
      ...flags,
    ];
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
      this.manager.waitForExtension('process_ancestry', PATIENCE_MS),
      once(this.#child, 'exit').then(() => this.failIfGone()),
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

  /** The directory of the rows, unless a flag says otherwise. */
  get database(): string {
    return join(this.#directory, 'rows');
  }

  get socketPath(): string {
    return `${this.manager.socketPath}.${this.uuid}`;
  }

  /** One generate call over the wire, as from osquery. */
  async generate(
    table: string,
    constraints: Record<string, { op: number; expr: string }[]> = {},
    colsUsed?: string[],
  ): Promise<Row[]> {
    const context = {
      constraints: Object.entries(constraints).map(([name, list]) => ({ name, list, affinity: 'TEXT' })),
      ...(colsUsed ? { colsUsed } : {}),
    };
    const client = new ExtensionClient(this.socketPath, { timeoutMs: PATIENCE_MS });
    const { status, rows } = await client.call('table', table, {
      action: 'generate',
      context: JSON.stringify(context),
    });
    if (status.code !== 0) throw new Error(status.message);
    return rows as Row[];
  }

  /** Rows of the forest's execs, for `compare`. */
  async forestRows(): Promise<Row[]> {
    return forestRows((columns, first, end) => {
      const pid = [
        { op: 32, expr: String(first) },
        { op: 16, expr: String(end) },
      ];
      return this.generate('process_ancestry_events', { pid }, [...columns]);
    });
  }

  /** Waits until a subscriber's next answer has new rows: the protocol has no statement id. */
  async nextStatement(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GIVEN_AGAIN_MS.pause + 20));
  }

  async stats(): Promise<Row> {
    const [row] = await this.generate('process_ancestry_cache_stats');
    if (!row) throw new Error('no statistics');
    return row;
  }

  /** Resolves when every event until now has its row; later events may go on. */
  async settled(): Promise<void> {
    await settled({
      stats: () => this.stats(),
      cmdlinesOf: async (pid) => {
        const wanted = { pid: [{ op: 2, expr: String(pid) }] };
        const rows = await this.generate('process_ancestry_events', wanted, ['pid', 'cmdline']);
        return rows.map(({ cmdline }) => cmdline);
      },
    });
  }

  async stop(): Promise<void> {
    if (!this.exited) {
      this.child.kill('SIGTERM');
      await until('gone', () => this.exited);
    }
    await this.manager.stop();
    new KeptFlags(join(this.#directory, 'em')).write(NOTHING_KEPT);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
