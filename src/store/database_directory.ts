/**
 * The directory of the database. It belongs to this user only, and one extension uses it at a time. A damaged database in it is
 * moved aside and not removed.
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

/** The directory cannot be used. The message has the reason and advice. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
  readonly code: 'database_in_use' | 'database_unsafe';

  constructor(code: DirectoryError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const DATABASE = 'events.db';
/** The files of a database in WAL mode. */
const SUFFIXES = ['', '-wal', '-shm'] as const;
const ASIDE_MAX = 2;
const OTHERS_MAY_WRITE = 0o022;

/** Path of the database in a directory. */
function databaseFile(directory: string): string {
  return join(resolve(directory), DATABASE);
}

export class DatabaseDirectory {
  readonly path: string;
  readonly database: string;
  readonly wal: string;
  /** Path of the small text file of ExpectedRows. */
  readonly countFile: string;
  /** Whether an extension has used the directory before. */
  readonly wasUsed: boolean;
  readonly #lock: DatabaseSync;

  /** @throws {DirectoryError | Error} it belongs to another user, another extension uses it, or a system error */
  constructor(path: string) {
    this.path = resolve(path);
    this.database = databaseFile(this.path);
    this.wal = `${this.database}-wal`;
    this.countFile = join(this.path, 'last-eid');
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const found = lstatSync(this.path);
    if (!found.isDirectory() || found.uid !== process.geteuid?.() || found.mode & OTHERS_MAY_WRITE) {
      throw unsafe(this.path, 'a directory that belongs to this user and that others cannot write to');
    }
    const lockFile = join(this.path, 'lock');
    this.wasUsed = existsSync(lockFile);
    makeOwnFile(lockFile);
    this.#lock = lock(lockFile, this.path);
    try {
      // This must be before SQLite opens the files: closing any descriptor of a file releases all locks of the process on it.
      for (const file of [this.database, this.countFile]) makeOwnFile(file);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Moves the database aside and returns its new path. Removes the oldest of the databases that were moved aside. */
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

/** Makes a file with mode 0600. SQLite would use the umask, and gives its other files the mode of this one. */
function makeOwnFile(path: string): void {
  const { O_CREAT, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.uid !== process.geteuid?.() || found.nlink !== 1) {
      throw unsafe(path, 'a file of this user without other hard links');
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

/** A SQLite lock on a separate file. It ends with the process, also after a crash. */
function lock(file: string, directory: string): DatabaseSync {
  // An extension that is about to exit releases the lock soon.
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
