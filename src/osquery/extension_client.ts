import { ExtensionError, messageOf } from './extension_error.ts';
import { MessageSocket } from './message_socket.ts';
import { type ProtocolLimits, REQUEST_LIMITS } from './protocol.ts';
import { decodeReply, RemoteError } from './reply_decoder.ts';
import { encodeCall, encodeRequest } from './request.ts';
import type { Response, Status } from './response.ts';
import { readResponse, readStatus } from './thrift_structs.ts';

export interface ExtensionClientOptions {
  /** Limit for the connection, and again for the answer. Milliseconds, or Infinity; default 30 s. */
  readonly timeoutMs?: number;
  /** Limit of an answer in bytes; default 256 MiB. */
  readonly maxResponseBytes?: number;
}

/** Client of an extension's socket, as osquery uses it: a new connection for each request. */
export class ExtensionClient {
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #limits: ProtocolLimits;

  /** @param path the extension's socket */
  constructor(path: string, { timeoutMs = 30_000, maxResponseBytes = 256 * 1024 * 1024 }: ExtensionClientOptions = {}) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#limits = { ...REQUEST_LIMITS, maxMessageBytes: maxResponseBytes };
  }

  /** @throws {ExtensionError} no connection, no answer, or an invalid one */
  ping(): Promise<Status> {
    return this.#ask(encodeRequest('ping', 0), (reply) => decodeReply(reply, 'ping', 0, this.#limits, readStatus));
  }

  /**
   * Calls a plugin: `call('table', 'name', { action: 'generate', context: '{"constraints":[]}' })`. A query that fails
   * resolves with a status whose code is not 0.
   *
   * @throws {ExtensionError} no connection, no answer, or an invalid one
   */
  call(registry: string, item: string, request: Readonly<Record<string, string>>): Promise<Response> {
    return this.#ask(encodeCall(0, registry, item, request), (reply) =>
      decodeReply(reply, 'call', 0, this.#limits, readResponse),
    );
  }

  /** Asks the extension to shut down. */
  async shutdown(): Promise<void> {
    await this.#ask(encodeRequest('shutdown', 0), () => undefined);
  }

  async #ask<T>(request: Buffer, decode: (reply: Buffer) => T): Promise<T> {
    const socket = await MessageSocket.connect(this.#path, this.#timeoutMs, this.#limits);
    try {
      const reply = await socket.exchange(request, this.#timeoutMs);
      try {
        return decode(reply);
      } catch (cause) {
        const code = cause instanceof RemoteError ? 'refused' : 'protocol';
        throw new ExtensionError(code, `${this.#path}: ${messageOf(cause)}`, { cause });
      }
    } finally {
      socket.close();
    }
  }
}
