import { BinaryWriter } from './binary_writer.ts';
import type { Column, ColumnValue } from './column.ts';
import { MessageType, Type } from './protocol.ts';

/** ExtensionStatus: code 0 is success (ExtensionCode of thrift/osquery.thrift). */
export interface Status {
  readonly code: number;
  readonly message: string;
  readonly uuid: bigint;
}

/** Bytes after which `pending` is worth taking. */
export const CHUNK_BYTES = 128 * 1024;

const UNKNOWN_METHOD = 1;

/** What `ResponseEncoder` calls when a column has no value to give: the value is '' then. */
export type OnValueError = (column: string, error: unknown) => void;

/**
 * Writes the reply to a `call` that asked for rows: first the header with their number, then row by row, straight into
 * bytes. The caller decides when to take what is there and when to go on.
 */
export class ResponseEncoder<Row> {
  readonly #writer = new BinaryWriter(CHUNK_BYTES * 2);
  readonly #columns: readonly { readonly column: Column<Row>; readonly key: Uint8Array }[];
  readonly #onValueError: OnValueError | undefined;

  /** @param columnsUsed what is written of a row; undefined: all of it */
  constructor(
    columns: readonly Column<Row>[],
    columnsUsed: ReadonlySet<string> | undefined,
    onValueError?: OnValueError,
  ) {
    this.#columns = columns
      .filter(({ name }) => columnsUsed === undefined || columnsUsed.has(name))
      .map((column) => ({ column, key: encodedString(column.name) }));
    this.#onValueError = onValueError;
  }

  /** Bytes written and not taken. */
  get pending(): number {
    return this.#writer.pending;
  }

  /** Exactly `rowCount` calls of `row` have to follow, and one of `end`. */
  begin(seqid: number, status: Status, rowCount: number): void {
    responseHead(this.#writer, seqid, status, rowCount);
  }

  /**
   * A value is had before any byte of it is written: a column that throws, or gives what is no value, leaves '' and
   * the reply stays whole.
   */
  row(row: Row): void {
    const writer = this.#writer;
    writer.map(Type.STRING, Type.STRING, this.#columns.length);
    for (const { column, key } of this.#columns) {
      let value: ColumnValue;
      try {
        value = column.value(row);
        if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
          throw new TypeError(`a value that is ${value === null ? 'null' : `of type ${typeof value}`}`);
        }
      } catch (error) {
        value = '';
        this.#onValueError?.(column.name, error);
      }
      writer.raw(key);
      if (typeof value === 'string') writer.string(value);
      else writer.decimal(value);
    }
  }

  end(): void {
    this.#writer.stop();
    this.#writer.stop();
  }

  take(): Buffer {
    return this.#writer.take();
  }
}

/** The whole reply to a `call`, in chunks of `CHUNK_BYTES` and at most a row more. */
export function* encodeResponse<Row>(
  seqid: number,
  status: Status,
  columns: readonly Column<Row>[],
  columnsUsed: ReadonlySet<string> | undefined,
  rows: readonly Row[],
  onValueError?: OnValueError,
): Generator<Buffer, void, void> {
  const encoder = new ResponseEncoder(columns, columnsUsed, onValueError);
  encoder.begin(seqid, status, rows.length);
  for (const row of rows) {
    encoder.row(row);
    if (encoder.pending >= CHUNK_BYTES) yield encoder.take();
  }
  encoder.end();
  yield encoder.take();
}

/** The reply to a `call` with rows that are maps already: `columns`, `{status: readonly}`, or none for a failure. */
export function encodeRecords(
  seqid: number,
  status: Status,
  records: readonly Readonly<Record<string, string>>[],
): Buffer {
  const writer = new BinaryWriter();
  responseHead(writer, seqid, status, records.length);
  for (const record of records) {
    const entries = Object.entries(record);
    writer.map(Type.STRING, Type.STRING, entries.length);
    for (const [key, value] of entries) {
      writer.string(key);
      writer.string(value);
    }
  }
  writer.stop();
  writer.stop();
  return writer.take();
}

/** The reply to a `ping`. */
export function encodePong(seqid: number, status: Status): Buffer {
  const writer = new BinaryWriter();
  writer.message('ping', MessageType.REPLY, seqid);
  writer.field(Type.STRUCT, 0);
  writeStatus(writer, status);
  writer.stop();
  return writer.take();
}

/** The reply to a `shutdown`, which says nothing. */
export function encodeShutdownReply(seqid: number): Buffer {
  const writer = new BinaryWriter();
  writer.message('shutdown', MessageType.REPLY, seqid);
  writer.stop();
  return writer.take();
}

/** TApplicationException UNKNOWN_METHOD, worded as Thrift's library does. */
export function encodeUnknownMethod(name: string, seqid: number): Buffer {
  const writer = new BinaryWriter();
  writer.message(name, MessageType.EXCEPTION, seqid);
  writer.field(Type.STRING, 1);
  writer.string(`Unknown function ${name}`);
  writer.field(Type.I32, 2);
  writer.i32(UNKNOWN_METHOD);
  writer.stop();
  return writer.take();
}

function responseHead(writer: BinaryWriter, seqid: number, status: Status, rowCount: number): void {
  writer.message('call', MessageType.REPLY, seqid);
  writer.field(Type.STRUCT, 0);
  writer.field(Type.STRUCT, 1);
  writeStatus(writer, status);
  writer.field(Type.LIST, 2);
  writer.list(Type.MAP, rowCount);
}

function writeStatus(writer: BinaryWriter, { code, message, uuid }: Status): void {
  writer.field(Type.I32, 1);
  writer.i32(code);
  writer.field(Type.STRING, 2);
  writer.string(message);
  writer.field(Type.I64, 3);
  writer.i64(uuid);
  writer.stop();
}

function encodedString(text: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.string(text);
  return Uint8Array.from(writer.take());
}
