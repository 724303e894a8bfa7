import { MS_PER_TICK } from '../src/linux/clock_ticks.ts';
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
import { isSettled } from '../src/process/ancestry.ts';
import { entryOf } from '../src/process/entry.ts';
import { argsListOf } from '../src/process/image.ts';
import type { Process } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';
import { namedProcesses } from './named_processes.ts';
import { stateOf } from './process_state.ts';

interface TreeRow {
  readonly process: Process;
  readonly processes: ProcessTable;
}

const KEY = ColumnOption.index | ColumnOption.optimized;
const details = ({ process }: TreeRow) => process.image.details;
const orNull = (value: number | undefined): number | null => value ?? null;

export const columns: readonly Column<TreeRow>[] = [
  bigint('pid', 'Process ID, in the initial pid namespace', ({ process }) => process.pid, KEY),
  text(
    'entity_id',
    'Identity of the process, as in process_ancestry_events',
    ({ process, processes }) => processes.entityIdOf(process),
    KEY,
  ),
  bigint('parent', "Last known PID of the process's parent", ({ process }) => process.ppid),
  text(
    'parent_entity_id',
    'Identity of the process that created this one; NULL at the top, and if unknown',
    ({ process, processes }) => (process.creator ? processes.entityIdOf(process.creator.process) : null),
  ),
  text(
    'path',
    'Path of the program that the process runs, or ran last; inherited if it never executed',
    (row) => details(row).path || null,
  ),
  text('args', 'Arguments of that program as a JSON array; cut after 32,768 characters', (row) => {
    const { comm } = details(row);
    const args = argsListOf(details(row));
    // Kernel threads have no arguments, only a name.
    return JSON.stringify(args.length === 0 && comm !== '' ? [`[${comm}]`] : args);
  }),
  text('cwd', 'Working directory at the exec', (row) => details(row).cwd || null),
  bigint('auid', 'Audit User ID at the exec', (row) => orNull(details(row).auid)),
  bigint('uid', 'User ID at the exec', (row) => orNull(details(row).uid)),
  bigint('euid', 'Effective user ID at the exec', (row) => orNull(details(row).euid)),
  text('tty', 'Controlling terminal at the exec, for example pts/0', (row) => details(row).tty || null),
  bigint('sid', 'Session ID', ({ process }) => orNull(process.session?.id)),
  bigint('start_time', 'Start of the process in UNIX time', ({ process, processes }) =>
    Math.floor(processes.startOf(process) / 100),
  ),
  bigint('exec_time', 'Time of the last exec in UNIX time; NULL if no exec was recorded', ({ process }) =>
    process.execUnixMs > 0 ? Math.floor(process.execUnixMs / 1000) : null,
  ),
  bigint('exit_time', 'Time of the exit in UNIX time; NULL while it runs, or if unknown', ({ process }) =>
    orNull(exitUnixSeconds(process)),
  ),
  text(
    'state',
    'State of the process now: running or exited; NULL if a recorded log has no exit of it',
    ({ process, processes }) => stateOf(process.exit, processes.isRecorded),
  ),
  integer(
    'exit_code',
    'Exit code, or 128 plus the signal that killed it; NULL while it runs, or if unknown',
    ({ process }) => (process.exit?.status === undefined ? null : exitCodeOf(process.exit.status)),
  ),
  integer('exit_signal', 'Signal that killed it; NULL if none did', ({ process }) =>
    orNull((process.exit?.status ?? 0) & 0x7f || undefined),
  ),
  text('entry_type', 'How its process tree came into the host, as in process_ancestry_events', ({ process }) =>
    isSettled(process) && process.image.sealed ? entryOf(process.atFork).type : 'unknown',
  ),
];

function exitUnixSeconds({ exit, bootUnixHundredths }: Process): number | undefined {
  if (!exit || exit.bootMs === 0) return undefined;
  return Math.floor((bootUnixHundredths * MS_PER_TICK + exit.bootMs) / 1000);
}

/**
 * `processes` returns the process tables of the present recording, one for each host. `readable` resolves when a query may
 * start: it waits until a recorded log is read completely.
 */
export function processAncestryTree(
  processes: () => readonly ProcessTable[],
  readable: () => Promise<void> = () => Promise.resolve(),
): TablePlugin<TreeRow> {
  const rowids = new RowIds<Process>();
  return {
    name: 'process_ancestry_tree',
    description: 'Every known process, living or dead, with its creator and its exit',
    columns,
    rowid: ({ process }) => rowids.of(process),
    async generate(context) {
      await readable();
      return selected(processes(), context);
    },
  };
}

function* selected(hosts: readonly ProcessTable[], context: QueryContext): IterableIterator<TreeRow | undefined> {
  const admits = yield* rowMatcherInPieces(columns, context);
  for (const processes of hosts) {
    const asked = namedProcesses(processes, context, 'entity_id', 'pid');
    for (const process of asked ?? withAncestors(processes.remembered())) {
      const row = { process, processes };
      // A row that does not match is a pause.
      yield !admits || admits(row) ? row : undefined;
    }
  }
}

/** The remembered processes and their ancestors, each once. A descendant keeps ancestors that the cache has removed. */
function* withAncestors(remembered: Iterable<Process>): Generator<Process> {
  const seen = new Set<Process>();
  for (const process of remembered) {
    for (let one: Process | undefined = process; one && !seen.has(one); one = one.creator?.process) {
      seen.add(one);
      yield one;
    }
  }
}
