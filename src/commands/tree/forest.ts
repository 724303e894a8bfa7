/** Builds the forest from rows: parents and children, the images of each process, and how it ended. */
import { signalName } from '../../ecs/signal_name.ts';
import type { TreeImage, TreeProcess } from './document.ts';
import type { AncestorRecord, EventRecord, ImageRecord, ProcessRecord } from './rows.ts';

export interface ForestRows {
  /** In order of eid. */
  readonly events: readonly EventRecord[];
  readonly processes: readonly ProcessRecord[];
  /** Processes that are in neither list, as described by rows of their descendants. */
  readonly ancestors: readonly AncestorRecord[];
}

interface ForestOptions {
  /** State of a process without a recorded end. */
  readonly unlessEnded: 'running' | 'unknown';
  readonly userName: (uid: number) => string;
}

/** A process that is not assigned to a session yet. */
export type ForestProcess = Omit<TreeProcess, 'session'>;

interface Node {
  readonly entityId: string;
  readonly pid: number;
  parentEntityId: string;
  startTime: number | null;
  remembered: ProcessRecord | undefined;
  readonly events: EventRecord[];
  exitCode: number | null;
  exitTime: number | null;
  hasEnded: boolean;
  fallback: ImageRecord | undefined;
}

/** Preorder: parents before children, siblings in order of start. */
export function forestOf(rows: ForestRows, options: ForestOptions): ForestProcess[] {
  const nodes = nodesOf(rows);
  const ordered: ForestProcess[] = [];
  const images = new Map<string, readonly TreeImage[]>();
  for (const { node, depth } of inOrder(nodes)) {
    const process = processOf(node, depth, images.get(node.parentEntityId) ?? [], options);
    images.set(node.entityId, process.images);
    ordered.push(process);
  }
  return ordered;
}

/** Parents that are named, but have no row. */
export function missingParents({
  events,
  processes,
}: Pick<ForestRows, 'events' | 'processes'>): Map<string, EventRecord> {
  const known = new Set([...events, ...processes].map(({ entityId }) => entityId));
  const missing = new Map<string, EventRecord>();
  for (const event of events) {
    const { parentEntityId } = event;
    if (parentEntityId !== '' && !known.has(parentEntityId)) missing.set(parentEntityId, event);
  }
  return missing;
}

function nodesOf({ events, processes, ancestors }: ForestRows): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const nodeOf = (one: { entityId: string; pid: number; parentEntityId: string; startTime: number | null }): Node => {
    let node = nodes.get(one.entityId);
    if (!node) {
      const { entityId, pid, parentEntityId, startTime } = one;
      node = {
        ...{ entityId, pid, parentEntityId, startTime, remembered: undefined, events: [] },
        ...{ exitCode: null, exitTime: null, hasEnded: false, fallback: undefined },
      };
      nodes.set(entityId, node);
    }
    if (node.parentEntityId === '') node.parentEntityId = one.parentEntityId;
    return node;
  };
  for (const record of processes) nodeOf(record).remembered = record;
  for (const event of events) {
    const node = nodeOf(event);
    node.events.push(event);
    if (!event.actions.includes('exit')) continue;
    node.hasEnded = true;
    node.exitCode = event.exitCode;
    node.exitTime = event.time;
  }
  for (const ancestor of ancestors) nodeOf(ancestor).fallback ??= ancestor.image;
  return nodes;
}

function* inOrder(nodes: ReadonlyMap<string, Node>): Generator<{ node: Node; depth: number }> {
  const children = new Map<Node | undefined, Node[]>();
  for (const node of nodes.values()) {
    const parent = nodes.get(node.parentEntityId);
    const key = parent === node ? undefined : parent;
    const siblings = children.get(key);
    if (siblings) siblings.push(node);
    else children.set(key, [node]);
  }
  for (const siblings of children.values()) siblings.sort(byStart);
  const seen = new Set<Node>();
  // A cycle has no top. Its processes are drawn at the top, so that none is missing.
  for (const top of [...(children.get(undefined) ?? []), ...nodes.values()]) {
    // Iterative, because a chain may have a thousand processes.
    const waiting = [{ node: top, depth: 0 }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      if (seen.has(next.node)) continue;
      seen.add(next.node);
      yield next;
      const depth = next.depth + 1;
      for (const node of (children.get(next.node) ?? []).toReversed()) waiting.push({ node, depth });
    }
  }
}

