/** The processes that a query names: a look-up instead of a scan of all processes. */
import type { Pid } from '../src/collect/event.ts';
import { equalIntegers, equalTexts, type QueryContext } from '../src/osquery/index.ts';
import { pidOfEntityId } from '../src/process/identity.ts';
import type { Process } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';

/** A longer list is scanned: a look-up has no pauses. */
const NAMES_MAX = 1000;

/**
 * The processes with the pids that the columns `entityId` or `pid` name; undefined if they name none, or more than NAMES_MAX.
 */
export function namedProcesses(
  processes: ProcessTable,
  context: QueryContext,
  entityId: string,
  pid: string,
): ReadonlySet<Process> | undefined {
  const few = (column: string) => (context.constraints.get(column)?.length ?? 0) <= NAMES_MAX;
  const pids =
    (few(entityId) && equalTexts(context, entityId)?.map(pidOfEntityId)) ||
    (few(pid) && equalIntegers(context, pid)) ||
    undefined;
  return pids && new Set(pids.flatMap((one) => (one === undefined ? [] : processes.withPid(one as Pid))));
}
