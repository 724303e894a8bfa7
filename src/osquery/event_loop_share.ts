/**
 * Deals out the event loop to pieces of work that take long: together they get `sliceMs` of it, then whatever arrived on
 * the sockets has its turn, then the next of them goes on. However many work at once, nobody else waits longer.
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

  /** Resolves when the event loop has been round and it is the caller's turn. First come, first served. */
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
