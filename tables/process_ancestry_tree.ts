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
  bigint('parent', "Process parent's PID as last heard of", ({ process }) => process.ppid),
  text(
    'parent_entity_id',
    'Identity of the process that created this one; NULL at the top, and where it is not known',
    ({ process, processes }) => (process.creator ? processes.entityIdOf(process.creator.process) : null),
  ),
  text(
    'path',
    'Path of what the process runs, or ran last; inherited where it never executed',
    (row) => details(row).path || null,
  ),
  text('args', 'Arguments of that as a JSON array; cut after 32,768 characters', (row) => {
    const { comm } = details(row);
    const args = argsListOf(details(row));
    // The kernel's own have no arguments, and go by a name.
    return JSON.stringify(args.length === 0 && comm !== '' ? [`[${comm}]`] : args);
  }),
  text('cwd', 'Working directory in which it was executed', (row) => details(row).cwd || null),
  bigint('auid', 'Audit User ID with which it was executed', (row) => orNull(details(row).auid)),
  bigint('uid', 'User ID with which it was executed', (row) => orNull(details(row).uid)),
  bigint('euid', 'Effective user ID with which it was executed', (row) => orNull(details(row).euid)),
  text('tty', 'Controlling terminal at that time, as pts/0', (row) => details(row).tty || null),
  bigint('sid', 'Session ID', ({ process }) => orNull(process.session?.id)),
  bigint('start_time', 'Start of the process in UNIX time', ({ process, processes }) =>
    Math.floor(processes.startOf(process) / 100),
  ),
  bigint('exec_time', 'When it last executed, in UNIX time; NULL where no exec was seen', ({ process }) =>
    process.execUnixMs > 0 ? Math.floor(process.execUnixMs / 1000) : null,
  ),
  bigint('exit_time', 'When it ended, in UNIX time; NULL while it runs, or when nobody told', ({ process }) =>
    orNull(exitUnixSeconds(process)),
  ),
  text(
    'state',
    'What the process is now: running or exited; NULL where a recorded log does not tell its end',
    ({ process, processes }) => stateOf(process.exit, processes.isRecorded),
  ),
  integer(
    'exit_code',
    'Its exit code, or 128 and the signal that killed it; NULL while it runs, or when nobody told',
    ({ process }) => (process.exit?.status === undefined ? null : exitCodeOf(process.exit.status)),
  ),
  integer('exit_signal', 'The signal that killed it; NULL where none did', ({ process }) =>
    orNull((process.exit?.status ?? 0) & 0x7f || undefined),
  ),
  text('entry_type', 'How its tree came into the host, as in process_ancestry_events', ({ process }) =>
    isSettled(process) && process.image.sealed ? entryOf(process.atFork).type : 'unknown',
  ),
];

function exitUnixSeconds({ exit, bootUnixHundredths }: Process): number | undefined {
  if (!exit || exit.bootMs === 0) return undefined;
  return Math.floor((bootUnixHundredths * MS_PER_TICK + exit.bootMs) / 1000);
}

/**
 * `processes` gives what the present recording knows, one for each host. `readable` resolves when it knows all that it
 * will.
 */
export function processAncestryTree(
  processes: () => readonly ProcessTable[],
  readable: () => Promise<void> = () => Promise.resolve(),
): TablePlugin<TreeRow> {
  const rowids = new RowIds<Process>();
  return {
    name: 'process_ancestry_tree',
    description: 'Every process that is known, living or dead, with who created it and how it ended',
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
      // What is not admitted is a pause.
      yield !admits || admits(row) ? row : undefined;
    }
  }
}

/** All of them, and whoever is above them: a chain outlives the memory of its processes. Each once. */
function* withAncestors(remembered: Iterable<Process>): Generator<Process> {
  const seen = new Set<Process>();
  for (const process of remembered) {
    for (let one: Process | undefined = process; one && !seen.has(one); one = one.creator?.process) {
      seen.add(one);
      yield one;
    }
  }
}
