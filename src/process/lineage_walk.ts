/**
 * The lineage walk: every process with every one of its ancestors (R3 to R5), from a process upwards, or
 * from ancestors down to all that descend from them.
 */
import type { Process, ProcessAtFork } from './process.ts';

/** A process and one of its ancestors. */
export interface Descent {
  readonly process: Process;
  /** The ancestor with the image that it was running when it forked, on the way down to the process. */
  readonly ancestor: ProcessAtFork;
  /** 1: it created the process; 2: it created the one that did; and so on. */
  readonly depth: number;
}

/** From its creator up to the top. */
export function* ancestorsOf(process: Process): Generator<Descent> {
  let depth = 0;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator)
    yield { process, ancestor, depth: ++depth };
}

/** Processes that are looked at between two pauses. */
const PAUSE_EVERY = 256;

/** A process that was visited on the way down. */
interface Visit {
  readonly process: Process;
  /** How many lie above it. */
  readonly level: number;
  /** The nearest of the wanted ancestors above it. */
  readonly nearest: Wanted | undefined;
}

interface Wanted {
  readonly ancestor: ProcessAtFork;
  readonly level: number;
  readonly above: Wanted | undefined;
}

/**
 * All that descend from any of `ancestors` (undefined: from anybody), among `remembered`, which may come in any order, and
 * what is above those. Each is visited once: O(processes + what is given). The tree may change between
 * two of what is given; then each process's are as they were when it was visited. `undefined` is a pause in a long
 * search.
 */
export function* descendantsOf(
  ancestors: ReadonlySet<Process> | undefined,
  remembered: Iterable<Process>,
): Generator<Descent | undefined> {
  if (ancestors?.size === 0) return;
  const visits = new Map<Process, Visit>();
  let looked = 0;
  for (const process of remembered) {
    for (const visit of visitFromAbove(process, ancestors, visits)) {
      for (let wanted = visit.nearest; wanted; wanted = wanted.above) {
        yield { process: visit.process, ancestor: wanted.ancestor, depth: visit.level - wanted.level };
      }
    }
    if (++looked % PAUSE_EVERY === 0) yield undefined;
  }
}

/** Visits a process and what is above it, as far as it was not visited before; gives these, from the top down. */
function visitFromAbove(
  process: Process,
  ancestors: ReadonlySet<Process> | undefined,
  visits: Map<Process, Visit>,
): readonly Visit[] {
  const unvisited: Process[] = [];
  for (let one: Process | undefined = process; one && !visits.has(one); one = one.creator?.process) unvisited.push(one);
  return unvisited.reverse().map((one) => {
    const ancestor = one.creator;
    const above = ancestor && visits.get(ancestor.process);
    let visit: Visit = { process: one, level: 0, nearest: undefined };
    if (ancestor && above) {
      const { level, nearest } = above;
      const wanted = !ancestors || ancestors.has(ancestor.process);
      visit = { process: one, level: level + 1, nearest: wanted ? { ancestor, level, above: nearest } : nearest };
    }
    visits.set(one, visit);
    return visit;
  });
}
