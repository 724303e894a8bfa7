import { BinaryWriter } from './binary_writer.ts';
import { type Column, type ColumnValue, ROWID } from './column.ts';
import { MessageType, Type } from './protocol.ts';
import { writeResponseHead } from './reply_encoder.ts';
import type { Status } from './response.ts';
import type { TablePlugin } from './table_plugin.ts';

/** Bytes of a chunk of a reply, and at most a row more. */
export const CHUNK_BYTES = 128 * 1024;

/** An i32, the last thing of the header. */
const COUNT_BYTES = 4;
/** The ends of two structures. */
const END_BYTES = 2;

/** What of a table its answers are made of. */
export type EncodedTable<Row> = Pick<TablePlugin<Row>, 'columns' | 'rowid'>;

/** What `ResponseEncoder` calls when a column throws, or gives what is no value: the value is NULL then. */
export type OnValueError = (column: string, error: unknown) => void;

/**
 * Writes the reply to a `call` that asked for rows, row by row, straight into bytes. They are kept in chunks until all
 * rows are there, because the header says how many there are: so it takes the memory of its bytes and no more.
 */
export class ResponseEncoder<Row> {
  readonly #writer = new BinaryWriter(CHUNK_BYTES * 2);
  readonly #columns: readonly { readonly column: Column<Row>; readonly key: Uint8Array }[];
  readonly #rowid: (row: Row) => number | bigint;
  readonly #onValueError: OnValueError | undefined;
  /** Where the header has the number of rows, which is not known yet. */
  readonly #countAt: number;
  #chunks: Buffer[] = [];
  #chunkedBytes = 0;
  #discarding = false;
  #rowCount = 0;

  /** @param columnsUsed what is written of a row; undefined: all of it */
  constructor(
    seqid: number,
    status: Status,
    table: EncodedTable<Row>,
    columnsUsed: ReadonlySet<string> | undefined,
    onValueError?: OnValueError,
  ) {
    this.#rowid = (row) => table.rowid(row);
    this.#columns = table.columns
      .filter(({ name }) => columnsUsed === undefined || columnsUsed.has(name))
      .map((column) => ({ column, key: encodedString(column.name) }));
    this.#onValueError = onValueError;
    this.#writer.message('call', MessageType.REPLY, seqid);
    writeResponseHead(this.#writer, status, 0);
    this.#countAt = this.#writer.pending - COUNT_BYTES;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** What the whole reply would be if it ended here, whether or not its bytes are kept. */
  get byteCount(): number {
    return this.#chunkedBytes + this.#writer.pending + END_BYTES;
  }

  /**
   * Nothing of the row is needed afterwards. A key that is missing is NULL.
   *
   * A value is had before any byte of it is written: a column that throws, or gives what is no value, leaves NULL and
   * the reply stays whole.
   *
   * @throws what the table's `rowid` throws, and TypeError for an id that is no 64-bit integer; nothing is written then
   */
  row(row: Row): void {
    const writer = this.#writer;
    const rowid = checkedRowid(this.#rowid(row));
    const mapAt = writer.pending;
    writer.map(Type.STRING, Type.STRING, 0);
    let count = 1;
    writer.raw(ROWID_KEY);
    writer.decimal(rowid);
    for (const { column, key } of this.#columns) {
      let value: ColumnValue;
      try {
        value = column.value(row);
        if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
          throw new TypeError(`a value of type ${typeof value}`);
        }
      } catch (error) {
        value = null;
        this.#onValueError?.(column.name, error);
      }
      if (value === null) continue;
      count += 1;
      writer.raw(key);
      if (typeof value === 'string') writer.string(value);
      else writer.decimal(value);
    }
    writer.mapCount(mapAt, count);
    this.#rowCount += 1;
    if (this.#discarding) this.#drop();
    else if (writer.pending >= CHUNK_BYTES) this.#chunk();
  }

  /** Lets go of all bytes. What comes after is counted only, and there is no reply in the end. */
  discard(): void {
    this.#discarding = true;
    this.#chunks = [];
    this.#drop();
  }

  /** The reply, in chunks, of which each is let go of when the next is asked for. Once, and last of all. */
  *end(): Generator<Buffer, void, void> {
    if (this.#discarding) throw new Error('the bytes of this reply were discarded');
    this.#writer.stop();
    this.#writer.stop();
    this.#chunk();
    const chunks = this.#chunks;
    chunks[0]?.writeInt32BE(this.#rowCount, this.#countAt);
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) yield chunk;
  }

  #chunk(): void {
    const chunk = this.#writer.takeTight();
    this.#chunkedBytes += chunk.length;
    this.#chunks.push(chunk);
  }

  #drop(): void {
    this.#chunkedBytes += this.#writer.pending;
    this.#writer.discard();
  }
}

function checkedRowid(rowid: number | bigint): number | bigint {
  const isValid = typeof rowid === 'bigint' ? BigInt.asIntN(64, rowid) === rowid : Number.isSafeInteger(rowid);
  if (!isValid) throw new TypeError(`rowid ${rowid} is no signed 64-bit integer`);
  return rowid;
}

function encodedString(text: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.string(text);
  return Uint8Array.from(writer.take());
}

const ROWID_KEY = encodedString(ROWID);
