/** The pid and the parent of each row, in memory: one array of each, because one call then searches all rows. */

/** 0: pid, 1: parent. */
export type KeyColumn = 0 | 1;

const FIRST_ROWS = 1024;
/** Bytes of a key, and of the keys of a row, in the database. */
const KEY_BYTES = Int32Array.BYTES_PER_ELEMENT;
const ROW_KEY_BYTES = 2 * KEY_BYTES;

/** Positions count all rows since the start, including removed ones. */
export class RowKeys {
  #columns: readonly [Int32Array, Int32Array] = [new Int32Array(FIRST_ROWS), new Int32Array(FIRST_ROWS)];
  /** Position of index 0 of the arrays. */
  #start = 0;
  /** Position of the first row that is kept. */
  #first = 0;
  #end = 0;

  get end(): number {
    return this.#end;
  }

  /** Larger numbers wrap to 32 bits. */
  push(pid: number, parent: number): void {
    if (this.#end - this.#start === this.#columns[0].length) this.#makeRoom();
    const at = this.#end++ - this.#start;
    this.#columns[0][at] = pid;
    this.#columns[1][at] = parent;
  }

  /** Adds the keys of rows as `bytes` returned them. */
  pushBytes(bytes: Uint8Array, rows: number): void {
    const keys = new Int32Array(2 * rows);
    new Uint8Array(keys.buffer).set(bytes.subarray(0, keys.byteLength));
    for (let row = 0; row < rows; row++) this.push(keys[2 * row] as number, keys[2 * row + 1] as number);
  }

  /** The keys of rows as they are stored: pid and parent of each row, 32 bits each. */
  bytes(position: number, rows: number): Uint8Array {
    const keys = new Int32Array(rows * (ROW_KEY_BYTES / KEY_BYTES));
    for (let row = 0; row < rows; row++) {
      keys[2 * row] = this.at(0, position + row);
      keys[2 * row + 1] = this.at(1, position + row);
    }
    return new Uint8Array(keys.buffer);
  }

  at(column: KeyColumn, position: number): number {
    return this.#columns[column][position - this.#start] as number;
  }

  /** Position of the next row with this key, at or after `from`; -1 if there is none. */
  find(column: KeyColumn, key: number, from: number): number {
    const keys = this.#columns[column];
    const length = this.#end - this.#start;
    const at = keys.indexOf(key, from - this.#start);
    return at < 0 || at >= length ? -1 : at + this.#start;
  }

  /** Removes the newest rows: those from this position. */
  truncate(position: number): void {
    this.#end = position;
  }

  /** Removes the oldest rows: those before this position. */
  dropBefore(position: number): void {
    this.#first = Math.min(position, this.#end);
  }

  #makeRoom(): void {
    const dropped = this.#first - this.#start;
    const [{ length }] = this.#columns;
    const columns = dropped * 4 >= length ? this.#columns : this.#larger(2 * length);
    for (const column of [0, 1] as const) columns[column].set(this.#columns[column].subarray(dropped));
    this.#columns = columns;
    this.#start = this.#first;
  }

  #larger(length: number): [Int32Array, Int32Array] {
    return [new Int32Array(length), new Int32Array(length)];
  }
}
