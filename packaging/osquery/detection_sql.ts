/**
 * The vocabulary of the detections. Its words are in braces in detections/NAME.sql, and become plain SQL (SQLite 3.38,
 * because of ->>):
 *
 *   {shells}                      a list of programs.ts
 *   {program}, {creator}          the name of the executed program, and of the program that created the process
 *   {under services}              some ancestor is one of them, at any distance; also {under ('a', 'b')}
 *   {under proven services}       the same for ancestors that root started from a file of root: exemptions rest on it
 *   {proven program}, {proven creator}  a file of root, by a path of the host or executed by root: see PHRASES
 *   {name of x}                   the name of an ancestor, where x is an alias of json_each(ancestry)
 *   {entity of nearest services}  the entity_id of the nearest ancestor that is one of them
 *   {pipes 'curl ' to shell}      the command line pipes a command that begins with this GLOB pattern into a shell
 *   {in temporary place} …        see PHRASES
 */
import { ALERT_COLUMNS } from '../../src/commands/sigma/alert_columns.ts';
import { columns as events } from '../../tables/process_ancestry_events.ts';
import { programs, scripted } from './programs.ts';

const quoted = (names: readonly string[]) => `(${names.map((name) => `'${name}'`).join(', ')})`;

function list(name: string): string {
  const found = programs[name];
  if (!found) throw new Error(`there is no list or phrase {${name}}`);
  return quoted(found);
}

const unversioned = (name: string) => `rtrim(${name}, '0123456789.-')`;
const baseName = (path: string) => `replace(${path}, rtrim(${path}, replace(${path}, '/', '')), '')`;
const ancestorName = (alias = '') => unversioned(`${alias}value->>'exe_name'`);

/** Whether an ancestor is one of these. */
function isOneOf(names: string): string {
  if (names.startsWith('(')) return `${ancestorName()} IN ${names}`;
  const byScript = (scripted[names] ?? []).map(({ interpreters, commandLines }) => {
    const patterns = commandLines.map((pattern) => `value->>'cmdline' GLOB '${pattern}'`).join(' OR ');
    return `(${ancestorName()} IN ${quoted(interpreters)} AND (${patterns}))`;
  });
  return [`${ancestorName()} IN ${list(names)}`, ...byScript].join(' OR ');
}

/**
 * Proof that a user cannot forge (src/process/proof.ts). An unknown fact proves nothing, except the root in a recorded log,
 * which has no root and no uptime.
 */
const isProven = (isRootsFile: string, root: string, uid: string) =>
  `ifnull(${isRootsFile} AND (${root} = '/' OR ${uid} = 0 OR uptime IS NULL), 0)`;
/** Root executed a file of root. Programs and arguments of other users prove nothing. */
const IS_STARTED_BY_ROOT = "value->>'root_owned' = 1 AND value->>'uid' = 0";

const isBelow = (path: string, places: readonly string[]) =>
  `(${places.map((place) => `${path} GLOB '${place}'`).join(' OR ')})`;
const isTemporary = (path: string) => isBelow(path, ['/tmp/*', '/var/tmp/*', '/dev/shm/*']);

const PHRASES: Readonly<Record<string, string>> = {
  // busybox acts as the program that it is called as.
  program: unversioned(`iif(path GLOB '*/busybox', ${baseName('args->>0')}, ${baseName('path')})`),
  creator: unversioned(`ancestry->>'$[0].exe_name'`),
  // The mode is octal text: neither the group nor others may write.
  'proven program': isProven("owner_uid = 0 AND mode NOT GLOB '*[2367]?' AND mode NOT GLOB '*[2367]'", 'root', 'uid'),
  'proven creator': isProven("ancestry->>'$[0].root_owned' = 1", "ancestry->>'$[0].root'", "ancestry->>'$[0].uid'"),
  'creator started by root': "ifnull(ancestry->>'$[0].root_owned' = 1 AND ancestry->>'$[0].uid' = 0, 0)",
  'in temporary place': isTemporary('path'),
  // By its plain name, or by a path in the current directory.
  'script in temporary place': `(${isTemporary('args->>1')} OR (args->>1 GLOB '[^-/]*' AND ${isTemporary(`cwd || '/'`)}))`,
  'in web root': isBelow('path', ['/var/www/*', '/srv/www/*', '/usr/share/nginx/html/*', '*/wp-content/*']),
};

/** Text between a pipe and its shell, and || that looks like a pipe: removed before the comparison. */
const BESIDE_PIPES: readonly (readonly [text: string, by: string])[] = [
  ['||', ';'],
  ['| ', '|'],
  ['|/usr/bin/', '|'],
  ['|/bin/', '|'],
  ['|env ', '|'],
  ['|nohup ', '|'],
  ['|sudo -E ', '|'],
  ['|sudo ', '|'],
];

