/**
 * The directory that the database is in: this user's alone, used by one extension at a time, and what is found damaged in
 * it is moved aside rather than removed.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isBusy } from './sqlite_result.ts';

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
const OTHERS_MAY_WRITE = 0o022;

/** Where the database of a directory is. */
function databaseFile(directory: string): string {
  return join(resolve(directory), DATABASE);
}

export class DatabaseDirectory {
  readonly path: string;
  readonly database: string;
  readonly wal: string;
  /** A small file of text beside the database. */
  readonly countFile: string;
  /** An extension has used it before. */
  readonly wasUsed: boolean;
  readonly #lock: DatabaseSync;

  /** @throws {DirectoryError | Error} it is another's, somebody else uses it, or the system says no */
  constructor(path: string) {
    this.path = resolve(path);
    this.database = databaseFile(this.path);
    this.wal = `${this.database}-wal`;
    this.countFile = join(this.path, 'last-eid');
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const found = lstatSync(this.path);
    if (!found.isDirectory() || found.uid !== process.geteuid?.() || found.mode & OTHERS_MAY_WRITE) {
      throw unsafe(this.path, 'a directory that belongs to this user and that nobody else can write');
    }
    const lockFile = join(this.path, 'lock');
    this.wasUsed = existsSync(lockFile);
    makeOwnFile(lockFile);
    this.#lock = lock(lockFile, this.path);
    try {
      // Before SQLite opens it: to close any descriptor of a file lets go of all locks that the process has on it.
      for (const file of [this.database, this.countFile]) makeOwnFile(file);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Moves the database out of the way and answers what it is called now; the oldest of earlier ones make room. */
  moveAside(reason: 'corrupt' | 'newer' | 'earlier', unixMs: number): string {
    const stamp = new Date(unixMs).toISOString().replaceAll(/[-:.]/g, '');
    const aside = `${this.database}.${reason}-${stamp}`;
    for (const suffix of SUFFIXES) {
      try {
        renameSync(this.database + suffix, aside + suffix);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
    const earlier = readdirSync(this.path).filter((name) => /^events\.db\.[a-z]+-\w+$/.test(name));
    const age = (name: string) => name.slice(name.lastIndexOf('-'));
    for (const name of earlier.toSorted((a, b) => age(a).localeCompare(age(b))).slice(0, -ASIDE_MAX)) {
      for (const suffix of SUFFIXES) rmSync(join(this.path, name + suffix), { force: true });
    }
    makeOwnFile(this.database);
    return aside;
  }

  release(): void {
    this.#lock.close();
  }
}

/** SQLite would make it as the umask allows; the files that it makes beside it get its mode. */
function makeOwnFile(path: string): void {
  const { O_CREAT, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.uid !== process.geteuid?.() || found.nlink !== 1) {
      throw unsafe(path, 'a file of this user that has no other name');
    }
    if (found.mode & 0o077) fchmodSync(file, 0o600);
  } finally {
    closeSync(file);
  }
}

function unsafe(path: string, wanted: string): DirectoryError {
  const message = `${path} is not ${wanted}: give process_ancestry_database a directory of its own, which need not exist`;
  return new DirectoryError('database_unsafe', message);
}

/** SQLite's own lock on a file of its own: it ends with the process, however that ends. */
function lock(file: string, directory: string): DatabaseSync {
  // One that is leaving has let go of it soon.
  const db = new DatabaseSync(file, { timeout: 300 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    const message = `another extension keeps its rows in ${directory}: give one of them another process_ancestry_database, or :memory:`;
    throw new DirectoryError('database_in_use', message);
  }
}
