import { BinaryWriter } from './binary_writer.ts';
import { type Column, type ColumnValue, ROWID } from './column.ts';
import { MessageType, Type } from './protocol.ts';
import { ReplyChunk } from './reply_chunk.ts';
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

/** A column, with its name as it is written. */
interface EncodedColumn<Row> {
  readonly column: Column<Row>;
  readonly key: Uint8Array;
}

/** Called when a column throws, or returns a value of another type. The value becomes NULL. */
export type OnValueError = (column: string, error: unknown) => void;

/**
 * Encodes the reply to a `generate` call, row by row. The bytes are kept in chunks until the last row, because the header
 * has the number of rows. Values that equal those of the row before are kept once for all rows of a chunk.
 */
export class ResponseEncoder<Row> {
  readonly #writer = new BinaryWriter(CHUNK_BYTES * 2);
  readonly #columns: readonly EncodedColumn<Row>[];
  readonly #rowid: (row: Row) => number | bigint;
  readonly #onValueError: OnValueError | undefined;
  /** Position of the number of rows in the header. */
  readonly #countAt: number;
  #chunks: ReplyChunk[] = [];
  /** Size of the chunks as they are sent, with discarded ones. */
  #chunkedBytes = 0;
  #keptBytes = 0;
  /** In the present chunk: the copies as in ReplyChunk, and their size. */
  #copies: number[] = [];
  #copiedBytes = 0;
  /** The row before: its values, and where its columns begin in the present chunk; the last element is its end. */
  readonly #values: ColumnValue[];
  #starts: number[];
  /** The array for the next row. */
  #nextStarts: number[];
  /** Whether the row before is in the present chunk. */
  #hasBefore = false;
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
      .map((column) => ({ column, key: keyOf(column) }));
    this.#values = this.#columns.map(() => null);
    this.#starts = new Array<number>(this.#values.length + 1).fill(0);
    this.#nextStarts = [...this.#starts];
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
    return this.#chunkedBytes + this.#position + END_BYTES;
  }

  /** Memory of the reply until now. */
  get keptBytes(): number {
    return this.#keptBytes + this.#writer.pending;
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
    writer.raw(ROWID_KEY);
    writer.decimal(rowid);
    writer.mapCount(mapAt, 1 + this.#columnsOf(row));
    this.#rowCount += 1;
    if (this.#discarding) this.#drop();
    else if (this.#position >= CHUNK_BYTES) this.#chunk();
  }

  /** Releases all bytes. Later rows are counted only, and `end` throws. */
  discard(): void {
    this.#discarding = true;
    this.#chunks = [];
    this.#keptBytes = 0;
    this.#drop();
  }

  /**
   * The chunks of the reply. A chunk is valid until the next one is taken: they may share their memory. May be called once,
   * after the last row.
   */
  *end(): Generator<Buffer, void, void> {
    if (this.#discarding) throw new Error('the bytes of this reply were discarded');
    this.#writer.stop();
    this.#writer.stop();
    this.#chunk();
    const chunks = this.#chunks;
    chunks[0]?.bytes.writeInt32BE(this.#rowCount, this.#countAt);
    let expanded: Buffer | undefined;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const { sentBytes, keptBytes, bytes } = chunk;
      if (sentBytes === bytes.length) {
        yield bytes;
      } else {
        if (expanded === undefined || expanded.length < sentBytes) {
          const room = chunks.length === 0 ? sentBytes : Math.max(sentBytes, CHUNK_BYTES + CHUNK_BYTES / 4);
          this.#keptBytes += room - (expanded?.length ?? 0);
          expanded = Buffer.allocUnsafeSlow(room);
        }
        chunk.expand(expanded);
        yield expanded.subarray(0, sentBytes);
      }
      this.#keptBytes -= keptBytes;
    }
  }

  /** Where the next byte is in the present chunk as it is sent. */
  get #position(): number {
    return this.#writer.pending + this.#copiedBytes;
  }

  /** Writes the columns of a row. Returns how many are not NULL. */
  #columnsOf(row: Row): number {
    const writer = this.#writer;
    const [values, before, starts] = [this.#values, this.#starts, this.#nextStarts];
    let count = 0;
    /** Where the series of equal columns begins in the row before; -1 for none. */
    let from = -1;
    let position = this.#position;
    for (let index = 0; index < values.length; index++) {
      const { column, key } = this.#columns[index] as EncodedColumn<Row>;
      const value = this.#valueOf(column, row);
      if (value !== null) count += 1;
      starts[index] = position;
      if (this.#hasBefore && value === values[index]) {
        if (from < 0) from = before[index] as number;
        position += (before[index + 1] as number) - (before[index] as number);
        continue;
      }
      if (from >= 0) this.#copy(from, before[index] as number);
      from = -1;
      values[index] = value;
      if (value !== null) {
        writer.raw(key);
        if (typeof value === 'string') writer.string(value);
        else writer.decimal(value);
      }
      position = this.#position;
    }
    if (from >= 0) this.#copy(from, before[values.length] as number);
    starts[values.length] = position;
    this.#starts = starts;
    this.#nextStarts = before;
    this.#hasBefore = true;
    return count;
  }

  #copy(from: number, end: number): void {
    const length = end - from;
    if (length === 0) return;
    this.#copies.push(this.#position, from, length);
    this.#copiedBytes += length;
  }

  #valueOf(column: Column<Row>, row: Row): ColumnValue {
    try {
      const value = column.value(row);
      if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
        throw new TypeError(`a value of type ${typeof value}`);
      }
      return value;
    } catch (error) {
      this.#onValueError?.(column.name, error);
      return null;
    }
  }

  #chunk(): void {
    const chunk = new ReplyChunk(this.#writer.takeTight(), this.#copies);
    this.#chunkedBytes += chunk.sentBytes;
    this.#keptBytes += chunk.keptBytes;
    this.#chunks.push(chunk);
    this.#beginChunk();
  }

  #drop(): void {
    this.#chunkedBytes += this.#position;
    this.#writer.discard();
    this.#beginChunk();
  }

  #beginChunk(): void {
    this.#copies.length = 0;
    this.#copiedBytes = 0;
    this.#hasBefore = false;
  }
}

function checkedRowid(rowid: number | bigint): number | bigint {
  const isValid = typeof rowid === 'bigint' ? BigInt.asIntN(64, rowid) === rowid : Number.isSafeInteger(rowid);
  if (!isValid) throw new TypeError(`rowid ${rowid} is not a signed 64-bit integer`);
  return rowid;
}

/** The encoded names of columns. */
const keys = new WeakMap<object, Uint8Array>();

function keyOf(column: Pick<Column<never>, 'name'>): Uint8Array {
  let key = keys.get(column);
  if (key === undefined) {
    key = encodedString(column.name);
    keys.set(column, key);
  }
  return key;
}

function encodedString(text: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.string(text);
  return Uint8Array.from(writer.take());
}

const ROWID_KEY = encodedString(ROWID);
