/** One row an exec: all that osquery's process_events tells on Linux, and who started it, up to the top. */

import type { EcsAction, EcsVocabulary } from '../src/ecs/action.ts';
import { credentialsFragment } from '../src/ecs/credentials.ts';
import { ecsDocument } from '../src/ecs/document.ts';
import { hostFragment } from '../src/ecs/host.ts';
import { previousFragment } from '../src/ecs/previous.ts';
import { ContainerIds } from '../src/linux/container_id.ts';
import { exitCodeOf } from '../src/linux/exit_status.ts';
import type { HostFacts } from '../src/linux/host.ts';
import { HostReader } from '../src/linux/host.ts';
import { charDeviceOf } from '../src/linux/terminal.ts';
import {
  type Answer,
  type Column,
  ColumnOption,
  type ColumnType,
  type ColumnValue,
  type Constraint,
  integerBounds,
  JSON_NULL,
  type Pieces,
  parseSqliteNumber,
  type QueryContext,
  rowMatcherInPieces,
  type TablePlugin,
} from '../src/osquery/index.ts';
import { pidOfEntityId } from '../src/process/identity.ts';
import { exeNameOf } from '../src/process/image.ts';
import type { EidRange } from '../src/store/eid_range.ts';
import type { EventStore } from '../src/store/event_store.ts';
import type { FactName } from '../src/store/rows/event_facts.ts';
import type { Search } from '../src/store/rows/row_database.ts';
import type { StoredEvent } from '../src/store/rows/stored_event.ts';
import { ancestorCmdline, ancestorIds, ancestryText, ecsProcess, leaderText } from './lineage.ts';

const HIDDEN = ColumnOption.hidden;
const KEY = ColumnOption.index | ColumnOption.optimized;

/** A stored event, and what a query adds to it. */
export interface EventRow {
  readonly event: StoredEvent;
  /** The name that the query reads by; null for none. */
  readonly subscriber: string | null;
  /** Of its document. */
  readonly vocabulary: EcsVocabulary;
}

type Value = (event: StoredEvent, row: EventRow) => ColumnValue | undefined;
interface Options {
  readonly options?: number;
  readonly alias?: string;
}

const declare =
  (type: ColumnType) =>
  (name: string, description: string, value: Value, { options = 0, alias }: Options = {}): Column<EventRow> => ({
    ...{ name, type, description, options, ...(alias === undefined ? {} : { aliases: [alias] }) },
    value: (row) => value(row.event, row) ?? null,
  });
const text = declare('TEXT');
const integer = declare('INTEGER');
const bigint = declare('BIGINT');

/** A text as it is stored; NULL where it is not known. */
const textOf = (name: FactName): Value => {
  return (event) => event.text(name) || null;
};
const numberOf = (name: FactName): Value => {
  return (event) => event.number(name);
};
const unknown: Value = () => null;

/** (uid_t)-1, as osquery's process_events has an audit uid that was never set. */
const UNSET_ID = 4294967295;
const isKnown = (event: StoredEvent): boolean => event.number('known') === 1;
const containerIds = new ContainerIds();

/** osquery's own event ids are decimal numbers of at least ten digits. */
function eidText({ eid }: StoredEvent): string {
  return String(eid).padStart(10, '0');
}

function argsOf(event: StoredEvent): string[] {
  const args = event.text('args');
  return args === '' && !event.number('argsCount') ? [] : args.split('\0');
}

function cmdlineOf(event: StoredEvent): string {
  return event.text('args').replaceAll('\0', ' ');
}

function exitCode(event: StoredEvent): number | undefined {
  const status = event.number('exitStatus');
  return status === undefined ? undefined : exitCodeOf(status);
}

function interactive(event: StoredEvent): boolean | undefined {
  return isKnown(event) ? event.text('tty') !== '' : undefined;
}

