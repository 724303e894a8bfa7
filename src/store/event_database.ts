/** Rows in one SQLite database: a file, or memory. Knows nothing of batches, ages or readers; throws what SQLite throws. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { MergedEvent } from '../process/merge.ts';
import type { Link } from '../process/process.ts';
import type { SharedText } from '../process/session_context.ts';
import { BLOCK_EIDS, type Block, type BlockRow, Blocks, blockOf } from './blocks.ts';
import type { EidRange } from './eid_range.ts';
import {
  ANCESTRY_COLUMNS,
  DOCUMENT_COLUMNS,
  documentsOf,
  EVENT_COLUMNS,
  type StoredValue,
  storedValues,
} from './event_columns.ts';
import { migrate } from './schema.ts';

/** What a query reads: the events are `e`, their ancestors `a`, the documents of group leader `g`, session leader `s`, entry leader `n`, credentials `c`, previous images `p` and host `h`. */
export interface Selection {
  /** SQL expressions; a row has their values in this order. */
  readonly expressions: readonly string[];
  /** All of them hold. */
  readonly where: readonly { readonly sql: string; readonly params: readonly SQLInputValue[] }[];
  /** Those of `where` that an index serves. */
  readonly keys: readonly { readonly sql: string; readonly params: readonly SQLInputValue[] }[];
  /** Unix seconds beyond which no row is wanted. */
  readonly seconds: { readonly min: number; readonly max: number } | undefined;
}

export type SqlRow = readonly StoredValue[];

/** An exec with the number that it was given. */
export interface NumberedExec {
  readonly eid: number;
  readonly exec: MergedEvent;
}

export interface StoredSubscriber {
  readonly name: string;
  /** Up to here it has all rows for sure. */
  readonly confirmedEid: number;
  /** Up to here its rows were given to this reader. */
  readonly lastEid: number;
  readonly reader: string;
  readonly lastReadMs: number;
  readonly lostRows: number;
}

/** What a row takes beside its texts, about, on disk. */
const ROW_BYTES = 250;
/** What a row takes in an answer beside the texts that are its own: 59 names and lengths, numbers, and three leaders. */
const ANSWER_ROW_BYTES = 2600;
/** What rows share is stored again for those that come so many eids after the first, so that the old ones can be let go. */
const SHARED_EIDS = 4096;
/** What is looked through without a pause: so many rows under a key, and bytes of rows. */
const FEW_ROWS = 2000;
const SLICE_BYTES = 2 * 1024 * 1024;
const STATEMENTS_MAX = 128;
/** SQLite leaves out those of which a query reads nothing (sqlite.org/optoverview.html, omitted left joins). */
const FROM = `FROM events e LEFT JOIN ancestries a ON a.id = e.ancestry_id
  LEFT JOIN documents g ON g.id = e.group_leader_id LEFT JOIN documents s ON s.id = e.session_leader_id
  LEFT JOIN documents n ON n.id = e.entry_leader_id LEFT JOIN documents c ON c.id = e.credentials_id
  LEFT JOIN documents p ON p.id = e.previous_id LEFT JOIN documents h ON h.id = e.host_id`;
/** Ids of documents: an event's eid times this, and which of its documents it is. */
const DOCUMENT_IDS = 8;

const NOBODY = {};

interface StoredAncestry {
  readonly id: number;
  readonly bytes: number;
  readonly ancestry: MergedEvent['ancestry'];
  /** Rendered again when a user gets another name. */
  readonly parent: SharedText | undefined;
}

export class EventDatabase {
  /** There was none before. */
  readonly isNew: boolean;
  readonly #db: DatabaseSync;
  readonly #blocks = new Blocks();
  /** Statements that are not running now, by their text, the least recently used first. */
  readonly #statements = new Map<string, StatementSync>();
  readonly #insertEvent: StatementSync;
  readonly #insertAncestry: StatementSync;
  readonly #insertDocument: StatementSync;
  readonly #putBlock: StatementSync;
  readonly #putLastEid: StatementSync;
  #ancestries = new WeakMap<object, StoredAncestry>();
  #documents = new WeakMap<SharedText, number>();
  #lastEid = 0;

