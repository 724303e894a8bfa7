/**
 * The rows that the database should contain, in a file beside it. The file is written once per turn of the event loop and not
 * synced. It survives a kill of the process, because the page cache does, so the next process can count lost rows.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';

export interface Expected {
  /** The last eid that was used. */
  readonly lastEid: number;
  /** Rows up to this eid were removed on purpose. */
  readonly discardedEid: number;
  /** Number of rows after it, including rows that are not written yet. */
  readonly rows: number;
}

/** Ids that are made from an eid are exact up to this value. No host reaches it. */
const EID_MOST = 1e15;
const TEXT = /^(\d{20}) (\d{20}) (\d{20})$/;
/** Version 0.1.0 wrote only the last eid. */
const LEGACY_TEXT = /^\d{20}$/;

export class ExpectedRows {
  /** The content from before this process; undefined if it cannot be read. */
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

  /** Writes the result of `now`, and again at each `note` and `write`. */
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

  /** Writes now. Used after rows are removed: otherwise they would count as lost after a kill. */
  write(): void {
    if (!this.#closed && this.#now) this.#write(this.#now());
  }

  /** Whether the file at the path has the content that was last written. */
  get isInPlace(): boolean {
    if (this.#written === '') return true;
    try {
      return readFileSync(this.#path, 'utf8') === this.#written;
    } catch (error) {
      return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
    }
  }

  /** Writes `last` if it is given, and closes the file. */
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
      // Ignored: a disk that fails is detected when rows are written.
      this.#written = '';
    }
  }
}

function parse(text: string): Expected | undefined {
  const numbers = LEGACY_TEXT.test(text) ? [Number(text), 0, 0] : TEXT.exec(text)?.slice(1).map(Number);
  const [lastEid, discardedEid, rows] = numbers ?? [];
  if (lastEid === undefined || discardedEid === undefined || rows === undefined) return undefined;
  const makesSense = lastEid <= EID_MOST && discardedEid <= lastEid && rows <= lastEid;
  return makesSense ? { lastEid, discardedEid, rows } : undefined;
}