export const columns: readonly Column<EventRow>[] = [
  bigint('pid', 'Process ID, in the initial pid namespace', numberOf('pid'), { options: KEY }),
  text('path', 'Path of the executed file, as the kernel loaded it', textOf('path')),
  text('mode', 'File mode permissions, octal', (event) => {
    const mode = event.number('mode');
    return mode === undefined ? null : `0${mode.toString(8)}`;
  }),
  text('cmdline', 'Command line arguments, joined by spaces', (event) => cmdlineOf(event) || null),
  bigint(
    'cmdline_size',
    'Actual size (bytes) of command line arguments',
    (event) => event.number('argsBytes') || Buffer.byteLength(event.text('args')),
    { options: HIDDEN },
  ),
  text('env', 'Environment variables delimited by spaces (never recorded)', unknown, {
    options: HIDDEN,
    alias: 'environment',
  }),
  bigint('env_count', 'Number of environment variables (never recorded)', unknown, {
    options: HIDDEN,
    alias: 'environment_count',
  }),
  bigint('env_size', 'Actual size (bytes) of environment list (never recorded)', unknown, {
    options: HIDDEN,
    alias: 'environment_size',
  }),
  text('cwd', 'The process current working directory', textOf('cwd')),
  bigint('auid', 'Audit User ID at process start', (event) =>
    isKnown(event) ? (event.number('auid') ?? UNSET_ID) : null,
  ),
  bigint('uid', 'User ID at process start', numberOf('uid')),
  bigint('euid', 'Effective user ID at process start', numberOf('euid')),
  bigint('gid', 'Group ID at process start', numberOf('gid')),
  bigint('egid', 'Effective group ID at process start', numberOf('egid')),
  bigint('owner_uid', 'File owner user ID', numberOf('ownerUid')),
  bigint('owner_gid', 'File owner group ID', numberOf('ownerGid')),
  bigint('atime', 'File last access in UNIX time', numberOf('atime'), { alias: 'access_time' }),
  bigint('mtime', 'File modification in UNIX time', numberOf('mtime'), { alias: 'modify_time' }),
  bigint('ctime', 'File last metadata change in UNIX time', numberOf('ctime'), { alias: 'change_time' }),
  bigint('btime', 'File creation in UNIX time', numberOf('btime'), { alias: 'create_time' }),
  text(
    'overflows',
    'List of structures that overflowed',
    (event) => (event.number('argsCut') === 1 ? 'cmdline' : null),
    { options: HIDDEN },
  ),
  bigint(
    'parent',
    "Process parent's PID, as the kernel had it at the exec (an adoptive parent counts)",
    numberOf('parent'),
    { options: KEY },
  ),
  bigint('time', 'Time of execution in UNIX time', (event) => secondsOf(event.number('timeMs')), {
    options: ColumnOption.additional,
  }),
  bigint('uptime', 'Time of execution in system uptime', (event) => secondsOf(event.number('bootMs'))),
  text('eid', 'Event ID', eidText, { options: KEY | HIDDEN }),
  bigint('status', 'OpenBSM Attribute: Status of the process (macOS only)', unknown, { options: HIDDEN }),
  bigint('fsuid', 'Filesystem user ID at process start', numberOf('fsuid')),
  bigint('suid', 'Saved user ID at process start', numberOf('suid')),
  bigint('fsgid', 'Filesystem group ID at process start', numberOf('fsgid')),
  bigint('sgid', 'Saved group ID at process start', numberOf('sgid')),
  text('syscall', 'Syscall name: execve, execveat', textOf('syscall')),
  // Below index 63, as all that is dear or has an effect: osquery reads the columns above together (see column.ts).
  text('ecs', 'The event as an ECS document (RFC 0030)', (event, row) => ecsOf(event, row.vocabulary), {
    options: HIDDEN,
  }),
  text(
    'subscriber',
    "Name of the reader: WHERE subscriber = 'name' gives what is new since that name last asked",
    (_, row) => row.subscriber,
    { options: HIDDEN | ColumnOption.additional },
  ),
  text('ancestry', 'JSON array of the ancestors as they were when they forked, nearest first', (event) =>
    ancestryText(event.ancestorRecord('creator'), event.number('depth') ?? 0),
  ),
  integer('ancestry_depth', 'How many ancestors the array holds', numberOf('depth')),
  integer(
    'ancestry_truncated',
    '1 when there are more ancestors than process_ancestry_max_depth',
    numberOf('truncated'),
  ),
  integer('ancestry_complete', '1 when every ancestor up to the top is known', numberOf('complete')),
  text(
    'parent_path',
    'Path of the process that created this one',
    (event) => event.ancestorRecord('creator')?.facts.path || null,
  ),
  text(
    'parent_cmdline',
    'Command line of the process that created this one; cut after 32,768 characters',
    (event) => event.text('parentCmdline') || ancestorCmdline(event.ancestorRecord('creator')) || null,
  ),
  bigint(
    'parent_euid',
    'Effective user ID of the process that created this one',
    (event) => event.ancestorRecord('creator')?.facts.credentials.euid,
  ),
  text(
    'action',
    'What happened: exec; also fork, setsid, exit, existing where process_ancestry_events_actions says so; several where they were merged',
    textOf('action'),
  ),
  integer('exit_code', 'Exit code of an exit, or 128 and the signal that killed it', exitCode),
  text(
    'entity_id',
    'Identity of the process: stable over its life and over restarts, unlike its pid',
    textOf('entityId'),
    { options: KEY },
  ),
  text(
    'parent_entity_id',
    'Identity of the process that created this one',
    (event) => event.ancestorRecord('creator')?.facts.entityId,
  ),
  text('args', 'Arguments as a JSON array; null where they are not known', (event) =>
    event.number('argsCount') === undefined ? JSON_NULL : JSON.stringify(argsOf(event)),
  ),
  integer('args_count', 'Number of arguments', numberOf('argsCount')),
  text('tty', 'Controlling terminal, as pts/0', textOf('tty')),
  integer('interactive', '1 when the process has a controlling terminal', (event) => {
    const is = interactive(event);
    return is === undefined ? null : Number(is);
  }),
  bigint('sid', 'Session ID', numberOf('sid')),
  bigint('pgid', 'Process group ID', numberOf('pgid')),
  text('session_leader', 'Leader of the session, as JSON; null where there is none', (event) =>
    leaderText(event.ancestorRecord('sessionLeader'), event.text('entityId')),
  ),
  text('group_leader', 'Leader of the process group, as JSON; null where there is none', (event) =>
    leaderText(event.ancestorRecord('groupLeader'), event.text('entityId')),
  ),
  text(
    'entry_leader',
    'Process by which this tree came into the host, as JSON; null where there is none (pid 1, kernel threads, unknown)',
    (event) =>
      leaderText(event.ancestorRecord('entryLeader'), event.text('entityId'), {
        type: event.text('entryType'),
        sourceIp: event.text('entryAddress'),
      }),
  ),
  text(
    'entry_type',
    'How this tree came into the host: init, kthread, sshd, ssm, container, terminal, console or unknown',
    textOf('entryType'),
  ),
  text(
    'entry_source_ip',
    'Where the session of an entry by ssh came from: by audit login records, or the connection that the privileged sshd holds',
    textOf('entryAddress'),
  ),
  text('sha256', 'SHA-256 of the executed file, where process_ancestry_hash says so', textOf('sha256')),
  text('cgroup_path', 'Control group', textOf('cgroup')),
  text('container_id', 'Container, by the control group', (event) => containerIds.of(event.text('cgroup')) || null),
  bigint(
    'pid_namespace',
    'Inode number of the pid namespace; inherited from the parent where the process was gone before it could be read',
    numberOf('pidNamespace'),
  ),
  bigint('start_time', 'Start of the process in UNIX time', (event) => {
    const hundredths = event.number('start');
    return hundredths === undefined ? null : Math.floor(hundredths / 100);
  }),
  text(
    'root',
    "Root directory in which path is a path: / where the host's path leads to the executed file, a chroot's path on the host, mnt:[INODE] in another mount namespace; NULL where it is not known",
    textOf('root'),
  ),
];

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}

