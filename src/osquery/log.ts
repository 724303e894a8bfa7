/** The log of the SDK: any object with these four methods of pino. `object` has the structured fields. */
export interface Log {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

const nothing = () => {};

/** A log that drops all messages. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * Passes one message of each kind per `periodSeconds`, with the number of `suppressed` ones, so that a peer cannot fill
 * the log. Use fixed kinds, not text of the peer: each kind takes memory.
 */
export class RateLimit {
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { since: number; suppressed: number }>();

  constructor(periodSeconds = 60, now: () => number = () => performance.now()) {
    this.#periodMs = periodSeconds * 1000;
    this.#now = now;
  }

  /** Calls `write` with the number of messages of this kind that were suppressed since the last one, or does not call it. */
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
