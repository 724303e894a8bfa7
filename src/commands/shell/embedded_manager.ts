/**
 * A small extension manager on a unix socket. It has the Thrift service, registration, pings and table calls of osqueryd,
 * and a few of osquery's own tables.
 */

import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ExtensionClient,
  type ExtensionInfo,
  MAX_SOCKET_PATH_BYTES,
  type ManagerService,
  type OptionInfo,
  type Registry,
  type Response,
  removeStaleSocket,
  type Status,
  serveManager,
} from '../../osquery/index.ts';
import { messageOf } from '../../text/error_message.ts';
import { type ManagerOption, ownTables, type RegisteredExtension } from './own_tables.ts';
import { parseTableRoute, type RegisteredTable } from './registered_table.ts';
import { type QueryResult, SqlEngine } from './sql_engine.ts';
import { allStatements } from './sql_text.ts';
import { type Answer, callTable, queryable, type TableSource } from './table_source.ts';

export interface EmbeddedManagerOptions {
  /** Default: `osquery.em` in a new private directory. */
  readonly socketPath?: string;
  /** osquery options that `options()` returns. */
  readonly options?: Readonly<Record<string, string>>;
  /** Interval of pings to registered extensions; default 3,000. */
  readonly pingIntervalMs?: number;
  /** Receives log messages: registrations, lost extensions, and peers with invalid Thrift. */
  readonly log?: (message: string) => void;
}

const pingTimeoutMs = 3000;

