/**
 * Costs independent of other load and of the machine's speed: CPU time of this thread, as a ratio to a reference in the
 * same run.
 */

/** CPU time of this thread so far, in milliseconds. */
export function cpuMs(): number {
  // The kernel updates its account of the running thread (kernel/sched/cputime.c, thread_group_cputime).
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The minimum CPU time of several runs in milliseconds: some of them include garbage collection and compilation. */
export function leastCpuMs(work: () => void, runs = 5): number {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < runs; n++) {
    const before = cpuMs();
    work();
    least = Math.min(least, cpuMs() - before);
  }
  return least;
}

/** The factor of the cost of `work` for ten times the size: about 10 if it is linear, 100 if it is quadratic. */
export function growthOverTen(work: (size: number) => void, size: number): number {
  // The large one first, because the first run compiles.
  const large = leastCpuMs(() => work(10 * size));
  return large / leastCpuMs(() => work(size));
}

/** Between linear and quadratic cost. */
export const LINEAR = 30;

export interface Turns {
  /** CPU time in milliseconds of the longest turn of the event loop. */
  readonly longestMs: number;
  readonly totalMs: number;
}

/** The cost of each turn of this thread's event loop until `done`. */
export async function turnsUntil(done: () => boolean): Promise<Turns> {
  const began = cpuMs();
  let last = began;
  let longestMs = 0;
  while (!done()) {
    await new Promise(setImmediate);
    const now = cpuMs();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  }
  return { longestMs, totalMs: last - began };
}
