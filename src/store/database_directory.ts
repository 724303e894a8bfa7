/**
 * The directory that the database is in: made for us alone, used by one extension at a time, and what is found damaged
 * in it is moved aside rather than removed.
 */
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The directory cannot be used; the message says why, and what to do. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
  readonly code: 'database_in_use' | 'database_unsafe';

  constructor(code: DirectoryError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const DATABASE = 'events.db';
/** What SQLite keeps beside a database in WAL mode. */
const SUFFIXES = ['', '-wal', '-shm'] as const;
const ASIDE_MAX = 2;
const SQLITE_BUSY = 5;

export class DatabaseDirectory {
  readonly path: string;
  #lock: DatabaseSync | undefined;

  /** @throws {DirectoryError | Error} it is another's, somebody else uses it, or the system says no */
  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(path);
    if (uid !== process.geteuid?.()) {
      const message = `${path} belongs to user ${uid}: give process_ancestry_database a directory of this user's own`;
      throw new DirectoryError('database_unsafe', message);
    }
    if (mode & 0o077) chmodSync(path, 0o700);
    this.#lock = lock(this.#file('lock'), path);
  }

  get database(): string {
    const file = this.#file(DATABASE);
    // SQLite would make it as the umask allows; the files beside it get its mode.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
    return file;
  }

  get wal(): string {
    return this.#file(`${DATABASE}-wal`);
  }

  /** A small file of text beside the database. */
  get countFile(): string {
    return this.#file('last-eid');
  }

  /** Moves the database out of the way and answers what it is called now; the oldest of earlier ones make room. */
  moveAside(reason: 'corrupt' | 'newer', unixMs: number): string {
    const aside = `${DATABASE}.${reason}-${new Date(unixMs).toISOString().replaceAll(/[-:.]/g, '')}`;
    for (const suffix of SUFFIXES) {
      try {
        renameSync(this.#file(DATABASE + suffix), this.#file(aside + suffix));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
    const earlier = readdirSync(this.path).filter((name) => /^events\.db\.[a-z]+-\w+$/.test(name));
    const age = (name: string) => name.slice(name.lastIndexOf('-'));
    for (const name of earlier.toSorted((a, b) => age(a).localeCompare(age(b))).slice(0, -ASIDE_MAX)) {
      for (const suffix of SUFFIXES) rmSync(this.#file(name + suffix), { force: true });
    }
    return this.#file(aside);
  }

  release(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  #file(name: string): string {
    return join(this.path, name);
  }
}

/** SQLite's own lock on a file of its own: it ends with the process, however that ends. */
function lock(file: string, directory: string): DatabaseSync {
  closeSync(openSync(file, 'a', 0o600));
  const db = new DatabaseSync(file, { timeout: 500 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    const message = `another extension keeps its rows in ${directory}: give this one another process_ancestry_database, or :memory:`;
    throw new DirectoryError('database_in_use', message);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}
