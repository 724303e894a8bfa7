/** Ancestors, nearest first, up to the top (R3): as far as a row tells them. */
import { LONGEST_CHAIN, type Process } from './process.ts';
import type { RecordedLink } from './recorded_link.ts';

/** The ancestors of one process, as a published row has them: the first `depth` of its creator and those above it. */
export interface Ancestry {
  readonly depth: number;
  /** There are more ancestors than that. */
  readonly truncated: boolean;
  /** The top was reached, and every ancestor's image is known. */
  readonly complete: boolean;
}

/** Whether all that will be said of a process's ancestors is known. */
export function isSettled(process: Process): boolean {
  if (process.lineage === 'awaited') return false;
  for (let link = process.creator; link; link = link.process.creator) {
    if (link.recorded) return true;
    if (!link.image.sealed || link.process.lineage === 'awaited') return false;
  }
  return true;
}

/** Of a process with this creator, and no more than `maxDepth`. Only for settled processes. */
export function ancestryOf({ lineage }: Process, creator: RecordedLink | undefined, maxDepth: number): Ancestry {
  if (!creator) return { depth: 0, truncated: lineage === 'cut', complete: lineage === 'top' };
  // Of a chain that was too long the top was let go meanwhile.
  let depth = Math.min(creator.depth, maxDepth);
  if (creator.depth >= LONGEST_CHAIN) {
    depth = 0;
    for (let one: RecordedLink | undefined = creator; one && depth < maxDepth; one = one.above) depth++;
  }
  return {
    depth,
    truncated: creator.cut || creator.depth > maxDepth,
    complete: creator.complete && lineage !== 'likely',
  };
}
