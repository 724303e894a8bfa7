/** The log: pino to standard error, readable on a terminal, JSON otherwise. */
import pino from 'pino';
import pretty from 'pino-pretty';

export type Logger = pino.Logger;

export function makeLogger(level: string, format: 'auto' | 'text' | 'json'): Logger {
  const options: pino.LoggerOptions = { name: 'process_ancestry', level, base: { pid: process.pid } };
  if (format === 'text' || (format === 'auto' && process.stderr.isTTY)) {
    return pino(
      options,
      pretty({ destination: 2, sync: true, ignore: 'pid,hostname,name', translateTime: 'SYS:HH:MM:ss' }),
    );
  }
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}

/** Lets a message through once in `everyMs` a key; what was held back is counted into the next one. */
export class RateLimit {
  readonly #everyMs: number;
  readonly #now: () => number;
  readonly #last = new Map<string, { at: number; held: number }>();

  constructor(everyMs: number, now: () => number) {
    this.#everyMs = everyMs;
    this.#now = now;
  }

  /** How many were held back since the last one that went through; undefined when this one is held back too. */
  pass(key: string): number | undefined {
    const now = this.#now();
    const last = this.#last.get(key);
    if (last && now - last.at < this.#everyMs) {
      last.held++;
      return undefined;
    }
    this.#last.set(key, { at: now, held: 0 });
    return last?.held ?? 0;
  }
}
