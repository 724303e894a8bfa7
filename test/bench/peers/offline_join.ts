/**
 * The best that can be made of a log of execs alone: each exec's parent is what its ppid executed last before it, that
 * one's parent likewise, and so on. A parent that never executed has no record; where the log names its parent all the
 * same, as laurel's does, the chain goes on with the image that it inherited.
 */
import type { Row } from '../../integration/extension_under_test.ts';

export interface LoggedExec {
  /** The kernel's, in the order of the execs. */
  readonly serial: number;
  readonly pid: number;
  readonly ppid: number;
  readonly cmdline: string;
  /** The parent's ppid, where the log tells. */
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
