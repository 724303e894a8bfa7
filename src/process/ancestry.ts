/**
 * Ancestors as JSON: nearest first, up to the top (R3). A chain is rendered once it is settled, and every link keeps
 * its text, so that siblings and descendants share it; what was rendered is never rendered differently again (R10).
 */
import type { Link, Process, RenderedLink } from './process.ts';

export interface AncestryOptions {
  /** Longest array that a row carries. */
  readonly maxDepth: number;
  /** An ancestor's command line is cut to so many characters, and ends in … then. */
  readonly cmdlineMax: number;
  readonly entityIdOf: (process: Process) => string;
}

/** The ancestors of one process, as a published row has them. */
export interface Ancestry {
  /** JSON objects joined by commas, without the brackets: texts are shared between rows as long as nothing is added. */
  readonly objects: string;
  /** How many objects that is. */
  readonly depth: number;
  /** There are more ancestors than `maxDepth`. */
  readonly truncated: boolean;
  /** The top was reached, and every ancestor's image is known. */
  readonly complete: boolean;
}

/** Whether all that will be said of a process's ancestors is known. */
export function isSettled(process: Process): boolean {
  if (process.lineage === 'awaited') return false;
  for (let link = process.creator; link; link = link.process.creator) {
    if (link.rendered) return true;
    if (!link.image.sealed || link.process.lineage === 'awaited') return false;
  }
  return true;
}

/** Only for settled processes. */
export function renderAncestry(process: Process, options: AncestryOptions): Ancestry {
  const { creator } = process;
  if (!creator) {
    return { objects: '', depth: 0, truncated: process.lineage === 'cut', complete: process.lineage === 'top' };
  }
  const whole = renderLink(creator, options);
  const complete = whole.complete && process.lineage !== 'likely';
  if (whole.chain !== undefined && whole.depth <= options.maxDepth) {
    return { objects: whole.chain, depth: whole.depth, truncated: whole.cut, complete };
  }
  const objects: string[] = [];
  for (let link: Link | undefined = creator; link && objects.length < options.maxDepth; link = link.process.creator) {
    objects.push(renderLink(link, options).object);
  }
  const truncated = whole.cut || whole.depth > objects.length;
  return { objects: objects.join(','), depth: objects.length, truncated, complete };
}

function renderLink(link: Link, options: AncestryOptions): RenderedLink {
  if (link.rendered) return link.rendered;
  // From the first rendered ancestor downwards, not by recursion: a chain may be a thousand long.
  const pending: Link[] = [];
  let above: Link | undefined = link;
  for (; above && !above.rendered; above = above.process.creator) pending.push(above);
  let last = above?.rendered;
  for (let one = pending.pop(); one; one = pending.pop()) {
    last = renderOne(one, last, options);
    one.rendered = last;
  }
  return last as RenderedLink;
}

function renderOne(link: Link, above: RenderedLink | undefined, options: AncestryOptions): RenderedLink {
  const { process, image } = link;
  const object = ancestorObject(link, options);
  const depth = (above?.depth ?? 0) + 1;
  const reachesTop = above ? above.complete : process.lineage === 'top' || process.lineage === 'cut';
  let chain: string | undefined;
  if (depth <= options.maxDepth && (!above || above.chain !== undefined)) {
    chain = above ? `${object},${above.chain}` : object;
  }
  return {
    object,
    chain,
    depth,
    complete: reachesTop && image.known && process.lineage !== 'likely',
    cut: above ? above.cut : process.lineage === 'cut',
  };
}

function ancestorObject({ process, image }: Link, options: AncestryOptions): string {
  const parent = process.creator?.process;
  let { cmdline } = image;
  if (cmdline.length > options.cmdlineMax) cmdline = `${cmdline.slice(0, options.cmdlineMax)}…`;
  return JSON.stringify({
    exe_name: image.exeName,
    pid: process.pid,
    ppid: parent?.pid ?? process.ppid,
    pproc_time_hr: parent?.startUnixHundredths ?? 0,
    path: image.details.path,
    cmdline: cmdline.toWellFormed(),
    proc_time: Math.floor(process.startUnixHundredths / 100),
    proc_time_hr: process.startUnixHundredths,
    entity_id: options.entityIdOf(process),
    uid: image.details.uid ?? null,
  });
}