export class EmbeddedManager {
  /** May be changed at any time. */
  readonly options: Map<string, ManagerOption>;
  /** `views` and `schedule` of osquery's configuration: SQL by name. Only views are executed. May be changed at any time. */
  readonly views = new Map<string, string>();
  readonly schedule = new Map<string, string>();
  /** Whether osquery has read its configuration. May be changed at any time. */
  isConfigValid = true;
  readonly #pingIntervalMs: number;
  readonly #log: (message: string) => void;
  readonly #registered = new Map<number, RegisteredExtension>();
  readonly #connections = new Set<Socket>();
  readonly #engine = new SqlEngine(
    () => this.sources.map(queryable),
    () => this.views,
  );
  #startedMs = Date.now();
  #socketPath: string | undefined;
  #ownDirectory: string | undefined;
  #server: Server | undefined;
  #pingTimer: NodeJS.Timeout | undefined;

  constructor(options: EmbeddedManagerOptions = {}) {
    this.#socketPath = options.socketPath;
    this.options = new Map(
      Object.entries(options.options ?? {}).map(([name, value]) => [
        name,
        { value, default_value: '', type: 'string' },
      ]),
    );
    this.#pingIntervalMs = options.pingIntervalMs ?? 3000;
    this.#log = options.log ?? (() => {});
  }

  /** Path of the socket. Throws before `start`, unless the path was given. */
  get socketPath(): string {
    if (this.#socketPath === undefined) throw new Error('the manager was not started');
    return this.#socketPath;
  }

  get extensions(): readonly RegisteredExtension[] {
    return [...this.#registered.values()];
  }

  /** The tables of all registered extensions. */
  get tables(): readonly RegisteredTable[] {
    return this.extensions.flatMap(({ tables }) => tables);
  }

  /** Listens. Replaces a stale socket; throws if the socket is in use. */
  async start(): Promise<void> {
    if (this.#server !== undefined) throw new Error('the manager is running');
    this.#startedMs = Date.now();
    if (this.#socketPath === undefined) {
      this.#ownDirectory = await mkdtemp(join(tmpdir(), 'process_ancestry-'));
      this.#socketPath = join(this.#ownDirectory, 'osquery.em');
    }
    const path = this.#socketPath;
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new Error(`socket path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
    }
    await removeStaleSocket(path);
    const server = this.#serve();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#log(`manager socket: ${error.message}`));
        resolve();
      });
    });
    this.#server = server;
    await chmod(path, 0o600);
    this.#scheduleSweep();
  }

  /** Ends as osqueryd does on a normal stop: it shuts the extensions down first. */
  async stop(): Promise<void> {
    const leaving = this.extensions.map(({ socketPath }) =>
      new ExtensionClient(socketPath, { timeoutMs: pingTimeoutMs }).shutdown().catch(() => {
        // It has already exited.
      }),
    );
    await Promise.all(leaving);
    await this.kill();
  }

  /** Ends as a killed osqueryd does: connections break without notice to the extensions. */
  async kill(): Promise<void> {
    clearTimeout(this.#pingTimer);
    const server = this.#server;
    this.#server = undefined;
    this.#registered.clear();
    if (server !== undefined) {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of this.#connections) connection.destroy();
      await closed;
    }
    if (this.#ownDirectory !== undefined) {
      await rm(this.#ownDirectory, { recursive: true, force: true });
      this.#ownDirectory = undefined;
      this.#socketPath = undefined;
    }
  }

  /** Waits until the extension is registered and answers on its own socket; `timeoutMs` may be Infinity. */
  async waitForExtension(name: string, timeoutMs: number): Promise<RegisteredExtension> {
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (this.#server === undefined) throw new Error('the manager is not running');
      const extension = this.extensions.find((one) => one.name === name);
      if (extension !== undefined && (await this.#answers(extension))) return extension;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`extension ${name} did not register within ${timeoutMs} ms`);
  }

  /** Runs one statement over the tables of the registered extensions. */
  query(sql: string): Promise<QueryResult> {
    return this.#engine.query(sql);
  }

  /** Calls a plugin of a registered extension as osquery does: a ping, then the call. */
  async call(registry: string, item: string, request: Readonly<Record<string, string>>): Promise<Answer> {
    const extension = this.extensions.find(({ tables }) => tables.some(({ name }) => name === item));
    if (registry !== 'table' || extension === undefined) {
      return { status: { code: 1, message: `No such registry item: ${registry}/${item}` }, rows: [] };
    }
    return callTable(extension.socketPath, item, request);
  }

  /** All tables available to SQL now. */
  get sources(): readonly TableSource[] {
    const registered = this.extensions.flatMap(({ tables, socketPath }) =>
      tables.map((definition) => ({ definition, socketPath })),
    );
    const own = ownTables({
      startedMs: this.#startedMs,
      isConfigValid: this.isConfigValid,
      options: this.options,
      schedule: this.schedule,
      extensions: this.extensions,
    });
    return [...registered, ...own];
  }

  #serve(): Server {
    const service = this.#service();
    return createServer((connection) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
      serveManager(connection, service).catch((error: unknown) => this.#log(`manager socket: ${messageOf(error)}`));
    });
  }

  #service(): ManagerService {
    return {
      ping: () => status(0, 'pong'),
      call: async (registry, item, request) => {
        const answer = await this.call(registry, item, request);
        return response(answer.status.code, answer.status.message, answer.rows);
      },
      shutdown: () => {
        setImmediate(() => void this.stop());
      },
      extensions: () => new Map(this.extensions.map((extension) => [String(extension.uuid), extension])),
      options: () => new Map([...this.options].map(([name, option]) => [name, optionInfo(option)])),
      registerExtension: (info, registry) => this.#register(info, registry),
      deregisterExtension: (uuid) =>
        this.#registered.delete(Number(uuid))
          ? status(0, 'OK', Number(uuid))
          : status(1, 'No extension UUID registered'),
      query: (sql) =>
        answered(async () => {
          const rows: Record<string, string>[] = [];
          for (const statement of allStatements(sql)) rows.push(...asRecords(await this.query(statement)));
          return rows;
        }),
      getQueryColumns: (sql) =>
        answered(async () => this.#engine.columns(sql).map(({ name, type }) => ({ [name]: type }))),
    };
  }

  #register(info: ExtensionInfo, registry: Registry): Status {
    if (this.extensions.some(({ name }) => name === info.name)) return status(1, 'Duplicate extension registered');
    try {
      const tables = Object.entries(registry.table ?? {}).map(([name, route]) => parseTableRoute(name, route));
      const taken = tables.find(({ name }) => this.tables.some((table) => table.name === name));
      if (taken !== undefined) return status(1, `Duplicate registry item exists: ${taken.name}`);
      const uuid = this.#freshUuid();
      this.#registered.set(uuid, { ...info, uuid, socketPath: `${this.socketPath}.${uuid}`, tables });
      this.#log(`extension ${info.name} ${info.version} registered, UUID ${uuid}`);
      return status(0, 'OK', uuid);
    } catch (error) {
      return status(1, messageOf(error));
    }
  }

  #freshUuid(): number {
    for (;;) {
      const uuid = randomInt(1, 65536);
      if (!this.#registered.has(uuid)) return uuid;
    }
  }

  #scheduleSweep(): void {
    clearTimeout(this.#pingTimer);
    // An extension that registers now is first pinged in the next interval, when its socket is open.
    const known = this.extensions;
    this.#pingTimer = setTimeout(async () => {
      await Promise.all(known.map((extension) => this.#dropIfGone(extension)));
      if (this.#server !== undefined) this.#scheduleSweep();
    }, this.#pingIntervalMs);
    this.#pingTimer.unref();
  }

  async #dropIfGone(extension: RegisteredExtension): Promise<void> {
    if (await this.#answers(extension)) return;
    if (this.#registered.get(extension.uuid) !== extension) return;
    this.#registered.delete(extension.uuid);
    this.#log(`extension ${extension.name}, UUID ${extension.uuid}, does not answer and was removed`);
  }

  async #answers(extension: RegisteredExtension): Promise<boolean> {
    try {
      return (await new ExtensionClient(extension.socketPath, { timeoutMs: pingTimeoutMs }).ping()).code === 0;
    } catch {
      return false;
    }
  }
}

/** As in osquery, NULL is the empty string on the wire. */
function asRecords({ columns, rows }: QueryResult): Record<string, string>[] {
  return rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index]?.name ?? '', value ?? ''])));
}

function status(code: number, message: string, uuid = 0): Status {
  return { code, message, uuid: String(uuid) };
}

function response(code: number, message: string, rows: Response['rows']): Response {
  return { status: status(code, message), rows };
}

/** The rows of a statement as a response; an error becomes a status of code 1. */
async function answered(run: () => Promise<Response['rows']>): Promise<Response> {
  try {
    return response(0, 'OK', await run());
  } catch (error) {
    return response(1, messageOf(error), []);
  }
}

function optionInfo({ value, default_value: defaultValue, type }: ManagerOption): OptionInfo {
  return { value, defaultValue, type };
}