  /** @param path a file, which is made when it is not there, or `:memory:` */
  constructor(path: string) {
    // Another connection holds a lock only for the end of a checkpoint.
    this.#db = new DatabaseSync(path, { timeout: 20 });
    try {
      // NORMAL: a commit waits for no disk, and a power cut may take the last of them but never the whole.
      this.#db.exec(
        'PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0',
      );
      this.#db.exec('PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY');
      this.isNew = migrate(this.#db) === 0;
      const marks = (columns: readonly unknown[]) => columns.map(() => '?').join(', ');
      const names = (columns: readonly { name: string }[]) => columns.map(({ name }) => name).join(', ');
      this.#insertEvent = this.#db.prepare(
        `INSERT INTO events (eid, ancestry_id, bytes, ${DOCUMENT_COLUMNS.join(', ')}, ${names(EVENT_COLUMNS)})
         VALUES (?, ?, ?, ${marks(DOCUMENT_COLUMNS)}, ${marks(EVENT_COLUMNS)})`,
      );
      this.#insertDocument = this.#db.prepare('INSERT INTO documents (id, text) VALUES (?, ?)');
      this.#insertAncestry = this.#db.prepare(
        `INSERT INTO ancestries (id, bytes, ${names(ANCESTRY_COLUMNS)}) VALUES (?, ?, ${marks(ANCESTRY_COLUMNS)})`,
      );
      this.#putBlock = this.#db.prepare(
        'INSERT OR REPLACE INTO blocks (id, row_count, bytes, answer_bytes, min_ms, max_ms) VALUES (?, ?, ?, ?, ?, ?)',
      );
      this.#putLastEid = this.#db.prepare('UPDATE last_row SET eid = ?');
      this.#reload();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get rows(): number {
    return this.#blocks.rows;
  }

  get bytes(): number {
    return this.#blocks.bytes;
  }

  /** Of the last row that was ever stored; 0 when there was none. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** All of them or, when it throws, none. `host` is where they happened. */
  insert(execs: readonly NumberedExec[], host?: SharedText): void {
    this.#change(() => {
      const added = execs.map(({ eid, exec }): BlockRow => {
        const ancestry = this.#ancestryOf(eid, exec);
        const { values, bytes } = storedValues(EVENT_COLUMNS, exec);
        let documentBytes = 0;
        const documents = documentsOf(exec, host).map((document, at) => {
          const id = this.#documentOf(eid, at, document);
          // Its id tells whose it is: of the first row that has it.
          if (document && id === eid * DOCUMENT_IDS + at) documentBytes += Buffer.byteLength(document.text);
          return id;
        });
        this.#insertEvent.run(eid, ancestry.id, bytes, ...documents, ...values);
        const isNew = ancestry.id === eid;
        return {
          eid,
          timeMs: Math.floor(exec.unixMs),
          bytes: ROW_BYTES + bytes + documentBytes + (isNew ? ancestry.bytes : 0),
          answerBytes: ANSWER_ROW_BYTES + bytes + ancestry.bytes,
        };
      });
      this.#count(added);
    });
  }

  /** Takes over the oldest rows of another database, and answers how many: 0 when it has no more. */
  takeOldest(from: EventDatabase, limit: number): number {
    const rows = from.#all(`SELECT e.*, a.bytes AS ancestry_bytes ${FROM} ORDER BY e.eid LIMIT ?`, limit);
    const last = rows.at(-1);
    if (!last) return 0;
    this.#change(() => {
      const added = rows.map(({ ancestry_bytes: ancestryBytes, ...row }): BlockRow => {
        const eid = Number(row.eid);
        const isNew = this.#copyAncestry(from, Number(row.ancestry_id));
        for (const column of DOCUMENT_COLUMNS) this.#copyDocument(from, row[column]);
        this.#insertRecord('events', row);
        const bytes = Number(row.bytes);
        return {
          eid,
          timeMs: Number(row.time_ms),
          bytes: ROW_BYTES + bytes + (isNew ? Number(ancestryBytes) : 0),
          answerBytes: ANSWER_ROW_BYTES + bytes + Number(ancestryBytes),
        };
      });
      this.#count(added);
    });
    from.deleteUpTo(Number(last.eid));
    return rows.length;
  }

  /** Rows that are there now, in the order of their eids; `undefined` is a pause in a long search. */
  *select({ expressions, where, keys, seconds }: Selection, range: EidRange): IterableIterator<SqlRow | undefined> {
    const conditions = ['e.eid > ? AND e.eid <= ?', ...where.map(({ sql }) => sql)];
    const sql = `SELECT ${expressions.join(', ')} ${FROM} WHERE ${conditions.join(' AND ')} ORDER BY e.eid`;
    const params = where.flatMap((condition) => condition.params);
    if (keys.length > 0 && this.#areFew(keys)) {
      yield* this.#iterate(sql, [range.after, range.upTo, ...params]);
      return;
    }
    const wantedMs = seconds && { min: seconds.min * 1000, max: seconds.max * 1000 + 999 };
    for (const { id, minMs, maxMs, bytes } of [...this.#blocks]) {
      if (wantedMs && (minMs > wantedMs.max || maxMs < wantedMs.min)) continue;
      const first = id * BLOCK_EIDS;
      const step = Math.ceil(BLOCK_EIDS / Math.ceil(bytes / SLICE_BYTES));
      for (let from = first; from < first + BLOCK_EIDS; from += step) {
        const after = Math.max(range.after, from - 1);
        const upTo = Math.min(range.upTo, from + step - 1, first + BLOCK_EIDS - 1);
        if (after >= upTo) continue;
        yield* this.#iterate(sql, [after, upTo, ...params]);
        yield undefined;
      }
    }
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
      const sql = `SELECT e.eid, e.bytes + a.bytes ${FROM} WHERE e.eid > ? AND e.eid <= ? ORDER BY e.eid`;
      for (const [eid, bytes] of this.#iterate(sql, [Math.max(after, first - 1), Math.min(upTo, last)])) {
        const more = Number(bytes) + ANSWER_ROW_BYTES;
        if (sum + more > answerBytes && !(atLeastOne && sum === 0)) return { upTo: reached, bytes: sum };
        sum += more;
        reached = Number(eid);
      }
    }
    return { upTo, bytes: sum };
  }

  /** The eid up to which the oldest rows have to go so that there are so many fewer, or so many bytes less. Looks at `limit`. */
  eidToDrop(rows: number, bytes: number, limit: number): number | undefined {
    let last: number | undefined;
    let [leftRows, leftBytes] = [rows, bytes];
    for (const [eid, size] of this.#iterate('SELECT eid, bytes FROM events ORDER BY eid LIMIT ?', [limit])) {
      if (leftRows <= 0 && leftBytes <= 0) break;
      last = Number(eid);
      leftRows--;
      leftBytes -= Number(size) + ROW_BYTES;
    }
    return last;
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
      this.#run('DELETE FROM ancestries WHERE id <= ?', eid - SHARED_EIDS);
      this.#run('DELETE FROM documents WHERE id < ?', (eid - SHARED_EIDS) * DOCUMENT_IDS);
      const rest = this.#blocks.removeUpTo(eid, rows);
      this.#run('DELETE FROM blocks WHERE id <= ?', lastBlock);
      if (rest) this.#writeBlock(rest);
    });
    return before - this.#blocks.rows;
  }

  subscribers(): StoredSubscriber[] {
    return this.#all('SELECT * FROM subscribers').map((row) => ({
      name: String(row.name),
      confirmedEid: Number(row.confirmed_eid),
      lastEid: Number(row.last_eid),
      reader: String(row.reader),
      lastReadMs: Number(row.last_read_ms),
      lostRows: Number(row.lost_rows),
    }));
  }

  putSubscriber({ name, confirmedEid, lastEid, reader, lastReadMs, lostRows }: StoredSubscriber): void {
    const columns = 'name, confirmed_eid, last_eid, reader, last_read_ms, lost_rows';
    const sql = `INSERT OR REPLACE INTO subscribers (${columns}) VALUES (?, ?, ?, ?, ?, ?)`;
    this.#run(sql, name, confirmedEid, lastEid, reader, lastReadMs, lostRows);
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

  /** Numbers up to this one are dealt with: those that have no row are not missing. */
  skipTo(eid: number): void {
    if (eid <= this.#lastEid) return;
    this.#putLastEid.run(eid);
    this.#lastEid = eid;
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #reload(): void {
    this.#ancestries = new WeakMap();
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

  /** The row of an exec's ancestors, which is made where there is none yet: its id is the exec's eid then. */
  #ancestryOf(eid: number, exec: MergedEvent): StoredAncestry {
    const { ancestry } = exec;
    const { parent } = exec.context;
    const key: Link | object = exec.creator ?? NOBODY;
    const known = this.#ancestries.get(key);
    const isKnown = known?.parent === parent && isSame(known?.ancestry, ancestry);
    if (known && isKnown && eid - known.id < SHARED_EIDS) return known;
    const { values, bytes } = storedValues(ANCESTRY_COLUMNS, exec);
    this.#insertAncestry.run(eid, bytes, ...values);
    const stored = { id: eid, bytes, ancestry, parent };
    this.#ancestries.set(key, stored);
    return stored;
  }

  #documentOf(eid: number, at: number, document: SharedText | undefined): number | null {
    if (!document || document.text === '') return null;
    const known = this.#documents.get(document);
    if (known !== undefined && eid - Math.floor(known / DOCUMENT_IDS) < SHARED_EIDS) return known;
    const id = eid * DOCUMENT_IDS + at;
    this.#insertDocument.run(id, document.text);
    this.#documents.set(document, id);
    return id;
  }

  #copyDocument(from: EventDatabase, id: unknown): void {
    if (id === null) return;
    const [document] = from.#all('SELECT text FROM documents WHERE id = ?', Number(id));
    if (document)
      this.#run('INSERT OR IGNORE INTO documents (id, text) VALUES (?, ?)', Number(id), String(document.text));
  }

  /** Whether it was not there. */
  #copyAncestry(from: EventDatabase, id: number): boolean {
    if (this.#number('SELECT count(*) FROM ancestries WHERE id = ?', id) > 0) return false;
    const [ancestry] = from.#all('SELECT * FROM ancestries WHERE id = ?', id);
    if (ancestry) this.#insertRecord('ancestries', ancestry);
    return ancestry !== undefined;
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
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
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

  #insertRecord(table: 'events' | 'ancestries', record: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(record);
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
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

function isSame(a: MergedEvent['ancestry'] | undefined, b: MergedEvent['ancestry']): boolean {
  return a?.objects === b.objects && a.complete === b.complete && a.truncated === b.truncated;
}
