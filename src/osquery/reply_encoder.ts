import { BinaryWriter } from './binary_writer.ts';
import { MessageType, Type } from './protocol.ts';
import type { ExtensionInfo, OptionInfo, Response, Status } from './response.ts';
import { writeExtensionInfo, writeOptionInfo, writeStatus } from './thrift_structs.ts';

/** TApplicationException types (thrift/lib/cpp/src/thrift/TApplicationException.h). */
const UNKNOWN_METHOD = 1;
const INTERNAL_ERROR = 6;

/** The reply to a method whose result is a status. */
export function encodeStatusReply(method: string, seqid: number, status: Status): Buffer {
  return reply(method, seqid, (writer) => {
    writer.field(Type.STRUCT, 0);
    writeStatus(writer, status);
  });
}

/** The reply to a method whose result is a response. */
export function encodeResponseReply(method: string, seqid: number, { status, rows }: Response): Buffer {
  return reply(method, seqid, (writer) => {
    writeResponseHead(writer, status, rows.length);
    for (const row of rows) writer.stringMap(row);
    writer.stop();
  });
}

/** The reply to `extensions()`; the map is keyed by uuid. */
export function encodeExtensionsReply(seqid: number, extensions: ReadonlyMap<string, ExtensionInfo>): Buffer {
  return reply('extensions', seqid, (writer) => {
    writer.field(Type.MAP, 0);
    writer.map(Type.I64, Type.STRUCT, extensions.size);
    for (const [uuid, info] of extensions) {
      writer.i64(BigInt(uuid));
      writeExtensionInfo(writer, info);
    }
  });
}

/** The reply to `options()`; the map is keyed by name. */
export function encodeOptionsReply(seqid: number, options: ReadonlyMap<string, OptionInfo>): Buffer {
  return reply('options', seqid, (writer) => {
    writer.field(Type.MAP, 0);
    writer.map(Type.STRING, Type.STRUCT, options.size);
    for (const [name, option] of options) {
      writer.string(name);
      writeOptionInfo(writer, option);
    }
  });
}

/** The reply to `shutdown()`, which has no result. */
export function encodeShutdownReply(seqid: number): Buffer {
  return reply('shutdown', seqid, () => {});
}

/** TApplicationException UNKNOWN_METHOD, with the wording of the Thrift library. */
export function encodeUnknownMethod(name: string, seqid: number): Buffer {
  return exception(name, seqid, `Unknown function ${name}`, UNKNOWN_METHOD);
}

/** TApplicationException INTERNAL_ERROR: the method failed. */
export function encodeFailure(method: string, seqid: number, message: string): Buffer {
  return exception(method, seqid, message, INTERNAL_ERROR);
}

/** Writes the head of a response as the result of a method. `rowCount` maps follow, then the ends of two structs. */
export function writeResponseHead(writer: BinaryWriter, status: Status, rowCount: number): void {
  writer.field(Type.STRUCT, 0);
  writer.field(Type.STRUCT, 1);
  writeStatus(writer, status);
  writer.field(Type.LIST, 2);
  writer.list(Type.MAP, rowCount);
}

function reply(method: string, seqid: number, result: (writer: BinaryWriter) => void): Buffer {
  const writer = new BinaryWriter();
  writer.message(method, MessageType.REPLY, seqid);
  result(writer);
  writer.stop();
  return writer.take();
}

function exception(method: string, seqid: number, message: string, type: number): Buffer {
  const writer = new BinaryWriter();
  writer.message(method, MessageType.EXCEPTION, seqid);
  writer.field(Type.STRING, 1);
  writer.string(message);
  writer.field(Type.I32, 2);
  writer.i32(type);
  writer.stop();
  return writer.take();
}
