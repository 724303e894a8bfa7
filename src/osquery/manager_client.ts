import Int64 from 'node-int64';
import thrift from 'thrift';
import ExtensionManager from '../../thrift/gen-nodejs/ExtensionManager.js';
import types from '../../thrift/gen-nodejs/osquery_types.js';
import { ExtensionError, messageOf } from './extension_error.ts';
import { MessageSocket } from './message_socket.ts';
import { type ProtocolLimits, REQUEST_LIMITS } from './protocol.ts';
import type { Response } from './response_decoder.ts';

/** What an extension says of itself. */
export interface ExtensionInfo {
  readonly name: string;
  readonly version: string;
  readonly sdkVersion: string;
  readonly minSdkVersion: string;
}

/** One of osquery's options (flags), as it is now. Everything is text. */
export interface OptionInfo {
  readonly value: string;
  readonly defaultValue: string;
  readonly type: string;
}

/** Per registry, per plugin, the plugin's routes. */
export type Registry = Readonly<Record<string, Readonly<Record<string, Record<string, string>[]>>>>;

const ANSWER_LIMITS: ProtocolLimits = { ...REQUEST_LIMITS, maxMessageBytes: 256 * 1024 * 1024 };

/**
 * Client of osquery's extension manager. It connects when it is first asked something, and again after a connection was
 * lost; requests go one after the other. Every method fails with an `ExtensionError`: `unreachable`, `lost`, `timeout`,
 * `protocol`, or `refused` where osquery answered with an exception.
 */
export class ManagerClient {
  readonly #path: string;
  readonly #timeoutMs: number;
  #socket: MessageSocket | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #seqid = 0;

  /**
   * @param path the manager's socket
   * @param timeoutMs for connecting and for each answer
   */
  constructor(path: string, timeoutMs = 5000) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether there is a connection now. When osquery goes away, this is the first to know. */
  get connected(): boolean {
    return this.#socket?.open === true;
  }

  /** Says whether osquery is there; its uuid is 0. */
  async ping(): Promise<Response['status']> {
    return status(await this.#ask('ping', (client) => client.ping()));
  }

  /** @returns a status whose `uuid` is what the extension is called by from now on, if its code is 0 */
  async registerExtension(info: ExtensionInfo, registry: Registry): Promise<Response['status']> {
    const thriftInfo = new types.InternalExtensionInfo({
      name: info.name,
      version: info.version,
      sdk_version: info.sdkVersion,
      min_sdk_version: info.minSdkVersion,
    });
    return status(await this.#ask('registerExtension', (client) => client.registerExtension(thriftInfo, registry)));
  }

  /** @param uuid decimal */
  async deregisterExtension(uuid: string, timeoutMs?: number): Promise<Response['status']> {
    return status(
      await this.#ask('deregisterExtension', (client) => client.deregisterExtension(int64(uuid)), timeoutMs),
    );
  }

  /** All registered extensions, by uuid (decimal). */
  async extensions(): Promise<Map<string, ExtensionInfo>> {
    const found: Record<string, types.InternalExtensionInfo> = await this.#ask('extensions', (client) =>
      client.extensions(),
    );
    return new Map(
      Object.entries(found).map(([uuid, info]) => [
        uuid,
        {
          name: info.name ?? '',
          version: info.version ?? '',
          sdkVersion: info.sdk_version ?? '',
          minSdkVersion: info.min_sdk_version ?? '',
        },
      ]),
    );
  }

  /** All of osquery's options, by name. */
  async options(): Promise<Map<string, OptionInfo>> {
    const found = await this.#ask('options', (client) => client.options());
    return new Map(
      Object.entries(found).map(([name, option]) => [
        name,
        { value: option.value ?? '', defaultValue: option.default_value ?? '', type: option.type ?? '' },
      ]),
    );
  }

  /** Runs SQL in osquery. SQL that fails is a status whose code is not 0. */
  async query(sql: string): Promise<Response> {
    return response(await this.#ask('query', (client) => client.query(sql)));
  }

  /** The columns that SQL would give: rows of one entry each, name to type. */
  async getQueryColumns(sql: string): Promise<Response> {
    return response(await this.#ask('getQueryColumns', (client) => client.getQueryColumns(sql)));
  }

  /** Closes the connection. What is being asked fails; what is asked later connects again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #ask<T>(
    method: string,
    send: (client: ExtensionManager.Client) => Promise<T>,
    timeoutMs = this.#timeoutMs,
  ): Promise<T> {
    const answer = this.#last.then(() => this.#exchange(method, send, timeoutMs));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #exchange<T>(
    method: string,
    send: (client: ExtensionManager.Client) => Promise<T>,
    timeoutMs: number,
  ): Promise<T> {
    // The generated code turns a call into bytes and bytes into an answer; the socket, its bounds and its time are ours.
    let request: Buffer | undefined;
    const output = new thrift.TBufferedTransport(undefined, (bytes) => {
      request = bytes;
    });
    const client = new ExtensionManager.Client(output, thrift.TBinaryProtocol);
    const numbered = client as unknown as { _seqid: number };
    numbered._seqid = this.#seqid;
    const answer = send(client);
    // Rejected when the reply is an exception; awaited below, unless there is no reply at all.
    answer.catch(() => undefined);
    this.#seqid = numbered._seqid;
    if (request === undefined) throw new ExtensionError('protocol', `${method}: nothing to send`);
    if (!this.#socket?.open) this.#socket = await MessageSocket.connect(this.#path, timeoutMs, ANSWER_LIMITS);
    const socket = this.#socket;
    const reply = await socket.exchange(request, timeoutMs);
    try {
      receive(client, method, this.#seqid, reply);
    } catch (cause) {
      socket.close();
      throw new ExtensionError('protocol', `${this.#path}: ${method}: ${messageOf(cause)}`, { cause });
    }
    try {
      return await answer;
    } catch (cause) {
      throw new ExtensionError('refused', `${this.#path}: ${method}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Gives a reply, which is whole, to the generated method that decodes it. */
function receive(client: ExtensionManager.Client, method: string, seqid: number, reply: Buffer): void {
  let input: thrift.TProtocol | undefined;
  thrift.TBufferedTransport.receiver((transport) => {
    input = new thrift.TBinaryProtocol(transport, true);
  }, seqid)(reply);
  if (input === undefined) throw new Error('no reply');
  const { fname, mtype, rseqid } = input.readMessageBegin();
  if (fname !== method || rseqid !== seqid) throw new Error(`a reply to ${fname} ${rseqid} where ${seqid} is due`);
  if (mtype !== thrift.Thrift.MessageType.REPLY && mtype !== thrift.Thrift.MessageType.EXCEPTION) {
    throw new Error(`message type ${mtype} where a reply is due`);
  }
  const decode: unknown = Reflect.get(client, `recv_${method}`);
  if (typeof decode !== 'function') throw new Error('no such method');
  decode.call(client, input, mtype, rseqid);
}

function status(found: types.ExtensionStatus): Response['status'] {
  return { code: found.code ?? 0, message: found.message ?? '', uuid: found.uuid ? decimal(found.uuid) : '0' };
}

function response(found: types.ExtensionResponse): Response {
  return {
    status: found.status ? status(found.status) : { code: 0, message: '', uuid: '0' },
    rows: found.response ?? [],
  };
}

function decimal(value: Int64): string {
  return String(value.buffer.readBigInt64BE(value.offset));
}

function int64(uuid: string): Int64 {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(uuid));
  return new Int64(bytes);
}
