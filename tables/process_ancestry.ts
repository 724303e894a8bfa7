/** One row per pair of a process and an ancestor, for joins. */
import type { ExecDetails, Pid } from '../src/collect/event.ts';
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
import { namedProcesses } from './named_processes.ts';
import { stateOf } from './process_state.ts';

/** A process and one of its ancestors, at the time of the query. */
export interface AncestryRow {
  readonly process: Process;
  readonly pid: Pid;
  readonly entityId: string;
  readonly ancestorPid: Pid;
  readonly ancestorEntityId: string;
  readonly depth: number;
  /** Details of the ancestor's image at the fork. */
  readonly details: ExecDetails;
  readonly ancestorStartUnixSeconds: number;
  readonly ancestorExit: Process['exit'];
  /** Whether the process is of a recorded log. */
  readonly isRecorded: boolean;
}

const KEY = ColumnOption.index | ColumnOption.optimized;
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
    'State of the ancestor now: running or exited; NULL if a recorded log has no exit of it',
    ({ ancestorExit, isRecorded }) => stateOf(ancestorExit, isRecorded),
  ),
  integer(
    'exit_code',
    'Exit code of the ancestor, or 128 plus the signal that killed it; NULL while it runs, or if unknown',
    ({ ancestorExit }) => (ancestorExit?.status === undefined ? null : exitCodeOf(ancestorExit.status)),
  ),
];

/** Larger than the length of any chain. */
const DEPTHS = 4 * LONGEST_CHAIN;

/**
 * `processes` returns the process tables of the present recording, one for each host. `readable` resolves when a query may
 * start: it waits until a recorded log is read completely.
 */
export function processAncestry(
  processes: () => readonly ProcessTable[],
  readable: () => Promise<void> = () => Promise.resolve(),
): TablePlugin<AncestryRow> {
  const rowids = new RowIds<Process>();
  return {
    name: 'process_ancestry',
    description: 'Every known process with each of its ancestors, one row per pair',
    columns,
    rowid: ({ process, depth }) => rowids.of(process) * DEPTHS + depth,
    async generate(context) {
      await readable();
      return selected(processes(), context);
    },
  };
}

function* selected(hosts: readonly ProcessTable[], context: QueryContext): IterableIterator<AncestryRow | undefined> {
  const admits = yield* rowMatcherInPieces(columns, context);
  for (const processes of hosts) {
    for (const descent of descents(processes, context)) {
      const row = descent && rowOf(descent, processes);
      // A row that does not match is a pause too: a chain may be a thousand long.
      yield row && (!admits || admits(row)) ? row : undefined;
    }
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
    process,
    pid: process.pid,
    entityId: processes.entityIdOf(process),
    ancestorPid: ancestor.process.pid,
    ancestorEntityId: processes.entityIdOf(ancestor.process),
    depth,
    details: ancestor.image.details,
    ancestorStartUnixSeconds: Math.floor(processes.startOf(ancestor.process) / 100),
    ancestorExit: ancestor.process.exit,
    isRecorded: processes.isRecorded,
  };
}
