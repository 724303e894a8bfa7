import type { Socket } from 'node:net';
import { messageOf } from './extension_error.ts';
import { decodeManagerRequest, type ManagerRequest } from './manager_request.ts';
import { MessageBuffer } from './message_buffer.ts';
import { ProtocolError, REQUEST_LIMITS } from './protocol.ts';
import {
  encodeExtensionsReply,
  encodeFailure,
  encodeOptionsReply,
  encodeResponseReply,
  encodeShutdownReply,
  encodeStatusReply,
  encodeUnknownMethod,
} from './reply_encoder.ts';
import type { ExtensionInfo, OptionInfo, Registry, Response, Status } from './response.ts';

/** What an extension manager does for each method (service ExtensionManager of thrift/osquery.thrift). */
export interface ManagerService {
  ping(): Status;
  call(registry: string, item: string, request: Readonly<Record<string, string>>): Promise<Response>;
  shutdown(): void;
  /** By uuid, decimal. */
  extensions(): ReadonlyMap<string, ExtensionInfo>;
  /** By name. */
  options(): ReadonlyMap<string, OptionInfo>;
  registerExtension(info: ExtensionInfo, registry: Registry): Status;
  /** @param uuid decimal */
  deregisterExtension(uuid: string): Status;
  query(sql: string): Promise<Response>;
  getQueryColumns(sql: string): Promise<Response>;
}

/**
 * Serves an extension manager on one connection: requests are answered in order, one at a time. Resolves when the
 * connection has ended; the socket is destroyed then. An error of the service becomes an exception for the peer.
 *
 * @throws {ProtocolError} the peer does not speak the protocol
 */
export async function serveManager(socket: Socket, service: ManagerService): Promise<void> {
  const buffer = new MessageBuffer(REQUEST_LIMITS);
  // An error that comes after the loop has ended has no other listener.
  socket.on('error', () => {});
  try {
    for await (const chunk of socket) {
      buffer.push(chunk);
      for (let message = buffer.next(); message !== undefined; message = buffer.next()) {
        const reply = await answer(service, decodeManagerRequest(message));
        await new Promise<void>((resolve) => void socket.write(reply, () => resolve()));
      }
    }
  } catch (error) {
    // Any other error is one of the connection: the peer has gone.
    if (error instanceof ProtocolError) throw error;
  } finally {
    socket.destroy();
  }
}

async function answer(service: ManagerService, request: ManagerRequest): Promise<Buffer> {
  const { method, seqid } = request;
  try {
    switch (method) {
      case 'ping':
        return encodeStatusReply(method, seqid, service.ping());
      case 'call': {
        const { registry, item } = request;
        return encodeResponseReply(
          method,
          seqid,
          await service.call(registry, item, Object.fromEntries(request.request)),
        );
      }
      case 'shutdown':
        service.shutdown();
        return encodeShutdownReply(seqid);
      case 'extensions':
        return encodeExtensionsReply(seqid, service.extensions());
      case 'options':
        return encodeOptionsReply(seqid, service.options());
      case 'registerExtension':
        return encodeStatusReply(method, seqid, service.registerExtension(request.info, request.registry));
      case 'deregisterExtension':
        return encodeStatusReply(method, seqid, service.deregisterExtension(request.uuid));
      case 'query':
        return encodeResponseReply(method, seqid, await service.query(request.sql));
      case 'getQueryColumns':
        return encodeResponseReply(method, seqid, await service.getQueryColumns(request.sql));
      case 'unknown':
        return encodeUnknownMethod(request.name, seqid);
    }
  } catch (error) {
    return encodeFailure(method, seqid, messageOf(error));
  }
}
