/** One row an exec: all that osquery's process_events tells on Linux, and who started it, up to the top. */

import type { ExecDetails } from '../src/collect/event.ts';
import { bigint, type Column, ColumnOption, integer, text } from '../src/osquery/column.ts';
import { rowMatcher } from '../src/osquery/constraint.ts';
import type { QueryContext } from '../src/osquery/query_context.ts';
import type { TablePlugin } from '../src/osquery/table_plugin.ts';
import { argsListOf, cmdlineOf, NO_DETAILS } from '../src/process/image.ts';
import type { EventStore, Lookup, StoredExec } from '../src/store/event_store.ts';

const HIDDEN = ColumnOption.hidden;
const KEY = ColumnOption.index | ColumnOption.optimized;
/** (uid_t)-1, as audit and so osquery's process_events write an audit uid that was never set. */
const UNSET_ID = 4294967295;

/** '' is NULL in a number's column. */
/** A row of which nobody could tell what was executed has no details: everything of them is NULL or empty. */
const details = (row: StoredExec): ExecDetails => row.details ?? NO_DETAILS;
const orNull = (value: number | undefined): number | '' => value ?? '';
const byteLength = (value: string): number => Buffer.byteLength(value);
/** Filled by a later version; NULL until then. */
const notYet = (): '' => '';

/** process_events: st_mode in octal with a leading 0. */
function octalMode(row: StoredExec): string {
  const { mode } = details(row);
  return mode === undefined ? '' : `0${mode.toString(8)}`;
}

/** osquery's own event ids are decimal numbers of at least ten digits. */
export function eventIdText(eid: number): string {
  return String(eid).padStart(10, '0');
}