/** Not any word that contains sh: curl … | grep shards, base64 -d | sha256sum. */
function pipesTo(programs: readonly string[], from: string): string {
  const plain = BESIDE_PIPES.reduce((sql, [text, by]) => `replace(${sql}, '${text}', '${by}')`, 'cmdline');
  return `(${programs.map((program) => `${plain} || ' ' GLOB '*${from}*|${program}[^a-zA-Z0-9_./-]*'`).join(' OR ')})`;
}

function phrase(text: string): string {
  const [, from] = /^pipes '([^']+)' to shell$/.exec(text) ?? [];
  if (from) return pipesTo(['sh', '[zkac]sh', '[bd]ash'], from);
  const [, verb = '', object = ''] = /^(under|name of|entity of nearest) (.*)$/.exec(text) ?? [];
  if (verb === 'under' && object.startsWith('proven ')) {
    const names = isOneOf(object.slice('proven '.length));
    return `EXISTS (SELECT 1 FROM json_each(ancestry) WHERE ${IS_STARTED_BY_ROOT} AND (${names}))`;
  }
  if (verb === 'under') return `EXISTS (SELECT 1 FROM json_each(ancestry) WHERE ${isOneOf(object)})`;
  if (verb === 'name of') return ancestorName(`${object}.`);
  if (verb === 'entity of nearest') {
    return `(SELECT value->>'entity_id' FROM json_each(ancestry) WHERE ${isOneOf(object)} ORDER BY key LIMIT 1)`;
  }
  return PHRASES[text] ?? list(text);
}

/** The row of a group is its last one: sqlite.org/lang_select.html, bare columns in an aggregate query. */
const OF_A_GROUP: Readonly<Record<string, string>> = { time: 'max(time)', cmdline: `group_concat(cmdline, ' ; ')` };

export const columnNames = Object.keys(ALERT_COLUMNS);

/** Strings, parentheses, and the operator between two conditions. */
const TOKEN = /'(?:[^']|'')*'|[()]|\bAND\b/g;
const SIMPLE = /^[a-z_]+ (?:(?:GLOB|LIKE|=|<>|>=) (?:'(?:[^']|'')*'|\d+)|IN \([^()]*\))$/;

/** The conditions joined by AND outside of parentheses. */
function conjuncts(sql: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { 0: token, index } of sql.matchAll(TOKEN)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === 'AND' && depth === 0) {
      found.push(sql.slice(from, index).trim());
      from = index + token.length;
    }
  }
  return [...found, sql.slice(from).trim()];
}

const wordsOf = (sql: string) => new Set(sql.replace(/'(?:[^']|'')*'/g, '').match(/[a-z_0-9]+/g));

/**
 * The whole statement, for executions only: forks and exits may have rows too. It reads the table once, for the new rows
 * that meet the simple conditions, which osquery pushes down. Otherwise SQLite may make a look-up for each side of an OR
 * (https://www.sqlite.org/optoverview.html, 3.1), and a later look-up of a subscriber may return newer rows than the first.
 */
export function statementOf(subscriber: string, condition: string): string {
  const expanded = condition.replace(/\{([^{}]+)\}/g, (_, text: string) => phrase(text)).replace(/\s*\n\s*/g, ' ');
  const [where = '', grouping = ''] = expanded.split(/(?= GROUP BY )/);
  const selected = Object.entries(ALERT_COLUMNS).map(([name, plain]) => {
    const sql = (grouping !== '' && OF_A_GROUP[name]) || plain;
    return sql === name ? name : `${sql} AS ${name}`;
  });
  const conditions = conjuncts(where);
  const asked = [
    `subscriber = '${subscriber}'`,
    "action GLOB '*exec*'",
    ...conditions.filter((one) => SIMPLE.test(one)),
  ];
  const checked = conditions.filter((one) => !SIMPLE.test(one));
  const rest = `${checked.length > 0 ? ` WHERE ${checked.join(' AND ')}` : ''}${grouping}`;
  const used = wordsOf(`${selected.join(' ')}${rest}`);
  const columns = events.map(({ name }) => name).filter((name) => used.has(name));
  const rows = `SELECT ${columns.join(', ')} FROM process_ancestry_events WHERE ${asked.join(' AND ')}`;
  return `WITH new AS MATERIALIZED (${rows}) SELECT ${selected.join(', ')} FROM new${rest}`;
}
