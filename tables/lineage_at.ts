/**
 * The ancestors of each process that had a pid in a second of the past: from memory, and from stored rows where memory does not know who
 * had the pid for the whole second. A stored row names its own process and the creator of it.
 */
import type { Pid } from '../src/collect/event.ts';
import { MS_PER_TICK } from '../src/linux/clock_ticks.ts';
import { type Pieces, parseSqliteNumber, type QueryContext } from '../src/osquery/index.ts';
import { startTicksOf } from '../src/process/identity.ts';
import { ancestorsOf } from '../src/process/lineage_walk.ts';
import type { Process } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';
import type { EventStore } from '../src/store/event_store.ts';
import type { StoredAncestor } from '../src/store/rows/shared_reader.ts';
import { type AncestorOfRow, type AncestryRow, rememberedAncestor } from './ancestry_row.ts';
import { cgroupOf } from './lineage.ts';
import { equalNumbers, searchInPieces } from './process_ancestry_events.ts';
import { stateOf } from './process_state.ts';

/** Seconds between two pauses. */
const SECONDS_A_PIECE = 1024;

export type RowStore = Pick<EventStore, 'select'>;

/** A process that had the pid for some time. */
interface Holder {
  readonly pid: Pid;
  readonly entityId: string;
  /** In hundredths of Unix seconds. */
  readonly start: number;
  /** Unix ms; infinite while it runs, undefined if unknown. */
  endMs: number | undefined;
  /** From the creator up. */
  readonly ancestors: () => Iterable<AncestorOfRow>;
}

/** The holders of one pid in one boot, by entity id. */
type Holders = Map<string, Holder>;

/** The boot in an entity id. */
const bootOf = (entityId: string) => entityId.slice(0, entityId.indexOf('.'));

/** By boot and pid: pids are unique in a boot. */
class HoldersByPid {
  readonly #groups = new Map<string, Holders>();

