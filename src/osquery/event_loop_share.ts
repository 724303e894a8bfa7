/**
 * Shares the event loop between long pieces of work. All of them together run for `sliceMs`; then the event loop handles
 * its sockets; then the next piece continues. More pieces do not make the sockets wait longer.
 *
 *     for (const row of rows) {
 *       work(row);
 *       if (share.spent()) await share.turn();
 *     }
 */
export class EventLoopShare {
  readonly #sliceMs: number;
  readonly #waiting: (() => void)[] = [];
  #deadline = 0;
  #armed = false;

  constructor(sliceMs = 10) {
    this.#sliceMs = sliceMs;
  }

  /** Whether it is time to await `turn`. */
  spent(): boolean {
    if (!this.#armed) this.#arm();
    return performance.now() >= this.#deadline;
  }

  /** Resolves after a round of the event loop, when it is the caller's turn: first come, first served. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#armed) this.#arm();
    });
  }

  #arm(): void {
    this.#armed = true;
    this.#deadline = performance.now() + this.#sliceMs;
    setImmediate(() => {
      this.#armed = false;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#arm();
      next();
    });
  }
}