function byStart(a: Node, b: Node): number {
  return startOf(a) - startOf(b) || ticksOf(a.entityId) - ticksOf(b.entityId) || a.pid - b.pid;
}

function startOf({ startTime, events }: Node): number {
  return startTime ?? events[0]?.time ?? 0;
}

/** Within one second the entity id gives the order: it ends with the start in hundredths (see identity.ts). */
function ticksOf(entityId: string): number {
  const ticks = Number.parseInt(entityId.split('.')[2] ?? '', 36);
  return Number.isNaN(ticks) ? 0 : ticks;
}

function processOf(
  node: Node,
  depth: number,
  parentImages: readonly TreeImage[],
  { unlessEnded, userName }: ForestOptions,
): ForestProcess {
  const { remembered, events } = node;
  const last = events.at(-1);
  const named = (id: number | null) => (id === null ? '' : userName(id));
  const ids = remembered?.image ?? last?.image ?? node.fallback;
  const signal = remembered?.exitSignal ?? null;
  const exited = node.hasEnded || remembered?.exited === true;
  // The cache contains all running processes. A process that is not in the cache has exited, with unknown status.
  const state = exited ? 'exited' : remembered || unlessEnded === 'unknown' ? unlessEnded : 'exited';
  return {
    entity_id: node.entityId,
    pid: node.pid,
    parent_entity_id: node.parentEntityId,
    depth,
    state,
    start_time: node.startTime ?? remembered?.startTime ?? null,
    exit_time: remembered?.exitTime ?? node.exitTime,
    exit_code: remembered?.exitCode ?? node.exitCode,
    exit_signal: signal === null ? '' : (signalName(signal) ?? `signal ${signal}`),
    auid: remembered?.auid ?? last?.auid ?? null,
    uid: ids?.uid ?? null,
    euid: ids?.euid ?? null,
    user: named(ids?.uid ?? null),
    sid: remembered?.sid ?? last?.sid ?? null,
    tty: last?.tty || remembered?.tty || '',
    entry_type:
      (last?.entryType ?? 'unknown') === 'unknown'
        ? (remembered?.entryType ?? 'unknown')
        : (last?.entryType ?? 'unknown'),
    entry_source_ip: events.findLast(({ sourceIp }) => sourceIp !== '')?.sourceIp ?? '',
    images: imagesOf(node, parentImages, named),
  };
}

function imagesOf(
  { events, remembered, fallback }: Node,
  parentImages: readonly TreeImage[],
  named: (id: number | null) => string,
): TreeImage[] {
  const treeImage = (image: ImageRecord, time: number | null, inherited = false): TreeImage => ({
    ...{ time, inherited, path: image.path, args: image.args, cwd: image.cwd },
    ...{ user: named(image.uid), euser: named(image.euid) },
  });
  const executed = events.filter(({ actions }) => actions.includes('exec'));
  const images = executed.map(({ image, time }) => treeImage(image, time));
  const now = remembered?.image;
  // An exec that is not published yet, or whose row was deleted.
  if (now && remembered.execTime !== null && !executed.some((event) => isSame(event, now, remembered.execTime ?? 0))) {
    images.push(treeImage(now, remembered.execTime));
  }
  if (images.length > 0) return images.toSorted((a, b) => (a.time ?? 0) - (b.time ?? 0));
  const only = now ?? events.at(-1)?.image ?? fallback ?? { path: '', args: [], cwd: '', uid: null, euid: null };
  const inherited =
    only.path !== '' && parentImages.some(({ path, args }) => path === only.path && isEqual(args, only.args));
  return [treeImage(only, null, inherited)];
}

/** Arguments may be truncated, and sources of an exec have different clocks. */
function isSame({ image, time }: EventRecord, now: ImageRecord, execTime: number): boolean {
  return image.path === now.path && image.args[0] === now.args[0] && Math.abs(time - execTime) <= 1;
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}
