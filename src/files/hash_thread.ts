/** Computes SHA-256 of open files in a separate thread. The first file starts it, and it stops after an idle time. */
import { Worker } from 'node:worker_threads';

/** Larger blocks are not faster, and delay a stop. */
const BLOCK_BYTES = 262_144;

// It stops after `size` bytes: a file may grow without end while it is read.
const PROGRAM = `
const { readSync } = require('node:fs');
const { createHash } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
const block = Buffer.allocUnsafeSlow(${BLOCK_BYTES});
function sha256(fd, size) {
  const hash = createHash('sha256');
  let at = 0;
  while (at < size) {
    const read = readSync(fd, block, 0, Math.min(block.length, size - at), at);
    if (read === 0) return '';
    hash.update(block.subarray(0, read));
    at += read;
  }
  return hash.digest('hex');
}
parentPort.on('message', ({ fd, size }) => {
  try {
    parentPort.postMessage({ sha256: sha256(fd, size) });
  } catch (error) {
    parentPort.postMessage({ error: String(error) });
  }
});`;

type Answer = { readonly sha256: string } | { readonly error: string };

interface Waiting {
  readonly resolve: (sha256: string) => void;
  readonly reject: (error: Error) => void;
}

export class HashThread {
  readonly #idleMs: number;
  #worker: Worker | undefined;
  /** Requests in the order in which the thread answers. */
  #waiting: Waiting[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(idleMs = 60_000) {
    this.#idleMs = idleMs;
  }

  get running(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * The hash of the first `size` bytes, in hex; '' if there are fewer. Rejects if they cannot be read, or if the thread ends. The
   * descriptor must stay open until then.
   */
  sha256(fd: number, size: number): Promise<string> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage({ fd, size });
    });
  }

  /** Rejects unfinished requests. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM, {
      eval: true,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    let failure = new Error('the thread that hashes files was stopped');
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.shift();
      if ('error' in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve(answer.sha256);
      if (this.#waiting.length === 0) this.#endWhenIdle();
    });
    worker.once('error', (error: Error) => {
      failure = error;
    });
    worker.once('exit', () => {
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#worker = undefined;
      for (const { reject } of waiting) reject(failure);
    });
    return worker;
  }

  #endWhenIdle(): void {
    this.#idle = setTimeout(() => {
      // A new request must start a new thread: this one would end without an answer.
      const worker = this.#worker;
      worker?.removeAllListeners('exit');
      this.#worker = undefined;
      void worker?.terminate();
    }, this.#idleMs).unref();
  }
}
