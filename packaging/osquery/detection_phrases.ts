/**
 * The vocabulary of the detections. Its words are in braces in detections/NAME.sql, and become plain SQL (SQLite 3.38,
 * because of ->>). A phrase may contain others:
 *
 *   {shells}                      a list of programs.ts
 *   {program}, {creator}          the name of the executed program, and of the program that created the process
 *   {under services}              some ancestor is one of them, at any distance; also {under ('a', 'b')}
 *   {under proven services}       the same for ancestors that root started from a file of root: exemptions rest on it
 *   {proven program}, {proven creator}  a file of root, by a path of the host or executed by root: see PHRASES
 *   {name of x}                   the name of an ancestor, where x is an alias of json_each(ancestry)
 *   {entity of nearest services}  the entity_id of the nearest ancestor that is one of them
 *   {pipes 'curl ' to shell}      the command line pipes a command that begins with this GLOB pattern into a shell
 *   {writes to '/etc/pam.d/'}     a command writes to a path that begins with this GLOB pattern
 *   {option 'rR'}                 an argument of single-letter options has one of these letters
 *   {disk after 'of='}            an argument names a disk or a part of one, after this text
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

const matchesOne = (text: string, patterns: readonly string[]) =>
  `(${patterns.map((pattern) => `${text} GLOB '${pattern}'`).join(' OR ')})`;
const isTemporary = (path: string) => matchesOne(path, ['/tmp/*', '/var/tmp/*', '/dev/shm/*']);

/** Columns that a statement computes once for each row that it reads. */
export const COMPUTED: Readonly<Record<string, string>> = {
  // busybox acts as the program that it is called as.
  program: unversioned(`iif(path GLOB '*/busybox', ${baseName('args->>0')}, ${baseName('path')})`),
  creator: unversioned(`ancestry->>'$[0].exe_name'`),
};

/** Where an application's own program is, of the process that created this one. */
const OF_APPLICATIONS = matchesOne("ancestry->>'$[0].path'", [
  ...['/app/*', '/srv/*', '/opt/*', '/home/*', '/var/lib/*', '/var/www/*', '/usr/local/*', '/usr/src/*', '/go/bin/*'],
  ...['/data/*', '/workspace/*', '/code/*'],
]);

/** Conditions of the fields of process_ancestry_allow, in which `allowed_NAME` is the rule's value. */
const OF_FIELDS: Readonly<Record<string, string>> = {
  detection: 'detection_name GLOB allowed_detection',
  // A path counts only where it is proven: a user may mount anything as any path.
  path: '{proven program} AND path GLOB allowed_path',
  parent_path: "{proven creator} AND ancestry->>'$[0].path' GLOB allowed_parent_path",
  ancestor_path: `EXISTS (SELECT 1 FROM json_each(ancestry)
    WHERE ${IS_STARTED_BY_ROOT} AND value->>'path' GLOB allowed_ancestor_path)`,
  uid: 'uid = allowed_uid',
  ...Object.fromEntries(
    ['entry_type', 'cgroup_path', 'cmdline', 'cwd'].map((name) => [name, `${name} GLOB allowed_${name}`]),
  ),
};
/** The rules under names that no column of the rows has. */
export const ALLOW = `SELECT ${Object.keys(OF_FIELDS)
  .map((name) => `${name} AS allowed_${name}`)
  .join(', ')} FROM process_ancestry_allow`;
/** A rule leaves the row out. What a rule does not name is NULL, which osquery 5.23 makes an empty text. */
const ALLOWED = `EXISTS (SELECT 1 FROM allow WHERE ${Object.entries(OF_FIELDS)
  .map(([name, condition]) => `(ifnull(allowed_${name}, '') = '' OR ${condition})`)
  .join(' AND ')})`;

