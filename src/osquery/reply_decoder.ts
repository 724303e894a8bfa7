import { BinaryReader } from './binary_reader.ts';
import { MessageType, ProtocolError, type ProtocolLimits, Type } from './protocol.ts';

/** The peer answered with an exception instead of a result. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
}

/**
 * Decodes the reply to a method. `read` reads the result, for instance `readStatus` of thrift_structs.ts.
 *
 * @throws {ProtocolError} the message is not a reply to this request, or has no result
 * @throws {RemoteError} the peer answered with an exception
 */
export function decodeReply<Result>(
  message: Buffer,
  method: string,
  seqid: number,
  limits: ProtocolLimits,
  read: (reader: BinaryReader) => Result,
): Result {
  const reader = new BinaryReader(message, limits);
  const head = reader.message();
  if (head.name !== method || head.seqid !== seqid) {
    throw new ProtocolError(`expected a reply to ${method} ${seqid}, got one to ${head.name} ${head.seqid}`);
  }
  if (head.type === MessageType.EXCEPTION) throw new RemoteError(`${method}: ${readException(reader)}`);
  if (head.type !== MessageType.REPLY) throw new ProtocolError(`expected a reply, got message type ${head.type}`);
  let result: { value: Result } | undefined;
  reader.struct((id, type) => {
    // Every result is a struct or, for options() and extensions(), a map.
    if (id !== 0 || (type !== Type.STRUCT && type !== Type.MAP)) return false;
    result = { value: read(reader) };
    return true;
  });
  if (result === undefined) throw new ProtocolError(`${method}: the reply has no result`);
  return result.value;
}

/** TApplicationException: field 1 is its message. */
function readException(reader: BinaryReader): string {
  let text = '';
  reader.struct((id, type) => {
    if (id !== 1 || type !== Type.STRING) return false;
    text = reader.string();
    return true;
  });
  return text || 'an exception without a message';
}
