/**
 * A coarse index over time and size: rows in blocks of consecutive eids. A row's time and its eid go nearly the same way,
 * so a query for some minutes need not look at the other blocks; and a search that finds little has a place to pause
 * after each.
 */
import type { EidRange } from './eid_range.ts';

/** Eids of a block: `id * BLOCK_EIDS` is its first. */
export const BLOCK_EIDS = 512;

export interface Block {
  readonly id: number;
  rows: number;
  /** On disk, about. */
  bytes: number;
  /** As a full answer, about. */
  answerBytes: number;
  minMs: number;
  maxMs: number;
}

/** What a row adds to its block. */
export interface BlockRow {
  readonly eid: number;
  readonly timeMs: number;
  readonly bytes: number;
  readonly answerBytes: number;
}

export class Blocks {
  /** In the order of their ids. */
  readonly #blocks = new Map<number, Block>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  clear(): void {
    this.#blocks.clear();
    this.#rows = 0;
  }

  load(block: Block): void {
    this.#blocks.set(block.id, block);
    this.#rows += block.rows;
  }

  /** Counts a row that is newer than all others; answers its block. */
  add({ eid, timeMs, bytes, answerBytes }: BlockRow): Block {
    const id = blockOf(eid);
    let block = this.#blocks.get(id);
    if (!block) {
      block = { id, rows: 0, bytes: 0, answerBytes: 0, minMs: timeMs, maxMs: timeMs };
      this.#blocks.set(id, block);
    }
    block.rows++;
    block.bytes += bytes;
    block.answerBytes += answerBytes;
    if (timeMs < block.minMs) block.minMs = timeMs;
    if (timeMs > block.maxMs) block.maxMs = timeMs;
    this.#rows++;
    return block;
  }

  /**
   * Takes the rows up to an eid out of the count: `rows` are those that the last block among them loses, of whose sizes it
   * loses their share. Answers that block where something of it is left.
   */
  removeUpTo(eid: number, rows: number): Block | undefined {
    const lastId = blockOf(eid);
    for (const block of this.#blocks.values()) {
      if (block.id > lastId) return undefined;
      if (block.id === lastId && rows < block.rows) {
        const share = rows / block.rows;
        const bytes = Math.round(block.bytes * share);
        this.#rows -= rows;
        block.rows -= rows;
        block.bytes -= bytes;
        block.answerBytes -= Math.round(block.answerBytes * share);
        return block;
      }
      this.#rows -= block.rows;
      this.#blocks.delete(block.id);
    }
    return undefined;
  }

  /** How many rows of a range there are; `countIn` counts those of a part of a block. */
  count({ after, upTo }: EidRange, countIn: (range: EidRange) => number): number {
    let count = 0;
    for (const { id, rows } of this.#blocks.values()) {
      const first = id * BLOCK_EIDS;
      const last = first + BLOCK_EIDS - 1;
      if (last <= after || first > upTo) continue;
      const isWhole = after < first && upTo >= last;
      count += isWhole ? rows : countIn({ after: Math.max(after, first - 1), upTo: Math.min(upTo, last) });
    }
    return count;
  }

  [Symbol.iterator](): IterableIterator<Block> {
    return this.#blocks.values();
  }
}

export function blockOf(eid: number): number {
  return Math.floor(eid / BLOCK_EIDS);
}
