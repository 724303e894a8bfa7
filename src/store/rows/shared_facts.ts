/**
 * Facts that rows share, each stored once: ancestors and leaders, each with the id of its creator's facts, and credentials,
 * previous images and hosts. They are stored in blocks, as rows are in segments: a block is one row of the database, with a line
 * for each fact.
 *
 * Removal: each fact has the newest generation of rows that uses it. It is removed after the rows of that generation are removed.
 * A generation ends after a number of rows, or after a number of bytes of new facts.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AncestorRecord } from '../../process/process.ts';
import type { SharedFacts } from '../../process/session_context.ts';

/** Maximum facts and bytes of a block. */
const BLOCK_FACTS = 32;
const BLOCK_BYTES = 32 * 1024;
/** A block with fewer facts is written again with later facts. */
const REWRITTEN_FACTS = 16;
const GENERATION_EIDS = 4096;
/** Blocks that are removed or shrunk in one step. A turn of the event loop may have five steps. */
const BLOCKS_A_STEP = 32;
/** Blocks that are kept as they were read. */
const READ_BLOCKS = 8;
const BETWEEN = '\n';

/** A stored fact. */
export interface FoundFacts {
  readonly above: number | null;
  readonly facts: string;
}

interface Block {
  readonly firstId: number;
  lastId: number;
  bytes: number;
  /** Number of its lines. */
  lines: number;
  /** Ids of its facts, and for each the first eid of the newest generation that uses it. */
  readonly ids: number[];
  readonly used: number[];
}

/** The place of a fact. */
interface Stored {
  readonly id: number;
  /** The fact above it is needed as long as this one. */
  readonly above: number | null;
  readonly block: Block;
  readonly at: number;
  used: number;
}

/** The state before facts were added or removed. */
interface Mark {
  readonly blocks: Block[];
  readonly size: number;
}

