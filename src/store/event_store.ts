/**
 * The execs that can be asked for: the newest ones, up to a number and an age, in memory, with the look-ups that joins
 * need. A row is never changed once it is in.
 */

import type { ExecDetails } from '../collect/event.ts';
import type { Image } from '../process/image.ts';
import type { PublishedExec } from '../process/tree.ts';

/** One row: what was published, without the processes themselves, which the tree may let go. */
export interface StoredExec {
  /** Event id: counts up from 1, in the order of publication. */
  readonly eid: number;
  readonly pid: number;
  readonly ppid: number;
  /** Undefined when nobody can tell what was executed. */
  readonly details: ExecDetails | undefined;
  readonly parentImage: Image | undefined;
  readonly entityId: string;
  readonly parentEntityId: string;
  /** JSON objects, joined by commas. */
  readonly ancestors: string;
  readonly ancestryDepth: number;
  readonly ancestryTruncated: boolean;
  readonly ancestryComplete: boolean;
  readonly pidNamespace: number | undefined;
  /** The process's start in Unix seconds. */
  readonly startUnixSeconds: number;
  readonly unixMs: number;
  readonly bootMs: number;
}

export interface EventStoreSettings {
  readonly maxRows: number;
  /** Of memory, about. */
  readonly maxBytes: number;
  readonly expirySeconds: number;
}

/** Which rows may be wanted: any of the values, of all the keys that are given. */
export interface Lookup {
  readonly eid?: readonly number[];
  readonly pid?: readonly number[];
  readonly ppid?: readonly number[];
  readonly entityId?: readonly string[];
}

/** A text as COLLATE NOCASE and RTRIM see it: a look-up must not miss what they would find. */
const collated = (text: string): string => text.trimEnd().toLowerCase();

/** Rows by one of their values. Rows come and go in the order of their eid, so each list is ordered too. */
class Index<Key> {
  readonly #lists = new Map<Key, { rows: StoredExec[]; gone: number }>();

  add(key: Key, row: StoredExec): void {
    const list = this.#lists.get(key);
    if (list) list.rows.push(row);
    else this.#lists.set(key, { rows: [row], gone: 0 });
  }

  removeOldest(key: Key): void {
    const list = this.#lists.get(key);
    if (!list) return;
    list.gone++;
    if (list.gone === list.rows.length) {
      this.#lists.delete(key);
    } else if (list.gone > 64 && list.gone * 2 > list.rows.length) {
      // Now and then, because taking one from the front of a long array moves all the others.
      list.rows = list.rows.slice(list.gone);
      list.gone = 0;
    }
  }

  get(keys: readonly Key[]): StoredExec[] {
    return [...new Set(keys)].flatMap((key) => {
      const list = this.#lists.get(key);
      return list ? list.rows.slice(list.gone) : [];
    });
  }
}

/** What a row takes in memory beside its texts, measured: 50,000 rows make 140 MB. */
const ROW_BYTES = 2500;

function weightOf({ details }: StoredExec): number {
  return ROW_BYTES + (details ? details.args.length + details.path.length + details.cwd.length : 0);
}

export class EventStore {
  #settings: EventStoreSettings;
  readonly #rows = new Map<number, StoredExec>();
  readonly #byPid = new Index<number>();
  readonly #byParent = new Index<number>();
  readonly #byEntityId = new Index<string>();
  #lastEid = 0;
  #bytes = 0;
  #discarded = 0;

  constructor(settings: EventStoreSettings) {
    this.#settings = settings;
  }

  configure(settings: EventStoreSettings): void {
    this.#settings = settings;
    this.#trim();
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Rows that made room for newer ones, or were too old. */
  get discarded(): number {
    return this.#discarded;
  }

  add(exec: PublishedExec): StoredExec {
    const { process, ancestry } = exec;
    const row: StoredExec = {
      eid: ++this.#lastEid,
      pid: process.pid,
      ppid: exec.ppid,
      details: exec.details,
      parentImage: exec.creator?.image,
      entityId: exec.entityId,
      parentEntityId: exec.parentEntityId,
      ancestors: ancestry.objects,
      ancestryDepth: ancestry.depth,
      ancestryTruncated: ancestry.truncated,
      ancestryComplete: ancestry.complete,
      pidNamespace: exec.pidNamespace,
      startUnixSeconds: Math.floor(process.startUnixHundredths / 100),
      unixMs: exec.unixMs,
      bootMs: exec.bootMs,
    };
    this.#rows.set(row.eid, row);
    this.#bytes += weightOf(row);
    this.#byPid.add(row.pid, row);
    this.#byParent.add(row.ppid, row);
    this.#byEntityId.add(collated(row.entityId), row);
    this.#trim();
    return row;
  }

  /** Lets go of what is older than the expiry. `nowUnixMs` is the time of the source: of the log in a replay. */
  expire(nowUnixMs: number): void {
    const oldest = nowUnixMs - this.#settings.expirySeconds * 1000;
    for (const row of this.#rows.values()) {
      if (row.unixMs >= oldest) return;
      this.#remove(row);
    }
  }

  /** The rows that a look-up may mean, oldest first; without any key all that are there now. */
  *select(lookup: Lookup): IterableIterator<StoredExec> {
    if (lookup.eid) {
      for (const eid of [...new Set(lookup.eid)].sort((a, b) => a - b)) {
        const row = this.#rows.get(eid);
        if (row) yield row;
      }
    } else if (lookup.entityId) {
      yield* this.#byEntityId.get(lookup.entityId.map(collated));
    } else if (lookup.pid) {
      yield* this.#byPid.get(lookup.pid);
    } else if (lookup.ppid) {
      yield* this.#byParent.get(lookup.ppid);
    } else {
      const last = this.#lastEid;
      for (const row of this.#rows.values()) {
        if (row.eid > last) return;
        yield row;
      }
    }
  }

  #trim(): void {
    while (this.#rows.size > this.#settings.maxRows || this.#bytes > this.#settings.maxBytes) {
      const oldest = this.#rows.values().next();
      if (oldest.done) return;
      this.#remove(oldest.value);
    }
  }

  #remove(row: StoredExec): void {
    this.#rows.delete(row.eid);
    this.#bytes -= weightOf(row);
    this.#byPid.removeOldest(row.pid);
    this.#byParent.removeOldest(row.ppid);
    this.#byEntityId.removeOldest(collated(row.entityId));
    this.#discarded++;
  }
}
