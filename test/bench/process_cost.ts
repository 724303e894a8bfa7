/** The resources that the kernel accounts to a process. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

// USER_HZ is 100 on every architecture that Node runs on.
const JIFFY_MICROSECONDS = 10_000;

/** CPU time of all threads, in microseconds: time on the processor (Documentation/scheduler/sched-stats.rst). */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1000;
}

/** The same for all ended children of this process and their children; precise to 10 ms (man 5 proc). */
export function endedChildrenMicroseconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * JIFFY_MICROSECONDS;
}

/** Busy time of all processors since the boot: neither idle nor waiting for a disk. */
export function machineMicroseconds(): number {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 8).map(Number);
  return (
    [user, nice, system, irq, softirq].reduce((sum: number, jiffies) => sum + (jiffies ?? 0), 0) * JIFFY_MICROSECONDS
  );
}

export function memoryMegabytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { now: kilobytes('VmRSS') / 1024, peak: kilobytes('VmHWM') / 1024 };
}

/** Resets the peak (man 5 proc, /proc/PID/clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The pid of a kernel thread by its name; undefined if there is none. */
export function kernelThread(name: string): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readFileSync(`/proc/${entry}/comm`, 'utf8').trim() === name) return Number(entry);
    } catch {
      // The process ended while the list was read.
    }
  }
  return undefined;
}

/** The living children of a process. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const { ppid, state } = standing(pid);
      return ppid === parent && state !== 'Z';
    });
}

/** Whether it runs: a zombie does not. */
export function isRunning(pid: number): boolean {
  return !['', 'Z', 'X'].includes(standing(pid).state);
}

/** man 5 proc, /proc/PID/stat: the name in parentheses may have any characters. */
function standing(pid: number): { state: string; ppid: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', ppid = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, ppid: Number(ppid) };
  } catch {
    return { state: '', ppid: 0 };
  }
}
