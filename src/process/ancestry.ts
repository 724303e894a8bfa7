/** The ancestors of a row, nearest first, up to the top (R3). */

import type { Image } from './image.ts';
import type { AncestorRecord } from './process.ts';
import { LONGEST_CHAIN, type Process } from './process.ts';

/** The ancestors in a published row: the creator and the ancestors above it, `depth` in total. */
export interface Ancestry {
  readonly depth: number;
  /** There are more ancestors than `depth`. */
  readonly truncated: boolean;
  /** The top is reached, and the image of every ancestor is known. */
  readonly complete: boolean;
}

/** The first missing fact about the ancestors: an image, or a process whose creator is awaited. Undefined if there is none. */
export function unsettledOf(process: Process): Process | Image | undefined {
  if (process.creatorState === 'awaited') return process;
  for (let ancestor = process.creator; ancestor; ancestor = ancestor.process.creator) {
    if (ancestor.recorded) return undefined;
    if (!ancestor.image.sealed) return ancestor.image;
    if (ancestor.process.creatorState === 'awaited') return ancestor.process;
  }
  return undefined;
}

/** Whether nothing about the ancestors of a process is missing. */
export function isSettled(process: Process): boolean {
  return unsettledOf(process) === undefined;
}

/** The ancestry of a process with this creator, at most `maxDepth` deep. Only for settled processes. */
export function ancestryOf({ creatorState }: Process, creator: AncestorRecord | undefined, maxDepth: number): Ancestry {
  if (!creator) return { depth: 0, truncated: creatorState === 'cut', complete: creatorState === 'top' };
  // The top of a chain that is too long may have been removed since.
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
