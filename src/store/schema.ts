/** The database's tables, and how a database of an earlier version becomes one of this. */
import type { DatabaseSync } from 'node:sqlite';
import { DOCUMENT_COLUMNS, EVENT_COLUMNS, LINK_COLUMNS, type StoredColumn } from './event_columns.ts';

/** A file of a later version of the extension, whose tables this one does not know. */
export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError';
}

/**
 * Each brings a database from the version before it to its own, the first from nothing to 1. A step that a release has
 * carried is never changed: another is added. Columns are not named here: they are added where they are missing.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE events (eid INTEGER PRIMARY KEY, ancestry_id INTEGER, bytes INTEGER);
   CREATE TABLE ancestries (id INTEGER PRIMARY KEY, bytes INTEGER);
   CREATE TABLE documents (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
   CREATE TABLE blocks (
     id INTEGER PRIMARY KEY, row_count INTEGER, bytes INTEGER, answer_bytes INTEGER, min_ms INTEGER, max_ms INTEGER);
   CREATE TABLE last_row (only INTEGER PRIMARY KEY CHECK (only = 1), eid INTEGER);
   INSERT INTO last_row VALUES (1, 0);
   CREATE TABLE subscribers (
     name TEXT PRIMARY KEY, confirmed_eid INTEGER, last_eid INTEGER, reader TEXT, last_read_ms INTEGER,
     lost_rows INTEGER);`,
  // Ancestors and leaders are links now; rows were of a version that was never released, and are let go.
  `UPDATE subscribers SET lost_rows = lost_rows + (SELECT count(*) FROM events WHERE eid > confirmed_eid);
   DROP TABLE events;
   DROP TABLE ancestries;
   DELETE FROM documents;
   DELETE FROM blocks;
   CREATE TABLE events (eid INTEGER PRIMARY KEY, bytes INTEGER, answer_bytes INTEGER);
   CREATE TABLE links (
     id INTEGER PRIMARY KEY, epoch INTEGER, above INTEGER, entity_id TEXT, path TEXT, euid INTEGER,
     ancestor TEXT NOT NULL, json TEXT NOT NULL);`,
  // An epoch was so many eids. The column of links that said which is not used any more.
  `CREATE TABLE epochs (first_eid INTEGER PRIMARY KEY, first_link INTEGER);
   INSERT INTO epochs SELECT epoch * 4096, min(id) FROM links WHERE epoch IS NOT NULL GROUP BY epoch;`,
];

const INDEXES = `
  CREATE INDEX IF NOT EXISTS events_pid ON events (pid);
  CREATE INDEX IF NOT EXISTS events_parent ON events (parent);`;

/**
 * Answers the version that the database had before: 0 for a new one.
 *
 * @throws {NewerSchemaError}
 */
export function migrate(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): number {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version);
  if (version > migrations.length) {
    throw new NewerSchemaError(`its schema version is ${version}, this extension knows ${migrations.length}`);
  }
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const [i, sql] of migrations.entries()) {
      if (i >= version) db.exec(`${sql} PRAGMA user_version = ${i + 1}`);
    }
    addMissing(db, 'events', EVENT_COLUMNS);
    addMissing(
      db,
      'events',
      [...LINK_COLUMNS, ...DOCUMENT_COLUMNS].map((name) => ({ name, type: 'INTEGER' })),
    );
    addMissing(db, 'subscribers', [{ name: 'first_read_ms', type: 'INTEGER' }]);
    db.exec(INDEXES);
    db.exec('COMMIT');
    return version;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Rows from before a column was added have NULL in it, or an empty text: nobody recorded it. */
function addMissing(db: DatabaseSync, table: string, columns: readonly Pick<StoredColumn, 'name' | 'type'>[]): void {
  const there = new Set(
    db
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => name),
  );
  for (const { name, type } of columns) {
    if (there.has(name)) continue;
    db.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}${type === 'TEXT' ? " NOT NULL DEFAULT ''" : ''}`);
  }
}
