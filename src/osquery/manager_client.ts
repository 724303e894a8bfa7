import type { BinaryReader } from './binary_reader.ts';
import { ExtensionError, messageOf } from './extension_error.ts';
import { encodeManagerCall, type ManagerCall } from './manager_request.ts';
import { MessageSocket } from './message_socket.ts';
import { type ProtocolLimits, REQUEST_LIMITS, Type } from './protocol.ts';
import { decodeReply, RemoteError } from './reply_decoder.ts';
import { encodeRequest } from './request.ts';
import type { ExtensionInfo, OptionInfo, Registry, Response, Status } from './response.ts';
import { readExtensionInfo, readOptionInfo, readResponse, readStatus } from './thrift_structs.ts';

const ANSWER_LIMITS: ProtocolLimits = { ...REQUEST_LIMITS, maxMessageBytes: 256 * 1024 * 1024 };

/**
 * Client of osquery's extension manager. It connects at the first request, and again after a lost connection. Requests
 * are sent one after the other. Every method fails with an `ExtensionError`: `unreachable`, `lost`, `timeout`, `protocol`,
 * or `refused` where osquery answered with an exception.
 */
export class ManagerClient {
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #onClosed: (() => void) | undefined;
  #socket: MessageSocket | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #seqid = 0;

  /**
   * @param path the manager's socket
   * @param timeoutMs limit for the connection, and for each answer
   * @param onClosed called when a connection has closed
   */
  constructor(path: string, timeoutMs = 5000, onClosed?: () => void) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#onClosed = onClosed;
  }

  /** Whether the connection is open. It closes as soon as osquery ends. */
  get connected(): boolean {
    return this.#socket?.open === true;
  }

  /** @returns osquery's status; its uuid is 0 */
  ping(): Promise<Status> {
    return this.#ask('ping', (seqid) => encodeRequest('ping', seqid), readStatus);
  }

  /** @returns a status; where its code is 0, its `uuid` names the extension from now on */
  registerExtension(info: ExtensionInfo, registry: Registry): Promise<Status> {
    return this.#call({ method: 'registerExtension', info, registry }, readStatus);
  }

  /** @param uuid decimal */
  deregisterExtension(uuid: string): Promise<Status> {
    return this.#call({ method: 'deregisterExtension', uuid }, readStatus);
  }

  /** All registered extensions, by uuid (decimal). */
  extensions(): Promise<Map<string, ExtensionInfo>> {
    return this.#call({ method: 'extensions' }, readExtensions);
  }

  /** All options of osquery, by name. */
  options(): Promise<Map<string, OptionInfo>> {
    return this.#call(
      { method: 'options' },
      (reader) => new Map(reader.mapOf(Type.STRUCT, () => readOptionInfo(reader))),
    );
  }

  /** Runs SQL in osquery. Where the SQL fails, the status has a code other than 0. */
  query(sql: string): Promise<Response> {
    return this.#call({ method: 'query', sql }, readResponse);
  }

  /** The result columns of a SQL statement: one row each, of one entry, name to type. */
  getQueryColumns(sql: string): Promise<Response> {
    return this.#call({ method: 'getQueryColumns', sql }, readResponse);
  }

  /** Closes the connection. A pending request fails; a later request connects again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #call<Result>(call: ManagerCall, read: (reader: BinaryReader) => Result): Promise<Result> {
    return this.#ask(call.method, (seqid) => encodeManagerCall(call, seqid), read);
  }

  #ask<Result>(
    method: string,
    encode: (seqid: number) => Buffer,
    read: (reader: BinaryReader) => Result,
  ): Promise<Result> {
    const answer = this.#last.then(() => this.#exchange(method, encode, read));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  #connect(): Promise<MessageSocket> {
    return MessageSocket.connect(this.#path, this.#timeoutMs, ANSWER_LIMITS, this.#onClosed);
  }

  async #exchange<Result>(
    method: string,
    encode: (seqid: number) => Buffer,
    read: (reader: BinaryReader) => Result,
  ): Promise<Result> {
    // Thrift numbers requests from 1.
    const seqid = ++this.#seqid;
    this.#socket = this.#socket?.open ? this.#socket : await this.#connect();
    const socket = this.#socket;
    const reply = await socket.exchange(encode(seqid), this.#timeoutMs);
    try {
      return decodeReply(reply, method, seqid, ANSWER_LIMITS, read);
    } catch (cause) {
      if (cause instanceof RemoteError)
        throw new ExtensionError('refused', `${this.#path}: ${cause.message}`, { cause });
      socket.close();
      throw new ExtensionError('protocol', `${this.#path}: ${method}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A map of i64 keys and ExtensionInfo values; empty where the types differ. */
function readExtensions(reader: BinaryReader): Map<string, ExtensionInfo> {
  const { key, value, count } = reader.map();
  const extensions = new Map<string, ExtensionInfo>();
  for (let i = 0; i < count; i++) {
    if (key === Type.I64 && value === Type.STRUCT) extensions.set(String(reader.i64()), readExtensionInfo(reader));
    else {
      reader.skip(key);
      reader.skip(value);
    }
  }
  return extensions;
}
