/** The extension as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { parseStat } from '../../linux/process_files.ts';

const termTimeoutMs = 2000;
const lookMs = 100;

export class ExtensionProcess {
  readonly #child: ChildProcess;
  /** Resolves to how it ended; never rejects. */
  readonly ended: Promise<string>;

  /** Starts it; what it says goes to `stderr`, also what it writes to stdout, which is for results. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv, stderr: Writable) {
    const [program, ...first] = command;
    if (program === undefined) throw new Error('no command for the extension');
    // In a group of its own: the terminal's signals are the shell's to answer, and the shell ends it.
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    this.#child = spawn(program, [...first, ...args], { stdio: [...stdio], env, detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => stderr.write(text));
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

  /**
   * Resolves when it has slept for `idleMs` without using the processor. It then waits for something that does not come:
   * a process that is slow, reads or waits for a processor is not idle.
   */
  async whenIdle(idleMs: number, signal: AbortSignal): Promise<void> {
    let last = { ticks: -1, sinceMs: 0 };
    while (!signal.aborted) {
      const { isAsleep, ticks } = this.#activity();
      if (!isAsleep || ticks !== last.ticks) last = { ticks, sinceMs: performance.now() };
      else if (performance.now() - last.sinceMs >= idleMs) return;
      await delay(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Processor time in clock ticks, and whether it sleeps (`man 5 proc`, /proc/pid/stat). */
  #activity(): { isAsleep: boolean; ticks: number } {
    try {
      const stat = parseStat(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8'));
      return { isAsleep: stat?.state === 'S', ticks: stat?.cpuTicks ?? 0 };
    } catch {
      // It is gone, which `ended` tells.
      return { isAsleep: false, ticks: 0 };
    }
  }

  /** SIGTERM, and SIGKILL after two seconds. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), termTimeoutMs);
    await this.ended;
    clearTimeout(kill);
  }
}
