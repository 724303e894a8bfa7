/**
 * The lineage walk: pairs of a process and one of its ancestors (R3 to R5), from a process up, or from ancestors down to
 * their descendants.
 */
import type { Process, ProcessAtFork } from './process.ts';

/** A process and one of its ancestors. */
export interface Descent {
  readonly process: Process;
  /** The ancestor with its image at the fork that leads to the process. */
  readonly ancestor: ProcessAtFork;
  /** 1: the creator of the process; 2: the creator of its creator; and so on. */
  readonly depth: number;
}

/** The ancestors, from the creator up to the top. */
export function* ancestorsOf(process: Process): Generator<Descent> {
  let depth = 0;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator)
    yield { process, ancestor, depth: ++depth };
}

/** Processes between two pauses. */
const PAUSE_EVERY = 256;

/** A process that was visited on the way down. */
interface Visit {
  readonly process: Process;
  /** Number of its ancestors. */
  readonly level: number;
  /** Its nearest wanted ancestor. */
  readonly nearest: Wanted | undefined;
}

interface Wanted {
  readonly ancestor: ProcessAtFork;
  readonly level: number;
  readonly above: Wanted | undefined;
}

/**
 * The descendants of `ancestors` (undefined: of all processes), among the `remembered` processes and their ancestors.
 * `remembered` may be in any order. Each process is visited once: O(processes + results). The tree may change between two
 * results: the ancestors of a process are those at its visit. Yields `undefined` as a pause in a long search.
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

/** Visits a process and its ancestors, if not visited before. Returns the new visits, from the top down. */
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
