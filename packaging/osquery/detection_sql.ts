/**
 * The words that detections are written in. They stand in braces in detections/NAME.sql, and become plain SQL (SQLite
 * 3.38, which ->> needs):
 *
 *   {shells}                      a list of programs.ts
 *   {program}, {creator}          the name of what is executed, and of what created the process
 *   {under services}              some ancestor is one of them, at any distance; also {under ('a', 'b')}
 *   {name of x}                   the name of an ancestor, where x is an alias of json_each(ancestry)
 *   {entity of nearest services}  the entity_id of the nearest ancestor that is one of them
 *   {pipes 'curl ' to shell}      the command line pipes what this pattern of GLOB begins into a shell
 *   {in temporary place} …        see PHRASES
 */
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

/** Of an ancestor: whether it is one of these. */
function isOneOf(names: string): string {
  if (names.startsWith('(')) return `${ancestorName()} IN ${names}`;
  const byScript = (scripted[names] ?? []).map(({ interpreters, commandLines }) => {
    const patterns = commandLines.map((pattern) => `value->>'cmdline' GLOB '${pattern}'`).join(' OR ');
    return `(${ancestorName()} IN ${quoted(interpreters)} AND (${patterns}))`;
  });
  return [`${ancestorName()} IN ${list(names)}`, ...byScript].join(' OR ');
}

const isBelow = (path: string, places: readonly string[]) =>
  `(${places.map((place) => `${path} GLOB '${place}'`).join(' OR ')})`;
const isTemporary = (path: string) => isBelow(path, ['/tmp/*', '/var/tmp/*', '/dev/shm/*']);

const PHRASES: Readonly<Record<string, string>> = {
  // busybox is whatever it is called as.
  program: unversioned(`iif(path GLOB '*/busybox', ${baseName('args->>0')}, ${baseName('path')})`),
  creator: unversioned(`ancestry->>'$[0].exe_name'`),
  'in temporary place': isTemporary('path'),
  // By its own name, or by one in the current directory.
  'script in temporary place': `(${isTemporary('args->>1')} OR (args->>1 GLOB '[^-/]*' AND ${isTemporary(`cwd || '/'`)}))`,
  'in web root': isBelow('path', ['/var/www/*', '/srv/www/*', '/usr/share/nginx/html/*', '*/wp-content/*']),
};

/** What stands between a pipe and its shell, or makes || look like a pipe: the rest is compared without it. */
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

/** Not just a word that has sh in it: curl … | grep shards, base64 -d | sha256sum. */
function pipesTo(programs: readonly string[], from: string): string {
  const plain = BESIDE_PIPES.reduce((sql, [text, by]) => `replace(${sql}, '${text}', '${by}')`, 'cmdline');
  return `(${programs.map((program) => `${plain} || ' ' GLOB '*${from}*|${program}[^a-zA-Z0-9_./-]*'`).join(' OR ')})`;
}

function phrase(text: string): string {
  const [, from] = /^pipes '([^']+)' to shell$/.exec(text) ?? [];
  if (from) return pipesTo(['sh', '[zkac]sh', '[bd]ash'], from);
  const [, verb = '', object = ''] = /^(under|name of|entity of nearest) (.*)$/.exec(text) ?? [];
  if (verb === 'under') return `EXISTS (SELECT 1 FROM json_each(ancestry) WHERE ${isOneOf(object)})`;
  if (verb === 'name of') return ancestorName(`${object}.`);
  if (verb === 'entity of nearest') {
    return `(SELECT value->>'entity_id' FROM json_each(ancestry) WHERE ${isOneOf(object)} ORDER BY key LIMIT 1)`;
  }
  return PHRASES[text] ?? list(text);
}

/** What every detection tells; `ancestors` is nearest first. */
const COLUMNS: Readonly<Record<string, string>> = {
  time: 'time',
  pid: 'pid',
  entity_id: 'entity_id',
  uid: 'uid',
  euid: 'euid',
  auid: 'auid',
  path: 'path',
  cmdline: 'cmdline',
  cwd: 'cwd',
  tty: 'tty',
  entry_type: 'entry_type',
  entry_source_ip: 'entry_source_ip',
  container_id: 'container_id',
  ancestors: `(SELECT group_concat(value->>'exe_name' || ' ' || (value->>'pid'), ' < ') FROM json_each(ancestry))`,
};
/** The row of a group is its last one: sqlite.org/lang_select.html, bare columns in an aggregate query. */
const OF_A_GROUP: Readonly<Record<string, string>> = { time: 'max(time)', cmdline: `group_concat(cmdline, ' ; ')` };

export const columnNames = Object.keys(COLUMNS);

/** Strings, parentheses, and columns that are compared. */
const TOKEN = /'(?:[^']|'')*'|[()]|\b[a-z_]+(?= (?:NOT )?(?:GLOB|LIKE|IN|=|<>|>=) ?)/g;

/**
 * A plus before the columns that are compared in parentheses: SQLite may otherwise make a look-up of each side of an OR
 * (https://www.sqlite.org/optoverview.html, 3.1), which for osquery's tables is a call each, and rows are told apart by their
 * place in the answer.
 */
function withoutIndexesInParentheses(sql: string): string {
  let depth = 0;
  return sql.replace(TOKEN, (token, at: number) => {
    if (token === '(') depth++;
    if (token === ')') depth--;
    const isColumn = /^[a-z_]+$/.test(token) && sql[at - 1] !== '>' && sql[at - 1] !== '.' && sql[at - 1] !== '+';
    return isColumn && depth > 0 ? `+${token}` : token;
  });
}

/**
 * The whole statement, about executions alone: forks and exits may have rows too. The subscriber is compared where every
 * osquery pushes it down: at the outermost level, with AND.
 */
export function statementOf(subscriber: string, condition: string): string {
  const grouped = /^GROUP BY/m.test(condition);
  const selected = Object.entries(COLUMNS).map(([name, plain]) => {
    const sql = (grouped && OF_A_GROUP[name]) || plain;
    return sql === name ? name : `${sql} AS ${name}`;
  });
  const expanded = condition.replace(/\{([^{}]+)\}/g, (_, text: string) => phrase(text)).replace(/\s*\n\s*/g, ' ');
  const where = withoutIndexesInParentheses(expanded);
  const rows = `FROM process_ancestry_events WHERE subscriber = '${subscriber}' AND action GLOB '*exec*'`;
  return `SELECT ${selected.join(', ')} ${rows} AND ${where}`;
}
