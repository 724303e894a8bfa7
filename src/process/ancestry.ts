/** Ancestors, nearest first, up to the top (R3): as far as a row tells them. */

import type { Image } from './image.ts';
import type { AncestorRecord } from './process.ts';
import { LONGEST_CHAIN, type Process } from './process.ts';

/** The ancestors of one process, as a published row has them: the first `depth` of its creator and those above it. */
export interface Ancestry {
  readonly depth: number;
  /** There are more ancestors than that. */
  readonly truncated: boolean;
  /** The top was reached, and every ancestor's image is known. */
  readonly complete: boolean;
}

/** What of a process's ancestors is still to be known: an image, or who created one; undefined once all that will be said is. */
export function unsettledOf(process: Process): Process | Image | undefined {
  if (process.creatorState === 'awaited') return process;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator) {
    if (ancestor.recorded) return undefined;
    if (!ancestor.image.sealed) return ancestor.image;
    if (ancestor.process.creatorState === 'awaited') return ancestor.process;
  }
  return undefined;
}

/** Whether all that will be said of a process's ancestors is known. */
export function isSettled(process: Process): boolean {
  return unsettledOf(process) === undefined;
}

/** Of a process with this creator, and no more than `maxDepth`. Only for settled processes. */
export function ancestryOf({ creatorState }: Process, creator: AncestorRecord | undefined, maxDepth: number): Ancestry {
  if (!creator) return { depth: 0, truncated: creatorState === 'cut', complete: creatorState === 'top' };
  // Of a chain that was too long the top was let go meanwhile.
  let depth = Math.min(creator.depth, maxDepth);
  if (creator.depth >= LONGEST_CHAIN) {
    depth = 0;
    for (let one: AncestorRecord | undefined = creator; one && depth < maxDepth; one = one.above) depth++;
  }
  return {
    depth,
    truncated: creator.cut || creator.depth > maxDepth,
    complete: creator.complete && creatorState !== 'likely',
  };
}
