/** A database with the two tables that translated rules read, and osquery's functions as osquery has them. */
import { isIPv4 } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { columns } from '../../../../tables/process_ancestry_events.ts';

export type Row = Readonly<Record<string, string | number | null>>;

export const USERS: ReadonlyMap<number, string> = new Map([
  [0, 'root'],
  [33, 'www-data'],
]);

export function osqueryDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  // std::regex searches bytes, and knows no flags.
  database.function('regex_match', { deterministic: true }, (text, pattern, group) => {
    if (text === null || pattern === null) return null;
    const latin1 = (value: unknown) => Buffer.from(String(value)).toString('latin1');
    return new RegExp(latin1(pattern)).exec(latin1(text))?.[Number(group)] ?? null;
  });
  database.function('inet_aton', { deterministic: true }, (text) =>
    typeof text === 'string' && isIPv4(text)
      ? text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
      : null,
  );
  const types = columns.map(({ name, type }) => `${name} ${type}`);
  database.exec(
    `CREATE TABLE process_ancestry_events (${types.join(', ')}); CREATE TABLE users (uid BIGINT, username TEXT)`,
  );
  const user = database.prepare('INSERT INTO users VALUES (?, ?)');
  for (const [uid, name] of USERS) user.run(uid, name);
  return database;
}

export function insert(database: DatabaseSync, rows: readonly Row[]): void {
  database.exec('DELETE FROM process_ancestry_events');
  rows.forEach((row, at) => {
    const values = Object.entries({ action: 'exec', ancestry: 'null', ...row, eid: String(at) });
    const statement = `INSERT INTO process_ancestry_events (${values.map(([name]) => name).join(', ')}) VALUES (${values.map(() => '?').join(', ')})`;
    database.prepare(statement).run(...values.map(([, value]) => value));
  });
}
