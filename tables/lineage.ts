/**
 * The processes around an event as its row shows them: ancestors, leaders, and the parts of its ECS document. They are made
 * of stored facts when they are read, and remembered, because the rows of siblings have the same.
 */
import { charDeviceOf } from '../src/collect/terminal.ts';
import { credentialsFragment } from '../src/ecs/credentials.ts';
import { isoDate } from '../src/ecs/iso_date.ts';
import { type EcsProcessRef, FRAGMENT_ARGS_MAX, type Place, processFragment } from '../src/ecs/process_fragment.ts';
import { JSON_NULL } from '../src/osquery/index.ts';
import type { LinkFacts, ProcessRef } from '../src/process/facts.ts';

/** What rendering needs of a stored link: the same object for the same link while it is remembered. */
export interface LineageLink {
  readonly facts: LinkFacts;
  /** Its creator. */
  readonly above: LineageLink | undefined;
}

/** What was made of a link. */
interface Made {
  /** An object of the column ancestry. */
  ancestor?: string;
  /** As a leader, but for what depends on the row: members of an object, without braces. */
  leader?: string;
  parent?: string;
  group_leader?: string;
  session_leader?: string;
  entry_leader?: string;
}

const made = new WeakMap<LineageLink, Made>();

function madeOf(link: LineageLink): Made {
  let one = made.get(link);
  if (!one) {
    one = {};
    made.set(link, one);
  }
  return one;
}

/** The column ancestry: a creator, and those above it, `depth` altogether. */
export function ancestryText(creator: LineageLink | undefined, depth: number): string {
  let text = '';
  let link = creator;
  for (let n = 0; link && n < depth; n++) {
    const its = madeOf(link);
    its.ancestor ??= ancestorObject(link.facts);
    text += n === 0 ? its.ancestor : `,${its.ancestor}`;
    link = link.above;
  }
  return `[${text}]`;
}

/** The entity ids of the same, as a JSON array. */
export function ancestorIds(creator: LineageLink | undefined, depth: number): string {
  const ids: string[] = [];
  for (let link = creator; link && ids.length < depth; link = link.above) ids.push(link.facts.entityId);
  return JSON.stringify(ids);
}

/** '' for none. */
export function linkCmdline(link: LineageLink | undefined): string {
  return link ? cmdlineOf(link.facts) : '';
}

/** How a tree of processes came into the host. */
export interface EntryMeta {
  readonly type: string;
  /** '' where it is not known. */
  readonly sourceIp: string;
}

/** A leader as JSON, null where there is none. `entityId` is that of the row's own process. */
export function leaderText(link: LineageLink | undefined, entityId: string, entryMeta?: EntryMeta): string {
  if (!link) return JSON_NULL;
  const its = madeOf(link);
  its.leader ??= leaderMembers(link.facts);
  const own = `{${its.leader},"same_as_process":${link.facts.entityId === entityId}`;
  if (!entryMeta) return `${own}}`;
  const { type, sourceIp } = entryMeta;
  return `${own},"entry_meta":${JSON.stringify(sourceIp === '' ? { type } : { type, source: { ip: sourceIp } })}}`;
}

/** A process as a document has it in some place; '' for none. */
export function ecsProcess(link: LineageLink | undefined, place: Place): string {
  if (!link) return '';
  const its = madeOf(link);
  its[place] ??= ecsFragment(link, place);
  return its[place];
}

function ancestorObject(facts: LinkFacts): string {
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
  });
}

function leaderMembers(facts: LinkFacts): string {
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

function ecsFragment({ facts, above }: LineageLink, place: Place): string {
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

function cmdlineOf({ args }: LinkFacts): string {
  return args.replaceAll('\0', ' ');
}

function cut(text: string, max: number): string {
  return (text.length > max ? `${text.slice(0, max)}…` : text).toWellFormed();
}

function refOf(ref: ProcessRef | undefined): EcsProcessRef | undefined {
  return ref && { entityId: ref[0], pid: ref[1], startUnixMs: ref[2] * 10 };
}
