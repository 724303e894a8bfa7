/**
 * Rows of a database of 0.1.0, which has one database row per event, texts in place of facts, and ancestors stored again every
 * 4,096 rows. They are moved to segments a few at a time, the oldest first. Queries return the same as before.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { HostFacts } from '../../linux/host.ts';
import type { AncestorFacts, CredentialFacts, PreviousImageFacts, ProcessRef } from '../../process/facts.ts';
import { FACT, type FactName, type FactValue } from './event_facts.ts';
import type { SegmentRow } from './segments.ts';

type Row = Readonly<Record<string, string | number | null | undefined>>;

/** The target of moved rows. */
interface LegacyTarget {
  /** Starts a row: its shared facts are stored next. */
  beginRow(eid: number): void;
  addShared(facts: string, above: number | null): number;
  addLine(row: SegmentRow, text: string): void;
}

/** By fact: the column that contains it unchanged. */
const SAME: Readonly<Partial<Record<FactName, string>>> = {
  eid: 'eid',
  timeMs: 'time_ms',
  bootMs: 'boot_ms',
  action: 'action',
  pid: 'pid',
  parent: 'parent',
  entityId: 'entity_id',
  endMs: 'end_ms',
  sid: 'sid',
  pgid: 'pgid',
  pidNamespace: 'pid_namespace',
  auid: 'auid',
  uid: 'uid',
  euid: 'euid',
  suid: 'suid',
  fsuid: 'fsuid',
  gid: 'gid',
  egid: 'egid',
  sgid: 'sgid',
  fsgid: 'fsgid',
  ownerUid: 'owner_uid',
  ownerGid: 'owner_gid',
  atime: 'atime',
  mtime: 'mtime',
  ctime: 'ctime',
  btime: 'btime',
  depth: 'ancestry_depth',
  truncated: 'ancestry_truncated',
  complete: 'ancestry_complete',
  argsCount: 'args_count',
  argsBytes: 'cmdline_size',
  path: 'path',
  comm: 'comm',
  root: 'root',
  cwd: 'cwd',
  tty: 'tty',
  syscall: 'syscall',
  entryType: 'entry_type',
  entryAddress: 'entry_source_ip',
  sha256: 'sha256',
  cgroup: 'cgroup_path',
  parentCmdline: 'long_parent_cmdline',
};
const LINKS = {
  creator: 'creator_id',
  groupLeader: 'group_leader_id',
  sessionLeader: 'session_leader_id',
  entryLeader: 'entry_leader_id',
} as const satisfies Partial<Record<FactName, string>>;
const DOCUMENTS = {
  credentials: { column: 'credentials_id', factsOf: credentialsOf },
  previous: { column: 'previous_id', factsOf: previousOf },
  host: { column: 'host_id', factsOf: hostOf },
} as const;

/** Number of new ids by old ids that are kept. After more, 0.1.0 has stored the shared texts again. */
const REMEMBERED_IDS = 20_000;

export class LegacyRows {
  readonly #db: DatabaseSync;
  readonly #oldest: StatementSync;
  readonly #readLink: StatementSync;
  readonly #readDocument: StatementSync;
  readonly #links = new Map<number, number>();
  readonly #documents = new Map<number, number>();

  /** Whether a database has rows of 0.1.0. */
  static areIn(db: DatabaseSync): boolean {
    return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'events'").get() !== undefined;
  }

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#oldest = db.prepare('SELECT * FROM events ORDER BY eid LIMIT ?');
    this.#readLink = db.prepare('SELECT above, entity_id, path, euid, ancestor, json FROM links WHERE id = ?');
    this.#readDocument = db.prepare('SELECT text FROM documents WHERE id = ?');
  }

  /** Moves at most `limit` rows, within a transaction of the target. Returns false if none are left: then the tables are dropped. */
  move(limit: number, target: LegacyTarget): boolean {
    const rows = this.#oldest.all(limit) as Row[];
    for (const row of rows) this.#moveRow(row, target);
    const last = rows.at(-1);
    if (last) this.#db.prepare('DELETE FROM events WHERE eid <= ?').run(Number(last.eid));
    if (rows.length === limit) return true;
    for (const table of ['events', 'links', 'documents', 'epochs']) this.#db.exec(`DROP TABLE IF EXISTS ${table}`);
    return false;
  }

  /** Resets the state after a failed transaction. */
  forget(): void {
    this.#links.clear();
    this.#documents.clear();
  }

  #moveRow(row: Row, target: LegacyTarget): void {
    const facts: FactValue[] = new Array(Math.max(...Object.values(FACT)) + 1).fill(null);
    for (const [name, column] of Object.entries(SAME)) facts[FACT[name as FactName]] = row[column] ?? null;
    const [eid, timeMs] = [Number(row.eid), Number(row.time_ms)];
    facts[FACT.start] = Number(row.start_ms) / 10;
    facts[FACT.exitStatus] = exitStatusOf(row);
    // If `interactive` was stored, it was known what was executed.
    facts[FACT.known] = row.interactive === null ? 0 : 1;
    const mode = String(row.mode ?? '');
    facts[FACT.mode] = mode === '' ? null : Number.parseInt(mode, 8);
    facts[FACT.args] = (JSON.parse(String(row.args || '[]')) as string[]).join('\0');
    facts[FACT.argsCut] = row.overflows === 'cmdline' ? 1 : 0;
    target.beginRow(eid);
    for (const [name, column] of Object.entries(LINKS)) {
      facts[FACT[name as FactName]] = this.#moveLink(row[column], target);
    }
    for (const [name, { column, factsOf }] of Object.entries(DOCUMENTS)) {
      facts[FACT[name as FactName]] = this.#moveDocument(row[column], target, factsOf);
    }
    const text = JSON.stringify(facts);
    const [pid, parent] = [Number(row.pid), Number(row.parent)];
    target.addLine({ eid, timeMs, pid, parent, bytes: Buffer.byteLength(text) }, text);
  }

  #moveLink(id: Row[string], target: LegacyTarget): number | null {
    const pending: { id: number; row: Row }[] = [];
    let above: number | null = null;
    for (let next = id; next !== null && next !== undefined; ) {
      const known = this.#links.get(Number(next));
      if (known !== undefined) {
        above = known;
        break;
      }
      const row = this.#readLink.get(next) as Row | undefined;
      if (!row) break;
      pending.push({ id: Number(next), row });
      next = row.above;
    }
    for (const one of pending.reverse()) {
      above = target.addShared(JSON.stringify(linkFactsOf(one.row)), above);
      remember(this.#links, one.id, above);
    }
    return above;
  }

  #moveDocument(id: Row[string], target: LegacyTarget, factsOf: (text: string) => unknown): number | null {
    if (id === null || id === undefined) return null;
    const known = this.#documents.get(Number(id));
    if (known !== undefined) return known;
    const text = this.#readDocument.get(id)?.text;
    if (typeof text !== 'string') return null;
    const moved = target.addShared(JSON.stringify(factsOf(text)), null);
    remember(this.#documents, Number(id), moved);
    return moved;
  }
}