const PHRASES: Readonly<Record<string, string>> = {
  program: 'program',
  creator: 'creator',
  // The mode is octal text: neither the group nor others may write.
  'proven program': isProven("owner_uid = 0 AND mode NOT GLOB '*[2367]?' AND mode NOT GLOB '*[2367]'", 'root', 'uid'),
  'proven creator': isProven("ancestry->>'$[0].root_owned' = 1", "ancestry->>'$[0].root'", "ancestry->>'$[0].uid'"),
  'creator started by root': "ifnull(ancestry->>'$[0].root_owned' = 1 AND ancestry->>'$[0].uid' = 0, 0)",
  'in temporary place': isTemporary('path'),
  // By its plain name, or by a path in the current directory.
  'script in temporary place': `(${isTemporary('args->>1')} OR (args->>1 GLOB '[^-/]*' AND ${isTemporary(`cwd || '/'`)}))`,
  /** Not by the boot, units and timers of the host. */
  'in session or service': `(entry_type <> 'init' OR {under services} OR {under schedulers})`,
  'by hand in container': `(interactive = 1 OR {under services} OR {under runtimes})`,
  'runs command': "(args_count = 1 OR args->>1 GLOB '-*[cips]')",
  /** A runtime, or a program from where applications are, as a service: in a container, or without root's rights on the host. */
  'application as creator': `(entry_type IN ('init', 'container') AND interactive = 0
    AND (entry_type = 'container' OR parent_euid <> 0)
    AND ifnull(cgroup_path, '') NOT GLOB '/user.slice/*'
    AND ({creator} IN {runtimes} OR (${OF_APPLICATIONS} AND {creator} NOT IN {shells})))`,
  allowed: ALLOWED,
  'in web root': matchesOne('path', ['/var/www/*', '/srv/www/*', '/usr/share/nginx/html/*', '*/wp-content/*']),
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

/** By a redirection in a shell's command, or by a program whose argument it is. */
function writesTo(places: readonly string[]): string {
  const matches = (text: string, before: readonly string[]) =>
    matchesOne(
      text,
      places.flatMap((place) => before.map((begin) => `${begin}${place}*`)),
    );
  return `(({program} IN {shells} AND ${matches('cmdline', ['*>', '*> '])})
    OR ({program} IN ('tee', 'truncate', 'chattr') AND ${matches('cmdline', ['* '])})
    OR ({program} IN ('cp', 'mv', 'install', 'ln', 'rsync', 'scp') AND ${matches("args->>'$[#-1]'", [''])})
    OR ({program} = 'sed' AND ${matches('cmdline', ['* -i* ', '* -[nErsz]i* ', '* --in-place* '])})
    OR ({program} = 'dd' AND ${matches('cmdline', ['* of='])}))`;
}

const someArgument = (condition: string) => `EXISTS (SELECT 1 FROM json_each(args) WHERE ${condition})`;
const isOption = (letters: string) =>
  someArgument(`value GLOB '-*[${letters}]*' AND substr(value, 2) NOT GLOB '*[^a-zA-Z]*' AND length(value) < 7`);
const DISKS = ['[hsv]d[a-z]*', 'xvd*', 'nvme[0-9]*', 'mmcblk*', 'mapper/*', 'dm-*', 'md[0-9]*', 'disk/*'];
const namesDisk = (before: string) =>
  someArgument(
    matchesOne(
      'value',
      DISKS.map((disk) => `${before}/dev/${disk}`),
    ),
  );

/** A condition as plain SQL, on one line. */
export function expanded(condition: string): string {
  let sql = condition;
  while (sql.includes('{')) sql = sql.replace(/\{([^{}]+)\}/g, (_, text: string) => phrase(text));
  return sql.replace(/\s*\n\s*/g, ' ');
}

function phrase(text: string): string {
  const [, from] = /^pipes '([^']+)' to shell$/.exec(text) ?? [];
  if (from) return pipesTo(['sh', '[zkac]sh', '[bd]ash'], from);
  const [, option, letters = ''] = /^(option|disk after) '(.*)'$/.exec(text) ?? [];
  if (option) return option === 'option' ? isOption(letters) : namesDisk(letters);
  if (/^writes to '.+'$/.test(text)) return writesTo([...text.matchAll(/'([^']+)'/g)].map(([, place = '']) => place));
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
