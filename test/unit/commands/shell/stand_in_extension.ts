/** An extension made only with the Thrift library: registers, answers pings and calls, and records its requests. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import Int64 from 'node-int64';
import thrift from 'thrift';
import Extension from '../../../../thrift/gen-nodejs/Extension.js';
import ExtensionManager from '../../../../thrift/gen-nodejs/ExtensionManager.js';
import types from '../../../../thrift/gen-nodejs/osquery_types.js';

export type Row = Record<string, string>;
type Rows = Row[] | ((context: RecordedContext) => Row[] | Promise<Row[]>);
export type Routes = Record<string, Row[]>;

export interface RecordedContext {
  readonly constraints: readonly { name: string; list: { op: number; expr: string }[]; affinity: string }[];
  readonly colsUsed: readonly string[];
}

export interface RecordedCall {
  readonly table: string;
  readonly context: RecordedContext;
  /** As it was sent. */
  readonly contextText: string;
}

/** A table's route information. */
export function route(...columns: [name: string, type: string, options?: number][]): Row[] {
  return columns.map(([name, type, options = 0]) => ({ id: 'column', name, type, op: String(options) }));
}

export interface ManagerConnection {
  readonly client: InstanceType<typeof ExtensionManager.Client>;
  close(): void;
}

export function connectManager(socketPath: string): ManagerConnection {
  // The library's types lack this function.
  const { createUDSConnection } = thrift as unknown as {
    createUDSConnection(path: string, options: thrift.ConnectOptions): thrift.Connection;
  };
  const connection = createUDSConnection(socketPath, {
    transport: thrift.TBufferedTransport,
    protocol: thrift.TBinaryProtocol,
  });
  connection.on('error', () => {});
  return { client: thrift.createClient(ExtensionManager, connection), close: () => connection.destroy() };
}

export class StandInExtension {
  readonly calls: RecordedCall[] = [];
  /** The rows of each table; a function sees the context. */
  readonly rows: Record<string, Rows>;
  status = 0;
  uuid = 0;
  /** Number of requests to shut down. */
  shutdowns = 0;
  readonly #routes: Routes;
  readonly #connections = new Set<Socket>();
  #manager: ManagerConnection | undefined;
  #server: Server | undefined;

  constructor(routes: Routes, rows: Record<string, Rows> = {}) {
    this.#routes = routes;
    this.rows = rows;
  }

  async register(socketPath: string, name = 'process_ancestry'): Promise<{ code: number; message: string }> {
    this.#manager ??= connectManager(socketPath);
    const info = new types.InternalExtensionInfo({
      name,
      version: '0.2.0',
      sdk_version: '5.0.0',
      min_sdk_version: '0.0.0',
    });
    const status = await this.#manager.client.registerExtension(info, { table: this.#routes });
    if (status.code !== 0) return { code: status.code, message: status.message };
    this.uuid = Number(status.uuid);
    await this.#listen(`${socketPath}.${this.uuid}`);
    return { code: status.code, message: status.message };
  }

  async #listen(path: string): Promise<void> {
    const handler = {
      ping: async () => this.#status('OK'),
      call: async (_registry: string, item: string, request: Row) => {
        const contextText = request.context ?? '{}';
        const context: RecordedContext = JSON.parse(contextText);
        this.calls.push({ table: item, context, contextText });
        const rows = this.rows[item] ?? [];
        const answer = typeof rows === 'function' ? await rows(context) : rows;
        return new types.ExtensionResponse({ status: this.#status('asked in vain'), response: answer });
      },
      shutdown: async () => {
        this.shutdowns += 1;
      },
    };
    const made: unknown = thrift.createServer(Extension, handler, {
      transport: thrift.TBufferedTransport,
      protocol: thrift.TBinaryProtocol,
    });
    const server = made as Server;
    server.on('connection', (connection: Socket) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    server.on('error', () => {});
    this.#server = server;
    server.listen(path);
    await once(server, 'listening');
  }

  #status(message: string) {
    return new types.ExtensionStatus({ code: this.status, message, uuid: new Int64(this.uuid) });
  }

  close(): void {
    this.#manager?.close();
    this.#server?.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

/** The routes of the recorded registration: this project's three tables with all of their columns. */
export function recordedRoutes(): Routes {
  const lines = readFileSync(new URL('../../../fixtures/osquery-wire/frames.jsonl', import.meta.url), 'utf8').split(
    '\n',
  );
  const first = JSON.parse(lines[0] ?? '');
  let routes: Routes = {};
  const processor = new ExtensionManager.Processor({
    registerExtension: async (_info: unknown, registry: { table: Routes }) => {
      routes = registry.table;
      return new types.ExtensionStatus({ code: 0, message: 'OK', uuid: new Int64(0) });
    },
  });
  const receive = thrift.TBufferedTransport.receiver((transport: thrift.TTransport) => {
    const nowhere = new thrift.TBinaryProtocol(new thrift.TBufferedTransport(undefined, () => {}));
    const registry = new thrift.TBinaryProtocol(transport);
    // The handler is called before process returns.
    processor.process(registry, nowhere);
  }, 0);
  receive(Buffer.from(first.hex, 'hex'));
  return routes;
}
