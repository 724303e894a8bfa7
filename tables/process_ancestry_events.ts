/** One row an exec: all that osquery's process_events tells on Linux, and who started it, up to the top. */

import { charDeviceOf } from '../src/collect/terminal.ts';
import type { EcsAction, EcsVocabulary } from '../src/ecs/action.ts';
import { type EcsEvent, ecsDocument } from '../src/ecs/document.ts';
import { HostText } from '../src/ecs/host.ts';
import { type Column, ColumnOption, type ColumnType, JSON_NULL } from '../src/osquery/column.ts';
import { matcherInPieces } from '../src/osquery/constraint.ts';
import { integerBounds, type SqlCondition, sqlCondition } from '../src/osquery/constraint_sql.ts';
import { type Pieces, runToEnd } from '../src/osquery/pieces.ts';
import type { Constraint, QueryContext } from '../src/osquery/query_context.ts';
import { parseSqliteNumber } from '../src/osquery/sqlite_number.ts';
import type { Answer, TablePlugin } from '../src/osquery/table_plugin.ts';
import { pidOfEntityId } from '../src/process/identity.ts';
import { exeNameOf } from '../src/process/image.ts';
import type { Selection, SqlRow, ValueFilter } from '../src/store/event_database.ts';
import type { EventStore } from '../src/store/event_store.ts';
import { linkCall } from '../src/store/link_functions.ts';

const HIDDEN = ColumnOption.hidden;
const KEY = ColumnOption.index | ColumnOption.optimized;

interface EventColumn extends Column<SqlRow> {
  /** What it is in the database: the events are `e`, their creators `a`. A text that is not known is '' there. */
  readonly sql: string;
}

const declare =
  (type: ColumnType) =>
  (name: string, description: string, sql: string, options: number = ColumnOption.default) => ({
    ...{ name, type, description, sql, options },
  });
const text = declare('TEXT');
const integer = declare('INTEGER');
const bigint = declare('BIGINT');
const aliased = <Declared extends object>(column: Declared, alias: string) => ({ ...column, aliases: [alias] });

