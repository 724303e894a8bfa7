/** How long an extension's event loop is held by one piece of work, as loop_watch.ts tells it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../integration/extension_under_test.ts';

const WATCH = new URL('loop_watch.ts', import.meta.url).href;

export class EventLoop {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bench-loop-'));

  /** What the extension is to be started with. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import=${WATCH}`, BENCH_LOOP_FILE: this.#file };
  }

  /** The longest piece since it was asked last, in milliseconds. */
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
