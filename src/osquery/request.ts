import { BinaryReader } from './binary_reader.ts';
import { BinaryWriter } from './binary_writer.ts';
import { MessageType, ProtocolError, Type } from './protocol.ts';

/** A request of osquery to an extension (service Extension of thrift/osquery.thrift). */
export type Request =
  | { readonly method: 'ping'; readonly seqid: number }
  | { readonly method: 'shutdown'; readonly seqid: number }
  | {
      readonly method: 'call';
      readonly seqid: number;
      /** 'table', 'logger', …; '' where the field is missing. */
      readonly registry: string;
      readonly item: string;
      readonly request: ReadonlyMap<string, string>;
    }
  /** A method that the service does not have. */
  | { readonly method: 'unknown'; readonly name: string; readonly seqid: number };

/**
 * Decodes one whole request. Unknown fields, and fields of an unexpected type, are skipped, as Thrift does.
 *
 * @throws {ProtocolError} the message is not a call
 */
export function decodeRequest(message: Buffer): Request {
  const reader = new BinaryReader(message);
  const { name, type, seqid } = reader.message();
  if (type !== MessageType.CALL) throw new ProtocolError(`expected a call, got message type ${type}`);
  if (name !== 'call') {
    return name === 'ping' || name === 'shutdown' ? { method: name, seqid } : { method: 'unknown', name, seqid };
  }
  let registry = '';
  let item = '';
  let request: ReadonlyMap<string, string> = new Map();
  reader.struct((id, fieldType) => {
    if (id === 1 && fieldType === Type.STRING) registry = reader.string();
    else if (id === 2 && fieldType === Type.STRING) item = reader.string();
    else if (id === 3 && fieldType === Type.MAP) request = reader.stringMap();
    else return false;
    return true;
  });
  return { method: 'call', seqid, registry, item, request };
}

/** The bytes of `ping()` or `shutdown()`. */
export function encodeRequest(method: 'ping' | 'shutdown', seqid: number): Buffer {
  const writer = new BinaryWriter();
  writer.message(method, MessageType.CALL, seqid);
  writer.stop();
  return writer.take();
}

/** The bytes of `call(registry, item, request)`. */
export function encodeCall(
  seqid: number,
  registry: string,
  item: string,
  request: Readonly<Record<string, string>>,
): Buffer {
  const writer = new BinaryWriter();
  writer.message('call', MessageType.CALL, seqid);
  writer.field(Type.STRING, 1);
  writer.string(registry);
  writer.field(Type.STRING, 2);
  writer.string(item);
  writer.field(Type.MAP, 3);
  writer.stringMap(request);
  writer.stop();
  return writer.take();
}