const declared = [
  bigint('pid', 'Process ID, in the initial pid namespace', 'e.pid', KEY),
  text('path', 'Path of the executed file, as the kernel loaded it', 'e.path'),
  text('mode', 'File mode permissions, octal', 'e.mode'),
  text('cmdline', 'Command line arguments, joined by spaces', 'e.cmdline'),
  bigint('cmdline_size', 'Actual size (bytes) of command line arguments', 'e.cmdline_size', HIDDEN),
  aliased(text('env', 'Environment variables delimited by spaces (never recorded)', "''", HIDDEN), 'environment'),
  aliased(bigint('env_count', 'Number of environment variables (never recorded)', 'NULL', HIDDEN), 'environment_count'),
  aliased(
    bigint('env_size', 'Actual size (bytes) of environment list (never recorded)', 'NULL', HIDDEN),
    'environment_size',
  ),
  text('cwd', 'The process current working directory', 'e.cwd'),
  bigint('auid', 'Audit User ID at process start', 'e.auid'),
  bigint('uid', 'User ID at process start', 'e.uid'),
  bigint('euid', 'Effective user ID at process start', 'e.euid'),
  bigint('gid', 'Group ID at process start', 'e.gid'),
  bigint('egid', 'Effective group ID at process start', 'e.egid'),
  bigint('owner_uid', 'File owner user ID', 'e.owner_uid'),
  bigint('owner_gid', 'File owner group ID', 'e.owner_gid'),
  aliased(bigint('atime', 'File last access in UNIX time', 'e.atime'), 'access_time'),
  aliased(bigint('mtime', 'File modification in UNIX time', 'e.mtime'), 'modify_time'),
  aliased(bigint('ctime', 'File last metadata change in UNIX time', 'e.ctime'), 'change_time'),
  aliased(bigint('btime', 'File creation in UNIX time', 'e.btime'), 'create_time'),
  text('overflows', 'List of structures that overflowed', 'e.overflows', HIDDEN),
  bigint(
    'parent',
    "Process parent's PID, as the kernel had it at the exec (an adoptive parent counts)",
    'e.parent',
    KEY,
  ),
  bigint('time', 'Time of execution in UNIX time', 'e.time_ms / 1000', ColumnOption.additional),
  bigint('uptime', 'Time of execution in system uptime', 'e.boot_ms / 1000'),
  // osquery's own event ids are decimal numbers of at least ten digits.
  text('eid', 'Event ID', "printf('%010d', e.eid)", ColumnOption.index | ColumnOption.optimized | HIDDEN),
  bigint('status', 'OpenBSM Attribute: Status of the process (macOS only)', 'NULL', HIDDEN),
  bigint('fsuid', 'Filesystem user ID at process start', 'e.fsuid'),
  bigint('suid', 'Saved user ID at process start', 'e.suid'),
  bigint('fsgid', 'Filesystem group ID at process start', 'e.fsgid'),
  bigint('sgid', 'Saved group ID at process start', 'e.sgid'),
  text('syscall', 'Syscall name: execve, execveat', 'e.syscall'),
  // Below index 63, as all that is dear or has an effect: osquery reads the columns above together (see column.ts).
  // Put together when it is asked for: see ECS_INPUTS.
  text('ecs', 'The event as an ECS document (RFC 0030)', "''", HIDDEN),
  text(
    'subscriber',
    "Name of the reader: WHERE subscriber = 'name' gives what is new since that name last asked",
    "''",
    HIDDEN | ColumnOption.additional,
  ),
  text(
    'ancestry',
    'JSON array of the ancestors as they were when they forked, nearest first',
    linkCall('ancestry', 'e.creator_id', 'e.ancestry_depth'),
  ),
  integer('ancestry_depth', 'How many ancestors the array holds', 'e.ancestry_depth'),
  integer(
    'ancestry_truncated',
    '1 when there are more ancestors than process_ancestry_max_depth',
    'e.ancestry_truncated',
  ),
  integer('ancestry_complete', '1 when every ancestor up to the top is known', 'e.ancestry_complete'),
  text('parent_path', 'Path of the process that created this one', "coalesce(a.path, '')"),
  text(
    'parent_cmdline',
    'Command line of the process that created this one; cut after 32,768 characters',
    linkCall('link_cmdline', 'e.creator_id', 'e.long_parent_cmdline'),
  ),
  bigint('parent_euid', 'Effective user ID of the process that created this one', 'a.euid'),
  text(
    'action',
    'What happened: exec; also fork, setsid, exit, existing where process_ancestry_events_actions says so; several where they were merged',
    'e.action',
  ),
  integer('exit_code', 'Exit code of an exit, or 128 and the signal that killed it', 'e.exit_code'),
  text(
    'entity_id',
    'Identity of the process: stable over its life and over restarts, unlike its pid',
    'e.entity_id',
    KEY,
  ),
  text('parent_entity_id', 'Identity of the process that created this one', "coalesce(a.entity_id, '')"),
  text(
    'args',
    'Arguments as a JSON array; null where they are not known',
    `iif(e.args_count IS NULL, '${JSON_NULL}', e.args)`,
  ),
  integer('args_count', 'Number of arguments', 'e.args_count'),
  text('tty', 'Controlling terminal, as pts/0', 'e.tty'),
  integer('interactive', '1 when the process has a controlling terminal', 'e.interactive'),
  bigint('sid', 'Session ID', 'e.sid'),
  bigint('pgid', 'Process group ID', 'e.pgid'),
  text(
    'session_leader',
    'Leader of the session, as JSON; null where there is none',
    linkCall('leader', 'e.session_leader_id', 'e.entity_id'),
  ),
  text(
    'group_leader',
    'Leader of the process group, as JSON; null where there is none',
    linkCall('leader', 'e.group_leader_id', 'e.entity_id'),
  ),
  text(
    'entry_leader',
    'Process by which this tree came into the host, as JSON; null where there is none (pid 1, kernel threads, unknown)',
    linkCall('entry_leader', 'e.entry_leader_id', 'e.entity_id', 'e.entry_type', 'e.entry_source_ip'),
  ),
  text(
    'entry_type',
    'How this tree came into the host: init, kthread, sshd, ssm, container, terminal, console or unknown',
    'e.entry_type',
  ),
  text(
    'entry_source_ip',
    'Where the session of an entry by ssh came from: by audit login records, or the connection that the privileged sshd holds',
    'e.entry_source_ip',
  ),
  text('sha256', 'SHA-256 of the executed file, where process_ancestry_hash says so', 'e.sha256'),
  text('cgroup_path', 'Control group', 'e.cgroup_path'),
  text('container_id', 'Container, by the control group', 'e.container_id'),
  bigint(
    'pid_namespace',
    'Inode number of the pid namespace; inherited from the parent where the process was gone before it could be read',
    'e.pid_namespace',
  ),
  bigint('start_time', 'Start of the process in UNIX time', 'e.start_time'),
  text(
    'root',
    "Root directory in which path is a path: / where the host's path leads to the executed file, a chroot's path on the host, mnt:[INODE] in another mount namespace; NULL where it is not known",
    'e.root',
  ),
];

