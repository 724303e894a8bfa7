/**
 * The best chain from a log of execs only: each exec's parent is the last exec of its ppid before it, and so on. A parent
 * that never executed has no record. If the log names its parent, as laurel's does, the chain continues with the inherited
 * image.
 */
import type { Row } from '../../integration/extension_under_test.ts';

export interface LoggedExec {
  /** The kernel's serial number, in the order of the execs. */
  readonly serial: number;
  readonly pid: number;
  readonly ppid: number;
  readonly cmdline: string;
  /** The parent's ppid, if the log has it. */
  readonly grandparent: number | undefined;
}

interface Link {
  readonly pid: number;
  readonly cmdline: string;
}

export function rowsOf(execs: readonly LoggedExec[]): Row[] {
  const byPid = Map.groupBy(
    execs.toSorted((a, b) => a.serial - b.serial),
    ({ pid }) => pid,
  );
  const lastBefore = (pid: number, serial: number) => byPid.get(pid)?.findLast((exec) => exec.serial < serial);
  const chainOf = (exec: LoggedExec): Link[] => {
    const parent = lastBefore(exec.ppid, exec.serial);
    if (parent) return [{ pid: parent.pid, cmdline: parent.cmdline }, ...chainOf(parent)];
    if (exec.grandparent === undefined) return [{ pid: exec.ppid, cmdline: '' }];
    const above = chainOf({ ...exec, ppid: exec.grandparent, grandparent: undefined });
    return [{ pid: exec.ppid, cmdline: above[0]?.cmdline ?? '' }, ...above];
  };
  return execs.map((exec) => ({
    pid: String(exec.pid),
    cmdline: exec.cmdline,
    ancestry: JSON.stringify(chainOf(exec)),
  }));
}
