/** The extension as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** How much of its last words is kept, in characters. */
const tailLength = 4000;
const termTimeoutMs = 2000;

export class ExtensionProcess {
  readonly #child: ChildProcess;
  #tail = '';
  /** Resolves to how it ended; never rejects. */
  readonly ended: Promise<string>;

  /** Starts it; what it says goes to `stderr`, also what it writes to stdout, which is for results. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv, stderr: Writable) {
    const [program, ...first] = command;
    if (program === undefined) throw new Error('no command for the extension');
    this.#child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#tail = (this.#tail + text).slice(-tailLength);
        stderr.write(text);
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`could not be run: ${error.message}`));
      // 'close' comes after the last output, unless a grandchild holds the pipe: do not wait for that for long.
      const say = (code: number | null, signal: NodeJS.Signals | null) =>
        resolve(signal === null ? `ended with status ${code}` : `was ended by ${signal}`);
      this.#child.once('close', say);
      this.#child.once('exit', (code, signal) => setTimeout(() => say(code, signal), 200).unref());
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The end of what it said. */
  get tail(): string {
    return this.#tail.trimEnd();
  }

  /** SIGTERM, and SIGKILL after two seconds. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), termTimeoutMs);
    await this.ended;
    clearTimeout(kill);
  }
}
