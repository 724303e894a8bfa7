/** Rows in one SQLite database: a file, or memory. Knows nothing of batches, ages or readers; throws what SQLite throws. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Link } from '../process/process.ts';
import type { PublishedExec } from '../process/tree.ts';
import { BLOCK_EIDS, type Block, Blocks } from './blocks.ts';
import { ANCESTRY_COLUMNS, EVENT_COLUMNS, type StoredValue, storedValues } from './event_columns.ts';
import { migrate } from './schema.ts';

/** What a query reads: the events are `e`, their ancestors `a`. */
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

/** Rows after one eid and up to another. */
export interface EidRange {
  readonly after: number;
  readonly upTo: number;
}

export type SqlRow = readonly StoredValue[];

/** An exec with the number that it was given. */
export interface NumberedExec {
  readonly eid: number;
  readonly exec: PublishedExec;
}

export interface StoredSubscriber {
  readonly name: string;
  readonly lastEid: number;
  readonly lastReadMs: number;
  readonly lostRows: number;
}

/** What a row takes beside its texts, about, on disk. */
const ROW_BYTES = 250;
/** An ancestry is stored again for execs that come so many eids after its first, so that the old ones can be let go. */
const ANCESTRY_EIDS = 4096;
/** With more rows under a key than these, they are looked through block by block. */
const FEW_ROWS = 2000;
const STATEMENTS_MAX = 128;
const FROM = 'FROM events e LEFT JOIN ancestries a ON a.id = e.ancestry_id';

const NOBODY = {};

export class EventDatabase {
  readonly #db: DatabaseSync;
  readonly #blocks = new Blocks();
  /** Statements that are not running now, by their text, the least recently used first. */
  readonly #statements = new Map<string, StatementSync>();
  readonly #insertEvent: StatementSync;
  readonly #insertAncestry: StatementSync;
  readonly #putBlock: StatementSync;
  #ancestries = new WeakMap<object, { id: number; objects: string; complete: boolean; truncated: boolean }>();
  #lastEid = 0;

  /** @param path a file, which is made when it is not there, or `:memory:` */
  constructor(path: string) {
    // Another connection holds a lock only for the end of a checkpoint.
    this.#db = new DatabaseSync(path, { timeout: 20 });
    try {
      // NORMAL: a commit waits for no disk, and a power cut may take the last of them but never the whole.
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0');
      this.#db.exec('PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY');
      migrate(this.#db);
      const marks = (columns: readonly unknown[]) => columns.map(() => '?').join(', ');
      const names = (columns: readonly { name: string }[]) => columns.map(({ name }) => name).join(', ');
      this.#insertEvent = this.#db.prepare(
        `INSERT INTO events (eid, ancestry_id, bytes, ${names(EVENT_COLUMNS)}) VALUES (?, ?, ?, ${marks(EVENT_COLUMNS)})`,
      );
      this.#insertAncestry = this.#db.prepare(
        `INSERT INTO ancestries (id, bytes, ${names(ANCESTRY_COLUMNS)}) VALUES (?, ?, ${marks(ANCESTRY_COLUMNS)})`,
      );
      this.#putBlock = this.#db.prepare(
        'INSERT OR REPLACE INTO blocks (id, row_count, bytes, min_ms, max_ms) VALUES (?, ?, ?, ?, ?)',
      );
      this.#load();
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

  /** The newest row's, or the last one that there ever was; 0 when there was none. */
  get lastEid(): number {
    return this.#lastEid;
  }

  /** Unix ms of the oldest rows, about; undefined without any. */
  get oldestMs(): number | undefined {
    return this.#blocks.first?.minMs;
  }

