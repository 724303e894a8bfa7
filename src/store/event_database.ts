/** Rows in one SQLite database: a file, or memory. Knows nothing of batches, ages or readers; throws what SQLite throws. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type LinkRecord, parseLinkRecord, type RecordedLink } from '../process/recorded_link.ts';
import type { SharedText } from '../process/session_context.ts';
import type { PublishedEvent } from '../process/tree.ts';
import { BLOCK_EIDS, type Block, type BlockRow, Blocks, blockOf } from './blocks.ts';
import { type DiskBudget, diskBudget } from './disk_budget.ts';
import type { EidRange } from './eid_range.ts';
import { Epochs } from './epochs.ts';
import {
  DOCUMENT_COLUMNS,
  documentsOf,
  EVENT_COLUMNS,
  LINK_COLUMNS,
  linksOf,
  type StoredValue,
  storeValues,
} from './event_columns.ts';
import { defineLinkFunctions, planRows, type RowPlan } from './link_functions.ts';
import { LinkReader, type StoredLink } from './link_reader.ts';
import { migrate } from './schema.ts';

/** What a query reads: the events are `e`, their creators `a`, the documents of credentials `c`, previous images `p` and host `h`. See link_functions.ts for those of links. */
export interface Selection {
  /** SQL expressions; a row has their values in this order. */
  readonly expressions: readonly string[];
  /** All of them hold. */
  readonly where: readonly { readonly sql: string; readonly params: readonly SQLInputValue[] }[];
  /** Values that are looked up in a list that is too long for a statement. All of them are admitted. */
  readonly filters?: readonly ValueFilter[];
  /** Those of `where` that an index serves. */
  readonly keys: readonly { readonly sql: string; readonly params: readonly SQLInputValue[] }[];
  /** Unix seconds beyond which no row is wanted. */
  readonly seconds: { readonly min: number; readonly max: number } | undefined;
}

/** A SQL expression, and which of its values are wanted. */
export interface ValueFilter {
  readonly expression: string;
  readonly admits: (value: StoredValue) => boolean;
}

export type SqlRow = readonly StoredValue[];

/** An exec with the number that it was given. */
export interface NumberedExec {
  readonly eid: number;
  readonly exec: PublishedEvent;
}

export interface StoredSubscriber {
  readonly name: string;
  /** Up to here it has all rows for sure. */
  readonly confirmedEid: number;
  /** Up to here its rows were given to this reader. */
  readonly lastEid: number;
  readonly reader: string;
  readonly firstReadMs: number;
  readonly lastReadMs: number;
  readonly lostRows: number;
}

/** What a row takes beside its texts, about, on disk. */
const ROW_BYTES = 250;
/** What a row takes in an answer beside the texts that are its own: 59 names and lengths, numbers, and three leaders. */
const ANSWER_ROW_BYTES = 2600;
/** What is looked through without a pause: so many rows under a key, and bytes of rows. */
const FEW_ROWS = 2000;
const SLICE_BYTES = 2 * 1024 * 1024;
const STATEMENTS_MAX = 128;
/** sqlite.org/pragma.html, auto_vacuum */
const INCREMENTAL = 2;
/** What is deleted without a pause: bytes of texts, and rows. */
const DELETE_BYTES = 4 * 1024 * 1024;
const DELETE_ROWS = 4096;
/** SQLite leaves out those of which a query reads nothing (sqlite.org/optoverview.html, omitted left joins). */
const FROM = `FROM events e LEFT JOIN links a ON a.id = e.creator_id LEFT JOIN documents c ON c.id = e.credentials_id
  LEFT JOIN documents p ON p.id = e.previous_id LEFT JOIN documents h ON h.id = e.host_id`;
/** Ids of documents: an event's eid times this, and which of its documents it is. */
const DOCUMENT_IDS = 8;
/** What a link takes beside its texts, about, on disk. */
const LINK_BYTES = 30;

/** A link as it is stored, without its id. */
interface LinkRow {
  readonly above: number | null;
  readonly entity_id: string;
  readonly path: string;
  readonly euid: number | null;
  readonly ancestor: string;
  readonly json: string;
}

