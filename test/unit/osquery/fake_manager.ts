import { rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import Int64 from 'node-int64';
import thrift from 'thrift';
import type { Registry } from '../../../src/osquery/response.ts';
import ExtensionManager from '../../../thrift/gen-nodejs/ExtensionManager.js';
import types from '../../../thrift/gen-nodejs/osquery_types.js';
import { OPTIONS } from './recording.ts';
import { afterwards } from './sandbox.ts';

/** osquery's extension manager as far as an extension sees it, on the Thrift library's own server. */
export class FakeManager {
  readonly path: string;
  readonly extensions = new Map<number, types.InternalExtensionInfo>();
  readonly registries: Registry[] = [];
  readonly deregistered: string[] = [];
  options: Record<string, types.InternalOptionInfo> = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, option]) => [name, new types.InternalOptionInfo(option)]),
  );
  /** What registerExtension answers instead of OK. */
  refusal: string | undefined;
  nextUuid = 20658;
  /** How often each of its methods was called. */
  readonly calls = { registerExtension: 0, extensions: 0 };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string) {
    this.path = path;
    afterwards(() => this.die());
  }

  async listen(): Promise<this> {
    rmSync(this.path, { force: true });
    const server: Server = thrift.createServer(ExtensionManager, this.#handler(), {
      transport: thrift.TBufferedTransport,
      protocol: thrift.TBinaryProtocol,
    }) as unknown as Server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('error', () => {});
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
    this.#server = server;
    return this;
  }

  /** As a worker that is killed: connections break, and the next one knows nothing. */
  async die(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    this.extensions.clear();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #handler() {
    const ok = (uuid = 0, message = 'OK') => new types.ExtensionStatus({ code: 0, message, uuid: new Int64(uuid) });
    const failed = (message: string) => new types.ExtensionStatus({ code: 1, message, uuid: new Int64(0) });
    return {
      ping: async () => ok(0, 'pong'),
      // The generated code writes a map's i64 keys by handing their text to Int64, which reads text as hex.
      extensions: async () => {
        this.calls.extensions += 1;
        return Object.fromEntries([...this.extensions].map(([uuid, info]) => [uuid.toString(16), info]));
      },
      options: async () => this.options,
      registerExtension: async (info: types.InternalExtensionInfo, registry: Registry) => {
        this.calls.registerExtension += 1;
        if (this.refusal) return failed(this.refusal);
        if ([...this.extensions.values()].some(({ name }) => name === info.name)) {
          return failed('Duplicate extension registered');
        }
        this.registries.push(registry);
        const uuid = this.nextUuid++;
        this.extensions.set(uuid, info);
        return ok(uuid);
      },
      deregisterExtension: async (uuid: Int64) => {
        this.deregistered.push(String(uuid));
        return this.extensions.delete(uuid.toNumber()) ? ok() : failed('No extension with that UUID');
      },
      query: async (sql: string) => new types.ExtensionResponse({ status: ok(), response: [{ sql }, { sql: '🌲' }] }),
      // Without its parameter, the generated code would take it for a function with a callback.
      getQueryColumns: async (_sql: string) => {
        throw new Error('no columns');
      },
    };
  }
}
