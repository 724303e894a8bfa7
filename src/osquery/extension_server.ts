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

/** Limits of a server. Times are in seconds. */
export interface ServerLimits {
  /** Open connections. Above it, the longest idle one is closed; where none is idle, the new one. */
  readonly connections: number;
  /** Time from the first to the last byte of a request. */
  readonly partialSeconds: number;
  /** Time without a request. */
  readonly idleSeconds: number;
  /** Time to read the next 256 KiB of an answer, or its rest. */
  readonly stallSeconds: number;
  /** Bytes of unfinished requests, of all connections together. */
  readonly bufferedBytes: number;
  /**
   * Memory of all answers that are being built or sent, as a multiple of `resultMaxBytes`. Answers of up to 128 KiB always
   * have room.
   */
  readonly largestAnswers: number;
}

const SERVER_LIMITS: ServerLimits = {
  connections: 256,
  partialSeconds: 30,
  idleSeconds: 300,
  stallSeconds: 60,
  bufferedBytes: 64 * 1024 * 1024,
  largestAnswers: 4,
};

interface ExtensionServerOptions {
  /** Socket to listen on: the manager's socket path, a dot, and the uuid. */
  readonly path: string;
  /** The uuid from the registration, decimal. */
  readonly uuid: string;
  readonly tables: readonly TablePlugin<unknown>[];
  readonly log: Log;
  /** Called when the manager has called `shutdown` and the reply has been written. */
  readonly onShutdown?: () => void;
  readonly limits?: Partial<ServerLimits>;
  /** Called after each query. */
  readonly onAnswer?: (report: AnswerReport) => void;
  /** A larger answer fails the query, except a single row. Default: 64 MiB. */
  readonly resultMaxBytes?: ResultLimit;
}

/** Counters of a server, from its start. */
export interface ServerCounts {
  connections: number;
  requests: number;
  pings: number;
  /** Connections closed for a protocol error, a limit or a deadline. */
  faults: number;
  queryErrors: number;
  /** Values that a column did not return: it threw, or returned another type. */
  valueErrors: number;
  /** Bytes of all answers that were built, with refused and unread ones. */
  answerBytes: number;
}

export const NO_COUNTS: Readonly<ServerCounts> = {
  connections: 0,
  requests: 0,
  pings: 0,
  faults: 0,
  queryErrors: 0,
  valueErrors: 0,
  answerBytes: 0,
};

/**
 * Serves tables to osquery on a Unix socket. Answers are built in slices, so a ping is answered at once during long
 * queries. A slow, broken or hostile peer uses bounded memory, and loses only its own connection.
 */
export class ExtensionServer {
  readonly #options: ExtensionServerOptions;
  readonly #limits: ServerLimits;
  readonly #rate = new RateLimit();
  readonly #counts: ServerCounts = { ...NO_COUNTS };
  // In the order of the last request: the longest idle connection is the first.
  readonly #connections = new Set<Connection>();
  readonly #host: ConnectionHost;
  readonly #answers: AnswerMemory;
  #buffered = 0;
  #server: Server | undefined;
  #removeSocket: RemoveSocket | undefined;
  /** Runs while there are connections. */
  #sweep: NodeJS.Timeout | undefined;

  /** @throws {ExtensionError} `declaration`: the columns of a table are invalid, or two tables have one name */
  constructor(options: ExtensionServerOptions) {
    this.#options = options;
    this.#limits = { ...SERVER_LIMITS, ...options.limits };
    const tables = new Map<string, TablePlugin<unknown>>();
    for (const table of options.tables) {
      if (tables.has(table.name)) throw new ExtensionError('declaration', `two tables have the name ${table.name}`);
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
      onPing: () => {
        counts.pings += 1;
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
          log.error({ table, column, error: messageOf(error), suppressed }, 'a column returned no value for a row'),
        );
      },
      ...(options.onAnswer ? { onAnswer: options.onAnswer } : {}),
      onShutdown: () => options.onShutdown?.(),
      onClose: (connection) => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#endSweep();
      },
    };
  }

  get path(): string {
    return this.#options.path;
  }

  get counts(): Readonly<ServerCounts> {
    return this.#counts;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Bytes of answers that are being built or sent now. */
  get answerBytes(): number {
    return this.#answers.bytes;
  }

  /**
   * Starts to listen. A stale socket is removed first. The new socket has mode 0600 from the start.
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
      this.#sweep ??= setInterval(() => this.#closeOverdue(), this.#sweepMs).unref();
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
      // listen() creates the socket synchronously, by bind(), so the umask applies to it alone.
      const umask = process.umask(0o177);
      try {
        server.listen({ path: temporary, backlog: 511 });
      } finally {
        process.umask(umask);
      }
    });
    this.#server = server;
  }

  /** Stops listening, closes all connections and removes the socket. May be called several times. */
  async close(): Promise<void> {
    this.#endSweep();
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

  get #sweepMs(): number {
    return Math.min(5000, Math.min(this.#limits.partialSeconds, this.#limits.idleSeconds) * 250);
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

  #endSweep(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #fault(kind: string, error: string): void {
    this.#counts.faults += 1;
    this.#rate.pass(kind, (suppressed) =>
      this.#options.log.warn({ kind, error, suppressed }, 'closed a connection to the extension socket'),
    );
  }
}
