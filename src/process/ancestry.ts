/** Ancestors, nearest first, up to the top (R3): as far as a row tells them, and one of them as JSON. */
import type { Image } from './image.ts';
import { type Link, LONGEST_CHAIN, type Process } from './process.ts';
import { isRootsFile } from './proof.ts';
import type { RecordedLink } from './recorded_link.ts';

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
  if (process.lineage === 'awaited') return process;
  for (let link = process.creator; link; link = link.process.creator) {
    if (link.recorded) return undefined;
    if (!link.image.sealed) return link.image;
    if (link.process.lineage === 'awaited') return link.process;
  }
  return undefined;
}

/** Whether all that will be said of a process's ancestors is known. */
export function isSettled(process: Process): boolean {
  return unsettledOf(process) === undefined;
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

export interface AncestorOptions {
  readonly entityIdOf: (process: Process) => string;
  /** An ancestor's command line is cut to so many characters, and ends in … then. */
  readonly cmdlineMax: number;
}

/** An object of the column ancestry. Only for settled links. */
export function ancestorObject({ process, image }: Link, { entityIdOf, cmdlineMax }: AncestorOptions): string {
  const parent = process.creator?.process;
  const { cmdline, details } = image;
  const isKnown = details.mode !== undefined && details.ownerUid !== undefined;
  return JSON.stringify({
    exe_name: image.exeName,
    pid: process.pid,
    ppid: parent?.pid ?? process.ppid,
    pproc_time_hr: parent?.startUnixHundredths ?? 0,
    path: details.path,
    cmdline: (cmdline.length > cmdlineMax ? `${cmdline.slice(0, cmdlineMax)}…` : cmdline).toWellFormed(),
    proc_time: Math.floor(process.startUnixHundredths / 100),
    proc_time_hr: process.startUnixHundredths,
    entity_id: entityIdOf(process),
    uid: details.uid ?? null,
    root: details.root || null,
    root_owned: isKnown ? isRootsFile(details) : null,
  });
}
