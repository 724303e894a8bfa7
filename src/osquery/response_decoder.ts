import { BinaryReader } from './binary_reader.ts';
import { MessageType, ProtocolError, type ProtocolLimits, Type } from './protocol.ts';

/** A status as a client sees it; `uuid` is decimal text. */
export interface ReceivedStatus {
  readonly code: number;
  readonly message: string;
  readonly uuid: string;
}

/** ExtensionResponse as a client sees it. */
export interface Response {
  readonly status: ReceivedStatus;
  readonly rows: Record<string, string>[];
}

/** osquery or the extension answered with an exception instead of a reply. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
}

/**
 * Decodes the reply to `ping()`.
 *
 * @throws {ProtocolError} not a reply to it
 * @throws {RemoteError} an exception
 */
export function decodePong(message: Buffer, seqid: number, limits: ProtocolLimits): ReceivedStatus {
  let status: ReceivedStatus | undefined;
  result(message, 'ping', seqid, limits, (reader) => {
    status = readStatus(reader);
  });
  if (status === undefined) throw new ProtocolError('ping: a reply without a status');
  return status;
}

/**
 * Decodes the reply to `call()`.
 *
 * @throws {ProtocolError} not a reply to it
 * @throws {RemoteError} an exception
 */
export function decodeResponse(message: Buffer, seqid: number, limits: ProtocolLimits): Response {
  let status: ReceivedStatus = { code: 0, message: '', uuid: '0' };
  let rows: Record<string, string>[] = [];
  let seen = false;
  result(message, 'call', seqid, limits, (reader) => {
    seen = true;
    reader.struct((id, type) => {
      if (id === 1 && type === Type.STRUCT) status = readStatus(reader);
      else if (id === 2 && type === Type.LIST) rows = readRows(reader);
      else return false;
      return true;
    });
  });
  if (!seen) throw new ProtocolError('call: a reply without a response');
  return { status, rows };
}

/** Checks that a message is the reply to a method, and calls `read` where its result stands. */
function result(
  message: Buffer,
  method: string,
  seqid: number,
  limits: ProtocolLimits,
  read: (reader: BinaryReader) => void,
): void {
  const reader = new BinaryReader(message, limits);
  const head = reader.message();
  if (head.name !== method || head.seqid !== seqid) {
    throw new ProtocolError(`a reply to ${head.name} ${head.seqid} where one to ${method} ${seqid} is due`);
  }
  if (head.type === MessageType.EXCEPTION) throw new RemoteError(`${method}: ${readException(reader)}`);
  if (head.type !== MessageType.REPLY) throw new ProtocolError(`message type ${head.type} where a reply is due`);
  reader.struct((id, type) => {
    if (id !== 0 || type !== Type.STRUCT) return false;
    read(reader);
    return true;
  });
}

function readException(reader: BinaryReader): string {
  let text = '';
  reader.struct((id, type) => {
    if (id !== 1 || type !== Type.STRING) return false;
    text = reader.string();
    return true;
  });
  return text || 'an exception without a message';
}

function readStatus(reader: BinaryReader): ReceivedStatus {
  let code = 0;
  let message = '';
  let uuid = 0n;
  reader.struct((id, type) => {
    if (id === 1 && type === Type.I32) code = reader.i32();
    else if (id === 2 && type === Type.STRING) message = reader.string();
    else if (id === 3 && type === Type.I64) uuid = reader.i64();
    else return false;
    return true;
  });
  return { code, message, uuid: String(uuid) };
}

function readRows(reader: BinaryReader): Record<string, string>[] {
  const { element, count } = reader.list();
  const rows: Record<string, string>[] = [];
  // Every row has the same names in the same order, or nearly: what the last one had is what is expected.
  const names: { text: string; bytes: Uint8Array }[] = [];
  for (let i = 0; i < count; i++) {
    if (element !== Type.MAP) {
      reader.skip(element);
      continue;
    }
    const map = reader.map();
    const row: Record<string, string> = {};
    for (let k = 0; k < map.count; k++) {
      if (map.key !== Type.STRING || map.value !== Type.STRING) {
        reader.skip(map.key);
        reader.skip(map.value);
        continue;
      }
      const expected = names[k];
      const name = reader.stringLike(expected);
      if (expected === undefined && k < 4096) names[k] = { text: name, bytes: Buffer.from(name) };
      const value = reader.string();
      // A plain assignment would set the prototype.
      if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true });
      else row[name] = value;
    }
    rows.push(row);
  }
  return rows;
}