  /** Of the boot and the pid of a process. */
  of(pid: number, entityId: string): Holders {
    const key = `${bootOf(entityId)} ${pid}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = new Map();
      this.#groups.set(key, group);
    }
    return group;
  }

  groups(): Iterable<Holders> {
    return this.#groups.values();
  }
}

/**
 * The seconds that the constraints on `at` equal; undefined for a query about now.
 *
 * @throws {Error} the query needs `at`, but SQLite does not know it yet
 */
export function* secondsAsked({ constraints, columnsUsed }: QueryContext): Pieces<ReadonlySet<number> | undefined> {
  const seconds = yield* equalNumbers(constraints.get('at'), secondOf);
  // `SELECT *` does not use a hidden column.
  if (!seconds && columnsUsed?.has('at'))
    throw new Error(
      'at needs a value: WHERE pid = … AND at = …, in a join FROM another_table CROSS JOIN process_ancestry',
    );
  return seconds;
}

/** Null for a number that no row has. */
function secondOf(expr: string): number | null {
  const number = Number(parseSqliteNumber(expr)?.value);
  // Milliseconds of a larger number would not be exact.
  return Number.isInteger(number) && Number.isSafeInteger(number * 1000) && number >= 0 ? number : null;
}

/** @throws {Error} the query names no pid */
export function* lineageAt(
  hosts: readonly ProcessTable[],
  store: RowStore,
  context: QueryContext,
  asked: ReadonlySet<number>,
  nowMs: number,
): Generator<AncestryRow | undefined> {
  if (asked.size === 0) return;
  const { pids } = yield* searchInPieces(context);
  if (!pids) throw new Error('at needs the pid or the entity_id of a process: WHERE pid = … AND at = …');
  const live = hosts.find((processes) => !processes.isRecorded);
  // What has not happened yet is not known. The times of a recorded log may be of a clock that was wrong.
  const lastMs = hosts.length > 0 && !live ? Number.POSITIVE_INFINITY : nowMs;
  const seconds: number[] = [];
  const whole = { fromMs: Number.POSITIVE_INFINITY, toMs: 0 };
  for (const second of asked) {
    if (second * 1000 > lastMs) continue;
    seconds.push(second);
    whole.fromMs = Math.min(whole.fromMs, second * 1000);
    whole.toMs = Math.max(whole.toMs, (second + 1) * 1000);
    if (seconds.length % SECONDS_A_PIECE === 0) yield undefined;
  }
  if (seconds.length === 0) return;
  const holders = new HoldersByPid();
  const open = yield* addRemembered(holders, hosts, pids, whole);
  if (open.size > 0) yield* addStored(holders, hosts, store, open);
  const boots = live && (yield* bootsOf(holders, live));
  for (const group of holders.groups()) {
    for (const [holder, endMs] of withEnds(group, boots)) {
      for (const at of seconds) {
        yield undefined;
        if (holder.start < (at + 1) * 100 && endMs >= at * 1000) yield* rowsOf(holder, at);
      }
    }
  }
}

function* rowsOf({ pid, entityId, ancestors }: Holder, at: number): Generator<AncestryRow> {
  let depth = 0;
  for (const ancestor of ancestors()) {
    depth++;
    yield { ...ancestor, process: undefined, pid, entityId, depth, at };
  }
}

/** Adds the processes in memory. Returns the pids that may have had other holders in this time. */
function* addRemembered(
  holders: HoldersByPid,
  hosts: readonly ProcessTable[],
  pids: ReadonlySet<number>,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Pieces<Set<number>> {
  const open = new Set<number>();
  for (const pid of pids) {
    yield undefined;
    let isWhole = false;
    for (const processes of hosts) {
      for (const process of processes.withPid(pid as Pid)) {
        const entityId = processes.entityIdOf(process);
        const [start, endMs] = [processes.startOf(process), endOf(process, processes)];
        const ancestors = () => rememberedAncestors(process, processes);
        holders.of(pid, entityId).set(entityId, { pid: process.pid, entityId, start, endMs, ancestors });
        isWhole ||= start * MS_PER_TICK <= fromMs && (endMs ?? 0) >= toMs;
      }
    }
    if (!isWhole) open.add(pid);
  }
  return open;
}

function* rememberedAncestors(process: Process, processes: ProcessTable): Generator<AncestorOfRow> {
  for (const { ancestor } of ancestorsOf(process)) yield rememberedAncestor(ancestor, processes);
}

function endOf({ exit, bootUnixHundredths }: Process, { isRecorded }: ProcessTable): number | undefined {
  if (!exit) return isRecorded ? undefined : Number.POSITIVE_INFINITY;
  // Without a status, no event reported the exit, and its time is not known.
  return exit.status === undefined ? undefined : bootUnixHundredths * MS_PER_TICK + exit.bootMs;
}

type Creator = StoredAncestor | undefined;

/** Adds the processes that stored rows name, if they are not in memory. */
function* addStored(
  holders: HoldersByPid,
  hosts: readonly ProcessTable[],
  store: RowStore,
  pids: ReadonlySet<number>,
): Pieces<void> {
  const add = (pid: number | undefined, entityId: string, start: number | undefined, creator: () => Creator) => {
    // The search may find rows of other pids.
    if (pid === undefined || start === undefined || !pids.has(pid)) return undefined;
    const group = holders.of(pid, entityId);
    let holder = group.get(entityId);
    if (!holder) {
      const ancestors = () => storedAncestors(creator(), hosts);
      holder = { pid: pid as Pid, entityId, start, endMs: undefined, ancestors };
      group.set(entityId, holder);
    }
    return holder;
  };
  for (const row of store.select({ pids })) {
    if (row) {
      const creator = () => row.ancestorRecord('creator');
      const holder = add(row.number('pid'), row.text('entityId'), row.number('start'), creator);
      if (holder) holder.endMs ??= row.number('endMs');
    } else {
      yield undefined;
    }
  }
  for (const row of store.select({ parents: pids })) {
    const creator = row?.ancestorRecord('creator');
    if (creator) add(creator.facts.pid, creator.facts.entityId, creator.facts.start, () => creator.above);
    else yield undefined;
  }
}

function* storedAncestors(creator: Creator, hosts: readonly ProcessTable[]): Generator<AncestorOfRow> {
  for (let one = creator; one; one = one.above) {
    const { pid, entityId, start, path, args, cwd, tty, credentials } = one.facts;
    yield {
      ancestorPid: pid as Pid,
      ancestorEntityId: entityId,
      details: { path, args, cwd, uid: credentials.uid, euid: credentials.euid },
      ancestorStartUnixSeconds: Math.floor(start / 100),
      ...presentState(pid as Pid, entityId, hosts),
      ...{ tty, cgroup: cgroupOf(one), sha256: undefined },
    };
  }
}

/** The state of a stored ancestor now; null if it is not remembered. */
function presentState(
  pid: Pid,
  entityId: string,
  hosts: readonly ProcessTable[],
): Pick<AncestorOfRow, 'state' | 'exitStatus'> {
  for (const processes of hosts) {
    const process = processes.withPid(pid).find((one) => processes.entityIdOf(one) === entityId);
    if (process) return { state: stateOf(process.exit, processes.isRecorded), exitStatus: process.exit?.status };
    if (!processes.isRecorded && !processes.isOfThisBoot(entityId)) return { state: 'exited', exitStatus: undefined };
  }
  return { state: null, exitStatus: undefined };
}

/** When boots of this host began. */
interface Boots {
  readonly live: ProcessTable;
  /** Unix ms, by the boot in entity ids. */
  readonly earlier: ReadonlyMap<string, number>;
}

function* bootsOf(holders: HoldersByPid, live: ProcessTable): Pieces<Boots> {
  const earlier = new Map<string, number>();
  for (const group of holders.groups()) {
    yield undefined;
    for (const { entityId, start } of group.values()) {
      if (live.isOfThisBoot(entityId)) break;
      const beganMs = (start - startTicksOf(entityId)) * MS_PER_TICK;
      earlier.set(bootOf(entityId), Math.min(beganMs, earlier.get(bootOf(entityId)) ?? beganMs));
    }
  }
  return { live, earlier };
}

/** When the boot after that of the process began, in Unix ms; infinite if it is the last one. */
function nextBootMs({ entityId, start }: Holder, boots: Boots | undefined): number {
  if (!boots || boots.live.isOfThisBoot(entityId)) return Number.POSITIVE_INFINITY;
  let nextMs = boots.live.bootUnixMs;
  for (const [boot, beganMs] of boots.earlier)
    if (boot !== bootOf(entityId) && beganMs > start * MS_PER_TICK) nextMs = Math.min(nextMs, beganMs);
  return nextMs;
}

/**
 * Each process of a pid with the latest time at which it can have ended, in Unix ms. If its end is not known, that is the start of the
 * next process, or the next boot.
 */
function* withEnds(group: Holders, boots: Boots | undefined): Generator<[Holder, endMs: number]> {
  let nextMs: number | undefined;
  for (const holder of [...group.values()].sort((one, other) => other.start - one.start)) {
    nextMs ??= nextBootMs(holder, boots);
    yield [holder, holder.endMs ?? nextMs];
    nextMs = holder.start * MS_PER_TICK;
  }
}
