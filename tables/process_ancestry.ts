/** One row per pair of a process and an ancestor, for joins. */
import { createHash } from 'node:crypto';
import { ContainerIds } from '../src/linux/container_id.ts';
import { exitCodeOf } from '../src/linux/exit_status.ts';
import {
  bigint,
  type Column,
  ColumnOption,
  integer,
  type QueryContext,
  RowIds,
  rowMatcherInPieces,
  type TablePlugin,
  text,
} from '../src/osquery/index.ts';
import { cmdlineOf } from '../src/process/image.ts';
import { ancestorsOf, type Descent, descendantsOf } from '../src/process/lineage_walk.ts';
import { LONGEST_CHAIN, type Process } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';
import { type AncestryRow, rememberedAncestor } from './ancestry_row.ts';
import { lineageAt, type RowStore, secondsAsked } from './lineage_at.ts';
import { namedProcesses } from './named_processes.ts';

const KEY = ColumnOption.index | ColumnOption.optimized;
const containerIds = new ContainerIds();
const orNull = (value: number | undefined): number | null => value ?? null;

export const columns: readonly Column<AncestryRow>[] = [
  bigint('pid', 'Process ID, in the initial pid namespace', ({ pid }) => pid, KEY),
  text('entity_id', 'Identity of the process, as in process_ancestry_events', ({ entityId }) => entityId, KEY),
  bigint('ancestor_pid', 'Process ID of the ancestor', ({ ancestorPid }) => ancestorPid, KEY),
  text('ancestor_entity_id', 'Identity of the ancestor', ({ ancestorEntityId }) => ancestorEntityId, KEY),
  integer(
    'depth',
    '1 for the creator of the process, 2 for the creator of its creator, and so on',
    ({ depth }) => depth,
  ),
  text('path', 'Path of the program that the ancestor ran at the fork', ({ details }) => details.path || null),
  text(
    'cmdline',
    'Command line of the program that the ancestor ran at the fork; cut after 32,768 characters',
    ({ details }) => cmdlineOf(details) || null,
  ),
  text('cwd', 'Working directory of the ancestor when it executed that program', ({ details }) => details.cwd || null),
  bigint('uid', 'User ID of the ancestor when it executed that program', ({ details }) => orNull(details.uid)),
  bigint('euid', 'Effective user ID of the ancestor when it executed that program', ({ details }) =>
    orNull(details.euid),
  ),
  bigint(
    'start_time',
    'Start of the ancestor in UNIX time',
    ({ ancestorStartUnixSeconds }) => ancestorStartUnixSeconds,
  ),
  text(
    'state',
    'State of the ancestor now: running or exited; NULL if its end is not known: in a recorded log, and for a stored row',
    ({ state }) => state,
  ),
  integer(
    'exit_code',
    'Exit code of the ancestor, or 128 plus the signal that killed it; NULL while it runs, or if unknown',
    ({ exitStatus }) => (exitStatus === undefined ? null : exitCodeOf(exitStatus)),
  ),
  bigint(
    'at',
    'WHERE pid = … AND at = …: the ancestors of each process that had the pid in this second (UNIX time), from memory and stored rows',
    ({ at }) => at,
    ColumnOption.additional | ColumnOption.optimized | ColumnOption.hidden,
  ),
  text('tty', 'Controlling terminal of the ancestor at the fork, for example pts/0', ({ tty }) => tty || null),
  text('cgroup_path', 'Control group of the ancestor when it executed that program', ({ cgroup }) => cgroup || null),
  text(
    'container_id',
    'Container ID of the ancestor, from the control group',
    ({ cgroup }) => containerIds.of(cgroup) || null,
  ),
  text(
    'sha256',
    'SHA-256 of the program that the ancestor ran at the fork, if process_ancestry_hash was true at its exec',
    ({ sha256 }) => sha256 || null,
  ),
];

/** Larger than the length of any chain. */
const DEPTHS = 4 * LONGEST_CHAIN;

const LEAST = -(2n ** 63n);

/** The id of a row about the past. It is negative, so no other row has it. Probability of a collision of two: 1 in 2^63. */
function rowidAt({ entityId, depth, at }: AncestryRow): bigint {
  const digest = createHash('sha256').update(`${entityId} ${depth} ${at}`).digest();
  return BigInt.asIntN(64, digest.readBigInt64BE() | LEAST);
}

const NO_ROWS: RowStore = { select: () => [].values() };

/**
 * `processes` returns the process tables of the present recording, one for each host. `readable` resolves when a query may
 * start: it waits until a recorded log is read completely. `store` has the rows of process_ancestry_events, for queries about the past.
 */
export function processAncestry(
  processes: () => readonly ProcessTable[],
  readable: () => Promise<void> = () => Promise.resolve(),
  store: RowStore = NO_ROWS,
): TablePlugin<AncestryRow> {
  const rowids = new RowIds<Process>();
  return {
    name: 'process_ancestry',
    description: 'Every known process with each of its ancestors, one row per pair',
    columns,
    rowid: (row) => (row.process ? rowids.of(row.process) * DEPTHS + row.depth : rowidAt(row)),
    async generate(context) {
      await readable();
      return admitted(rowsAsked(processes(), store, context), context);
    },
  };
}

function* admitted(
  rows: Iterable<AncestryRow | undefined>,
  context: QueryContext,
): IterableIterator<AncestryRow | undefined> {
  const admits = yield* rowMatcherInPieces(columns, context);
  // A row that does not match is a pause too: a chain may be a thousand long.
  for (const row of rows) yield row && (!admits || admits(row)) ? row : undefined;
}

function* rowsAsked(
  hosts: readonly ProcessTable[],
  store: RowStore,
  context: QueryContext,
): IterableIterator<AncestryRow | undefined> {
  const seconds = yield* secondsAsked(context);
  yield* seconds ? lineageAt(hosts, store, context, seconds, Date.now()) : rememberedRows(hosts, context);
}

function* rememberedRows(
  hosts: readonly ProcessTable[],
  context: QueryContext,
): IterableIterator<AncestryRow | undefined> {
  for (const processes of hosts) {
    for (const descent of descents(processes, context)) yield descent && rowOf(descent, processes);
  }
}

/** The pairs that may match, by the cheapest search. The rows are checked again. */
function* descents(processes: ProcessTable, context: QueryContext): IterableIterator<Descent | undefined> {
  const below = namedProcesses(processes, context, 'entity_id', 'pid');
  if (below) for (const process of below) yield* ancestorsOf(process);
  else
    yield* descendantsOf(
      namedProcesses(processes, context, 'ancestor_entity_id', 'ancestor_pid'),
      processes.remembered(),
    );
}

function rowOf({ process, ancestor, depth }: Descent, processes: ProcessTable): AncestryRow {
  return {
    ...rememberedAncestor(ancestor, processes),
    process,
    pid: process.pid,
    entityId: processes.entityIdOf(process),
    depth,
    at: null,
  };
}
