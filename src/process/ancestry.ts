/** Ancestors, nearest first, up to the top (R3): as far as a row tells them, and one of them as JSON. */
import type { Process } from './process.ts';
import { cmdlineOfRecord, type LinkRecord, type RecordedLink } from './recorded_link.ts';

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
  return {
    depth: Math.min(creator.depth, maxDepth),
    truncated: creator.cut || creator.depth > maxDepth,
    complete: creator.complete && lineage !== 'likely',
  };
}

/** An object of the column ancestry. `above` is its creator, where that is known. */
export function ancestorObject(record: LinkRecord, above: LinkRecord | undefined): string {
  const { name, pid, path, start, entityId, uid, cmdlineMax } = record;
  const cmdline = cmdlineOfRecord(record);
  return JSON.stringify({
    exe_name: name,
    pid,
    ppid: above?.pid ?? record.ppid,
    pproc_time_hr: above?.start ?? 0,
    path,
    cmdline: (cmdline.length > cmdlineMax ? `${cmdline.slice(0, cmdlineMax)}…` : cmdline).toWellFormed(),
    proc_time: Math.floor(start / 100),
    proc_time_hr: start,
    entity_id: entityId,
    uid: uid ?? null,
  });
}
