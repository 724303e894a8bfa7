/**
 * A host for installations: this machine's files below a layer in memory, with its own processes. All changes are gone when
 * it stops. Kernel audit refuses its requests, because it is not in the initial pid namespace.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../integration/extension_under_test.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** $1: an empty directory, $2: the repository, which may be on another file system than the root. */
const SET_UP = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t tmpfs tmpfs "$1/root/run"
mkdir -p "$1/root$2"
mount --bind "$2" "$1/root$2"
cd "$1/root"
exec chroot . sh -c 'echo ready; exec cat'`;

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class ScratchHost {
  readonly #directory: string;
  readonly #process: ChildProcess;
  #output = '';

  private constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'pa-host-'));
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const args = [...namespaces, 'sh', '-c', SET_UP, 'sh', this.#directory, REPOSITORY];
    this.#process = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
  }

  static isPossible(): boolean {
    return process.getuid?.() === 0 && /\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
  }

  static async start(): Promise<ScratchHost> {
    const host = new ScratchHost();
    await until('a host', () => host.#output.includes('ready') || host.#failIfGone());
    return host;
  }

  /** Path of its root directory on this machine. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  has(inside: string): boolean {
    return existsSync(this.path(inside));
  }

  text(inside: string): string {
    return readFileSync(this.path(inside), 'utf8');
  }

  run(command: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Outcome {
    const enter = ['--target', String(this.#pid), '--mount', '--pid', '--root', '--wd'];
    const { status, stdout, stderr } = spawnSync('nsenter', [...enter, command, ...args], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    return { status, stdout, stderr };
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end();
    await until('gone', () => this.#isGone);
    rmdirSync(this.#directory);
  }

  /** Pid of the first process in it: the only child of unshare. */
  get #pid(): number {
    const { pid } = this.#process;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  }

  get #isGone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #failIfGone(): false {
    if (this.#isGone) throw new Error(`no host: ${this.#output}`);
    return false;
  }
}
