/**
 * A minimal Debian in a folder, and programs that run in it as in a container: with their own root and private mounts,
 * which end with the last program. The kernel and its processes are the host's.
 */
import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from '../integration/extension_under_test.ts';
import { ownMirror, ownRelease } from './debian_mirror.ts';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/process-ancestry', import.meta.url));
const NSENTER = execFileSync('sh', ['-c', 'command -v nsenter'], { encoding: 'utf8' }).trim();
const CHROOT = execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v chroot'], { encoding: 'utf8' }).trim();
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Files that the installation of any package changes. */
const BOOKKEEPING = /^(var\/lib\/(dpkg|rpm)|var\/log|var\/cache|tmp|run\/lock|etc\/ld\.so\.cache)(\/|$)/;

export class CleanRoot {
  readonly path: string;
  readonly #mounts: ChildProcess;

  private constructor(path: string, mounts: ChildProcess) {
    this.path = path;
    this.#mounts = mounts;
  }

  /** Takes half a minute the first time. `release` is a codename; default: this machine's. */
  static async make(release = ownRelease()): Promise<CleanRoot> {
    const path = mkdtempSync(join(tmpdir(), 'pa-root-'));
    try {
      await fill(path, release);
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
    // Ends with this process: then its private mounts are gone.
    const script = `set -e
      mount -t proc proc "$1/proc"
      mount --bind /sys "$1/sys"
      mount --bind /dev "$1/dev"
      mount -t tmpfs tmpfs "$1/dev/shm"
      echo mounted
      exec cat`;
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', path];
    const mounts = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(mounts.stdout, 'data');
    return new CleanRoot(path, mounts);
  }

  /** The command that runs a program in it, before the program's path and arguments. */
  get entrance(): [command: string, ...args: string[]] {
    return [NSENTER, `--mount=/proc/${this.#mounts.pid}/ns/mnt`, CHROOT, this.path];
  }

  /** Runs it as an administrator would, and returns its stdout and stderr. Throws if it fails. */
  async run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const [command, ...entrance] = this.entrance;
    const options = { env: { PATH, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...env }, maxBuffer: 1 << 26 };
    const { stdout, stderr } = await promisify(execFile)(command, [...entrance, program, ...args], options);
    return stdout + stderr;
  }

  /** Runs a program of the host with the root's mounts: rpm, which the root lacks. */
  async runOutside(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const enter = [`--mount=/proc/${this.#mounts.pid}/ns/mnt`, program, ...args];
    const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
    const { stdout, stderr } = await promisify(execFile)(NSENTER, enter, options);
    return stdout + stderr;
  }

  /** With only this environment, in /, and without a process in between. */
  spawn(program: string, args: readonly string[], env: NodeJS.ProcessEnv, options: SpawnOptions): ChildProcess {
    const [command, ...entrance] = this.entrance;
    return spawn(command, [...entrance, program, ...args], { ...options, env, cwd: '/' });
  }

  at(path: string): string {
    return join(this.path, path);
  }

  text(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  /** All files except the packages' bookkeeping: type, owner, and time of writing. */
  listing(): Map<string, string> {
    // Not with Node, which follows links out of it.
    const facts = '%P\\t%y %m %U:%G';
    const format = ['-type', 'f', '-printf', `${facts} %s bytes of %T@\\n`, '-o', '-printf', `${facts} %l\\n`];
    const found = execFileSync('find', [this.path, '-mindepth', '1', ...format], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    const entries = found
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [path: string, what: string]);
    return new Map(entries.filter(([path]) => !BOOKKEEPING.test(path)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The host's processes with an executable in it. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          // In other mounts the path is relative to them: the root decides.
          return readlinkSync(`/proc/${pid}/root`).startsWith(this.path);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  async remove(): Promise<void> {
    for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
    await until('without processes', () => this.processes().length === 0);
    const gone = once(this.#mounts, 'exit');
    this.#mounts.stdin?.end();
    await gone;
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** From the package source of this machine. */
async function fill(path: string, release: string): Promise<void> {
  const cached = join(CACHE, `${release}-${process.arch}.tar`);
  if (existsSync(cached)) {
    await promisify(execFile)('tar', ['-C', path, '-xpf', cached, '--numeric-owner']);
    return;
  }
  const from = ownMirror();
  // It mounts /proc and /sys, in a private mount namespace, so that none is left if it fails.
  const alone = ['--mount', '--propagation', 'private', 'debootstrap'];
  await promisify(execFile)('unshare', [...alone, '--variant=minbase', release, path, from], {
    maxBuffer: 1 << 26,
    env: { ...aptProxy(), ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  rmSync(join(path, 'var/cache/apt/archives'), { recursive: true, force: true });
  // If every run is a first one, the cache is not worth its time.
  if (process.env.CI) return;
  mkdirSync(CACHE, { recursive: true });
  await promisify(execFile)('tar', ['-C', path, '-cpf', `${cached}.${process.pid}`, '--numeric-owner', '.']);
  renameSync(`${cached}.${process.pid}`, cached);
}

/** If apt has one that is not in the environment. */
function aptProxy(): NodeJS.ProcessEnv {
  const said = execFileSync('apt-config', ['shell', 'PROXY', 'Acquire::http::Proxy'], { encoding: 'utf8' });
  const [, proxy] = /^PROXY='(http.*)'$/m.exec(said) ?? [];
  return proxy === undefined ? {} : { http_proxy: proxy };
}
