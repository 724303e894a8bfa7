import { createServer, type Server } from 'node:net';
import { DEFAULT_RESULT_LIMIT, type ResultLimit } from './answer_builder.ts';
import { AnswerMemory } from './answer_memory.ts';
import type { AnswerReport } from './answer_report.ts';
import { routes } from './column.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { EventLoopShare } from './event_loop_share.ts';
import { ExtensionError, messageOf } from './extension_error.ts';
import { type Log, RateLimit } from './log.ts';
import { cannotListen, type RemoveSocket, removeStaleSocket, settleSocket, temporaryName } from './stale_socket.ts';
import type { TablePlugin } from './table_plugin.ts';

/** Bounds of a server. Seconds. */
export interface ServerLimits {
  /** Beyond it the one that has been idle longest makes room, or else the new one is closed. */
  readonly connections: number;
  /** From the first byte of a request to its last. */
  readonly partialSeconds: number;
  /** Without a request. */
  readonly idleSeconds: number;
  /** Until a reader has taken the next 256 KiB of its answer, or what is left of it. */
  readonly stallSeconds: number;
  /** Bytes of unfinished requests, of all connections together. */
  readonly bufferedBytes: number;
  /**
   * How many times `resultMaxBytes` the answers that are being made or read may hold, of all connections together;
   * answers of up to 128 KiB are held in any case.
   */
  readonly largestAnswers: number;
}

export const SERVER_LIMITS: ServerLimits = {
  connections: 256,
  partialSeconds: 30,
  idleSeconds: 300,
  stallSeconds: 60,
  bufferedBytes: 64 * 1024 * 1024,
  largestAnswers: 4,
};

export interface ExtensionServerOptions {
  /** Where to listen: the manager's socket path, a dot, and the uuid. */
  readonly path: string;
  /** What the manager registered the extension under: decimal. */
  readonly uuid: string;
  readonly tables: readonly TablePlugin<unknown>[];
  readonly log: Log;
  /** The manager asked for it, and has its answer. */
  readonly onShutdown?: () => void;
  readonly limits?: Partial<ServerLimits>;
  /** After every query. */
  readonly onAnswer?: (report: AnswerReport) => void;
  /** A larger answer fails the query, unless it is a single row. Default: 64 MiB. */
  readonly resultMaxBytes?: ResultLimit;
}

/** What happened on a server, counted since it was made. */
export interface ServerCounts {
  connections: number;
  requests: number;
  /** Closed for breaking the protocol, a bound or a deadline. */
  faults: number;
  queryErrors: number;
  /** Values that a column failed to give. */
  valueErrors: number;
  /** Of answers that were made, also of those that were refused in the end, or that nobody took. */
  answerBytes: number;
}

export const NO_COUNTS: Readonly<ServerCounts> = {
  connections: 0,
  requests: 0,
  faults: 0,
  queryErrors: 0,
  valueErrors: 0,
  answerBytes: 0,
};

/**
 * Serves tables to osquery on a unix socket. Answers are made in slices, so that a ping is answered at once while
 * others read much; a peer that is slow, broken or hostile costs bounded memory, and its own connection at most.
 */
export class ExtensionServer {
  readonly #options: ExtensionServerOptions;
  readonly #limits: ServerLimits;
  readonly #rate = new RateLimit();
  readonly #counts: ServerCounts = { ...NO_COUNTS };
  // In the order of their last request: the first is the one that has been idle longest.
  readonly #connections = new Set<Connection>();
  readonly #host: ConnectionHost;
  readonly #answers: AnswerMemory;
  #buffered = 0;
  #server: Server | undefined;
  #removeSocket: RemoveSocket | undefined;
  #sweep: NodeJS.Timeout | undefined;

