/**
 * Renders the ancestors and leaders of an event for its row and its ECS document. The texts are made from stored facts when a
 * row is read, and cached, because the rows of siblings share them.
 */

import { LRUCache } from 'lru-cache';
import { credentialsFragment } from '../src/ecs/credentials.ts';
import { isoDate } from '../src/ecs/iso_date.ts';
import { type EcsProcessRef, FRAGMENT_ARGS_MAX, type Place, processFragment } from '../src/ecs/process_fragment.ts';
import { charDeviceOf } from '../src/linux/terminal.ts';
import { JSON_NULL } from '../src/osquery/index.ts';
import type { AncestorFacts, ProcessRef } from '../src/process/facts.ts';
import { memoryOfFact } from '../src/store/rows/shared_reader.ts';

/** A stored ancestor. The same ancestor is the same object while it is cached. */
export interface LineageAncestor {
  readonly facts: AncestorFacts;
  /** Its creator. */
  readonly above: LineageAncestor | undefined;
}

/** The rendered texts of an ancestor. */
interface Made {
  /** An object of the column ancestry. */
  ancestor?: string;
  cmdline?: string;
  /** The members of a leader object that do not depend on the row, without braces. */
  leader?: string;
  /** The object of a leader that is not the process of the row. */
  other?: string;
  /** The same with `entry_meta`, as it was last asked for. */
  entry?: EntryMeta & { readonly text: string };
  parent?: string;
  group_leader?: string;
  session_leader?: string;
  entry_leader?: string;
}

const made = new WeakMap<LineageAncestor, Made>();

function madeOf(ancestor: LineageAncestor): Made {
  let one = made.get(ancestor);
  if (!one) {
    one = {};
    made.set(ancestor, one);
  }
  return one;
}

/** Texts of the column ancestry, by creator: the rows of siblings share them. A text keeps its creator in memory. */
const ancestries = new LRUCache<LineageAncestor, { readonly depth: number; readonly text: string }>({
  maxSize: 1024 * 1024,
  sizeCalculation: ({ text }, { facts }) => text.length + memoryOfFact(facts.args.length),
});

/** The column ancestry: the creator and the ancestors above it, `depth` in total. */
export function ancestryText(creator: LineageAncestor | undefined, depth: number): string {
  if (!creator || depth <= 0) return '[]';
  const known = ancestries.get(creator);
  if (known?.depth === depth) return known.text;
  let text = '';
  let ancestor: LineageAncestor | undefined = creator;
  for (let n = 0; ancestor && n < depth; n++) {
    const its = madeOf(ancestor);
    its.ancestor ??= ancestorObject(ancestor);
    text += n === 0 ? its.ancestor : `,${its.ancestor}`;
    ancestor = ancestor.above;
  }
  text = `[${text}]`;
  ancestries.set(creator, { depth, text });
  return text;
}

/** The entity ids of the same ancestors, as a JSON array. */
export function ancestorIds(creator: LineageAncestor | undefined, depth: number): string {
  const ids: string[] = [];
  for (let ancestor = creator; ancestor && ids.length < depth; ancestor = ancestor.above)
    ids.push(ancestor.facts.entityId);
  return JSON.stringify(ids);
}

/** '' for none. */
export function ancestorCmdline(ancestor: LineageAncestor | undefined): string {
  if (!ancestor) return '';
  const its = madeOf(ancestor);
  its.cmdline ??= cmdlineOf(ancestor.facts);
  return its.cmdline;
}

/** How a process tree came into the host. */
interface EntryMeta {
  readonly type: string;
  /** '' if unknown. */
  readonly sourceIp: string;
}

/** A leader as JSON; null if undefined. `entityId` is the entity id of the process of the row. */
export function leaderText(ancestor: LineageAncestor | undefined, entityId: string): string {
  if (!ancestor) return JSON_NULL;
  if (ancestor.facts.entityId === entityId) return leaderObject(ancestor, true);
  const its = madeOf(ancestor);
  its.other ??= leaderObject(ancestor, false);
  return its.other;
}

