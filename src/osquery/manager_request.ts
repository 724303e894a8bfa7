import { BinaryReader } from './binary_reader.ts';
import { BinaryWriter } from './binary_writer.ts';
import { MessageType, REQUEST_LIMITS, Type } from './protocol.ts';
import { decodeRequest, type Request } from './request.ts';
import type { ExtensionInfo, Registry } from './response.ts';
import { readExtensionInfo, writeExtensionInfo } from './thrift_structs.ts';

/** A method of the service ExtensionManager (thrift/osquery.thrift) that the service Extension does not have. */
export type ManagerCall =
  | { readonly method: 'extensions' | 'options' }
  | { readonly method: 'registerExtension'; readonly info: ExtensionInfo; readonly registry: Registry }
  | { readonly method: 'deregisterExtension'; readonly uuid: string }
  | { readonly method: 'query' | 'getQueryColumns'; readonly sql: string };

/** A request to an extension manager. */
export type ManagerRequest = Request | (ManagerCall & { readonly seqid: number });

/** The bytes of a request. */
export function encodeManagerCall(call: ManagerCall, seqid: number): Buffer {
  const writer = new BinaryWriter();
  writer.message(call.method, MessageType.CALL, seqid);
  switch (call.method) {
    case 'registerExtension':
      writer.field(Type.STRUCT, 1);
      writeExtensionInfo(writer, call.info);
      writer.field(Type.MAP, 2);
      writeRegistry(writer, call.registry);
      break;
    case 'deregisterExtension':
      writer.field(Type.I64, 1);
      writer.i64(BigInt(call.uuid));
      break;
    case 'query':
    case 'getQueryColumns':
      writer.field(Type.STRING, 1);
      writer.string(call.sql);
      break;
  }
  writer.stop();
  return writer.take();
}

/**
 * Decodes one whole request. Unknown fields, and fields of an unexpected type, are skipped.
 *
 * @throws {ProtocolError} the message is not a call
 */
export function decodeManagerRequest(message: Buffer): ManagerRequest {
  const request = decodeRequest(message);
  if (request.method !== 'unknown') return request;
  const { name, seqid } = request;
  const reader = new BinaryReader(message, REQUEST_LIMITS);
  reader.message();
  switch (name) {
    case 'extensions':
    case 'options':
      return { method: name, seqid };
    case 'registerExtension': {
      let info: ExtensionInfo = { name: '', version: '', sdkVersion: '', minSdkVersion: '' };
      let registry: Registry = {};
      reader.struct((id, type) => {
        if (id === 1 && type === Type.STRUCT) info = readExtensionInfo(reader);
        else if (id === 2 && type === Type.MAP) registry = readRegistry(reader);
        else return false;
        return true;
      });
      return { method: name, seqid, info, registry };
    }
    case 'deregisterExtension': {
      let uuid = 0n;
      reader.struct((id, type) => {
        if (id !== 1 || type !== Type.I64) return false;
        uuid = reader.i64();
        return true;
      });
      return { method: name, seqid, uuid: String(uuid) };
    }
    case 'query':
    case 'getQueryColumns': {
      let sql = '';
      reader.struct((id, type) => {
        if (id !== 1 || type !== Type.STRING) return false;
        sql = reader.string();
        return true;
      });
      return { method: name, seqid, sql };
    }
    default:
      return request;
  }
}

function writeRegistry(writer: BinaryWriter, registry: Registry): void {
  const registries = Object.entries(registry);
  writer.map(Type.STRING, Type.MAP, registries.length);
  for (const [name, plugins] of registries) {
    writer.string(name);
    const entries = Object.entries(plugins);
    writer.map(Type.STRING, Type.LIST, entries.length);
    for (const [plugin, routes] of entries) {
      writer.string(plugin);
      writer.list(Type.MAP, routes.length);
      for (const route of routes) writer.stringMap(route);
    }
  }
}

function readRegistry(reader: BinaryReader): Registry {
  return Object.fromEntries(
    reader.mapOf(Type.MAP, () => Object.fromEntries(reader.mapOf(Type.LIST, () => reader.stringMaps()))),
  );
}
