/** Where the SDK writes what it has to say: any object with pino's four methods. `object` holds what to search for. */
export interface Log {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

const nothing = () => {};

/** Says nothing. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * Lets a message of one kind through once per `periodSeconds`, with the number of those it held back as `suppressed`,
 * so that a peer cannot fill the log. Kinds are the caller's own words, never the peer's: their number is bounded.
 */
export class RateLimit {
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { since: number; suppressed: number }>();

  constructor(periodSeconds = 60, now: () => number = () => performance.now()) {
    this.#periodMs = periodSeconds * 1000;
    this.#now = now;
  }

  /** `write` is called with how many messages of this kind were held back since the last one, or not at all. */
  pass(kind: string, write: (suppressed: number) => void): void {
    const last = this.#kinds.get(kind);
    const now = this.#now();
    if (last !== undefined && now - last.since < this.#periodMs) {
      last.suppressed += 1;
      return;
    }
    this.#kinds.set(kind, { since: now, suppressed: 0 });
    write(last?.suppressed ?? 0);
  }
}
