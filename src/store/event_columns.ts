/**
 * What is stored of an exec: the values that process_ancestry_events shows, made once when the exec is published, so
 * that a row is the same whenever it is read. What siblings share, their ancestors and leaders, are rows of their own.
 */
import type { ExecDetails } from '../collect/event.ts';
import { NO_DETAILS } from '../collect/event.ts';
import { ContainerIds } from '../containers/container_id.ts';
import { exitCodeOf } from '../process/exit_status.ts';
import { argsListOf, cmdlineOf } from '../process/image.ts';
import type { RecordedLink } from '../process/recorded_link.ts';
import type { SharedText } from '../process/session_context.ts';
import type { PublishedEvent } from '../process/tree.ts';

export type StoredValue = string | number | null;

export interface StoredColumn {
  readonly name: string;
  readonly type: 'TEXT' | 'INTEGER';
  readonly value: (exec: PublishedEvent, details: ExecDetails) => StoredValue;
}

/** (uid_t)-1, as audit and so osquery's process_events write an audit uid that was never set. */
const UNSET_ID = 4294967295;

const containerIds = new ContainerIds();

const integer = (
  name: string,
  value: (exec: PublishedEvent, details: ExecDetails) => number | undefined,
): StoredColumn => ({
  name,
  type: 'INTEGER',
  value: (exec, details) => {
    const number = value(exec, details);
    // A file's times are whatever its owner has set, and what is not exact could not be read again.
    return Number.isSafeInteger(number) ? (number as number) : null;
  },
});
const text = (name: string, value: (exec: PublishedEvent, details: ExecDetails) => string): StoredColumn => ({
  name,
  type: 'TEXT',
  value,
});

/** Of one exec. NULL where nobody could tell; short numbers come first, because SQLite reads a row from its front. */
export const EVENT_COLUMNS: readonly StoredColumn[] = [
  integer('time_ms', ({ unixMs }) => Math.floor(unixMs)),
  // A recorded log has no boot time: both are Unix time there.
  integer('start_ms', ({ process }) => process.startUnixHundredths * 10),
  integer('end_ms', ({ endUnixMs }) => (endUnixMs === undefined ? undefined : Math.floor(endUnixMs))),
  integer('exit_code', ({ exitStatus }) => (exitStatus === undefined ? undefined : exitCodeOf(exitStatus))),
  integer('signal', ({ exitStatus }) => (exitStatus === undefined ? undefined : exitStatus & 0x7f || undefined)),
  integer('sid', ({ sid }) => sid),
  integer('pgid', ({ pgid }) => pgid),
  integer('interactive', ({ details }) => (details ? Number(details.tty !== '') : undefined)),
  integer('boot_ms', ({ bootMs, unixMs }) => (bootMs === unixMs ? undefined : Math.floor(bootMs))),
  integer('pid', ({ process }) => process.pid),
  integer('parent', ({ ppid }) => ppid),
  integer('start_time', ({ process }) => Math.floor(process.startUnixHundredths / 100)),
  integer('pid_namespace', ({ pidNamespace }) => pidNamespace),
  integer('auid', ({ details }) => (details ? (details.auid ?? UNSET_ID) : undefined)),
  integer('uid', (_, { uid }) => uid),
  integer('euid', (_, { euid }) => euid),
  integer('suid', (_, { suid }) => suid),
  integer('fsuid', (_, { fsuid }) => fsuid),
  integer('gid', (_, { gid }) => gid),
  integer('egid', (_, { egid }) => egid),
  integer('sgid', (_, { sgid }) => sgid),
  integer('fsgid', (_, { fsgid }) => fsgid),
  integer('owner_uid', (_, { ownerUid }) => ownerUid),
  integer('owner_gid', (_, { ownerGid }) => ownerGid),
  integer('atime', (_, { atime }) => atime),
  integer('mtime', (_, { mtime }) => mtime),
  integer('ctime', (_, { ctime }) => ctime),
  integer('btime', (_, { btime }) => btime),
  integer('ancestry_depth', ({ ancestry }) => ancestry.depth),
  integer('ancestry_truncated', ({ ancestry }) => Number(ancestry.truncated)),
  integer('ancestry_complete', ({ ancestry }) => Number(ancestry.complete)),
  integer('args_count', (_, { argsCount }) => argsCount),
  integer('cmdline_size', (_, details) => details.argsBytes || Buffer.byteLength(cmdlineOf(details))),
  text('entity_id', ({ entityId }) => entityId),
  text('path', (_, { path }) => path),
  // process_events: st_mode in octal with a leading 0.
  text('mode', (_, { mode }) => (mode === undefined ? '' : `0${mode.toString(8)}`)),
  // By it goes what has no path: a kernel thread.
  text('comm', (_, { path, comm }) => (path === '' ? comm : '')),
  text('root', (_, { root }) => root),
  text('cwd', (_, { cwd }) => cwd),
  text('tty', (_, { tty }) => tty),
  // An exec's: what others inherit of the image is not what they called.
  text('syscall', ({ actions }, { syscall }) => (actions.includes('exec') ? syscall : '')),
  text('action', ({ actions }) => actions.join()),
  text('entry_type', ({ entry }) => entry.type),
  text('entry_source_ip', ({ entryAddress }) => entryAddress),
  text('sha256', ({ sha256 }) => sha256),
  text('cgroup_path', ({ cgroup }) => cgroup),
  text('container_id', ({ cgroup }) => containerIds.of(cgroup)),
  text('overflows', (_, { argsCut }) => (argsCut ? 'cmdline' : '')),
  text('long_parent_cmdline', ({ context }) => context.creator?.longCmdline() ?? ''),
  text('cmdline', (_, details) => cmdlineOf(details)),
  text('args', (_, details) => JSON.stringify(argsListOf(details))),
];

