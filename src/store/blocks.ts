/**
 * A coarse index over time: rows in blocks of consecutive eids, each with its times' range. A row's time and its eid go
 * nearly the same way, so a query for some minutes need not look at the other blocks; and a search that finds little
 * has a place to pause after each.
 */

/** Eids of a block: `id * BLOCK_EIDS` is its first. */
export const BLOCK_EIDS = 512;

export interface Block {
  readonly id: number;
  rows: number;
  bytes: number;
  minMs: number;
  maxMs: number;
}

export class Blocks {
  /** In the order of their ids. */
  readonly #blocks = new Map<number, Block>();
  #rows = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#blocks.clear();
    this.#rows = 0;
    this.#bytes = 0;
  }

  load(block: Block): void {
    this.#blocks.set(block.id, block);
    this.#rows += block.rows;
    this.#bytes += block.bytes;
  }

  /** Counts a row that is newer than all others; answers its block. */
  add(eid: number, timeMs: number, bytes: number): Block {
    const id = Math.floor(eid / BLOCK_EIDS);
    let block = this.#blocks.get(id);
    if (!block) {
      block = { id, rows: 0, bytes: 0, minMs: timeMs, maxMs: timeMs };
      this.#blocks.set(id, block);
    }
    block.rows++;
    block.bytes += bytes;
    if (timeMs < block.minMs) block.minMs = timeMs;
    if (timeMs > block.maxMs) block.maxMs = timeMs;
    this.#rows++;
    this.#bytes += bytes;
    return block;
  }

  /** Takes the rows up to an eid out of the count: `rows` and `bytes` are what the last block among them loses. */
  removeUpTo(eid: number, last: { rows: number; bytes: number }): Block | undefined {
    const lastId = Math.floor(eid / BLOCK_EIDS);
    for (const block of this.#blocks.values()) {
      if (block.id > lastId) return undefined;
      const lost = block.id === lastId ? last : block;
      this.#rows -= lost.rows;
      this.#bytes -= lost.bytes;
      if (lost.rows < block.rows) {
        block.rows -= lost.rows;
        block.bytes -= lost.bytes;
        return block;
      }
      this.#blocks.delete(block.id);
    }
    return undefined;
  }

  /** The oldest one. */
  get first(): Block | undefined {
    return this.#blocks.values().next().value;
  }

  [Symbol.iterator](): IterableIterator<Block> {
    return this.#blocks.values();
  }
}
