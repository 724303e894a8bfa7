/**
 * What the database should hold, in a file beside it. It is written once a turn of the event loop and not synced: it
 * outlives a process that is killed, as the page cache does, and tells the next one what was lost.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';

export interface Expected {
  /** The last number that was given to a row. */
  readonly lastEid: number;
  /** Rows up to this number were let go on purpose. */
  readonly discardedEid: number;
  /** How many rows there are beyond it, those that are still to be written included. */
  readonly rows: number;
}

/** Ids that are made of an eid stay exact up to here, and no host gets that far. */
const EID_MOST = 1e15;
const TEXT = /^(\d{20}) (\d{20}) (\d{20})$/;

export class ExpectedRows {
  /** What was noted before this process; undefined where that cannot be read. */
  readonly found: Expected | undefined;
  readonly #path: string;
  readonly #file: number;
  #now: (() => Expected) | undefined;
  #written = '';
  #due = false;
  #closed = false;

  /** @throws {Error} the file cannot be opened */
  constructor(path: string) {
    this.#path = path;
    this.found = parse(readFileSync(path, 'utf8'));
    this.#file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  }

  /** Writes what `now` answers, and again when told so. */
  follow(now: () => Expected): void {
    this.#now = now;
    this.write();
  }

  /** Writes at the end of this turn of the event loop. */
  note(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.write();
    });
  }

  /** Writes now: rows that are let go and still noted look lost after a kill. */
  write(): void {
    if (!this.#closed && this.#now) this.#write(this.#now());
  }

  /** Whether the file at the path holds what was written to it last. */
  get isInPlace(): boolean {
    if (this.#written === '') return true;
    try {
      return readFileSync(this.#path, 'utf8') === this.#written;
    } catch (error) {
      return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
    }
  }

  /** `last` is written, unless what was found there is to stay. */
  close(last?: Expected): void {
    if (this.#closed) return;
    if (last) this.#write(last);
    this.#closed = true;
    closeSync(this.#file);
  }

  #write({ lastEid, discardedEid, rows }: Expected): void {
    const text = [lastEid, discardedEid, rows].map((number) => String(number).padStart(20, '0')).join(' ');
    if (text === this.#written) return;
    try {
      writeSync(this.#file, text, 0);
      this.#written = text;
    } catch {
      // What counts losses must not make one: a disk that fails is told by the rows' own writing.
      this.#written = '';
    }
  }
}

function parse(text: string): Expected | undefined {
  const [lastEid, discardedEid, rows] = TEXT.exec(text)?.slice(1).map(Number) ?? [];
  if (lastEid === undefined || discardedEid === undefined || rows === undefined) return undefined;
  const makesSense = lastEid <= EID_MOST && discardedEid <= lastEid && rows <= lastEid;
  return makesSense ? { lastEid, discardedEid, rows } : undefined;
}
