import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { migrate, NewerSchemaError } from '../../../src/store/schema.ts';

const versionOf = (db: DatabaseSync) => db.prepare('PRAGMA user_version').get()?.user_version;
const has = (db: DatabaseSync, name: string) =>
  db.prepare('SELECT count(*) AS n FROM sqlite_schema WHERE name = ?').get(name)?.n === 1;
/** Steps that a later release could add. */
const SECOND = 'CREATE TABLE second (a); INSERT INTO second VALUES (1);';
const THIRD = 'ALTER TABLE second ADD COLUMN b DEFAULT 7;';

describe('a database', () => {
  test('that is new gets all, and the next time nothing', () => {
    const db = new DatabaseSync(':memory:');
    expect(migrate(db)).toBe(0);
    const first = versionOf(db);
    expect(first).toBeGreaterThan(0);
    db.exec("INSERT INTO events (eid, entity_id) VALUES (7, 'x')");
    expect(migrate(db)).toBe(first);
    expect(db.prepare('SELECT eid, entity_id, path FROM events').all()).toEqual([{ eid: 7, entity_id: 'x', path: '' }]);
  });

  test('of an earlier version gets the steps after it, in order, and each of them once', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db);
    const base = Number(versionOf(db));
    const earlier = Array.from({ length: base }, () => 'a step that was taken');
    migrate(db, [...earlier, SECOND, THIRD]);
    migrate(db, [...earlier, SECOND, THIRD]);
    expect(versionOf(db)).toBe(base + 2);
    expect(db.prepare('SELECT * FROM second').all()).toEqual([{ a: 1, b: 7 }]);
  });

  test('whose migration fails half way is as it was', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db);
    const base = Number(versionOf(db));
    const earlier = Array.from({ length: base }, () => 'a step that was taken');
    expect(() => migrate(db, [...earlier, SECOND, 'no SQL at all'])).toThrow('syntax error');
    expect(db.isTransaction).toBe(false);
    expect(versionOf(db)).toBe(base);
    expect(has(db, 'second')).toBe(false);
  });

  test('of a later version is refused, untouched', () => {
    const db = new DatabaseSync(':memory:');
    db.exec('PRAGMA user_version = 1000');
    expect(() => migrate(db)).toThrow(NewerSchemaError);
    expect(has(db, 'events')).toBe(false);
  });
});