export class SharedFactsTable {
  readonly #put: StatementSync;
  readonly #readLines: StatementSync;
  readonly #delete: StatementSync;
  readonly #list: StatementSync;
  /** Blocks that were read last, by their first ids: who reads one fact reads its neighbours. */
  readonly #read = new Map<number, Map<number, FoundFacts>>();
  /** In the order of their ids. */
  #blocks: Block[] = [];
  /** The newest block, while it takes more facts, with its lines. */
  #open: { readonly block: Block; lines: string } | undefined;
  readonly #changed: { readonly block: Block; lines: string }[] = [];
  /** By object: the same object is stored once. */
  #stored = new WeakMap<AncestorRecord | SharedFacts, Stored>();
  #nextId = 1;
  /** First eids of generations, the oldest first. All rows from before the start are one generation. */
  readonly #generations: number[] = [0];
  #generationBytes = 0;
  #isGenerationFresh = false;
  /** Bytes of facts added since the last `takeAddedBytes`. */
  #addedBytes = 0;
  /** Facts that no generation from this one on uses may be removed. `#isDropped`: all of them are. */
  #kept = 0;
  #isDropped = true;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare('INSERT OR REPLACE INTO shared (first_id, last_id, lines) VALUES (?, ?, ?)');
    this.#readLines = db.prepare('SELECT lines FROM shared WHERE first_id = ?');
    this.#delete = db.prepare('DELETE FROM shared WHERE first_id = ?');
    this.#list = db.prepare('SELECT first_id, last_id, octet_length(lines) AS bytes FROM shared ORDER BY first_id');
  }

  /** Loads the blocks after opening. The stored rows may use all facts. */
  load(): void {
    this.#blocks = this.#list.all().map((row) => ({
      ...{ firstId: Number(row.first_id), lastId: Number(row.last_id), bytes: Number(row.bytes) },
      ...{ lines: 1, ids: [], used: [0] },
    }));
    this.#nextId = (this.#blocks.at(-1)?.lastId ?? 0) + 1;
  }

  mark(): Mark {
    return { blocks: this.#blocks, size: this.#blocks.length };
  }

  /** Restores the state of a mark. No id is used again, because a running query may have it. */
  rollBack({ blocks, size }: Mark): void {
    this.#blocks = blocks;
    this.#blocks.length = size;
    this.#read.clear();
    this.#isDropped = false;
    this.#open = undefined;
    this.#changed.length = 0;
    // Facts that were added to an open block are gone, so nothing may refer to them.
    this.#stored = new WeakMap();
    this.#isGenerationFresh = false;
    this.#addedBytes = 0;
  }

  /** Call before the facts of a row are stored. Returns the generation of the row. */
  beginRow(eid: number, generationBytesMax: number): number {
    const current = this.#generation;
    const goesOn =
      this.#isGenerationFresh && eid - current < GENERATION_EIDS && this.#generationBytes < generationBytesMax;
    if (goesOn) return current;
    this.#generations.push(Math.max(eid, current));
    this.#generationBytes = 0;
    this.#isGenerationFresh = true;
    return this.#generation;
  }

  /** Stores a process and its ancestors if needed. Returns its id. `argsMax` limits the characters of its arguments. */
  idOfAncestor(link: AncestorRecord | undefined, argsMax: number): number | null {
    if (!link) return null;
    const generation = this.#generation;
    const known = this.#storedOf(link);
    if (known?.used === generation) return known.id;
    const { above } = link;
    const knownAbove = above && this.#storedOf(above);
    // Most are new, and their parent is already used in this generation.
    if (!above || knownAbove?.used === generation) return this.#idBelow(link, known, knownAbove?.id, argsMax);
    // From the top down, in a loop: a chain may be a thousand long.
    const pending: AncestorRecord[] = [link];
    let id: number | undefined;
    for (let one: AncestorRecord | undefined = above; one; one = one.above) {
      const stored = this.#storedOf(one);
      if (stored?.used === generation) {
        id = stored.id;
        break;
      }
      pending.push(one);
    }
    for (let one = pending.pop(); one; one = pending.pop()) {
      id = this.#idBelow(one, this.#storedOf(one), id, argsMax);
    }
    return id ?? null;
  }

  idOf(facts: SharedFacts | undefined): number | null {
    if (!facts) return null;
    const known = this.#storedOf(facts);
    if (known) return this.#use(known);
    const { json } = facts;
    return json === '' ? null : this.#addNew(facts, json, null);
  }

  /** Adds facts with the id of the facts above them. Returns their id. */
  add(facts: string, above: number | null): number {
    const id = this.#nextId++;
    const line = `${id}\t${above ?? ''}\t${facts}`;
    const bytes = Buffer.byteLength(line);
    let open = this.#open;
    if (!open || open.block.ids.length >= BLOCK_FACTS || open.block.bytes + bytes > BLOCK_BYTES) {
      open = { block: { firstId: id, lastId: id, bytes: 0, lines: 0, ids: [], used: [] }, lines: line };
      this.#blocks.push(open.block);
      this.#open = open;
    } else {
      open.lines += BETWEEN + line;
    }
    const { block } = open;
    block.lastId = id;
    block.bytes += bytes;
    block.lines++;
    block.ids.push(id);
    block.used.push(this.#generation);
    if (this.#changed.at(-1) !== open) this.#changed.push(open);
    this.#generationBytes += bytes;
    this.#addedBytes += bytes;
    return id;
  }

  takeAddedBytes(): number {
    const bytes = this.#addedBytes;
    this.#addedBytes = 0;
    return bytes;
  }

  /** Within a transaction. */
  writeChanged(): void {
    if (this.#changed.length > 0) this.#read.clear();
    for (const { block, lines } of this.#changed) this.#put.run(block.firstId, block.lastId, lines);
    this.#changed.length = 0;
    // A block with many facts is closed, so that it is not written again.
    if (this.#open && this.#open.block.lines >= REWRITTEN_FACTS) this.#open = undefined;
  }

  /** Undefined if the facts were removed. */
  find(id: number): FoundFacts | undefined {
    const block = this.#blockOf(id);
    if (!block) return undefined;
    let found = this.#read.get(block.firstId);
    if (!found) {
      found = this.#readBlock(block);
      if (this.#read.size >= READ_BLOCKS) this.#read.clear();
      this.#read.set(block.firstId, found);
    }
    return found.get(id);
  }

  #readBlock(block: Block): Map<number, FoundFacts> {
    const found = new Map<number, FoundFacts>();
    for (const line of this.#linesOf(block) ?? []) {
      const afterId = line.indexOf('\t');
      const afterAbove = line.indexOf('\t', afterId + 1);
      const above = afterAbove === afterId + 1 ? null : Number(line.slice(afterId + 1, afterAbove));
      found.set(Number(line.slice(0, afterId)), { above, facts: line.slice(afterAbove + 1) });
    }
    return found;
  }

  /**
   * Removes some facts that no row from `oldestEid` on uses. Keeps the facts of one more generation for running queries. Call within
   * a transaction. Returns whether there may be more.
   */
  dropUnneeded(oldestEid: number): boolean {
    const generations = this.#generations;
    while (generations.length > 2 && (generations[2] as number) <= oldestEid) generations.shift();
    const [kept = 0] = generations;
    if (kept === this.#kept && this.#isDropped) return false;
    this.#kept = kept;
    this.#isDropped = false;
    this.#read.clear();
    let steps = 0;
    this.#blocks = this.#blocks.filter((block) => {
      if (steps === BLOCKS_A_STEP || block === this.#open?.block) return true;
      const needed = block.used.reduce((count, used) => count + Number(used >= kept), 0);
      // A block with mostly needed facts does not change.
      if (needed * 2 > block.lines) return true;
      steps++;
      if (needed > 0) this.#shrink(block, kept);
      else this.#delete.run(block.firstId);
      return needed > 0;
    });
    this.#isDropped = steps < BLOCKS_A_STEP;
    return !this.#isDropped;
  }

  get #generation(): number {
    return this.#generations.at(-1) ?? 0;
  }

  #idBelow(link: AncestorRecord, known: Stored | undefined, above: number | undefined, argsMax: number): number {
    // It may be stored below an older record of its creator.
    const aboveId = above ?? null;
    return known?.above === aboveId ? this.#use(known) : this.#addNew(link, link.json(argsMax), aboveId);
  }

  /** Undefined if it is not stored, or may have been removed. */
  #storedOf(key: AncestorRecord | SharedFacts): Stored | undefined {
    const stored = this.#stored.get(key);
    return stored && stored.used >= this.#kept ? stored : undefined;
  }

  #use(stored: Stored): number {
    stored.used = this.#generation;
    stored.block.used[stored.at] = stored.used;
    return stored.id;
  }

  #addNew(key: AncestorRecord | SharedFacts, facts: string, above: number | null): number {
    const id = this.add(facts, above);
    const { block } = this.#open as { block: Block };
    this.#stored.set(key, { id, above, block, at: block.ids.length - 1, used: this.#generation });
    return id;
  }

  /** Removes facts that are not needed from a block. Indexes do not change. */
  #shrink(block: Block, kept: number): void {
    const needed = new Set(block.ids.filter((_, at) => (block.used[at] ?? 0) >= kept));
    const lines = (this.#linesOf(block) ?? []).filter((line) => needed.has(Number.parseInt(line, 10)));
    block.lines = lines.length;
    block.bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    this.#put.run(block.firstId, block.lastId, lines.join(BETWEEN));
  }

  #linesOf(block: Block): string[] | undefined {
    const lines = this.#readLines.get(block.firstId)?.lines;
    return typeof lines === 'string' ? lines.split(BETWEEN) : undefined;
  }

  #blockOf(id: number): Block | undefined {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle] as Block).lastId < id) low = middle + 1;
      else high = middle;
    }
    const block = this.#blocks[low];
    return block && block.firstId <= id ? block : undefined;
  }
}