/** Of rows from before hosts were kept with them. */
const thisHost = new HostReader();
/** Texts of what rows share, as long as that is remembered. */
const fragments = new WeakMap<object, string>();

function fragmentOf<Facts extends object>(facts: Facts | undefined, render: (facts: Facts) => string): string {
  if (!facts) return '';
  let fragment = fragments.get(facts);
  if (fragment === undefined) {
    fragment = render(facts);
    fragments.set(facts, fragment);
  }
  return fragment;
}

function ecsOf(event: StoredEvent, vocabulary: EcsVocabulary): string {
  const [path, tty] = [event.text('path'), event.text('tty')];
  const start = event.number('start');
  const status = event.number('exitStatus');
  const depth = event.number('depth') ?? 0;
  return ecsDocument(
    {
      eid: eidText(event),
      sequence: event.eid,
      unixMs: event.number('timeMs') ?? 0,
      actions: event.text('action').split(',') as EcsAction[],
      entityId: event.text('entityId'),
      pid: event.number('pid') ?? 0,
      startUnixMs: start === undefined ? undefined : start * 10,
      endUnixMs: event.number('endMs'),
      exitCode: exitCode(event),
      signal: status === undefined ? undefined : status & 0x7f || undefined,
      path,
      name: exeNameOf({ path, comm: event.text('comm') }),
      args: JSON.stringify(argsOf(event)),
      argsCount: event.number('argsCount'),
      cmdline: cmdlineOf(event),
      cwd: event.text('cwd'),
      interactive: interactive(event),
      charDevice: charDeviceOf(tty),
      sha256: event.text('sha256'),
      containerId: containerIds.of(event.text('cgroup')),
      pidNamespace: event.number('pidNamespace'),
      credentials: fragmentOf(event.credentials, credentialsFragment),
      previous: fragmentOf(event.previous, previousFragment),
      ancestorIds: ancestorIds(event.ancestorRecord('creator'), depth),
      parent: ecsProcess(event.ancestorRecord('creator'), 'parent'),
      groupLeader: ecsProcess(event.ancestorRecord('groupLeader'), 'group_leader'),
      sessionLeader: ecsProcess(event.ancestorRecord('sessionLeader'), 'session_leader'),
      entryLeader: ecsProcess(event.ancestorRecord('entryLeader'), 'entry_leader'),
      entryType: event.text('entryType'),
      entrySourceIp: event.text('entryAddress'),
    },
    fragmentOf(event.host ?? (JSON.parse(thisHost.facts.json) as HostFacts), hostFragment),
    vocabulary,
  );
}