/** The same for an entry leader. */
export function entryLeaderText(ancestor: LineageAncestor | undefined, entityId: string, meta: EntryMeta): string {
  if (!ancestor) return JSON_NULL;
  if (ancestor.facts.entityId === entityId) return leaderObject(ancestor, true, meta);
  const its = madeOf(ancestor);
  const { type, sourceIp } = meta;
  if (its.entry?.type !== type || its.entry.sourceIp !== sourceIp)
    its.entry = { type, sourceIp, text: leaderObject(ancestor, false, meta) };
  return its.entry.text;
}

function leaderObject(ancestor: LineageAncestor, isSame: boolean, meta?: EntryMeta): string {
  const its = madeOf(ancestor);
  its.leader ??= leaderMembers(ancestor.facts);
  const own = `{${its.leader},"same_as_process":${isSame}`;
  if (!meta) return `${own}}`;
  const { type, sourceIp } = meta;
  return `${own},"entry_meta":${JSON.stringify(sourceIp === '' ? { type } : { type, source: { ip: sourceIp } })}}`;
}

/** A process at a place in an ECS document; '' for none. */
export function ecsProcess(ancestor: LineageAncestor | undefined, place: Place): string {
  if (!ancestor) return '';
  const its = madeOf(ancestor);
  its[place] ??= ecsFragment(ancestor, place);
  return its[place];
}

function ancestorObject(of: LineageAncestor): string {
  const { facts } = of;
  const { start, ancestor } = facts;
  if (ancestor !== undefined) return ancestor;
  return JSON.stringify({
    exe_name: facts.name,
    pid: facts.pid,
    ppid: facts.ppid,
    pproc_time_hr: facts.creatorStart,
    path: facts.path,
    cmdline: cut(cmdlineOf(facts), facts.cmdlineMax),
    proc_time: Math.floor(start / 100),
    proc_time_hr: start,
    entity_id: facts.entityId,
    uid: facts.credentials.uid ?? null,
    root: facts.root || null,
    root_owned: facts.rootOwned ?? null,
    euid: facts.credentials.euid ?? null,
    cwd: facts.cwd || null,
    cgroup_path: cgroupOf(of) || null,
    tty: facts.tty || null,
  });
}

/** '' if unknown. */
export function cgroupOf(ancestor: LineageAncestor): string {
  for (let one: LineageAncestor | undefined = ancestor; one; one = one.above)
    if (one.facts.cgroup !== undefined) return one.facts.cgroup;
  return '';
}

function leaderMembers(facts: AncestorFacts): string {
  const object = JSON.stringify({
    pid: facts.pid,
    entity_id: facts.entityId,
    start: isoDate(facts.start * 10) ?? '',
    path: facts.path.toWellFormed(),
    cmdline: cut(cmdlineOf(facts), FRAGMENT_ARGS_MAX),
    uid: facts.credentials.uid ?? null,
    root: facts.root || null,
  });
  return object.slice(1, -1);
}

function ecsFragment({ facts, above }: LineageAncestor, place: Place): string {
  const { entityId, pid, start, path, cwd, tty, name, args, argsCount, known } = facts;
  const creator = above?.facts;
  const process = {
    ...{ entityId, pid, startUnixMs: start * 10, path, cwd, name, args, argsCount },
    credentials: credentialsFragment(facts.credentials),
    interactive: known ? tty !== '' : undefined,
    charDevice: charDeviceOf(tty),
    parent: creator && {
      ...{ entityId: creator.entityId, pid: creator.pid, startUnixMs: creator.start * 10 },
      sessionLeader: refOf(creator.sessionLeader),
    },
    groupLeader: refOf(facts.groupLeader),
  };
  return processFragment(process, place);
}

function cmdlineOf({ args }: AncestorFacts): string {
  return args.replaceAll('\0', ' ');
}

function cut(text: string, max: number): string {
  return (text.length > max ? `${text.slice(0, max)}…` : text).toWellFormed();
}

function refOf(ref: ProcessRef | undefined): EcsProcessRef | undefined {
  return ref && { entityId: ref[0], pid: ref[1], startUnixMs: ref[2] * 10 };
}