/** What a row tells of others: who created it, and who leads it. They are stored once for all rows, each by its creator's. */
export const LINK_COLUMNS = ['creator_id', 'group_leader_id', 'session_leader_id', 'entry_leader_id'] as const;

/** In the order of LINK_COLUMNS. */
export function linksOf({ context }: PublishedEvent): readonly (RecordedLink | undefined)[] {
  return [context.creator, context.groupLeader, context.sessionLeader, context.entryLeader];
}

/** Other texts that rows share, which are stored once, too. */
export const DOCUMENT_COLUMNS = ['credentials_id', 'previous_id', 'host_id'] as const;

/** In the order of DOCUMENT_COLUMNS. */
export function documentsOf(
  { context, host }: PublishedEvent,
  thisHost: SharedText | undefined,
): readonly (SharedText | undefined)[] {
  return [context.credentials, context.previous, host ?? thisHost];
}

/** Whose bytes are counted, not their characters. */
const LONG_TEXT = 100;

/** What a row's texts take, in bytes, about; and whether its arguments were cut. */
export interface StoredSize {
  readonly bytes: number;
  readonly isCut: boolean;
}

/** Puts what an exec's row is made of into `row`, in the order of EVENT_COLUMNS; cuts arguments that take it over `maxBytes`. */
export function storeValues(exec: PublishedEvent, row: StoredValue[], at: number, maxBytes: number): StoredSize {
  let bytes = putValues(exec, exec.details ?? NO_DETAILS, row, at);
  let cut = exec;
  while (bytes > maxBytes) {
    const shorter = withShorterArgs(cut, Math.min(maxBytes / bytes, 0.9));
    if (!shorter) break;
    cut = shorter;
    bytes = putValues(cut, cut.details ?? NO_DETAILS, row, at);
  }
  return { bytes, isCut: cut !== exec };
}

/** An event with this share of its arguments, of its own and of its creator's; undefined where it has none. */
function withShorterArgs(exec: PublishedEvent, share: number): PublishedEvent | undefined {
  const { details, context } = exec;
  const long = context.creator?.longCmdline() ?? '';
  const shorter = (text: string) => text.slice(0, Math.floor(text.length * share));
  if (!details || (details.args === '' && long === '')) return undefined;
  const creator = context.creator && {
    ...context.creator,
    longCmdline: () => (long === '' ? '' : `${shorter(long)}…`),
  };
  const argsBytes = details.argsBytes || Buffer.byteLength(details.args);
  const cut: ExecDetails = { ...details, args: shorter(details.args), argsBytes, argsCut: true };
  return { ...exec, details: cut, context: { ...context, creator } };
}

function putValues(exec: PublishedEvent, details: ExecDetails, row: StoredValue[], at: number): number {
  let bytes = 0;
  for (let i = 0; i < EVENT_COLUMNS.length; i++) {
    const value = (EVENT_COLUMNS[i] as StoredColumn).value(exec, details);
    if (typeof value === 'string') bytes += value.length < LONG_TEXT ? value.length : Buffer.byteLength(value);
    row[at + i] = value;
  }
  return bytes;
}
