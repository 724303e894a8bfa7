/** One statement for several rules. It reads the table once, and each row says which rule it matches. */
import { columns } from '../../../tables/process_ancestry_events.ts';
import { ALERT_COLUMNS } from './alert_columns.ts';
import { USER_NAMES } from './fields.ts';
import type { Rule } from './rule.ts';
import { quoted, withoutStrings } from './sql_text.ts';

const RULE_COLUMNS = ['rule_title', 'rule_id', 'rule_level'];
const ALERT = Object.entries(ALERT_COLUMNS).map(([name, sql]) => (sql === name ? name : `${sql} AS ${name}`));

/**
 * Without the second MATERIALIZED, SQLite moves the outer query into each SELECT of the union: 1.2 s to prepare 200 rules, not 25 ms.
 *
 * @param rules at most RULES_PER_QUERY_MAX
 * @param subscriber who gets each row once; undefined for all rows that are kept
 */
export function statementOf(rules: readonly Rule[], subscriber: string | undefined): string {
  const conditions = rules.map(({ condition }) => condition);
  const words = new Set(withoutStrings(conditions.join(' ')).match(/[a-z_0-9]+/g));
  const users = Object.entries(USER_NAMES).filter(([name]) => words.has(name));
  for (const word of withoutStrings([...ALERT, ...users.flat()].join(' ')).match(/[a-z_0-9]+/g) ?? []) words.add(word);
  const read = columns.map(({ name }) => name).filter((name) => words.has(name));
  const asked = [...(subscriber === undefined ? [] : [`subscriber = ${quoted(subscriber)}`]), "action GLOB '*exec*'"];
  const rows = `SELECT ${read.join(', ')} FROM process_ancestry_events WHERE ${asked.join(' AND ')}`;
  const found = rules.map(({ title, id, level, condition }, at) => {
    const names = [title, id, level].map((text, n) => `${quoted(text)}${at === 0 ? ` AS ${RULE_COLUMNS[n]}` : ''}`);
    return `SELECT ${names.join(', ')}, * FROM new WHERE ${condition}`;
  });
  return `WITH ${[...newRows(rows, users), `found AS MATERIALIZED (${found.join(' UNION ALL ')})`].join(', ')} SELECT ${[...RULE_COLUMNS, ...ALERT].join(', ')} FROM found`;
}

/**
 * The rows, with the names of users if a rule needs them. A scalar query loses no row of a user without name; the users are asked by
 * their uids, as users of a directory service are not listed.
 */
function newRows(rows: string, users: readonly (readonly [name: string, uid: string])[]): string[] {
  if (users.length === 0) return [`new AS MATERIALIZED (${rows})`];
  const uids = users.map(([, uid]) => `SELECT ${uid} FROM executions`);
  const names = users.map(([name, uid]) => `(SELECT username FROM names WHERE names.uid = ${uid}) AS ${name}`);
  return [
    `executions AS MATERIALIZED (${rows})`,
    `names AS MATERIALIZED (SELECT uid, username FROM users WHERE uid IN (${uids.join(' UNION ')}))`,
    `new AS MATERIALIZED (SELECT *, ${names.join(', ')} FROM executions)`,
  ];
}
