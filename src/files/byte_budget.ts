/** Limits the bytes that are read per second: a token bucket with the capacity of one second. */
export class ByteBudget {
  bytesPerSecond: number;
  readonly #now: () => number;
  #left: number;
  #since: number;

  /** `now`: monotonic clock, in milliseconds. */
  constructor(bytesPerSecond: number, now: () => number) {
    this.bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#left = bytesPerSecond;
    this.#since = now();
  }

  /** Whether the bytes may be read now. A larger file than the rest makes the budget negative; the next file waits for that. */
  take(bytes: number): boolean {
    const now = this.#now();
    const earned = ((now - this.#since) / 1000) * this.bytesPerSecond;
    this.#left = Math.min(this.bytesPerSecond, this.#left + earned);
    this.#since = now;
    if (this.#left <= 0) return false;
    this.#left -= bytes;
    return true;
  }
}
