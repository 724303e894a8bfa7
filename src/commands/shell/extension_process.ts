/** Runs the extension as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { parseStat } from '../../linux/process_files.ts';

const termTimeoutMs = 2000;
const lookMs = 100;

export class ExtensionProcess {
  readonly #child: ChildProcess;
  /** Resolves to a description of how it ended; never rejects. */
  readonly ended: Promise<string>;

  /** Starts the extension. Its output goes to `stderr`, because stdout is for results. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv, stderr: Writable) {
    const [program, ...first] = command;
    if (program === undefined) throw new Error('no command for the extension');
    // In its own process group: only the shell receives the terminal's signals, and stops the extension.
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    this.#child = spawn(program, [...first, ...args], { stdio: [...stdio], env, detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => stderr.write(text));
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`could not be run: ${error.message}`));
      // 'close' follows the last output. A grandchild may keep the pipe open, so the wait is limited.
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
   * Resolves when the process has slept for `idleMs` without CPU time: it then waits for something that does not happen. A
   * process that is slow, reads or waits for a CPU is not idle.
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

  /** CPU time in clock ticks, and whether the process sleeps (`man 5 proc`, /proc/pid/stat). */
  #activity(): { isAsleep: boolean; ticks: number } {
    try {
      const stat = parseStat(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8'));
      return { isAsleep: stat?.state === 'S', ticks: stat?.cpuTicks ?? 0 };
    } catch {
      // It has exited; `ended` reports that.
      return { isAsleep: false, ticks: 0 };
    }
  }

  /** Sends SIGTERM, and SIGKILL after two seconds. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), termTimeoutMs);
    await this.ended;
    clearTimeout(kill);
  }
}