export const columns: readonly EventColumn[] = declared.map((column, at) => ({
  ...column,
  // A text that is not known is stored as ''.
  value: column.name === 'ecs' ? ecsOf : (row) => (row[at] === '' ? null : (row[at] ?? null)),
}));

/** Behind the columns in a row: the number of the event, which is the row's id. */
const NUMBER_AT = columns.length;
const numberOf = (row: SqlRow): number => Number(row[NUMBER_AT]);

const PARENT = linkCall('ecs_process', 'e.creator_id', "'parent'");
const GROUP_LEADER = linkCall('ecs_process', 'e.group_leader_id', "'group_leader'");
const SESSION_LEADER = linkCall('ecs_process', 'e.session_leader_id', "'session_leader'");
const ANCESTOR_IDS = linkCall('ancestor_ids', 'e.creator_id', 'e.ancestry_depth');
const ENTRY_LEADER = linkCall('ecs_process', 'e.entry_leader_id', "'entry_leader'");

/** What a document is made of, behind the number in a row where it is asked for. */
const ECS_INPUTS = [
  ...['e.eid', 'e.time_ms', 'e.action', 'e.entity_id', 'e.pid', 'e.start_ms', 'e.end_ms', 'e.exit_code', 'e.signal'],
  ...['e.path', 'e.comm', 'e.args', 'e.args_count', 'e.cmdline', 'e.cwd', 'e.interactive', 'e.tty', 'e.sha256'],
  ...[
    'e.container_id',
    'e.pid_namespace',
    'c.text',
    'p.text',
    ANCESTOR_IDS,
    PARENT,
    GROUP_LEADER,
    SESSION_LEADER,
    ENTRY_LEADER,
    'h.text',
  ],
  ...['e.entry_type', 'e.entry_source_ip'],
];

/** Behind those: in whose words the reader wants the actions. It is no part of what happened, so it is not stored. */
const VOCABULARY_AT = NUMBER_AT + 1 + ECS_INPUTS.length;

/** Of rows from before hosts were kept with them. */
const thisHost = new HostText();