/** Expressions of a list between two pauses: about a millisecond. */
const EXPRESSIONS_A_PIECE = 1024;
/** A longer list tells no range of times: the rows are looked at one by one. */
const TIMES_MAX = 500;

/** What the store is asked for; the rows that it gives are looked at again. Every `undefined` is a pause. */
export function* searchInPieces({ constraints }: Pick<QueryContext, 'constraints'>): Pieces<Search> {
  const times = constraints.get('time') ?? [];
  const seconds = times.length <= TIMES_MAX ? integerBounds(times) : undefined;
  const pids = yield* equalNumbers(constraints.get('pid'), integerOf);
  const ofEntities = yield* equalNumbers(constraints.get('entity_id'), (expr) => pidOfEntityId(expr) ?? null);
  return {
    eids: yield* equalNumbers(constraints.get('eid'), integerOf),
    pids: pids && ofEntities ? commonTo(pids, ofEntities) : (pids ?? ofEntities),
    parents: yield* equalNumbers(constraints.get('parent'), integerOf),
    times: seconds && { minMs: seconds.min * 1000, maxMs: seconds.max * 1000 + 999 },
  };
}

/**
 * The numbers that a column is to equal; undefined where all are wanted. `numberOf` answers null for an expression that no
 * row's number stands for, and undefined for one that may stand for any.
 */
function* equalNumbers(
  asked: readonly Constraint[] = [],
  numberOf: (expr: string) => number | null | undefined,
): Pieces<Set<number> | undefined> {
  const numbers = new Set<number>();
  let areAny = false;
  for (const [at, { op, expr }] of asked.entries()) {
    if (at > 0 && at % EXPRESSIONS_A_PIECE === 0) yield undefined;
    if (op !== 'eq') continue;
    areAny = true;
    const number = numberOf(expr);
    if (number === undefined) return undefined;
    if (number !== null) numbers.add(number);
  }
  return areAny ? numbers : undefined;
}

