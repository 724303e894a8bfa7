/**
 * Facts that rows share, each stored once: processes that created others or lead them, each with the id of its creator's,
 * and credentials, earlier images and hosts. `used` tells the newest generation of rows that refers to a fact, so it can be
 * dropped when the rows of its generation are. A generation ends after so many rows, or so many bytes of new facts.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RecordedLink } from '../../process/recorded_link.ts';
import type { SharedFacts } from '../../process/session_context.ts';

const GENERATION_EIDS = 4096;
/** What is dropped without a pause: bytes of facts, and facts. */
const DROP_BYTES = 1024 * 1024;
const DROP_FACTS = 1024;

interface Stored {
  readonly id: number;
  /** What is above it is needed as long as this is. */
  readonly above: number | null;
  /** The first eid of the newest generation that uses it. */
  used: number;
}

export class SharedFactsWriter {
  readonly #insert: StatementSync;
  readonly #use: StatementSync;
  readonly #newestUsedUpTo: StatementSync;
  readonly #firstUnneeded: StatementSync;
  readonly #delete: StatementSync;
  readonly #greatestId: StatementSync;
  /** By identity: what is the same object is stored once. */
  #stored = new WeakMap<RecordedLink | SharedFacts, Stored>();
  #nextId = 1;
  #generation = 0;
  #generationBytes = 0;
  #isGenerationFresh = false;
  /** Of facts that were added since it was asked last. */
  #addedBytes = 0;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO shared (id, used, above, facts) VALUES (?, ?, ?, ?)');
    this.#use = db.prepare('UPDATE shared SET used = ? WHERE id = ?');
    this.#newestUsedUpTo = db.prepare('SELECT max(used) AS used FROM shared WHERE used <= ?');
    this.#firstUnneeded = db.prepare(
      `SELECT id, octet_length(facts) AS bytes FROM shared WHERE used < ? LIMIT ${DROP_FACTS}`,
    );
    this.#delete = db.prepare('DELETE FROM shared WHERE id = ?');
    this.#greatestId = db.prepare('SELECT coalesce(max(id), 0) AS id FROM shared');
  }

  /** After the database was opened. */
  load(): void {
    this.#nextId = Number(this.#greatestId.get()?.id) + 1;
  }

  /** What was stored may not be there: a transaction failed. No id is used again: a query that runs now may have it. */
  forget(): void {
    this.#stored = new WeakMap();
    this.#isGenerationFresh = false;
    this.#addedBytes = 0;
  }

  /** Before the facts of a row are stored. Answers the generation that it belongs to. */
  beginRow(eid: number, generationBytesMax: number): number {
    const goesOn =
      this.#isGenerationFresh && eid - this.#generation < GENERATION_EIDS && this.#generationBytes < generationBytesMax;
    if (goesOn) return this.#generation;
    this.#generation = eid;
    this.#generationBytes = 0;
    this.#isGenerationFresh = true;
    return eid;
  }

  /** The id of a process, which is stored with all above it. `argsMax` bounds the characters of its arguments. */
  idOfLink(link: RecordedLink | undefined, argsMax: number): number | null {
    if (!link) return null;
    const known = this.#stored.get(link);
    if (known?.used === this.#generation) return known.id;
    // From the first one of this generation downwards, not by recursion: a chain may be a thousand long.
    const pending: RecordedLink[] = [];
    let above: Stored | undefined;
    for (let one: RecordedLink | undefined = link; one; one = one.above) {
      const stored = this.#stored.get(one);
      if (stored?.used === this.#generation) {
        above = stored;
        break;
      }
      pending.push(one);
    }
    for (let at = pending.length - 1; at >= 0; at--) {
      const one = pending[at] as RecordedLink;
      const aboveId: number | null = above?.id ?? null;
      above = this.#keep(one, aboveId) ?? this.#addNew(one, one.json(argsMax), aboveId);
    }
    return above?.id ?? null;
  }

  idOf(facts: SharedFacts | undefined): number | null {
    if (!facts) return null;
    const known = this.#stored.get(facts);
    if (known?.used === this.#generation) return known.id;
    const kept = this.#keep(facts, null);
    if (kept) return kept.id;
    const { json } = facts;
    return json === '' ? null : this.#addNew(facts, json, null).id;
  }

  /** Adds facts, with the id of those above them; answers their id. */
  add(facts: string, above: number | null): number {
    const id = this.#nextId++;
    this.#insert.run(id, this.#generation, above, facts);
    this.#count(facts);
    return id;
  }

  takeAddedBytes(): number {
    const bytes = this.#addedBytes;
    this.#addedBytes = 0;
    return bytes;
  }

  /**
   * Drops some of what no row from `oldestEid` on needs. Facts of one generation more are kept, for a query that is still
   * reading. True where there may be more to drop.
   */
  dropUnneeded(oldestEid: number): boolean {
    const needed = this.#generationUpTo(oldestEid);
    const kept = needed === undefined ? undefined : this.#generationUpTo(needed - 1);
    if (kept === undefined) return false;
    let [count, bytes] = [0, 0];
    const ids: number[] = [];
    for (const row of this.#firstUnneeded.iterate(kept)) {
      if (bytes > DROP_BYTES) break;
      ids.push(Number(row.id));
      bytes += Number(row.bytes);
      count++;
    }
    for (const id of ids) this.#delete.run(id);
    return bytes > DROP_BYTES || count === DROP_FACTS;
  }

  #generationUpTo(eid: number): number | undefined {
    const used = this.#newestUsedUpTo.get(eid)?.used;
    return used === null || used === undefined ? undefined : Number(used);
  }

  /** Marks what is stored already as used by this generation; undefined where it is not stored, or below another link. */
  #keep(facts: RecordedLink | SharedFacts, above: number | null): Stored | undefined {
    const stored = this.#stored.get(facts);
    if (stored?.above !== above) return undefined;
    this.#use.run(this.#generation, stored.id);
    stored.used = this.#generation;
    return stored;
  }

  #addNew(key: RecordedLink | SharedFacts, facts: string, above: number | null): Stored {
    const stored = { id: this.add(facts, above), above, used: this.#generation };
    this.#stored.set(key, stored);
    return stored;
  }

  #count(facts: string): void {
    const bytes = Buffer.byteLength(facts);
    this.#generationBytes += bytes;
    this.#addedBytes += bytes;
  }
}
