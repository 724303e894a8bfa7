/**
 * Costs that do not depend on what else the machine does, nor on its speed: CPU time of this thread, in ratios to a
 * reference of the same run.
 */

/** CPU time in milliseconds that this thread has used so far. */
export function cpuMs(): number {
  // The kernel brings its account of the running thread up to date (kernel/sched/cputime.c, thread_group_cputime).
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The least CPU time in milliseconds of several runs: collections of garbage and compilation are in some of them. */
export function leastCpuMs(work: () => void, runs = 5): number {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < runs; n++) {
    const before = cpuMs();
    work();
    least = Math.min(least, cpuMs() - before);
  }
  return least;
}

/** How many times as much `work` costs for ten times the size: about 10 if it is linear, 100 if it is quadratic. */
export function growthOverTen(work: (size: number) => void, size: number): number {
  // The large one first: it is the one that compiles.
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

/** What the turns of this thread's event loop cost until `done`. */
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
