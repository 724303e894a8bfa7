/** How many bytes may be read per second: a bucket of tokens, one second's worth when full. */
export class ByteBudget {
  bytesPerSecond: number;
  readonly #now: () => number;
  #left: number;
  #since: number;

  /** `now`: milliseconds of a clock that does not jump. */
  constructor(bytesPerSecond: number, now: () => number) {
    this.bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#left = bytesPerSecond;
    this.#since = now();
  }

  /** Whether they may be read now. A file larger than what is left runs into debt, which is paid before the next one. */
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
