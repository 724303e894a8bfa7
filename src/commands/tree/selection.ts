/** Selects parts of a forest: a process with ancestors and descendants, and processes since a time. */
import type { ForestProcess } from './forest.ts';

/** Processes with this pid, now or earlier, or with this entity id, in order of start. */
export function named(processes: readonly ForestProcess[], name: string): readonly ForestProcess[] {
  const found = processes.filter(({ pid, entity_id }) => String(pid) === name || entity_id === name);
  return found.toSorted((a, b) => (a.start_time ?? 0) - (b.start_time ?? 0));
}

/** Only these processes with their ancestors, and optionally all descendants. Keeps the order. */
export function aroundAny(
  processes: readonly ForestProcess[],
  wanted: (process: ForestProcess) => boolean,
  withDescendants: boolean,
): ForestProcess[] {
  const kept = new Set<ForestProcess>();
  const above: { process: ForestProcess; isWanted: boolean }[] = [];
  for (const process of processes) {
    above.length = process.depth;
    const isBelow = withDescendants && above.at(-1)?.isWanted === true;
    const isWanted = isBelow || wanted(process);
    above.push({ process, isWanted });
    if (!isWanted) continue;
    for (let at = above.length - 1; at >= 0; at--) {
      const one = above[at]?.process;
      if (!one || kept.has(one)) break;
      kept.add(one);
    }
  }
  return processes.filter((process) => kept.has(process));
}

/** Whether the process ran at that time or later. */
export function ranSince(process: ForestProcess, unixSeconds: number): boolean {
  const { state, start_time, exit_time, images } = process;
  if (state === 'running') return true;
  return [start_time, exit_time, ...images.map(({ time }) => time)].some(
    (time) => time !== null && time >= unixSeconds,
  );
}