function commonTo(one: ReadonlySet<number>, other: ReadonlySet<number>): Set<number> {
  return new Set([...one].filter((number) => other.has(number)));
}

function integerOf(expr: string): number | undefined {
  const number = parseSqliteNumber(expr);
  return number && Math.round(Number(number.value));
}

/** Columns that rows are filtered by here. A document is dear to make, and SQLite checks it in any case. */
const FILTERED = columns.filter(({ name }) => name !== 'subscriber' && name !== 'ecs');

interface EventsTableOptions {
  readonly store: EventStore;
  /** Resolves when the rows are all there: a log that is being read is asked about as a whole. */
  readonly readable?: () => Promise<void>;
  /** Of the largest answer that is given. */
  readonly resultMaxBytes: () => number;
  /** Of documents; asked for each query. By default RFC 0030's. */
  readonly ecsVocabulary?: () => EcsVocabulary;
}

export function processAncestryEvents(options: EventsTableOptions): TablePlugin<EventRow> {
  const { store, readable, resultMaxBytes, ecsVocabulary = () => 'rfc0030' } = options;
  return {
    name: 'process_ancestry_events',
    description: 'Program executions on this host as they happened, each with its ancestors',
    columns,
    rowid: ({ event }) => event.eid,
    adviceWhenTooLarge:
      "ask for what is new (WHERE subscriber = 'name'), for some minutes (time > …), or for fewer columns",
    async generate(context, answer) {
      await readable?.();
      const named = context.constraints.get('subscriber') ?? [];
      const name = named.find(({ op }) => op === 'eq')?.expr;
      const asked = { context, vocabulary: ecsVocabulary() };
      if (name === undefined) return rowsOf(store, asked, null);
      // An IN list comes a name at a time: several at once are all demanded, which no row can satisfy.
      if (named.some(({ op, expr }) => op === 'eq' && expr !== name)) return [];
      if (name === '') return rowsOf(store, asked, null);
      return newRows(store, name, { ...asked, answer, resultMaxBytes: resultMaxBytes() });
    },
  };
}

interface Asked {
  readonly context: QueryContext;
  readonly vocabulary: EcsVocabulary;
}

/** Rows of a range that a query may want. */
function* rowsOf(
  store: EventStore,
  { context, vocabulary }: Asked,
  subscriber: string | null,
  range?: EidRange,
): IterableIterator<EventRow | undefined> {
  const search = yield* searchInPieces(context);
  const admits = yield* rowMatcherInPieces(FILTERED, context);
  for (const event of store.select(search, range)) {
    if (!event) {
      yield undefined;
      continue;
    }
    const row = { event, subscriber, vocabulary };
    if (!admits || admits(row)) yield row;
  }
}

interface AskedByName extends Asked {
  readonly answer: Answer;
  readonly resultMaxBytes: number;
}

/**
 * A subscriber's portion ends where its answer is large enough, or at a LIMIT: it gets the others next time, in whatever
 * order it sorts these.
 */
function* newRows(store: EventStore, name: string, asked: AskedByName): IterableIterator<EventRow | undefined> {
  const { context, answer, resultMaxBytes } = asked;
  // The last row may be larger than all others, and the other answers of a join are as many rows.
  const batch = store.batchFor(name, { bytes: resultMaxBytes / 2 });
  answer.onDelivered(() => store.delivered(batch));
  answer.onUnread?.(() => store.unread(batch));
  let left = context.limit === undefined ? Number.POSITIVE_INFINITY : context.limit + (context.offset ?? 0);
  const endAt = (eid: number) => {
    if (!batch.isGivenAgain) batch.upTo = Math.min(batch.upTo, eid);
  };
  if (left === 0) {
    endAt(batch.after);
    return;
  }
  for (const row of rowsOf(store, asked, name, { ...batch })) {
    yield row;
    if (!row) continue;
    left--;
    const isFull = !batch.isGivenAgain && (answer.byteCount?.() ?? 0) >= batch.bytes;
    if (left > 0 && !isFull) continue;
    endAt(row.event.eid);
    return;
  }
}
