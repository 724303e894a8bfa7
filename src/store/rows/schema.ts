/** The tables of the database and their version. */
import type { DatabaseSync } from 'node:sqlite';

/** The file is of a later version of the extension. */
export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError';
}

/** The tables are of another program, or of a version that was never released. */
export class ForeignSchemaError extends Error {
  override readonly name = 'ForeignSchemaError';
}

/** Versions of 0.1.0 and later, before this one. They have one database row per event. legacy_rows.ts moves these to segments. */
const LEGACY_VERSIONS: readonly number[] = [2, 3];
const VERSION = 4;

const TABLES = `
  CREATE TABLE segments (
    first_eid INTEGER PRIMARY KEY, version INTEGER NOT NULL, row_count INTEGER NOT NULL, min_ms INTEGER NOT NULL,
    max_ms INTEGER NOT NULL, answer_bytes INTEGER NOT NULL, keys BLOB NOT NULL, lines TEXT NOT NULL);
  CREATE TABLE shared (first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, lines TEXT NOT NULL);`;

const BOOKKEEPING = `
  CREATE TABLE last_row (only INTEGER PRIMARY KEY CHECK (only = 1), eid INTEGER NOT NULL, discarded_eid INTEGER NOT NULL);
  INSERT INTO last_row VALUES (1, 0, 0);
  CREATE TABLE subscribers (
    name TEXT PRIMARY KEY, confirmed_eid INTEGER, last_eid INTEGER, reader TEXT, first_read_ms INTEGER,
    last_read_ms INTEGER, lost_rows INTEGER);`;

/** Subscribers and the last eid do not change. */
const FROM_LEGACY = `
  ALTER TABLE last_row ADD COLUMN discarded_eid INTEGER NOT NULL DEFAULT 0;
  DROP TABLE blocks;
  DROP INDEX IF EXISTS events_pid;
  DROP INDEX IF EXISTS events_parent;`;

/**
 * Creates the tables of this version if they are missing. Rows of an earlier version stay in their tables. Returns the version
 * of the database before: 0 for a new one.
 *
 * @throws {NewerSchemaError | ForeignSchemaError}
 */
export function prepareSchema(db: DatabaseSync): number {
  const before = Number(db.prepare('PRAGMA user_version').get()?.user_version);
  if (before > VERSION) {
    throw new NewerSchemaError(`its schema version is ${before}, this extension knows ${VERSION}`);
  }
  if (before === VERSION) return before;
  const isLegacy = LEGACY_VERSIONS.includes(before);
  if (!isLegacy && (before !== 0 || db.prepare('SELECT 1 FROM sqlite_schema').get())) {
    throw new ForeignSchemaError('its tables are not those of this extension');
  }
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(isLegacy ? FROM_LEGACY : BOOKKEEPING);
    if (isLegacy && !hasColumn(db, 'subscribers', 'first_read_ms')) {
      db.exec('ALTER TABLE subscribers ADD COLUMN first_read_ms INTEGER');
    }
    db.exec(`${TABLES} PRAGMA user_version = ${VERSION}; COMMIT`);
    return before;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function hasColumn(db: DatabaseSync, table: string, column: string): boolean {
  return db.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column) !== undefined;
}
