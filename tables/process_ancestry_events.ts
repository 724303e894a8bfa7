/** One row per exec: the columns of osquery's process_events on Linux, and the ancestors of the process up to the top. */

import type { EcsAction, EcsVocabulary } from '../src/ecs/action.ts';
import { containerMembers } from '../src/ecs/container.ts';
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
import { isEnvironmentCut, traitsText } from '../src/process/exec_traits.ts';
import { pidOfEntityId } from '../src/process/identity.ts';
import { exeNameOf } from '../src/process/image.ts';
import type { EidRange } from '../src/store/eid_range.ts';
import type { EventStore } from '../src/store/event_store.ts';
import { FACT, type FactName } from '../src/store/rows/event_facts.ts';
import type { Search } from '../src/store/rows/row_database.ts';
import type { StoredEvent } from '../src/store/rows/stored_event.ts';
import { ancestorCmdline, ancestorIds, ancestryText, ecsProcess, entryLeaderText, leaderText } from './lineage.ts';

const HIDDEN = ColumnOption.hidden;
const KEY = ColumnOption.index | ColumnOption.optimized;

/** A stored event, with the options of the query. */
export interface EventRow {
  readonly event: StoredEvent;
  /** The subscriber of the query; null for none. */
  readonly subscriber: string | null;
  /** The vocabulary of its ECS document. */
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

/** A stored text; NULL if unknown. */
const textOf = (name: FactName): Value => {
  const index = FACT[name];
  return (event) => event.textAt(index) || null;
};
const numberOf = (name: FactName): Value => {
  const index = FACT[name];
  return (event) => event.numberAt(index);
};
const unknown: Value = () => null;

/** (uid_t)-1: osquery's process_events shows this for an audit uid that was never set. */
const UNSET_ID = 4294967295;
const isKnown = (event: StoredEvent): boolean => event.number('known') === 1;
const containerIds = new ContainerIds();

/** As in osquery, an event id is a decimal number of at least ten digits. */
function eidText({ eid }: StoredEvent): string {
  return String(eid).padStart(10, '0');
}

function argsOf(event: StoredEvent): string[] {
  const args = event.text('args');
  return args === '' && !event.number('argsCount') ? [] : args.split('\0');
}

/** What JSON writes otherwise, without the NUL between arguments. */
const ESCAPED = /["\\\u0001-\u001f\ud800-\udfff]/;

/** The arguments as a JSON array. */
function argsJson(event: StoredEvent): string {
  const args = event.text('args');
  return args === '' || ESCAPED.test(args) ? JSON.stringify(argsOf(event)) : `["${args.replaceAll('\0', '","')}"]`;
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
  text(
    'env',
    'Environment variables at the exec that process_ancestry_env names, delimited by spaces; only with eBPF',
    (event) => event.text('env').replaceAll('\0', ' ') || null,
    { options: HIDDEN, alias: 'environment' },
  ),
  bigint('env_count', 'Number of environment variables at the exec; only with eBPF', numberOf('envCount'), {
    options: HIDDEN,
    alias: 'environment_count',
  }),
  bigint('env_size', 'Actual size (bytes) of environment list at the exec; only with eBPF', numberOf('envBytes'), {
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
    (event) => {
      const cut = event.number('argsCut') === 1 ? ['cmdline'] : [];
      if (isEnvironmentCut(event.number('traits'))) cut.push('environment');
      return cut.length === 0 ? null : cut.join(', ');
    },
    { options: HIDDEN },
  ),
  bigint(
    'parent',
    "Process parent's PID in the kernel at the exec (also if the parent adopted the process)",
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
  // Expensive columns and those with a side effect have an index below 63: osquery reads all columns from 63 on together.
  text('ecs', 'The event as an ECS document (RFC 0030)', (event, row) => ecsOf(event, row.vocabulary), {
    options: HIDDEN,
  }),
  text(
    'subscriber',
    "Name of a reader: WHERE subscriber = 'name' returns the rows that are new since the last query with this name",
    (_, row) => row.subscriber,
    { options: HIDDEN | ColumnOption.additional },
  ),
  text('ancestry', 'JSON array of the ancestors, nearest first, each with its state at the fork', (event) =>
    ancestryText(event.ancestorRecord('creator'), event.number('depth') ?? 0),
  ),
  integer('ancestry_depth', 'Number of ancestors in the array', numberOf('depth')),
  integer('ancestry_truncated', '1 if there are more ancestors than process_ancestry_max_depth', numberOf('truncated')),
  integer('ancestry_complete', '1 if every ancestor up to the top is known', numberOf('complete')),
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
    'What happened: exec, and also fork, setsid, setid (user or group ids changed), exit and existing if process_ancestry_events_actions includes them; several if events were merged',
    textOf('action'),
  ),
  integer('exit_code', 'For an exit: the exit code, or 128 plus the signal that killed the process', exitCode),
  text(
    'entity_id',
    'Identity of the process: unlike a pid, it is not reused; stable over restarts of the extension',
    textOf('entityId'),
    { options: KEY },
  ),
  text(
    'parent_entity_id',
    'Identity of the process that created this one',
    (event) => event.ancestorRecord('creator')?.facts.entityId,
  ),
  text('args', 'Arguments as a JSON array; null if unknown', (event) =>
    event.number('argsCount') === undefined ? JSON_NULL : argsJson(event),
  ),
  integer('args_count', 'Number of arguments', numberOf('argsCount')),
  text('tty', 'Controlling terminal, for example pts/0', textOf('tty')),
  integer('interactive', '1 if the process has a controlling terminal', (event) => {
    const is = interactive(event);
    return is === undefined ? null : Number(is);
  }),
  bigint('sid', 'Session ID', numberOf('sid')),
  bigint('pgid', 'Process group ID', numberOf('pgid')),
  text('session_leader', 'Session leader, as JSON; null if unknown', (event) =>
    leaderText(event.ancestorRecord('sessionLeader'), event.text('entityId')),
  ),
  text('group_leader', 'Process group leader, as JSON; null if unknown', (event) =>
    leaderText(event.ancestorRecord('groupLeader'), event.text('entityId')),
  ),
  text(
    'entry_leader',
    'Entry leader: the process through which this process tree came into the host, as JSON; null for pid 1, kernel threads and unknown',
    (event) =>
      entryLeaderText(event.ancestorRecord('entryLeader'), event.text('entityId'), {
        type: event.text('entryType'),
        sourceIp: event.text('entryAddress'),
      }),
  ),
  text(
    'entry_type',
    'How this process tree came into the host: init, kthread, sshd, ssm, container, terminal, console or unknown',
    textOf('entryType'),
  ),
  text(
    'entry_source_ip',
    'IP address of the ssh client if entry_type is sshd: from audit login records, or from the connection of the privileged sshd',
    textOf('entryAddress'),
  ),
  text('sha256', 'SHA-256 of the executed file, if process_ancestry_hash is true', textOf('sha256')),
  text('cgroup_path', 'Control group', textOf('cgroup')),
  text(
    'container_id',
    'Container ID, from the control group',
    (event) => containerIds.of(event.text('cgroup')) || null,
  ),
  bigint(
    'pid_namespace',
    'Inode number of the pid namespace; that of the parent if the process ended before it could be read',
    numberOf('pidNamespace'),
  ),
  bigint('start_time', 'Start of the process in UNIX time', (event) => {
    const hundredths = event.number('start');
    return hundredths === undefined ? null : Math.floor(hundredths / 100);
  }),
  text(
    'root',
    'Root directory of path: / if path is valid on the host, the host path of a chroot, mnt:[INODE] for another mount namespace; NULL if unknown',
    textOf('root'),
  ),
  text(
    'exec_traits',
    'What the exec was like, as JSON; what is false or unknown is absent; null for other actions',
    (event) => {
      const bits = event.number('traits');
      if (bits === undefined) return JSON_NULL;
      const ids = { uid: event.number('uid'), euid: event.number('euid') };
      return traitsText(bits, event.number('mode'), { ...ids, gid: event.number('gid'), egid: event.number('egid') });
    },
  ),
  text(
    'container',
    "The container as JSON, from its runtime's files: id, runtime, name, image, image_id, pod (name, namespace, uid), and claimed if the runtime is an ordinary user's; null on the host, and if unknown",
    ({ container }) => (container ? JSON.stringify(container) : JSON_NULL),
  ),
];

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}

/** For rows of older versions, which have no host. */
const thisHost = new HostReader();
/** Rendered texts of facts that rows share. */
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
      args: argsJson(event),
      argsCount: event.number('argsCount'),
      cmdline: cmdlineOf(event),
      envVars: JSON.stringify(event.text('env') === '' ? [] : event.text('env').split('\0')),
      cwd: event.text('cwd'),
      interactive: interactive(event),
      charDevice: charDeviceOf(tty),
      sha256: event.text('sha256'),
      containerId: containerIds.of(event.text('cgroup')),
      container: fragmentOf(event.container, containerMembers),
      pidNamespace: event.number('pidNamespace'),
      credentials: fragmentOf(event.credentials, credentialsFragment),
      credentialsBefore: fragmentOf(event.credentialsBefore, credentialsFragment),
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
/** A longer list is not turned into a range of times: all rows are checked one by one. */
const TIMES_MAX = 500;

/** The search for the store. The rows that it returns are checked again. Each `undefined` is a pause. */
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
 * The numbers that a column must equal; undefined for no limit. `numberOf` returns null for an expression that matches no row,
 * and undefined for an expression that may match any row.
 */
export function* equalNumbers(
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

/** Columns that filter rows here. An ECS document is expensive to make, and SQLite checks it anyway. */
const FILTERED = columns.filter(({ name }) => name !== 'subscriber' && name !== 'ecs');

interface EventsTableOptions {
  readonly store: EventStore;
  /** Resolves when all rows are stored: a query waits until a recorded log is read completely. */
  readonly readable?: () => Promise<void>;
  /** Size of the largest answer. */
  readonly resultMaxBytes: () => number;
  /** Vocabulary of the documents, read for each query. Default: RFC 0030. */
  readonly ecsVocabulary?: () => EcsVocabulary;
}

export function processAncestryEvents(options: EventsTableOptions): TablePlugin<EventRow> {
  const { store, readable, resultMaxBytes, ecsVocabulary = () => 'rfc0030' } = options;
  return {
    name: 'process_ancestry_events',
    description: 'Program executions on this host, each with its ancestors',
    columns,
    rowid: ({ event }) => event.eid,
    adviceWhenTooLarge: "select only new rows (WHERE subscriber = 'name'), a shorter time (time > …), or fewer columns",
    async generate(context, answer) {
      await readable?.();
      const named = context.constraints.get('subscriber') ?? [];
      const name = named.find(({ op }) => op === 'eq')?.expr;
      const asked = { context, vocabulary: ecsVocabulary() };
      if (name === undefined) return rowsOf(store, asked, null);
      // SQLite sends an IN list one name at a time. Several names in one query are joined by AND, which no row satisfies.
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

/** The rows of a range that may match a query. */
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
 * A batch for a subscriber ends when the answer is large enough, or at a LIMIT. The next query gets the rest. The order of the
 * query does not matter.
 */
function* newRows(store: EventStore, name: string, asked: AskedByName): IterableIterator<EventRow | undefined> {
  const { context, answer, resultMaxBytes } = asked;
  // Half: the last row may be large, and each other answer of a join has as many rows.
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
