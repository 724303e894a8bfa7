/** How long one piece of work blocks an extension's event loop, measured by loop_watch.ts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../integration/extension_under_test.ts';

const WATCH = new URL('loop_watch.ts', import.meta.url).href;

export class EventLoop {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bench-loop-'));

  /** Options for the start of the extension. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import=${WATCH}`, BENCH_LOOP_FILE: this.#file };
  }

  /** The longest piece since the last call, in milliseconds. */
  async longestPiece(pid: number): Promise<number> {
    rmSync(this.#file, { force: true });
    process.kill(pid, 'SIGUSR2');
    return Number(await until('told by the event loop', () => this.#read()));
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#directory, 'held');
  }

  #read(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8');
    } catch {
      return undefined;
    }
  }
}
