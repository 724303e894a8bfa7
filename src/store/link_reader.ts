/**
 * Stored links as rows show them: ancestors, leaders, and the processes around an event in its document. They are made when
 * they are read, and remembered, because the rows of siblings have the same.
 */
import { LRUCache } from 'lru-cache';
import { charDeviceOf } from '../collect/terminal.ts';
import { isoDate } from '../ecs/iso_date.ts';
import { type EcsProcessRef, FRAGMENT_ARGS_MAX, type Place, processFragment } from '../ecs/process_fragment.ts';
import { cmdlineOfRecord, type LinkRecord, type ProcessRef } from '../process/recorded_link.ts';

export interface StoredLink {
  readonly entityId: string;
  /** An object of the column ancestry. */
  readonly ancestor: string;
  /** What else is stored of it: parsed when it is needed. */
  readonly rest: () => LinkRecord | undefined;
  /** The id of its creator's link. */
  readonly above: number | undefined;
}

/** A link with what has been made of it. */
interface ReadLink extends StoredLink {
  record: LinkRecord | undefined;
  cmdline: string | undefined;
  readonly fragments: Map<Place, string>;
  /** As a leader, but for what depends on the row. */
  leader: string | undefined;
}

/** Rows that a query had found were let go before it came to read them. */
const GONE = 'rows were let go while they were read: ask again';
const LINK_BYTES = 500;
const REMEMBERED_BYTES = 4 * 1024 * 1024;
/** What is made of a link takes so many times what it is made of, at most about. */
const MADE_FACTOR = 4;

export class LinkReader {
  readonly #read: (id: number) => StoredLink | undefined;
  readonly #links = new LRUCache<number, ReadLink>({
    maxSize: REMEMBERED_BYTES,
    sizeCalculation: ({ ancestor }) => (ancestor.length + LINK_BYTES) * MADE_FACTOR,
  });

  constructor(read: (id: number) => StoredLink | undefined) {
    this.#read = read;
  }

  /** Ids may mean others from now on. */
  clear(): void {
    this.#links.clear();
  }

  /** The column ancestry: a creator, and those above it, `depth` altogether. */
  ancestry(creator: number | null, depth: number): string {
    return `[${this.#chain(creator, depth, ({ ancestor }) => ancestor).join(',')}]`;
  }

  /** The entity ids of the same, as a JSON array. */
  ancestorIds(creator: number | null, depth: number): string {
    return JSON.stringify(this.#chain(creator, depth, ({ entityId }) => entityId));
  }

  /** '' for nobody. `long` is what the row has of it where the link has not all. */
  cmdline(id: number | null, long: string): string {
    if (long !== '') return long;
    const link = this.#link(id);
    return link ? cmdlineIn(link) : '';
  }

  /** A leader as JSON, null where there is none. `entityId` is that of the row's own process. */
  leader(id: number | null, entityId: string): string {
    return this.#leader(id, entityId, undefined);
  }

  entryLeader(id: number | null, entityId: string, type: string, sourceIp: string): string {
    const source = sourceIp === '' ? {} : { source: { ip: sourceIp } };
    return this.#leader(id, entityId, { type, ...source });
  }

  /** A process as a document has it in some place; '' for nobody. */
  fragment(id: number | null, place: Place): string {
    const link = this.#link(id);
    if (!link) return '';
    let fragment = link.fragments.get(place);
    if (fragment === undefined) {
      fragment = this.#fragment(link, place);
      link.fragments.set(place, fragment);
    }
    return fragment;
  }

  #chain(creator: number | null, depth: number, of: (link: ReadLink) => string): string[] {
    const chain: string[] = [];
    for (let id: number | null | undefined = creator; chain.length < depth; ) {
      const link = this.#link(id);
      if (!link) break;
      chain.push(of(link));
      id = link.above;
    }
    return chain;
  }

  #leader(id: number | null, entityId: string, entryMeta: object | undefined): string {
    const link = this.#link(id);
    if (!link) return 'null';
    link.leader ??= leaderMembers(link);
    const own = `,"same_as_process":${recordOf(link).entityId === entityId}`;
    return `{${link.leader}${own}${entryMeta ? `,"entry_meta":${JSON.stringify(entryMeta)}` : ''}}`;
  }

  #fragment(link: ReadLink, place: Place): string {
    const record = recordOf(link);
    const { entityId, pid, start, path, cwd, tty, name, args, argsCount, known, credentials } = record;
    const above = this.#link(link.above);
    const creator = above && recordOf(above);
    const process = {
      ...{ entityId, pid, startUnixMs: start * 10, path, cwd, name, credentials, argsCount },
      args: args.join('\0'),
      interactive: known ? tty !== '' : undefined,
      charDevice: charDeviceOf(tty),
      parent: creator && {
        ...{ entityId: creator.entityId, pid: creator.pid, startUnixMs: creator.start * 10 },
        sessionLeader: refOf(creator.sessionLeader),
      },
      groupLeader: refOf(record.groupLeader),
    };
    return processFragment(process, place);
  }

  #link(id: number | null | undefined): ReadLink | undefined {
    if (id === null || id === undefined) return undefined;
    const known = this.#links.get(id);
    if (known) return known;
    const stored = this.#read(id);
    if (!stored) throw new Error(GONE);
    const link: ReadLink = {
      ...stored,
      record: undefined,
      cmdline: undefined,
      leader: undefined,
      fragments: new Map(),
    };
    this.#links.set(id, link);
    return link;
  }
}

/** Members of an object, without braces. */
function leaderMembers(link: ReadLink): string {
  const record = recordOf(link);
  const cmdline = cmdlineIn(link);
  const object = JSON.stringify({
    pid: record.pid,
    entity_id: record.entityId,
    start: isoDate(record.start * 10) ?? '',
    path: record.path.toWellFormed(),
    cmdline: (cmdline.length > FRAGMENT_ARGS_MAX ? `${cmdline.slice(0, FRAGMENT_ARGS_MAX)}…` : cmdline).toWellFormed(),
    uid: record.uid ?? null,
    root: record.root || null,
  });
  return object.slice(1, -1);
}

function recordOf(link: ReadLink): LinkRecord {
  link.record ??= link.rest();
  if (!link.record) throw new Error(GONE);
  return link.record;
}

function cmdlineIn(link: ReadLink): string {
  link.cmdline ??= cmdlineOfRecord(recordOf(link));
  return link.cmdline;
}

function refOf(ref: ProcessRef | undefined): EcsProcessRef | undefined {
  return ref && { entityId: ref[0], pid: ref[1], startUnixMs: ref[2] * 10 };
}