function remember(ids: Map<number, number>, theirs: number, ours: number): void {
  if (ids.size >= REMEMBERED_IDS) ids.clear();
  ids.set(theirs, ours);
}

/** In the form of wait(2). A signal was stored in its own column; then the exit code is 128 plus the signal. */
function exitStatusOf({ exit_code: code, signal }: Row): number | null {
  if (code === null || code === undefined) return null;
  return signal === null || signal === undefined ? Number(code) << 8 : Number(signal);
}

interface LegacyLink {
  readonly pid: number;
  readonly start: number;
  readonly name: string;
  readonly cwd: string;
  readonly tty: string;
  readonly args: readonly string[];
  readonly argsCount?: number;
  readonly uid?: number;
  readonly root?: string;
  readonly known: boolean;
  readonly groupLeader?: ProcessRef;
  readonly sessionLeader?: ProcessRef;
  readonly credentials: LegacyCredentials;
}

function linkFactsOf(row: Row): AncestorFacts {
  const link = JSON.parse(String(row.json)) as LegacyLink;
  const ancestor = String(row.ancestor);
  const { ppid, pproc_time_hr } = JSON.parse(ancestor) as { ppid?: number; pproc_time_hr?: number };
  const { args, uid, root = '', credentials, ...same } = link;
  return {
    ...same,
    entityId: String(row.entity_id),
    path: String(row.path),
    ppid: ppid ?? 0,
    creatorStart: pproc_time_hr ?? 0,
    root,
    args: args.join('\0'),
    cmdlineMax: 0,
    credentials: { ...credentialFactsOf(credentials), uid, euid: row.euid === null ? undefined : Number(row.euid) },
    ancestor,
  };
}

interface LegacyId {
  readonly id?: string;
  readonly name?: string;
}

interface LegacyCredentials {
  readonly user?: LegacyId;
  readonly group?: LegacyId;
  readonly real_user?: LegacyId;
  readonly real_group?: LegacyId;
  readonly saved_user?: LegacyId;
  readonly saved_group?: LegacyId;
  readonly supplemental_groups?: readonly LegacyId[];
}

/** Parses credentials from the members of an object, without braces. */
function credentialsOf(text: string): CredentialFacts {
  return credentialFactsOf(JSON.parse(`{${text}}`) as LegacyCredentials);
}

function credentialFactsOf(of: LegacyCredentials): CredentialFacts {
  const idOf = (one: LegacyId | undefined) => (one?.id === undefined ? undefined : Number(one.id));
  const groups = of.supplemental_groups;
  return {
    uid: idOf(of.real_user),
    euid: idOf(of.user),
    suid: idOf(of.saved_user),
    gid: idOf(of.real_group),
    egid: idOf(of.group),
    sgid: idOf(of.saved_group),
    ...(groups ? { groups: groups.map((group) => Number(group.id)) } : {}),
    userNames: namesOf([of.user, of.real_user, of.saved_user]),
    groupNames: namesOf([of.group, of.real_group, of.saved_group, ...(groups ?? [])]),
  };
}

function namesOf(ids: readonly (LegacyId | undefined)[]): Record<string, string> | undefined {
  const named = ids.flatMap((one) => (one?.id === undefined || one.name === undefined ? [] : [[one.id, one.name]]));
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

function previousOf(text: string): PreviousImageFacts[] {
  const images = JSON.parse(text) as { executable?: string; args?: string[]; args_count?: number }[];
  return images.map(({ executable = '', args = [], args_count: argsCount }) => ({
    path: executable,
    args: args.join('\0'),
    argsCount,
  }));
}

function hostOf(text: string): HostFacts {
  const host = JSON.parse(text) as Partial<Omit<HostFacts, 'os'>> & {
    readonly boot?: { readonly id?: string };
    readonly os?: Partial<HostFacts['os']> & { readonly kernel?: string };
  };
  const { os = {} } = host;
  return {
    id: host.id ?? '',
    bootId: host.boot?.id ?? '',
    hostname: host.hostname ?? '',
    architecture: host.architecture ?? '',
    kernel: os.kernel ?? '',
    ip: host.ip ?? [],
    mac: host.mac ?? [],
    os: {
      family: os.family ?? '',
      name: os.name ?? '',
      version: os.version ?? '',
      platform: os.platform ?? '',
      full: os.full ?? '',
    },
  };
}
