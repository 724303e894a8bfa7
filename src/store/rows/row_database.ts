/**
 * Rows in one SQLite database, in a file or in memory. It has no logic for queues, expiry or readers. Throws the errors of SQLite.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { collectGarbage } from '../../memory/collect_garbage.ts';
import { CREATORS_IMAGE, type SharedFacts } from '../../process/session_context.ts';
import type { PublishedEvent } from '../../process/tree.ts';
import { type DiskBudget, diskBudget } from '../disk_budget.ts';
import type { EidRange } from '../eid_range.ts';
import {
  CREATORS_IMAGE_ID,
  type EventFacts,
  FACT,
  FACTS_VERSION,
  factsOf,
  lineOf,
  type SharedIds,
} from './event_facts.ts';
import { LegacyRows } from './legacy_rows.ts';
import { prepareSchema } from './schema.ts';
import { asKeys, lastEidOf, type Segment, type SegmentRow, Segments, type StoredSegment } from './segments.ts';
import { SharedFactsTable } from './shared_facts.ts';
import { SharedReader } from './shared_reader.ts';
import { StoredEvent } from './stored_event.ts';

/** The conditions of a query. The result has all matching rows, and may have others. */
export interface Search {
  /** A row matches any of them; undefined for all rows. */
  readonly eids?: ReadonlySet<number> | undefined;
  readonly pids?: ReadonlySet<number> | undefined;
  readonly parents?: ReadonlySet<number> | undefined;
  /** Unix ms. */
  readonly times?: { readonly minMs: number; readonly maxMs: number } | undefined;
}

/** An event with its eid. */
export interface NumberedEvent {
  readonly eid: number;
  readonly event: PublishedEvent;
}

export interface StoredSubscriber {
  readonly name: string;
  /** It has certainly logged all rows up to this eid. */
  readonly confirmedEid: number;
  /** Rows up to this eid were sent to `reader`. */
  readonly lastEid: number;
  readonly reader: string;
  readonly firstReadMs: number;
  readonly lastReadMs: number;
  readonly lostRows: number;
}

/** Approximate size of a row on disk in addition to its line. */
const ROW_BYTES = 16;
/** sqlite.org/pragma.html, auto_vacuum */
const INCREMENTAL = 2;
/** A segment of so many bytes is one long row. Garbage is collected after so many bytes of them were read. */
const LONG_BYTES = 256 * 1024;
const COLLECT_BYTES = 4 * 1024 * 1024;
/** Segments that are deleted in one go. */
const DELETED_TOGETHER = 16;
/** Separator of lines. A line of JSON cannot contain it. */
const BETWEEN = '\n';

/** A segment that takes more rows, with its lines. */
interface OpenSegment {
  readonly segment: Segment;
  lines: string;
}

/** Shared facts that were copied from another database in one generation: our ids by the ids there. */
interface Copied {
  readonly from: RowDatabase;
  readonly generation: number;
  readonly ids: Map<number, number>;
}