function ecsOf(row: SqlRow): string {
  const input = (name: (typeof ECS_INPUTS)[number]) => row[NUMBER_AT + 1 + ECS_INPUTS.indexOf(name)] ?? undefined;
  const text = (name: (typeof ECS_INPUTS)[number]) => String(input(name) ?? '');
  const number = (name: (typeof ECS_INPUTS)[number]) => {
    const value = input(name);
    return value === undefined ? undefined : Number(value);
  };
  const interactive = number('e.interactive');
  const path = text('e.path');
  const event: EcsEvent = {
    eid: String(row[EID_AT] ?? ''),
    sequence: number('e.eid'),
    unixMs: number('e.time_ms') ?? 0,
    actions: text('e.action').split(',') as EcsAction[],
    entityId: text('e.entity_id'),
    pid: number('e.pid') ?? 0,
    startUnixMs: number('e.start_ms'),
    endUnixMs: number('e.end_ms'),
    exitCode: number('e.exit_code'),
    signal: number('e.signal'),
    path,
    name: exeNameOf({ path, comm: text('e.comm') }),
    args: text('e.args'),
    argsCount: number('e.args_count'),
    cmdline: text('e.cmdline'),
    cwd: text('e.cwd'),
    interactive: interactive === undefined ? undefined : interactive === 1,
    charDevice: charDeviceOf(text('e.tty')),
    sha256: text('e.sha256'),
    containerId: text('e.container_id'),
    pidNamespace: number('e.pid_namespace'),
    credentials: text('c.text'),
    previous: text('p.text'),
    ancestorIds: text(ANCESTOR_IDS),
    parent: text(PARENT),
    groupLeader: text(GROUP_LEADER),
    sessionLeader: text(SESSION_LEADER),
    entryLeader: text(ENTRY_LEADER),
    entryType: text('e.entry_type'),
    entrySourceIp: text('e.entry_source_ip'),
  };
  const vocabulary = row[VOCABULARY_AT] as EcsVocabulary;
  return ecsDocument(event, text('h.text') || thisHost.text, vocabulary);
}

const EID_AT = columns.findIndex(({ name }) => name === 'eid');
const NAME_AT = columns.findIndex(({ name }) => name === 'subscriber');

/** Columns by which a query finds few rows. */
const KEYS: ReadonlySet<string> = new Set(['eid', 'entity_id', 'pid', 'parent']);

/** A longer list of constraints on a column is no part of a statement, which would read it again for each slice of rows. */
const LIST_MAX = 500;
const LIST_CHARACTERS_MAX = 65_536;

/** What to read of the database for a query; the rows that it gives are checked again. */
export function selectionOf(
  context: Pick<QueryContext, 'constraints' | 'columnsUsed'>,
  vocabulary: EcsVocabulary = 'rfc0030',
): Selection {
  return runToEnd(selectionInPieces(context, vocabulary));
}

/** The same; every `undefined` is a pause. */
function* selectionInPieces(
  { constraints, columnsUsed }: Pick<QueryContext, 'constraints' | 'columnsUsed'>,
  vocabulary: EcsVocabulary,
): Pieces<Selection> {
  const where: SqlCondition[] = [];
  const keys: SqlCondition[] = [];
  const filters: ValueFilter[] = [];
  for (const column of columns) {
    const asked = constraints.get(column.name);
    // Who reads is no property of what is stored, and a document is made when it is read.
    if (!asked || column.name === 'subscriber' || column.name === 'ecs') continue;
    if (isLong(asked)) {
      const admits = yield* matcherInPieces(column, asked);
      if (admits) filters.push({ expression: column.sql, admits: (value) => admits(value ?? '') });
      continue;
    }
    const condition = (column.name === 'eid' && eidCondition(asked)) || sqlCondition(column, column.sql, asked);
    if (!condition) continue;
    where.push(condition);
    const pids = column.name === 'entity_id' && pidsOfEntities(asked);
    if (pids) where.push(pids);
    const isKey = column.name === 'entity_id' ? pids : KEYS.has(column.name) && asked.some(({ op }) => op === 'eq');
    if (isKey) keys.push(pids || condition);
  }
  const isUsed = (name: string) => !columnsUsed || columnsUsed.has(name);
  const withEcs = isUsed('ecs');
  const used = columns.map(({ name, sql }) => (isUsed(name) || (withEcs && name === 'eid') ? sql : 'NULL'));
  const expressions = [...used, 'e.eid', ...(withEcs ? [...ECS_INPUTS, `'${vocabulary}'`] : [])];
  const times = constraints.get('time');
  const seconds = times && !isLong(times) ? integerBounds(times) : undefined;
  return { expressions, where, filters, keys, seconds };
}

function isLong(list: readonly Constraint[]): boolean {
  if (list.length > LIST_MAX) return true;
  return list.reduce((sum, { expr }) => sum + expr.length, 0) > LIST_CHARACTERS_MAX;
}