  /** All of them or, when it throws, none. */
  insert(execs: readonly NumberedExec[]): void {
    const touched = new Map<number, Block>();
    const added: { eid: number; timeMs: number; bytes: number }[] = [];
    this.#transaction(
      () => {
        for (const { eid, exec } of execs) {
          const ancestry = this.#ancestryOf(eid, exec);
          const { values, bytes } = storedValues(EVENT_COLUMNS, exec);
          this.#insertEvent.run(eid, ancestry.id, bytes, ...values);
          added.push({ eid, timeMs: Math.floor(exec.unixMs), bytes: ROW_BYTES + bytes + ancestry.newBytes });
        }
        for (const { eid, timeMs, bytes } of added) {
          const block = this.#blocks.add(eid, timeMs, bytes);
          touched.set(block.id, block);
        }
        for (const block of touched.values()) this.#writeBlock(block);
      },
      () => {
        this.#ancestries = new WeakMap();
        this.#reloadBlocks();
      },
    );
    this.#lastEid = execs.at(-1)?.eid ?? this.#lastEid;
  }

  /** Takes over the oldest rows of another database, and answers how many: 0 when it has no more. */
  takeOldest(from: EventDatabase, limit: number): number {
    const rows = from.#all('SELECT * FROM events ORDER BY eid LIMIT ?', limit);
    if (rows.length === 0) return 0;
    const ids = new Set(rows.map(({ ancestry_id: id }) => id));
    this.#transaction(
      () => {
        for (const id of ids) {
          const [ancestry] = from.#all('SELECT * FROM ancestries WHERE id = ?', id as number);
          if (ancestry) this.#insertRecord('OR IGNORE INTO ancestries', ancestry);
        }
        for (const row of rows) {
          this.#insertRecord('INTO events', row);
          this.#writeBlock(this.#blocks.add(Number(row.eid), Number(row.time_ms), ROW_BYTES + Number(row.bytes)));
        }
      },
      () => this.#reloadBlocks(),
    );
    const last = Number(rows.at(-1)?.eid);
    this.#lastEid = Math.max(this.#lastEid, last);
    from.deleteUpTo(last);
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
    for (const { id, minMs, maxMs } of [...this.#blocks]) {
      const first = id * BLOCK_EIDS;
      const after = Math.max(range.after, first - 1);
      const upTo = Math.min(range.upTo, first + BLOCK_EIDS - 1);
      if (after >= upTo || (wantedMs && (minMs > wantedMs.max || maxMs < wantedMs.min))) continue;
      yield* this.#iterate(sql, [after, upTo, ...params]);
      yield undefined;
    }
  }

  /** How many rows there are in a range. */
  count({ after, upTo }: EidRange): number {
    if (after <= 0 && upTo >= this.#lastEid) return this.rows;
    return this.#number('SELECT count(*) FROM events WHERE eid > ? AND eid <= ?', after, upTo);
  }

  /** The eid up to which a range's rows take so many bytes as an answer, about: of one row at least. */
  eidWithin({ after, upTo }: EidRange, answerBytes: number, rowBytes: number): number {
    let sum = 0;
    let reached = upTo;
    let first = true;
    const sql = `SELECT e.eid, e.bytes + a.bytes ${FROM} WHERE e.eid > ? AND e.eid <= ? ORDER BY e.eid`;
    for (const [eid, bytes] of this.#iterate(sql, [after, upTo])) {
      sum += Number(bytes) + rowBytes;
      if (sum > answerBytes && !first) return reached;
      reached = Number(eid);
      first = false;
    }
    return upTo;
  }

  /** The eid of the row before which there are so many others; undefined when there are not so many. */
  eidAt(offset: number): number | undefined {
    const found = this.#all('SELECT eid FROM events ORDER BY eid LIMIT 1 OFFSET ?', offset)[0];
    return found && Number(found.eid);
  }

  /** The last eid before the first row that is as new as this; undefined when no row is older. Looks at `limit` rows. */
  eidBefore(unixMs: number, limit: number): number | undefined {
    let last: number | undefined;
    for (const [eid, timeMs] of this.#iterate('SELECT eid, time_ms FROM events ORDER BY eid LIMIT ?', [limit])) {
      if (Number(timeMs) >= unixMs) break;
      last = Number(eid);
    }
    return last;
  }

  /** Answers how many rows that were. */
  deleteUpTo(eid: number): number {
    const before = this.#blocks.rows;
    const lastBlock = Math.floor(eid / BLOCK_EIDS);
    const [last] = this.#all(
      'SELECT count(*) AS row_count, total(bytes) AS bytes FROM events WHERE eid >= ? AND eid <= ?',
      lastBlock * BLOCK_EIDS,
      eid,
    );
    const rows = Number(last?.row_count);
    this.#transaction(
      () => {
        this.#run('DELETE FROM events WHERE eid <= ?', eid);
        this.#run('DELETE FROM ancestries WHERE id <= ?', eid - ANCESTRY_EIDS);
        const rest = this.#blocks.removeUpTo(eid, { rows, bytes: Number(last?.bytes) + rows * ROW_BYTES });
        this.#run('DELETE FROM blocks WHERE id <= ?', lastBlock);
        if (rest) this.#writeBlock(rest);
      },
      () => this.#reloadBlocks(),
    );
    return before - this.#blocks.rows;
  }

  subscribers(): StoredSubscriber[] {
    return this.#all('SELECT * FROM subscribers').map((row) => ({
      name: String(row.name),
      lastEid: Number(row.last_eid),
      lastReadMs: Number(row.last_read_ms),
      lostRows: Number(row.lost_rows),
    }));
  }

  putSubscriber({ name, lastEid, lastReadMs, lostRows }: StoredSubscriber): void {
    const sql = 'INSERT OR REPLACE INTO subscribers (name, last_eid, last_read_ms, lost_rows) VALUES (?, ?, ?, ?)';
    this.#run(sql, name, lastEid, lastReadMs, lostRows);
  }

  removeSubscriber(name: string): void {
    this.#run('DELETE FROM subscribers WHERE name = ?', name);
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #load(): void {
    this.#reloadBlocks();
    const rows = this.#number('SELECT coalesce(max(eid), 0) FROM events');
    const cursors = this.#number('SELECT coalesce(max(last_eid), 0) FROM subscribers');
    this.#lastEid = Math.max(rows, cursors);
  }

  #reloadBlocks(): void {
    this.#blocks.clear();
    for (const row of this.#all('SELECT * FROM blocks ORDER BY id')) {
      const [id, rows, bytes, minMs, maxMs] = [row.id, row.row_count, row.bytes, row.min_ms, row.max_ms].map(Number);
      this.#blocks.load({ id, rows, bytes, minMs, maxMs } as Block);
    }
  }

  #writeBlock({ id, rows, bytes, minMs, maxMs }: Block): void {
    this.#putBlock.run(id, rows, bytes, minMs, maxMs);
  }

  /** The id of an exec's ancestors' row, which is made where there is none yet. */
  #ancestryOf(eid: number, exec: PublishedExec): { id: number; newBytes: number } {
    const { objects, complete, truncated } = exec.ancestry;
    const key: Link | object = exec.creator ?? NOBODY;
    const known = this.#ancestries.get(key);
    if (
      known &&
      eid - known.id < ANCESTRY_EIDS &&
      known.objects === objects &&
      known.complete === complete &&
      known.truncated === truncated
    ) {
      return { id: known.id, newBytes: 0 };
    }
    const { values, bytes } = storedValues(ANCESTRY_COLUMNS, exec);
    this.#insertAncestry.run(eid, bytes, ...values);
    this.#ancestries.set(key, { id: eid, objects, complete, truncated });
    return { id: eid, newBytes: bytes };
  }

  #areFew(keys: Selection['keys']): boolean {
    const conditions = keys.map(({ sql }) => sql).join(' AND ');
    const params = keys.flatMap((key) => key.params);
    const sql = `SELECT count(*) FROM (SELECT 1 FROM events e WHERE ${conditions} LIMIT ${FEW_ROWS + 1})`;
    return this.#number(sql, ...params) <= FEW_ROWS;
  }

  #transaction(work: () => void, undone: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      try {
        // A full disk has ended the transaction already.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        undone();
      } catch {
        // What it failed with first says more.
      }
      throw error;
    }
  }

  #insertRecord(into: string, record: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(record);
    const sql = `INSERT ${into} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
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