export class RowDatabase {
  /** Whether the database did not exist before. */
  readonly isNew: boolean;
  readonly #db: DatabaseSync;
  readonly #segments = new Segments();
  readonly #shared: SharedFactsTable;
  readonly #reader: SharedReader;
  readonly #putSegment: StatementSync;
  readonly #readLines: StatementSync;
  readonly #deleteSegments: StatementSync;
  readonly #putLast: StatementSync;
  readonly #readPageCount: StatementSync;
  readonly #readFreePages: StatementSync;
  readonly #pageBytes: number;
  readonly #ids: SharedIds = {
    ...{ creator: null, groupLeader: null, sessionLeader: null, entryLeader: null },
    ...{ credentials: null, credentialsBefore: null, previous: null, host: null, container: null },
  };
  #open: OpenSegment | undefined;
  /** Segments with rows that are not written yet. */
  readonly #changed: OpenSegment[] = [];
  /** Number of removed segments that are still in the file. */
  #undeleted = 0;
  /** There may be shared facts that no row uses. */
  #areFactsUnneeded = true;
  #copied: Copied | undefined;
  #legacy: LegacyRows | undefined;
  #budget: DiskBudget = diskBudget(Number.MAX_SAFE_INTEGER);
  #cutRows = 0;
  #lastEid = 0;
  #writtenBytes = 0;
  /** Of long rows, since garbage was collected last. */
  #longBytesRead = 0;

  /** @param path a file, which is created if it does not exist, or `:memory:` */
  constructor(path: string) {
    // Another connection holds a lock only for the end of a checkpoint.
    this.#db = new DatabaseSync(path, { timeout: 20 });
    try {
      // NORMAL: a commit does not wait for the disk. A power failure may lose the last commits, but does not damage the database.
      this.#db.exec(
        'PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0',
      );
      this.#db.exec('PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY');
      this.isNew = prepareSchema(this.#db) === 0;
      this.#shared = new SharedFactsTable(this.#db);
      this.#reader = new SharedReader((id) => this.#shared.find(id));
      // Nothing reads answer_bytes any more.
      this.#putSegment = this.#db.prepare(
        `INSERT OR REPLACE INTO segments (first_eid, version, row_count, min_ms, max_ms, answer_bytes, keys, lines)
         VALUES (?, ${FACTS_VERSION}, ?, ?, ?, 0, ?, ?)`,
      );
      this.#readLines = this.#db.prepare('SELECT lines FROM segments WHERE first_eid = ?');
      this.#deleteSegments = this.#db.prepare('DELETE FROM segments WHERE first_eid < ?');
      this.#putLast = this.#db.prepare('UPDATE last_row SET eid = ?, discarded_eid = ?');
      this.#readPageCount = this.#db.prepare('PRAGMA page_count');
      this.#readFreePages = this.#db.prepare('PRAGMA freelist_count');
      this.#pageBytes = this.#number('PRAGMA page_size');
      if (LegacyRows.areIn(this.#db)) this.#legacy = new LegacyRows(this.#db);
      this.#load();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get rows(): number {
    return this.#segments.rows;
  }

  /** Approximate bytes of rows written since the database was opened. The used size has not grown by more. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Size of the pages in use. Free pages are reused, or returned by `giveBack`. */
  get usedBytes(): number {
    return this.fileBytes - this.freeBytes;
  }

  get freeBytes(): number {
    return Number(this.#readFreePages.get()?.freelist_count) * this.#pageBytes;
  }

  /** Size of all pages after a checkpoint. */
  get fileBytes(): number {
    return Number(this.#readPageCount.get()?.page_count) * this.#pageBytes;
  }

  /** Whether free pages can be returned to the disk; false for a database of an earlier version. */
  get canShrink(): boolean {
    return this.#number('PRAGMA auto_vacuum') === INCREMENTAL;
  }

  /** Rows whose arguments were cut because the row was too large for the database. */
  get cutRows(): number {
    return this.#cutRows;
  }

  set budget(budget: DiskBudget) {
    this.#budget = budget;
  }

  /** The eid of the last row that was ever stored; 0 if there was none. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** Rows up to this eid are removed. */
  get discardedEid(): number {
    return this.#segments.floorEid;
  }

  /**
   * Writes the first events in one transaction: as many as fit, and at least one. Returns how many. Writes none if it throws.
   * `host` is the host of the events.
   */
  insert(events: readonly NumberedEvent[], host?: SharedFacts): number {
    let count = 0;
    this.#change(() => {
      let batchBytes = 0;
      const { batchBytes: most } = this.#budget;
      while (count < events.length && batchBytes <= most) {
        const { eid, event } = events[count] as NumberedEvent;
        batchBytes += this.#insertOne(eid, event, host);
        count++;
      }
      this.#writeChanged();
    });
    return count;
  }

  /** Moves the oldest rows of another database to this one. Returns how many: 0 if there are no more. */
  takeOldest(from: RowDatabase, limit: number): number {
    let count = 0;
    let last = 0;
    let bytes = 0;
    this.#change(() => {
      for (const event of from.select({}, WHOLE)) {
        if (count >= limit || bytes > this.#budget.batchBytes) break;
        if (!event) continue;
        const facts = [...event.facts];
        const { eid } = event;
        const generation = this.#shared.beginRow(eid, this.#budget.generationBytes);
        const isSame = this.#copied?.from === from && this.#copied.generation === generation;
        const copied = isSame && this.#copied ? this.#copied : { from, generation, ids: new Map<number, number>() };
        this.#copied = copied;
        for (const name of SHARED) facts[FACT[name]] = this.#copyShared(copied, facts[FACT[name]]);
        bytes += this.#addFacts(facts);
        last = eid;
        count++;
      }
      this.#writeChanged();
    });
    if (count > 0) {
      from.letGo(last);
      from.deleteGone(false);
    } else {
      this.#copied = undefined;
    }
    return count;
  }

  /** Whether there are rows in the form of an earlier version. */
  get hasLegacyRows(): boolean {
    return this.#legacy !== undefined;
  }

  /** Converts at most `limit` of them. Returns false if there are no more. */
  moveLegacyRows(limit: number): boolean {
    let areMore = false;
    this.#change(() => {
      areMore =
        this.#legacy?.move(limit, {
          beginRow: (eid) => this.#shared.beginRow(eid, this.#budget.generationBytes),
          addShared: (facts, above) => this.#shared.add(facts, above),
          addLine: (row, text) => this.#addLine(row, text),
        }) ?? false;
      this.#writeChanged();
    });
    if (!areMore) this.#legacy = undefined;
    return areMore;
  }

  /**
   * Rows that may match, in the order of their eids. `undefined` is a pause in a long search. Rows that are removed during the
   * search are left out.
   */
  *select(search: Search, range: EidRange): IterableIterator<StoredEvent | undefined> {
    const { times, eids } = search;
    const pids = search.pids && asKeys(search.pids);
    const parents = search.parents && asKeys(search.parents);
    for (const segment of this.#segments.withKeys(eids ? narrowed(range, eids) : range, pids, parents)) {
      if (times && (segment.minMs > times.maxMs || segment.maxMs < times.minMs)) continue;
      const places = this.#placesOf(segment, range, { eids, pids, parents });
      if (places.length === 0) continue;
      const lines = this.#linesOf(segment);
      if (!lines) continue;
      for (const place of places) {
        yield new StoredEvent(factsOf(lines[place] ?? ''), this.#reader);
      }
      this.#collect(segment.bytes);
      yield undefined;
    }
  }

  /** Number of rows in a range. */
  count(range: EidRange): number {
    return this.#segments.count(range);
  }

  /**
   * The eid up to which the oldest rows must be removed to remove this many rows and bytes: exactly this many rows, but bytes in
   * complete segments. Checks at most `limit` rows.
   */
  eidToDrop(rows: number, bytes: number, limit: number): number | undefined {
    let last: number | undefined;
    let [leftRows, leftBytes, leftLimit] = [rows, bytes, limit];
    for (const segment of this.#segments.within(WHOLE)) {
      if ((leftRows <= 0 && leftBytes <= 0) || leftLimit <= 0) break;
      const { begin, end } = this.#segments.placesIn(segment, WHOLE);
      const count = leftBytes > 0 ? end - begin : Math.min(end - begin, leftRows);
      last = segment.firstEid + begin + count - 1;
      leftRows -= count;
      leftLimit -= count;
      leftBytes -= segment.bytes + ROW_BYTES * segment.rows;
    }
    return last;
  }

  /** Removes some shared facts that no row uses any more. Returns whether there may be more. */
  dropUnneeded(): boolean {
    if (!this.#areFactsUnneeded) return false;
    let areMore = false;
    this.#change(() => {
      areMore = this.#shared.dropUnneeded(this.#segments.firstEid);
      // Removed rows that are still in the file must not come back without their facts.
      this.#putLast.run(this.#lastEid, this.discardedEid);
    });
    this.#areFactsUnneeded = areMore;
    return areMore;
  }

  /** Returns free pages to the disk, at most `bytes`. Returns whether the file became shorter. */
  giveBack(bytes: number): boolean {
    const before = this.fileBytes;
    this.#db.exec(`PRAGMA incremental_vacuum(${Math.max(1, Math.floor(bytes / this.#pageBytes))})`);
    return this.fileBytes < before;
  }

  /**
   * The eid up to which rows are older than `unixMs`; undefined if there are none. Rows from after `nowMs` are skipped, because the
   * clock was wrong. Checks about `limit` rows.
   */
  eidBefore(unixMs: number, nowMs: number, limit: number): number | undefined {
    let last: number | undefined;
    let left = limit;
    for (const segment of this.#segments.within(WHOLE)) {
      if (left <= 0) break;
      left -= segment.rows;
      if (segment.maxMs < unixMs) {
        last = lastEidOf(segment);
        continue;
      }
      if (segment.minMs >= unixMs && segment.maxMs <= nowMs) break;
      for (const line of this.#linesOf(segment) ?? []) {
        const facts = factsOf(line);
        const timeMs = Number(facts[FACT.timeMs]);
        if (timeMs < unixMs) last = Number(facts[FACT.eid]);
        else if (timeMs <= nowMs) return last;
      }
    }
    return last;
  }

  /** Removes rows from the index: no search finds them any more. Returns how many. `deleteGone` deletes them from the file. */
  letGo(eid: number): number {
    const before = this.#segments.size;
    const gone = this.#segments.removeUpTo(eid);
    this.#undeleted += before - this.#segments.size;
    return gone;
  }

  /** Deletes removed rows from the file if they are many segments, or in any case with `atOnce`. */
  deleteGone(atOnce: boolean): void {
    if (this.#undeleted < (atOnce ? 1 : DELETED_TOGETHER)) return;
    this.#change(() => {
      this.#deleteSegments.run(this.#segments.firstEid);
      this.#putLast.run(this.#lastEid, this.discardedEid);
    });
    this.#undeleted = 0;
    this.#areFactsUnneeded = true;
  }

  subscribers(): StoredSubscriber[] {
    return this.#db
      .prepare('SELECT * FROM subscribers')
      .all()
      .map((row) => ({
        name: String(row.name),
        confirmedEid: Number(row.confirmed_eid),
        lastEid: Number(row.last_eid),
        reader: String(row.reader),
        // Rows of earlier versions have no first_read_ms: such a subscriber counts as long in use.
        firstReadMs: Number(row.first_read_ms ?? 0),
        lastReadMs: Number(row.last_read_ms),
        lostRows: Number(row.lost_rows),
      }));
  }

  /** Writes all of them, or none if it throws. */
  putSubscribers(subscribers: Iterable<StoredSubscriber>): void {
    this.#change(() => this.#putSubscribers(subscribers));
  }

  removeSubscriber(name: string): void {
    this.#db.prepare('DELETE FROM subscribers WHERE name = ?').run(name);
  }

  /** Replaces all subscribers. Always writes. */
  replaceSubscribers(subscribers: Iterable<StoredSubscriber>): void {
    this.#change(() => {
      this.#db.exec('DELETE FROM subscribers');
      this.#putSubscribers(subscribers);
      this.#putLast.run(this.#lastEid, this.discardedEid);
    });
  }

  /** Closes the database. Ignores errors of the deletion: the rows are removed again when the database is opened. */
  close(): void {
    try {
      this.deleteGone(true);
    } catch {
      // The disk is full or fails, or another program has locked it.
    }
    this.#db.close();
  }

  #load(): void {
    const rows = this.#db
      .prepare(
        'SELECT first_eid, row_count, min_ms, max_ms, octet_length(lines) AS bytes, keys FROM segments ORDER BY first_eid',
      )
      .all();
    const last = this.#db.prepare('SELECT eid, discarded_eid FROM last_row').get();
    const segments = rows.map(
      (row): StoredSegment => ({
        firstEid: Number(row.first_eid),
        rows: Number(row.row_count),
        bytes: Number(row.bytes),
        minMs: Number(row.min_ms),
        maxMs: Number(row.max_ms),
        keys: row.keys as Uint8Array,
      }),
    );
    this.#segments.load(segments, Number(last?.discarded_eid));
    this.#undeleted = segments.length - this.#segments.size;
    const newest = segments.at(-1);
    this.#lastEid = Math.max(Number(last?.eid), newest ? lastEidOf(newest) : 0);
    this.#shared.load();
  }

  #insertOne(eid: number, event: PublishedEvent, host: SharedFacts | undefined): number {
    const shared = this.#shared;
    const { rowBytes, generationBytes } = this.#budget;
    shared.beginRow(eid, generationBytes);
    const { context } = event;
    const ids = this.#ids;
    ids.creator = shared.idOfAncestor(context.creator, rowBytes);
    ids.groupLeader = shared.idOfAncestor(context.groupLeader, rowBytes);
    ids.sessionLeader = shared.idOfAncestor(context.sessionLeader, rowBytes);
    ids.entryLeader = shared.idOfAncestor(context.entryLeader, rowBytes);
    ids.credentials = shared.idOf(context.credentials);
    ids.credentialsBefore = shared.idOf(context.credentialsBefore);
    ids.previous = context.previous === CREATORS_IMAGE ? CREATORS_IMAGE_ID : shared.idOf(context.previous);
    ids.host = shared.idOf(event.host ?? host);
    ids.container = shared.idOf(event.container);
    const { text, bytes, isCut } = lineOf(eid, event, ids, rowBytes);
    if (isCut) this.#cutRows++;
    const timeMs = Math.floor(event.unixMs);
    this.#addLine({ eid, timeMs, pid: event.process.pid, parent: event.ppid, bytes }, text);
    return this.#wrote(bytes + ROW_BYTES + shared.takeAddedBytes());
  }

  #addFacts(facts: EventFacts): number {
    const text = JSON.stringify(facts);
    const number = (name: keyof typeof FACT) => Number(facts[FACT[name]]);
    const bytes = Buffer.byteLength(text);
    this.#addLine(
      {
        ...{ eid: number('eid'), timeMs: number('timeMs'), pid: number('pid'), parent: number('parent') },
        bytes,
      },
      text,
    );
    return this.#wrote(bytes + ROW_BYTES + this.#shared.takeAddedBytes());
  }

  #wrote(bytes: number): number {
    this.#writtenBytes += bytes;
    return bytes;
  }

  #addLine(row: SegmentRow, text: string): void {
    const segment = this.#segments.add(row);
    let open = this.#open;
    if (open?.segment === segment) {
      open.lines += BETWEEN + text;
    } else {
      open = { segment, lines: text };
      this.#open = open;
    }
    if (this.#changed.at(-1) !== open) this.#changed.push(open);
    this.#lastEid = Math.max(this.#lastEid, row.eid);
  }

  #writeChanged(): void {
    for (const { segment, lines } of this.#changed) {
      const { firstEid, rows, minMs, maxMs } = segment;
      this.#putSegment.run(firstEid, rows, minMs, maxMs, this.#segments.keysOf(segment), lines);
    }
    this.#changed.length = 0;
    this.#segments.endWrite();
    this.#shared.writeChanged();
  }

  /** Undefined if the segment was removed. */
  #linesOf({ firstEid }: Segment): string[] | undefined {
    const lines = this.#readLines.get(firstEid)?.lines;
    return typeof lines === 'string' ? lines.split(BETWEEN) : undefined;
  }

  /** Collects what reading long rows leaves behind: V8 would let it grow by tens of megabytes first. */
  #collect(bytes: number): void {
    if (bytes < LONG_BYTES) return;
    this.#longBytesRead += bytes;
    if (this.#longBytesRead < COLLECT_BYTES) return;
    this.#longBytesRead = 0;
    collectGarbage({ type: 'major' });
  }

  #placesOf(segment: Segment, range: EidRange, { eids, pids, parents }: Search): number[] {
    const { begin, end } = this.#segments.placesIn(segment, range);
    const places: number[] = [];
    for (let place = begin; place < end; place++) {
      if (pids && !this.#segments.hasKey(segment, place, 0, pids)) continue;
      if (parents && !this.#segments.hasKey(segment, place, 1, parents)) continue;
      if (eids && !eids.has(segment.firstEid + place)) continue;
      places.push(place);
    }
    return places;
  }

  #copyShared({ from, ids }: Copied, id: unknown): number | null {
    if (id === CREATORS_IMAGE_ID) return CREATORS_IMAGE_ID;
    const pending: { id: number; facts: string }[] = [];
    let above: number | null = null;
    for (let next = id as number | null | undefined; next !== null && next !== undefined; ) {
      const known = ids.get(next);
      if (known !== undefined) {
        above = known;
        break;
      }
      const found = from.#reader.found(next);
      pending.push({ id: next, facts: found.facts });
      next = found.above;
    }
    for (const { id: theirs, facts } of pending.reverse()) {
      above = this.#shared.add(facts, above);
      ids.set(theirs, above);
    }
    return above;
  }

  #putSubscribers(subscribers: Iterable<StoredSubscriber>): void {
    const columns = 'name, confirmed_eid, last_eid, reader, first_read_ms, last_read_ms, lost_rows';
    const put = this.#db.prepare(`INSERT OR REPLACE INTO subscribers (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`);
    for (const { name, confirmedEid, lastEid, reader, firstReadMs, lastReadMs, lostRows } of subscribers) {
      put.run(name, confirmedEid, lastEid, reader, firstReadMs, lastReadMs, lostRows);
    }
  }

  /** Runs work in a transaction. If it fails, the state in memory is rolled back too. */
  #change(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    const mark = this.#segments.mark();
    const sharedMark = this.#shared.mark();
    const [lastEid, cutRows] = [this.#lastEid, this.#cutRows];
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#segments.rollBack(mark);
      this.#lastEid = lastEid;
      this.#cutRows = cutRows;
      this.#open = undefined;
      this.#changed.length = 0;
      this.#copied = undefined;
      this.#legacy?.forget();
      this.#shared.rollBack(sharedMark);
      try {
        // A full disk may have ended the transaction already.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      } catch {
        // The first error is more useful.
      }
      throw error;
    }
  }

  #number(sql: string, ...params: SQLInputValue[]): number {
    return Number(Object.values(this.#db.prepare(sql).get(...params) ?? {})[0]);
  }
}

const WHOLE: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const SHARED = [
  ...(['creator', 'groupLeader', 'sessionLeader', 'entryLeader'] as const),
  ...(['credentials', 'credentialsBefore', 'previous', 'host', 'container'] as const),
] as const;

/** The part of a range that can contain these eids. */
function narrowed({ after, upTo }: EidRange, eids: ReadonlySet<number>): EidRange {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const eid of eids) {
    if (eid < least) least = eid;
    if (eid > most) most = eid;
  }
  return { after: Math.max(after, least - 1), upTo: Math.min(upTo, most) };
}