/** Ids that are asked for one by one, as the numbers that they are stored as. */
function eidCondition(asked: readonly Constraint[]): SqlCondition | undefined {
  if (!asked.every(({ op }) => op === 'eq')) return undefined;
  const numbers = asked.map(({ expr }) => parseSqliteNumber(expr));
  const eids = numbers.flatMap((number) => (number ? [Math.round(Number(number.value))] : []));
  return { sql: 'e.eid IN (SELECT value FROM json_each(?))', params: [JSON.stringify(eids)] };
}

/** Entity ids that are asked for one by one tell the pids, by which rows are indexed. */
function pidsOfEntities(asked: readonly Constraint[]): SqlCondition | undefined {
  if (!asked.every(({ op }) => op === 'eq')) return undefined;
  const pids = asked.flatMap(({ expr }) => pidOfEntityId(expr) ?? []);
  return { sql: 'e.pid IN (SELECT value FROM json_each(?))', params: [JSON.stringify(pids)] };
}

export interface EventsTableOptions {
  readonly store: EventStore;
  /** Resolves when the rows are all there: a log that is being read is asked about as a whole. */
  readonly readable?: () => Promise<void>;
  /** Of the largest answer that is given. */
  readonly resultMaxBytes: () => number;
  /** Of documents; asked for each query. By default RFC 0030's. */
  readonly ecsVocabulary?: () => EcsVocabulary;
}

export function processAncestryEvents(options: EventsTableOptions): TablePlugin<SqlRow> {
  const { store, readable, resultMaxBytes, ecsVocabulary = () => 'rfc0030' } = options;
  return {
    name: 'process_ancestry_events',
    description: 'Program executions on this host as they happened, each with its ancestors',
    columns,
    rowid: numberOf,
    adviceWhenTooLarge:
      "ask for what is new (WHERE subscriber = 'name'), for some minutes (time > …), or for fewer columns",
    async generate(context, answer) {
      await readable?.();
      const named = context.constraints.get('subscriber') ?? [];
      const name = named.find(({ op }) => op === 'eq')?.expr;
      if (name === undefined) return allRows(store, context, ecsVocabulary());
      // An IN list comes a name at a time: several at once are all demanded, which no row can satisfy.
      if (named.some(({ op, expr }) => op === 'eq' && expr !== name)) return [];
      if (name === '') return allRows(store, context, ecsVocabulary());
      return newRows(store, name, { context, answer, resultMaxBytes: resultMaxBytes(), vocabulary: ecsVocabulary() });
    },
  };
}

function* allRows(
  store: EventStore,
  context: QueryContext,
  vocabulary: EcsVocabulary,
): IterableIterator<SqlRow | undefined> {
  yield* store.select(yield* selectionInPieces(context, vocabulary));
}

interface Asked {
  readonly context: QueryContext;
  readonly answer: Answer;
  readonly resultMaxBytes: number;
  readonly vocabulary: EcsVocabulary;
}

/**
 * A subscriber's portion ends where its answer is large enough, or at a LIMIT: it gets the others next time, in whatever
 * order it sorts these.
 */
function* newRows(
  store: EventStore,
  name: string,
  { context, answer, resultMaxBytes, vocabulary }: Asked,
): IterableIterator<SqlRow | undefined> {
  // The last row may be larger than all others, and the other answers of a join are as many rows.
  const batch = store.batchFor(name, { bytes: resultMaxBytes / 2 });
  answer.onDelivered(() => store.delivered(batch));
  answer.onUnread?.(() => store.unread(batch));
  const selection = yield* selectionInPieces(context, vocabulary);
  let left = context.limit === undefined ? Number.POSITIVE_INFINITY : context.limit + (context.offset ?? 0);
  const endAt = (eid: number) => {
    if (!batch.isGivenAgain) batch.upTo = Math.min(batch.upTo, eid);
  };
  if (left === 0) {
    endAt(batch.after);
    return;
  }
  for (const row of store.select(selection, { ...batch })) {
    yield row?.with(NAME_AT, name);
    if (!row) continue;
    left--;
    const isFull = !batch.isGivenAgain && (answer.byteCount?.() ?? 0) >= batch.bytes;
    if (left > 0 && !isFull) continue;
    endAt(numberOf(row));
    return;
  }
}