const SHARED_COLUMNS = [...LINK_COLUMNS, ...DOCUMENT_COLUMNS];
/** Where what begins in the parameters of an insertion: eid, bytes and answer_bytes are the first. */
const LINKS_AT = 3;
const DOCUMENTS_AT = LINKS_AT + LINK_COLUMNS.length;
const VALUES_AT = DOCUMENTS_AT + DOCUMENT_COLUMNS.length;

/** Where something that rows share is stored; `epoch` is the first eid of its epoch. */
interface Stored {
  readonly id: number;
  readonly epoch: number;
}

interface ChainStored extends Stored {
  /** How many links are stored from it upwards. */
  readonly levels: number;
  /** There are no more. */
  readonly whole: boolean;
}

export class EventDatabase {
  /** There was none before. */
  readonly isNew: boolean;
  readonly #db: DatabaseSync;
  readonly #blocks = new Blocks();
  /** Statements that are not running now, by their text, the least recently used first. */
  readonly #statements = new Map<string, StatementSync>();
  readonly #insertEvent: StatementSync;
  readonly #insertLink: StatementSync;
  readonly #readLink: StatementSync;
  readonly #readWholeLink: StatementSync;
  readonly #insertDocument: StatementSync;
  readonly #putBlock: StatementSync;
  readonly #putLastEid: StatementSync;
  /** Of queries that are running now, by the number that their statements know them by. */
  readonly #filters = new Map<number, ValueFilter['admits']>();
  #nextFilter = 1;
  readonly #linkReader = new LinkReader((id) => this.#storedLink(id));
  #links = new WeakMap<RecordedLink, ChainStored>();
  #documents = new WeakMap<SharedText, Stored>();
  #nextLink = 1;
  /** Used again for each row that is stored. */
  readonly #row: StoredValue[] = new Array(VALUES_AT + EVENT_COLUMNS.length).fill(null);
  /** What of a row that is being stored is shared, and was not there yet. */
  #sharedBytes = 0;
  readonly #epochs = new Epochs();
  #budget: DiskBudget = diskBudget(Number.MAX_SAFE_INTEGER);
  #cutRows = 0;
  readonly #pageBytes: number;
  readonly #readPageCount: StatementSync;
  readonly #readFreePages: StatementSync;
  #lastEid = 0;
  #discardedEid = 0;
  /** What is known beside the rows could not be read again after a failure. */
  #isStale = false;

