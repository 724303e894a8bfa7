/** Chains as real processes: stand-ins with the right names, and shells that are shells. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Chain, type Link, linksOf } from './chain.ts';

const SOURCE = fileURLToPath(new URL('../../fixtures/detections/actor.c', import.meta.url));
const ACTOR = fileURLToPath(new URL('../../../native/build/actor', import.meta.url));

/** Compiles it once. */
function actor(): string {
  if (!existsSync(ACTOR) || statSync(ACTOR).mtimeMs < statSync(SOURCE).mtimeMs) {
    execFileSync('cc', ['-O2', '-static', '-Wall', '-Wextra', '-Werror', '-o', ACTOR, SOURCE]);
  }
  return ACTOR;
}

/** Between steps: see actor.c. */
const SEPARATOR = '\x1f';

export class RealProcesses {
  /** A place that no detection checks: not below /tmp, also if this project is there, and not among a web server's files. */
  readonly #directory = mkdtempSync('/var/lib/pa-detections-');
  readonly #temporary = mkdtempSync('/tmp/pa-detections-');

  constructor() {
    for (const directory of [this.#directory, this.#temporary]) chmodSync(directory, 0o755);
  }

  /** Runs it until it and its orphans end; returns its first process. `seen` ends held processes. */
  async run(chain: Chain, seen: () => Promise<void>): Promise<number> {
    const [first, ...links] = linksOf(chain);
    if (!first) throw new Error('an empty chain');
    const steps = [...(first.options.has('newpid') ? ['newpid'] : []), ...links.flatMap((link) => this.#stepsOf(link))];
    const isHeld = links.some(({ options }) => options.has('held'));
    const child = spawn(this.#fileOf(first), this.#argumentsOf(first), {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', ACTOR_STEPS: steps.join(SEPARATOR) },
      // No terminal, also if the tests have one.
      detached: true,
      stdio: [isHeld ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stdout?.resume();
    // Closed when no process has its end of the pipes any more.
    const closed = once(child, 'close');
    if (isHeld) await this.#release(child, seen);
    await closed;
    // The actor's own errors are above 110.
    if (child.exitCode === null || (child.exitCode > 110 && child.exitCode < 120)) {
      throw new Error(`${JSON.stringify(chain)} ended with ${child.exitCode ?? child.signalCode}: ${said}`);
    }
    return child.pid ?? 0;
  }

  async #release(child: ChildProcess, seen: () => Promise<void>): Promise<void> {
    try {
      await seen();
    } finally {
      child.stdin?.end();
    }
  }

  remove(): void {
    for (const directory of [this.#directory, this.#temporary]) rmSync(directory, { recursive: true, force: true });
  }

  #stepsOf(link: Link): string[] {
    const { options } = link;
    const set = (name: string) => (options.has(name) ? [`${name}=${options.get(name)}`] : []);
    const how = ['memfd', 'unlinked'].find((name) => options.has(name)) ?? 'exec';
    const words = [this.#fileOf(link), ...this.#argumentsOf(link)];
    const execution = [...set('argv0'), how, String(words.length), ...words, ...(options.has('held') ? ['held'] : [])];
    if (options.has('each')) return ['each', String(execution.length), ...execution];
    const birth = options.has('orphan') ? ['orphan'] : options.has('in-place') ? [] : ['fork'];
    const wait = options.has('later') ? ['later'] : [];
    return [...birth, ...wait, ...set('cd'), ...set('euid'), ...set('uid'), ...execution];
  }

  /** BIN/NAME in arguments is replaced by a stand-in, TMP by a directory that all users can write. */
  #argumentsOf({ argv }: Link): string[] {
    return argv
      .slice(1)
      .map((text) =>
        text
          .replace(/\bBIN\/([\w.-]+)/g, (_, name: string) => this.#standIn(join(this.#directory, name)))
          .replaceAll('TMP', this.#temporary),
      );
  }

  #fileOf({ options, argv: [file = ''] }: Link): string {
    if (file.startsWith('/')) return file;
    const path = file.startsWith('TMP/')
      ? join(this.#temporary, file.slice('TMP/'.length))
      : join(this.#directory, file);
    if (!options.has('setuid')) return this.#standIn(path);
    copyFileSync(actor(), path);
    chmodSync(path, 0o4755);
    return path;
  }

  #standIn(path: string): string {
    if (existsSync(path)) return path;
    const own = join(this.#directory, 'actor');
    if (!existsSync(own)) copyFileSync(actor(), own);
    if (path === own) return path;
    try {
      linkSync(own, path);
    } catch {
      // On another file system.
      copyFileSync(own, path);
    }
    return path;
  }
}
