/** Grows a tree of processes on the real kernel, from named scripts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class GrownTree {
  readonly pids: Readonly<Record<string, number>>;
  readonly directory: string;
  readonly #living: readonly number[];

  private constructor(directory: string, pids: Readonly<Record<string, number>>, living: readonly string[]) {
    this.directory = directory;
    this.pids = pids;
    this.#living = living.flatMap((name) => pids[name] ?? []);
  }

  /** Runs `top.sh`; the scripts print names, each with a pid. `living`: processes that remove() must end. */
  static async grow(scripts: Readonly<Record<string, string>>, living: readonly string[]): Promise<GrownTree> {
    const directory = mkdtempSync(join(tmpdir(), 'pa-tree-'));
    for (const [name, script] of Object.entries(scripts)) writeFileSync(join(directory, name), script);
    const top = spawn('/bin/sh', ['top.sh'], { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    top.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(top.stdout, 'end');
    const words = said.trim().split(/\s+/);
    const pids = Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, Number(words[i + 1])]] : [])));
    return new GrownTree(directory, pids, living);
  }

  remove(): void {
    for (const pid of this.#living) process.kill(pid, 'SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}