  /** @param path a file, which is made when it is not there, or `:memory:` */
  constructor(path: string) {
    // Another connection holds a lock only for the end of a checkpoint.
    this.#db = new DatabaseSync(path, { timeout: 20 });
    try {
      // NORMAL: a commit waits for no disk, and a power cut may take the last of them but never the whole.
      this.#db.exec(
        'PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0',
      );
      this.#db.exec('PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY');
      this.isNew = migrate(this.#db) === 0;
      const marks = (columns: readonly unknown[]) => columns.map(() => '?').join(', ');
      const names = (columns: readonly { name: string }[]) => columns.map(({ name }) => name).join(', ');
      this.#insertEvent = this.#db.prepare(
        `INSERT INTO events (eid, bytes, answer_bytes, ${SHARED_COLUMNS.join(', ')}, ${names(EVENT_COLUMNS)})
         VALUES (?, ?, ?, ${marks(SHARED_COLUMNS)}, ${marks(EVENT_COLUMNS)})`,
      );
      this.#insertDocument = this.#db.prepare('INSERT INTO documents (id, text) VALUES (?, ?)');
      this.#insertLink = this.#db.prepare(
        'INSERT INTO links (id, above, entity_id, path, euid, ancestor, json) VALUES (?, ?, ?, ?, ?, ?, ?)',
      );
      this.#readLink = this.#db.prepare('SELECT above, entity_id, ancestor FROM links WHERE id = ?');
      this.#readWholeLink = this.#db.prepare(
        'SELECT above, entity_id, path, euid, ancestor, json FROM links WHERE id = ?',
      );
      defineLinkFunctions(this.#db, this.#linkReader);
      this.#db.function('is_admitted', (filter, value) => {
        return Number(this.#filters.get(Number(filter))?.(value as StoredValue) ?? true);
      });
      this.#putBlock = this.#db.prepare(
        'INSERT OR REPLACE INTO blocks (id, row_count, bytes, answer_bytes, min_ms, max_ms) VALUES (?, ?, ?, ?, ?, ?)',
      );
      this.#putLastEid = this.#db.prepare('UPDATE last_row SET eid = ?');
      this.#readPageCount = this.#db.prepare('PRAGMA page_count');
      this.#readFreePages = this.#db.prepare('PRAGMA freelist_count');
      this.#pageBytes = this.#number('PRAGMA page_size');
      this.#reload();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get rows(): number {
    return this.#blocks.rows;
  }

  /** Of the pages that are in use; those that are free are used again, or given back by `giveBack`. */
  get usedBytes(): number {
    return this.fileBytes - this.freeBytes;
  }

  get freeBytes(): number {
    return Number(this.#readFreePages.get()?.freelist_count) * this.#pageBytes;
  }

  /** Of all pages, once the log is in the file. */
  get fileBytes(): number {
    return Number(this.#readPageCount.get()?.page_count) * this.#pageBytes;
  }

  /** Whether free pages can be given back; not in a database of an earlier version. */
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

  /** Of the last row that was ever stored; 0 when there was none. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** Of the last row that was let go since it was opened. */
  get discardedEid(): number {
    return this.#discardedEid;
  }

  /**
   * As many of the first as are to be written in one transaction, and one at least: answers how many. When it throws, none.
   * `host` is where they happened.
   */
  insert(execs: readonly NumberedExec[], host?: SharedText): number {
    let count = 0;
    this.#change(() => {
      const added: BlockRow[] = [];
      let batchBytes = 0;
      for (const { eid, exec } of execs) {
        if (batchBytes > this.#budget.batchBytes) break;
        this.#sharedBytes = 0;
        const row = this.#row;
        this.#beginEpoch(eid);
        const { bytes, isCut } = storeValues(exec, row, VALUES_AT, this.#budget.rowBytes);
        if (isCut) this.#cutRows++;
        const answerBytes = ANSWER_ROW_BYTES + bytes + (exec.context.creator?.bytes ?? 0);
        row[0] = eid;
        row[1] = bytes;
        row[2] = answerBytes;
        linksOf(exec).forEach((link, at) => {
          // Of a leader its creator is told, and no more.
          row[LINKS_AT + at] = this.#linkOf(link, at === 0 ? Math.max(exec.ancestry.depth, 2) : 2);
        });
        documentsOf(exec, host).forEach((document, at) => {
          row[DOCUMENTS_AT + at] = this.#documentOf(eid, at, document);
        });
        this.#insertEvent.run(...row);
        this.#epochs.share(this.#sharedBytes);
        added.push({
          eid,
          timeMs: Math.floor(exec.unixMs),
          bytes: ROW_BYTES + bytes + this.#sharedBytes,
          answerBytes,
        });
        batchBytes += ROW_BYTES + bytes + this.#sharedBytes;
      }
      this.#count(added);
      count = added.length;
    });
    return count;
  }

  /** Takes over the oldest rows of another database, and answers how many: 0 when it has no more. */
  takeOldest(from: EventDatabase, limit: number): number {
    const few = from.#eidOfBatch(limit, this.#budget.batchBytes);
    const rows = from.#all('SELECT * FROM events WHERE eid <= ? ORDER BY eid', few);
    const last = rows.at(-1);
    if (!last) return 0;
    this.#change(() => {
      const copied = { links: new Map<number, number>(), documents: new Map<number, number>() };
      let epoch = this.#epochs.current;
      const added = rows.map((row): BlockRow => {
        const eid = Number(row.eid);
        this.#sharedBytes = 0;
        this.#beginEpoch(eid);
        if (this.#epochs.current !== epoch) {
          epoch = this.#epochs.current;
          copied.links.clear();
          copied.documents.clear();
        }
        for (const column of LINK_COLUMNS) row[column] = this.#copyLink(from, row[column], copied.links);
        for (const [at, column] of DOCUMENT_COLUMNS.entries())
          row[column] = this.#copyDocument(from, row[column], eid * DOCUMENT_IDS + at, copied.documents);
        this.#insertEventRow(row);
        this.#epochs.share(this.#sharedBytes);
        return {
          eid,
          timeMs: Number(row.time_ms),
          bytes: ROW_BYTES + Number(row.bytes) + this.#sharedBytes,
          answerBytes: Number(row.answer_bytes),
        };
      });
      this.#count(added);
    });
    from.deleteUpTo(Number(last.eid));
    return rows.length;
  }

  /** Rows that are there now, in the order of their eids; `undefined` is a pause in a long search. */
  *select(selection: Selection, range: EidRange): IterableIterator<SqlRow | undefined> {
    const filters = (selection.filters ?? []).map(({ expression, admits }) => {
      const id = this.#nextFilter++;
      this.#filters.set(id, admits);
      return { id, condition: { sql: `is_admitted(?, ${expression})`, params: [id] } };
    });
    try {
      const where = [...selection.where, ...filters.map(({ condition }) => condition)];
      yield* this.#selectWhere({ ...selection, where }, range);
    } finally {
      for (const { id } of filters) this.#filters.delete(id);
    }
  }

  *#selectWhere(
    { expressions, where, keys, seconds }: Selection,
    range: EidRange,
  ): IterableIterator<SqlRow | undefined> {
    const conditions = ['e.eid > ? AND e.eid <= ?', ...where.map(({ sql }) => sql)];
    const plan = planRows(expressions, this.#linkReader);
    const sql = `SELECT ${plan.sql.join(', ')} ${FROM} WHERE ${conditions.join(' AND ')} ORDER BY e.eid`;
    const params = where.flatMap((condition) => condition.params);
    if (keys.length > 0 && this.#areFew(keys)) {
      yield* this.#planned(plan, sql, [range.after, range.upTo, ...params]);
      return;
    }
    const wantedMs = seconds && { min: seconds.min * 1000, max: seconds.max * 1000 + 999 };
    for (const block of [...this.#blocks]) {
      if (wantedMs && (block.minMs > wantedMs.max || block.maxMs < wantedMs.min)) continue;
      for (const { after, upTo } of this.#slices(block, range)) {
        yield* this.#planned(plan, sql, [after, upTo, ...params]);
        yield undefined;
      }
    }
  }

  /** The part of a block that lies in a range, in slices that take no more than SLICE_BYTES, or a row. */
  #slices({ id, bytes }: Block, range: EidRange): EidRange[] {
    const first = id * BLOCK_EIDS;
    const upTo = Math.min(range.upTo, first + BLOCK_EIDS - 1);
    let after = Math.max(range.after, first - 1);
    if (after >= upTo) return [];
    if (bytes <= SLICE_BYTES) return [{ after, upTo }];
    const slices: EidRange[] = [];
    let sliceBytes = 0;
    let last = after;
    const rows = this.#all('SELECT eid, bytes FROM events WHERE eid > ? AND eid <= ? ORDER BY eid', after, upTo);
    for (const { eid, bytes: rowBytes } of rows) {
      if (sliceBytes > 0 && sliceBytes + Number(rowBytes) > SLICE_BYTES) {
        slices.push({ after, upTo: last });
        after = last;
        sliceBytes = 0;
      }
      sliceBytes += Number(rowBytes);
      last = Number(eid);
    }
    if (last > after) slices.push({ after, upTo: last });
    return slices;
  }

  /** How many rows there are in a range. */
  count(range: EidRange): number {
    return this.#blocks.count(range, ({ after, upTo }) =>
      this.#number('SELECT count(*) FROM events WHERE eid > ? AND eid <= ?', after, upTo),
    );
  }

  /**
   * The eid up to which a range's rows take so many bytes as an answer, about, and what they take: of one row at least
   * where `atLeastOne`.
   */
  eidWithin({ after, upTo }: EidRange, answerBytes: number, atLeastOne: boolean): { upTo: number; bytes: number } {
    let sum = 0;
    let reached = after;
    for (const block of [...this.#blocks]) {
      const first = block.id * BLOCK_EIDS;
      const last = first + BLOCK_EIDS - 1;
      if (last <= after || first > upTo) continue;
      if (after < first && upTo >= last && sum + block.answerBytes <= answerBytes) {
        sum += block.answerBytes;
        reached = last;
        continue;
      }
      const sql = 'SELECT eid, answer_bytes FROM events WHERE eid > ? AND eid <= ? ORDER BY eid';
      for (const [eid, bytes] of this.#iterate(sql, [Math.max(after, first - 1), Math.min(upTo, last)])) {
        const more = Number(bytes);
        if (sum + more > answerBytes && !(atLeastOne && sum === 0)) return { upTo: reached, bytes: sum };
        sum += more;
        reached = Number(eid);
      }
    }
    return { upTo, bytes: sum };
  }

  /**
   * The eid up to which the oldest rows have to go so that there are so many fewer, or so many bytes less. Looks at
   * `limit` rows, and no more bytes of them than can be deleted without a pause.
   */
  eidToDrop(rows: number, bytes: number, limit: number): number | undefined {
    let last: number | undefined;
    let [leftRows, leftBytes, leftStep] = [rows, bytes, Math.min(DELETE_BYTES, 2 * this.#budget.epochBytes)];
    for (const [eid, size] of this.#iterate('SELECT eid, bytes FROM events ORDER BY eid LIMIT ?', [limit])) {
      if ((leftRows <= 0 && leftBytes <= 0) || leftStep <= 0) break;
      last = Number(eid);
      leftRows--;
      leftBytes -= Number(size) + ROW_BYTES;
      leftStep -= Number(size);
    }
    return last;
  }

  /**
   * Drops some of what no row needs any more. True if there may be more of it.
   */
  dropUnneeded(): boolean {
    const [oldest] = this.#all('SELECT eid FROM events ORDER BY eid LIMIT 1');
    const epoch = this.#epochs.oldestNeeded(oldest ? Number(oldest.eid) : Number.POSITIVE_INFINITY);
    if (!epoch || epoch === this.#epochs.oldest) return false;
    let isMore = false;
    this.#change(() => {
      isMore = [
        this.#deleteSome('links', 'octet_length(ancestor) + octet_length(json)', epoch.firstLink),
        this.#deleteSome('documents', 'octet_length(text)', epoch.firstEid * DOCUMENT_IDS),
      ].includes(true);
      if (isMore) return;
      this.#run('DELETE FROM epochs WHERE first_eid < ?', epoch.firstEid);
      this.#epochs.removeBefore(epoch);
    });
    return isMore;
  }

  /** Deletes rows of a table up to an id, and no more bytes than can be without a pause. True if there are more. */
  #deleteSome(table: string, size: string, before: number): boolean {
    let bytes = 0;
    let last: number | undefined;
    let isMore = false;
    const sql = `SELECT id, ${size} FROM ${table} WHERE id < ? ORDER BY id LIMIT ${DELETE_ROWS}`;
    for (const [id, more] of this.#iterate(sql, [before])) {
      isMore = bytes > DELETE_BYTES;
      if (isMore) break;
      last = Number(id);
      bytes += Number(more);
    }
    if (last === undefined) return false;
    this.#run(`DELETE FROM ${table} WHERE id <= ?`, last);
    return isMore || this.#number(`SELECT EXISTS (SELECT 1 FROM ${table} WHERE id < ?)`, before) === 1;
  }

  /** Gives free pages back to the disk, so many bytes at most: true if the file became shorter. */
  giveBack(bytes: number): boolean {
    const before = this.fileBytes;
    this.#db.exec(`PRAGMA incremental_vacuum(${Math.max(1, Math.floor(bytes / this.#pageBytes))})`);
    return this.fileBytes < before;
  }

  /**
   * The eid up to which rows are older than this, undefined where the oldest is not. Rows from after `nowMs` do not keep
   * those behind them: the clock was wrong. Looks at `limit` rows.
   */
  eidBefore(unixMs: number, nowMs: number, limit: number): number | undefined {
    let last: number | undefined;
    for (const [eid, timeMs] of this.#iterate('SELECT eid, time_ms FROM events ORDER BY eid LIMIT ?', [limit])) {
      if (Number(timeMs) < unixMs) last = Number(eid);
      else if (Number(timeMs) <= nowMs) break;
    }
    return last;
  }

  /** Answers how many rows that were. */
  deleteUpTo(eid: number): number {
    const before = this.#blocks.rows;
    const lastBlock = blockOf(eid);
    const sql = 'SELECT count(*) FROM events WHERE eid >= ? AND eid <= ?';
    const rows = this.#number(sql, lastBlock * BLOCK_EIDS, eid);
    this.#change(() => {
      this.#run('DELETE FROM events WHERE eid <= ?', eid);
      const rest = this.#blocks.removeUpTo(eid, rows);
      this.#run('DELETE FROM blocks WHERE id <= ?', lastBlock);
      if (rest) this.#writeBlock(rest);
    });
    this.#discardedEid = Math.max(this.#discardedEid, eid);
    return before - this.#blocks.rows;
  }

  subscribers(): StoredSubscriber[] {
    return this.#all('SELECT * FROM subscribers').map((row) => ({
      name: String(row.name),
      confirmedEid: Number(row.confirmed_eid),
      lastEid: Number(row.last_eid),
      reader: String(row.reader),
      // One from before this was kept has been in use for long.
      firstReadMs: Number(row.first_read_ms ?? 0),
      lastReadMs: Number(row.last_read_ms),
      lostRows: Number(row.lost_rows),
    }));
  }

  putSubscriber(one: StoredSubscriber): void {
    const columns = 'name, confirmed_eid, last_eid, reader, first_read_ms, last_read_ms, lost_rows';
    const sql = `INSERT OR REPLACE INTO subscribers (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`;
    const { name, confirmedEid, lastEid, reader, firstReadMs, lastReadMs, lostRows } = one;
    this.#run(sql, name, confirmedEid, lastEid, reader, firstReadMs, lastReadMs, lostRows);
  }

  /** All of them or, when it throws, none. */
  putSubscribers(subscribers: Iterable<StoredSubscriber>): void {
    this.#change(() => {
      for (const subscriber of subscribers) this.putSubscriber(subscriber);
    });
  }

  removeSubscriber(name: string): void {
    this.#run('DELETE FROM subscribers WHERE name = ?', name);
  }

  /** These and no others. Writes in any case. */
  replaceSubscribers(subscribers: Iterable<StoredSubscriber>): void {
    this.#change(() => {
      this.#run('DELETE FROM subscribers');
      for (const subscriber of subscribers) this.putSubscriber(subscriber);
      this.#putLastEid.run(this.#lastEid);
    });
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #reload(): void {
    this.#links = new WeakMap();
    this.#linkReader.clear();
    this.#documents = new WeakMap();
    // Read before what is known is let go of: it is all there is where the disk cannot be read now.
    const rows = this.#all('SELECT * FROM blocks ORDER BY id');
    const lastEid = this.#number('SELECT eid FROM last_row');
    this.#blocks.clear();
    for (const row of rows) {
      this.#blocks.load({
        id: Number(row.id),
        rows: Number(row.row_count),
        bytes: Number(row.bytes),
        answerBytes: Number(row.answer_bytes),
        minMs: Number(row.min_ms),
        maxMs: Number(row.max_ms),
      });
    }
    this.#lastEid = lastEid;
    // No id is used again: who reads now may have it still.
    this.#nextLink = Math.max(this.#nextLink, this.#number('SELECT coalesce(max(id), 0) FROM links') + 1);
    const epochs = this.#all('SELECT first_eid, first_link FROM epochs ORDER BY first_eid');
    this.#epochs.load(
      epochs.map(({ first_eid, first_link }) => ({ firstEid: Number(first_eid), firstLink: Number(first_link) })),
    );
    this.#isStale = false;
  }

  #count(added: readonly BlockRow[]): void {
    const touched = new Set(added.map((row) => this.#blocks.add(row)));
    for (const block of touched) this.#writeBlock(block);
    this.#lastEid = Math.max(this.#lastEid, added.at(-1)?.eid ?? 0);
    this.#putLastEid.run(this.#lastEid);
  }

  #writeBlock({ id, rows, bytes, answerBytes, minMs, maxMs }: Block): void {
    this.#putBlock.run(id, rows, bytes, answerBytes, minMs, maxMs);
  }

  /** The id of a link, of which so many are stored, upwards, in this epoch: those that are not there yet are added. */
  #linkOf(link: RecordedLink | undefined, levels: number): number | null {
    const epoch = this.#epoch;
    // From the first stored one downwards, not by recursion: a chain may be a thousand long.
    const pending: RecordedLink[] = [];
    let stored: ChainStored | undefined;
    let one = link;
    for (; one && pending.length < levels; one = one.above) {
      const known = this.#links.get(one);
      if (known?.epoch === epoch && (known.whole || known.levels >= levels - pending.length)) {
        stored = known;
        break;
      }
      pending.push(one);
    }
    const whole = stored?.whole ?? !one;
    for (const next of pending.reverse()) {
      const { entityId: entity_id, path, euid = null } = next;
      const ancestor = next.ancestor();
      const id = this.#addLink(stored?.id ?? null, { entity_id, path, euid, ancestor, json: next.json() });
      stored = { id, epoch, levels: (stored?.levels ?? 0) + 1, whole };
      this.#links.set(next, stored);
    }
    return stored?.id ?? null;
  }

  #addLink(above: number | null, { entity_id: entityId, path, euid, ancestor, json }: Omit<LinkRow, 'above'>): number {
    const id = this.#nextLink++;
    this.#insertLink.run(id, above, entityId, path, euid, ancestor, json);
    this.#sharedBytes += LINK_BYTES + Buffer.byteLength(ancestor) + Buffer.byteLength(json);
    return id;
  }

  #storedLink(id: number): StoredLink | undefined {
    const row = this.#readLink.get(id) as Pick<LinkRow, 'above' | 'entity_id' | 'ancestor'> | undefined;
    if (!row) return undefined;
    const { above, entity_id: entityId, ancestor } = row;
    return { entityId, ancestor, rest: () => this.#restOf(id), above: above ?? undefined };
  }

  #restOf(id: number): LinkRecord | undefined {
    const row = this.#readWholeLink.get(id) as LinkRow | undefined;
    if (!row) return undefined;
    const { entity_id: entityId, path, euid, json } = row;
    return parseLinkRecord({ entityId, path, euid: euid ?? undefined, json });
  }

  #documentOf(eid: number, at: number, document: SharedText | undefined): number | null {
    if (!document) return null;
    const epoch = this.#epoch;
    const known = this.#documents.get(document);
    if (known?.epoch === epoch) return known.id;
    const { text } = document;
    if (text === '') return null;
    const id = eid * DOCUMENT_IDS + at;
    this.#insertDocument.run(id, text);
    this.#documents.set(document, { id, epoch });
    this.#sharedBytes += Buffer.byteLength(text);
    return id;
  }

  /** The eid up to which the oldest rows are to be written in one transaction: `limit` rows at most, and one at least. */
  #eidOfBatch(limit: number, maxBytes: number): number {
    let last = 0;
    let sum = 0;
    for (const [eid, bytes] of this.#iterate('SELECT eid, bytes FROM events ORDER BY eid LIMIT ?', [limit])) {
      sum += Number(bytes);
      if (last > 0 && sum > maxBytes) break;
      last = Number(eid);
    }
    return last;
  }

  #beginEpoch(eid: number): void {
    const begun = this.#epochs.begin(eid, this.#nextLink, this.#budget.epochBytes);
    if (begun) this.#run('INSERT INTO epochs (first_eid, first_link) VALUES (?, ?)', begun.firstEid, begun.firstLink);
  }

  /** The first eid of the present epoch. */
  get #epoch(): number {
    return this.#epochs.current?.firstEid ?? 0;
  }

  /** The id here of a document of another database; `copied` are those that have been, by their ids there. */
  #copyDocument(from: EventDatabase, theirs: unknown, ours: number, copied: Map<number, number>): number | null {
    if (theirs === null) return null;
    const known = copied.get(Number(theirs));
    if (known !== undefined) return known;
    const [document] = from.#all('SELECT text FROM documents WHERE id = ?', Number(theirs));
    if (!document) return null;
    const text = String(document.text);
    this.#run('INSERT INTO documents (id, text) VALUES (?, ?)', ours, text);
    this.#sharedBytes += Buffer.byteLength(text);
    copied.set(Number(theirs), ours);
    return ours;
  }

  /** A link of another database, with all above it; `copied` are those that have been, by their ids there. */
  #copyLink(from: EventDatabase, id: unknown, copied: Map<number, number>): number | null {
    const pending: { id: number; row: LinkRow }[] = [];
    let above: number | null = null;
    for (let next = id; next !== null && next !== undefined; ) {
      const known = copied.get(Number(next));
      if (known !== undefined) {
        above = known;
        break;
      }
      const row = from.#readWholeLink.get(Number(next)) as LinkRow | undefined;
      if (!row) break;
      pending.push({ id: Number(next), row });
      next = row.above;
    }
    for (const { id: theirs, row } of pending.reverse()) {
      above = this.#addLink(above, row);
      copied.set(theirs, above);
    }
    return above;
  }

  #areFew(keys: Selection['keys']): boolean {
    const conditions = keys.map(({ sql }) => sql).join(' AND ');
    const params = keys.flatMap((key) => key.params);
    const found = `SELECT e.bytes FROM events e WHERE ${conditions} LIMIT ${FEW_ROWS + 1}`;
    const [row] = this.#all(`SELECT count(*) AS found, total(bytes) AS size FROM (${found})`, ...params);
    return Number(row?.found) <= FEW_ROWS && Number(row?.size) <= SLICE_BYTES;
  }

  /** All of some work, or nothing: also of what is known of the rows beside them. */
  #change(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      if (this.#isStale) this.#reload();
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#isStale = true;
      try {
        // A full disk has ended the transaction already.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        this.#reload();
      } catch {
        // What it failed with first says more.
      }
      throw error;
    }
  }

  #insertEventRow(record: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(record);
    const sql = `INSERT INTO events (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    this.#run(sql, ...(Object.values(record) as SQLInputValue[]));
  }

  #run(sql: string, ...params: SQLInputValue[]): void {
    this.#borrow(sql, (statement) => statement.run(...params));
  }

  #all(sql: string, ...params: SQLInputValue[]): Record<string, unknown>[] {
    return this.#borrow(sql, (statement) => {
      statement.setReturnArrays(false);
      return statement.all(...params) as Record<string, unknown>[];
    });
  }

  #number(sql: string, ...params: SQLInputValue[]): number {
    return Number(Object.values(this.#all(sql, ...params)[0] ?? {})[0]);
  }

  *#planned(plan: RowPlan, sql: string, params: readonly SQLInputValue[]): IterableIterator<SqlRow> {
    for (const row of this.#iterate(sql, params)) {
      plan.finish(row as StoredValue[]);
      yield row;
    }
  }

  *#iterate(sql: string, params: readonly SQLInputValue[]): IterableIterator<SqlRow> {
    const statement = this.#take(sql);
    statement.setReturnArrays(true);
    try {
      yield* statement.iterate(...params) as unknown as IterableIterator<SqlRow>;
    } finally {
      this.#giveBack(sql, statement);
    }
  }

  #borrow<Result>(sql: string, use: (statement: StatementSync) => Result): Result {
    const statement = this.#take(sql);
    try {
      return use(statement);
    } finally {
      this.#giveBack(sql, statement);
    }
  }

  /** A statement that nobody else is using: two that read the same are two statements. */
  #take(sql: string): StatementSync {
    const statement = this.#statements.get(sql);
    if (!statement) return this.#db.prepare(sql);
    this.#statements.delete(sql);
    return statement;
  }

  #giveBack(sql: string, statement: StatementSync): void {
    this.#statements.set(sql, statement);
    const [oldest] = this.#statements.keys();
    if (this.#statements.size > STATEMENTS_MAX && oldest !== undefined) this.#statements.delete(oldest);
  }
}