  /** @throws {ExtensionError} `declaration`: a table's columns are wrong, or two tables have one name */
  constructor(options: ExtensionServerOptions) {
    this.#options = options;
    this.#limits = { ...SERVER_LIMITS, ...options.limits };
    const tables = new Map<string, TablePlugin<unknown>>();
    for (const table of options.tables) {
      if (tables.has(table.name)) throw new ExtensionError('declaration', `two tables are called ${table.name}`);
      routes(table);
      tables.set(table.name, table);
    }
    const { log, resultMaxBytes: resultLimit = DEFAULT_RESULT_LIMIT } = options;
    const counts = this.#counts;
    const answers = new AnswerMemory(
      () => this.#limits.largestAnswers * resultLimit.bytes(),
      (more) => {
        counts.answerBytes += more;
      },
    );
    this.#answers = answers;
    this.#host = {
      uuid: options.uuid,
      tables,
      share: new EventLoopShare(),
      answers,
      resultLimit,
      stallMs: this.#limits.stallSeconds * 1000,
      now: () => performance.now(),
      onRequest: (connection) => {
        counts.requests += 1;
        this.#connections.delete(connection);
        this.#connections.add(connection);
      },
      onBuffered: (connection, change) => {
        this.#buffered += change;
        if (change > 0 && this.#buffered > this.#limits.bufferedBytes) {
          this.#fault('buffered', `unfinished requests hold more than ${this.#limits.bufferedBytes} bytes`);
          connection.close();
        }
      },
      onFault: (kind, message) => this.#fault(kind, message),
      onQueryError: (table, error) => {
        counts.queryErrors += 1;
        this.#rate.pass('query', (suppressed) => log.warn({ table, error, suppressed }, 'a query failed'));
      },
      onValueError: (table, column, error) => {
        counts.valueErrors += 1;
        this.#rate.pass(`value ${table}.${column}`, (suppressed) =>
          log.error({ table, column, error: messageOf(error), suppressed }, 'a column has no value for a row'),
        );
      },
      ...(options.onAnswer ? { onAnswer: options.onAnswer } : {}),
      onShutdown: () => options.onShutdown?.(),
      onClose: (connection) => this.#connections.delete(connection),
    };
  }

  get path(): string {
    return this.#options.path;
  }

  get counts(): Readonly<ServerCounts> {
    return this.#counts;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Bytes of answers that are being made or read now. */
  get answerBytes(): number {
    return this.#answers.bytes;
  }

  /**
   * Listens. A socket that nobody answers on is removed; the new one is 0600 from the start.
   *
   * @throws {ExtensionError} `socket-path`
   */
  async listen(): Promise<void> {
    const { path } = this.#options;
    const temporary = temporaryName(path);
    for (const place of [path, temporary]) await removeStaleSocket(place);
    const server = createServer((socket) => {
      this.#makeRoom();
      if (this.#connections.size >= this.#limits.connections) {
        this.#fault('connections', `more than ${this.#limits.connections} connections`);
        socket.destroy();
        return;
      }
      this.#counts.connections += 1;
      this.#connections.add(new Connection(socket, this.#host));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(cannotListen(path, error)));
      server.once('listening', () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#fault('accept', error.message));
        try {
          this.#removeSocket = settleSocket(temporary, path);
          resolve();
        } catch (error) {
          server.close();
          reject(cannotListen(path, error));
        }
      });
      // The socket is made within listen(), by bind(): no moment passes in which others could connect.
      const umask = process.umask(0o177);
      try {
        server.listen({ path: temporary, backlog: 511 });
      } finally {
        process.umask(umask);
      }
    });
    this.#server = server;
    const shortest = Math.min(this.#limits.partialSeconds, this.#limits.idleSeconds);
    this.#sweep = setInterval(() => this.#closeOverdue(), Math.min(1000, shortest * 250)).unref();
  }

  /** Stops listening, closes every connection and removes the socket. Can be called again. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const server = this.#server;
    this.#server = undefined;
    if (server) this.#removeSocket?.();
    const closed = server && new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.close();
    await closed;
  }

  #makeRoom(): void {
    if (this.#connections.size < this.#limits.connections) return;
    for (const connection of this.#connections) {
      if (connection.idleSince === undefined) continue;
      connection.close();
      return;
    }
  }

  #closeOverdue(): void {
    const now = performance.now();
    for (const connection of [...this.#connections]) {
      const { partialSince, idleSince } = connection;
      if (partialSince !== undefined && !connection.busy && now - partialSince > this.#limits.partialSeconds * 1000) {
        this.#fault('partial', `a request took longer than ${this.#limits.partialSeconds} s to arrive`);
        connection.close();
      } else if (idleSince !== undefined && now - idleSince > this.#limits.idleSeconds * 1000) connection.close();
    }
  }

  #fault(kind: string, error: string): void {
    this.#counts.faults += 1;
    this.#rate.pass(kind, (suppressed) =>
      this.#options.log.warn({ kind, error, suppressed }, 'closed a connection to the extension socket'),
    );
  }
}
