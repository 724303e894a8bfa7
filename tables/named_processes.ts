/** Which processes a query is about, where it says so: a look-up instead of a scan of all. */
import type { Pid } from '../src/collect/event.ts';
import { equalIntegers, equalTexts, type QueryContext } from '../src/osquery/index.ts';
import { pidOfEntityId } from '../src/process/identity.ts';
import type { Process } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';

/** A longer list is no look-up: it would be made in one piece. */
const NAMES_MAX = 1000;

/** Those that the columns `entityId` or `pid` name, or others of the same pids; undefined where they name none, or very many. */
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
