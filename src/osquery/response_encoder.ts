import { BinaryWriter } from './binary_writer.ts';
import { type Column, type ColumnValue, ROWID } from './column.ts';
import { MessageType, Type } from './protocol.ts';
import { writeResponseHead } from './reply_encoder.ts';
import type { Status } from './response.ts';
import type { TablePlugin } from './table_plugin.ts';

/** Bytes of a chunk of a reply; a chunk may be larger by one row. */
export const CHUNK_BYTES = 128 * 1024;

/** The number of rows: an i32 at the end of the header. */
const COUNT_BYTES = 4;
/** The ends of two structs. */
const END_BYTES = 2;

/** The parts of a table that its answers need. */
export type EncodedTable<Row> = Pick<TablePlugin<Row>, 'columns' | 'rowid'>;

/** Called when a column throws, or returns a value of another type. The value becomes NULL. */
export type OnValueError = (column: string, error: unknown) => void;

/**
 * Encodes the reply to a `generate` call, row by row. The bytes are kept in chunks until the last row, because the header
 * has the number of rows. The memory is that of the bytes: rows are not kept.
 */
export class ResponseEncoder<Row> {
  readonly #writer = new BinaryWriter(CHUNK_BYTES * 2);
  readonly #columns: readonly { readonly column: Column<Row>; readonly key: Uint8Array }[];
  readonly #rowid: (row: Row) => number | bigint;
  readonly #onValueError: OnValueError | undefined;
  /** Position of the number of rows in the header. */
  readonly #countAt: number;
  #chunks: Buffer[] = [];
  #chunkedBytes = 0;
  #discarding = false;
  #rowCount = 0;

  /** @param columnsUsed the columns to write; undefined for all */
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

  /** Size of the reply with the rows so far, with discarded ones. */
  get byteCount(): number {
    return this.#chunkedBytes + this.#writer.pending + END_BYTES;
  }

  /**
   * Adds a row, which is not needed afterwards. NULL is a missing key.
   *
   * @throws the error of the table's `rowid`, and TypeError for an id that is not a 64-bit integer; no byte is written then
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

  /** Releases all bytes. Later rows are counted only, and `end` throws. */
  discard(): void {
    this.#discarding = true;
    this.#chunks = [];
    this.#drop();
  }

  /** The chunks of the reply; each is released when the next one is taken. May be called once, after the last row. */
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
  if (!isValid) throw new TypeError(`rowid ${rowid} is not a signed 64-bit integer`);
  return rowid;
}

function encodedString(text: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.string(text);
  return Uint8Array.from(writer.take());
}

const ROWID_KEY = encodedString(ROWID);