const columns: readonly Column<StoredExec>[] = [
  bigint('pid', 'Process ID, in the initial pid namespace', (row) => row.pid, KEY),
  text('path', 'Path of the executed file, as the kernel loaded it', (row) => details(row).path),
  text('mode', 'File mode permissions, octal', octalMode),
  text('cmdline', 'Command line arguments, joined by spaces', (row) => cmdlineOf(details(row))),
  bigint(
    'cmdline_size',
    'Actual size (bytes) of command line arguments',
    (row) => details(row).argsBytes || byteLength(cmdlineOf(details(row))),
    HIDDEN,
  ),
  text('env', 'Environment variables delimited by spaces (never recorded)', () => '', HIDDEN),
  bigint('env_count', 'Number of environment variables (never recorded)', () => 0, HIDDEN),
  bigint('env_size', 'Actual size (bytes) of environment list (never recorded)', () => 0, HIDDEN),
  text('cwd', 'The process current working directory', (row) => details(row).cwd),
  bigint('auid', 'Audit User ID at process start', (row) => (row.details ? (details(row).auid ?? UNSET_ID) : '')),
  bigint('uid', 'User ID at process start', (row) => orNull(details(row).uid)),
  bigint('euid', 'Effective user ID at process start', (row) => orNull(details(row).euid)),
  bigint('gid', 'Group ID at process start', (row) => orNull(details(row).gid)),
  bigint('egid', 'Effective group ID at process start', (row) => orNull(details(row).egid)),
  bigint('owner_uid', 'File owner user ID', (row) => orNull(details(row).ownerUid)),
  bigint('owner_gid', 'File owner group ID', (row) => orNull(details(row).ownerGid)),
  bigint('atime', 'File last access in UNIX time', (row) => orNull(details(row).atime)),
  bigint('mtime', 'File modification in UNIX time', (row) => orNull(details(row).mtime)),
  bigint('ctime', 'File last metadata change in UNIX time', (row) => orNull(details(row).ctime)),
  bigint('btime', 'File creation in UNIX time', (row) => orNull(details(row).btime)),
  text('overflows', 'List of structures that overflowed', (row) => (details(row).argsCut ? 'cmdline' : ''), HIDDEN),
  bigint(
    'parent',
    "Process parent's PID, as the kernel had it at the exec (an adoptive parent counts)",
    (row) => row.ppid,
    KEY,
  ),
  bigint('time', 'Time of execution in UNIX time', (row) => Math.floor(row.unixMs / 1000), ColumnOption.additional),
  bigint('uptime', 'Time of execution in system uptime', (row) =>
    row.bootMs === row.unixMs ? '' : Math.floor(row.bootMs / 1000),
  ),
  text('eid', 'Event ID', (row) => eventIdText(row.eid), ColumnOption.index | ColumnOption.optimized | HIDDEN),
  bigint('fsuid', 'Filesystem user ID at process start', (row) => orNull(details(row).fsuid)),
  bigint('suid', 'Saved user ID at process start', (row) => orNull(details(row).suid)),
  bigint('fsgid', 'Filesystem group ID at process start', (row) => orNull(details(row).fsgid)),
  bigint('sgid', 'Saved group ID at process start', (row) => orNull(details(row).sgid)),
  text('syscall', 'Syscall name: execve, execveat', (row) => details(row).syscall),
  text(
    'ancestry',
    'JSON array of the ancestors as they were when they forked, nearest first',
    (row) => `[${row.ancestors}]`,
  ),
  integer('ancestry_depth', 'How many ancestors the array holds', (row) => row.ancestryDepth),
  integer('ancestry_truncated', '1 when there are more ancestors than process_ancestry_max_depth', (row) =>
    Number(row.ancestryTruncated),
  ),
  integer('ancestry_complete', '1 when every ancestor up to the top is known', (row) => Number(row.ancestryComplete)),
  text('parent_path', 'Path of the process that created this one', (row) => row.parentImage?.details.path ?? ''),
  text(
    'parent_cmdline',
    'Command line of the process that created this one; cut after 32,768 characters',
    (row) => row.parentImage?.cmdline ?? '',
  ),
  bigint('parent_euid', 'Effective user ID of the process that created this one', (row) =>
    orNull(row.parentImage?.details.euid),
  ),
  text('action', 'What happened: exec', () => 'exec'),
  integer('exit_code', 'Exit code', notYet),
  text(
    'entity_id',
    'Identity of the process: stable over its life and over restarts, unlike its pid',
    (row) => row.entityId,
    KEY,
  ),
  text('parent_entity_id', 'Identity of the process that created this one', (row) => row.parentEntityId),
  text('args', 'Arguments as a JSON array', (row) => JSON.stringify(argsListOf(details(row)))),
  integer('args_count', 'Number of arguments', (row) => orNull(details(row).argsCount)),
  text('tty', 'Controlling terminal, as pts/0', (row) => details(row).tty),
  integer('interactive', '1 when the process has a controlling terminal', notYet),
  bigint('sid', 'Session ID', notYet),
  bigint('pgid', 'Process group ID', notYet),
  text('session_leader', 'Leader of the session, as JSON', notYet),
  text('group_leader', 'Leader of the process group, as JSON', notYet),
  text('entry_leader', 'Process by which this tree came into the host, as JSON', notYet),
  text('entry_type', 'How this tree came into the host', notYet),
  text('entry_source_ip', 'Where the session came from', notYet),
  text('sha256', 'SHA-256 of the executed file', notYet),
  text('cgroup_path', 'Control group', notYet),
  text('container_id', 'Container', notYet),
  bigint(
    'pid_namespace',
    'Inode number of the pid namespace; inherited from the parent where the process was gone before it could be read',
    (row) => orNull(row.pidNamespace),
  ),
  bigint('start_time', 'Start of the process in UNIX time', (row) => row.startUnixSeconds),
  text('ecs', 'The event as an ECS document', notYet, HIDDEN),
  text('subscriber', 'Name of the reader', notYet, HIDDEN | ColumnOption.additional),
];

/** Which of the store's indexes narrows a query down most; the rows that it gives are checked again. */
export function lookupOf(context: QueryContext): Lookup {
  const equalTo = (column: string) => {
    const equal = context.constraints.get(column)?.filter(({ op }) => op === 'eq') ?? [];
    return equal.length > 0 ? equal.map(({ expr }) => expr) : undefined;
  };
  const integers = (column: string) => {
    const values = equalTo(column);
    // Anything else may still mean a number to SQLite: then all rows are looked at.
    return values?.every((expr) => /^\s*[+-]?\d{1,15}\s*$/.test(expr)) ? values.map(Number) : undefined;
  };
  const eid = integers('eid');
  if (eid) return { eid };
  const entityId = equalTo('entity_id');
  if (entityId) return { entityId };
  const pid = integers('pid');
  if (pid) return { pid };
  const ppid = integers('parent');
  return ppid ? { ppid } : {};
}

/** `readable` resolves when the rows are all there: a log that is being read is asked about as a whole. */
export function processAncestryEvents(
  store: EventStore,
  readable: () => Promise<void> = () => Promise.resolve(),
): TablePlugin<StoredExec> {
  return {
    name: 'process_ancestry_events',
    description: 'Program executions on this host as they happened, each with its ancestors',
    columns,
    async generate(context) {
      await readable();
      return selected(store, context);
    },
  };
}

function* selected(store: EventStore, context: QueryContext): IterableIterator<StoredExec> {
  const admits = rowMatcher(columns, context);
  for (const row of store.select(lookupOf(context))) if (!admits || admits(row)) yield row;
}
