/**
 * Serves only GET /metrics and /healthz, on a loopback port or a unix socket. Memory per client is bounded. At the
 * connection limit a new connection replaces the oldest one.
 */
import { chmodSync, chownSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { isLoopbackName, type ListenAddress } from '../config/listen_address.ts';
import { removeStaleSocket } from '../osquery/index.ts';
import { messageOf } from '../text/error_message.ts';
import { CONTENT_TYPES, type Format, formatFor } from './exposition.ts';
import { trustedFolder } from './trusted_folder.ts';

export interface Health {
  readonly healthy: boolean;
  readonly text: string;
}

export interface MetricsServerOptions {
  readonly address: Exclude<ListenAddress, { kind: 'off' }>;
  /** Group that may connect to the unix socket, in addition to the owner. */
  readonly groupId?: number;
  readonly metrics: (format: Format) => Promise<string>;
  readonly health: () => Health;
  /** Timeout of a request, and of a part of the answer, in milliseconds. Default: 5,000. */
  readonly patienceMs?: number;
  /** Receives errors after the start of listening. */
  readonly onError: (error: Error) => void;
}

const CONNECTIONS = 16;
const HEADER_BYTES = 8192;
const PATIENCE_MS = 5000;

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  /** Connections, oldest first. */
  readonly #sockets = new Set<Socket>();

  private constructor(options: MetricsServerOptions) {
    this.#options = options;
    const { patienceMs = PATIENCE_MS } = options;
    this.#server = createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      connectionsCheckingInterval: patienceMs / 5,
      keepAlive: false,
    });
    // Without this limit, a client that pipelines requests and does not read would make answers accumulate.
    this.#server.maxRequestsPerSocket = 1;
    this.#server.maxHeadersCount = 64;
    this.#server.setTimeout(patienceMs, (socket) => socket.destroy());
    this.#server.on('connection', (socket) => this.#admit(socket));
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Resolves when it listens; rejects if it cannot listen. */
  static async listen(options: MetricsServerOptions): Promise<MetricsServer> {
    const server = new MetricsServer(options);
    await server.#listen();
    return server;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops listening, closes connections and removes the socket, without delay. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(): Promise<void> {
    const { address, groupId } = this.#options;
    if (address.kind === 'unix') {
      trustedFolder(dirname(address.path));
      await removeStaleSocket(address.path);
    }
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        resolve();
      });
      // listen() creates the socket with bind(), so its permissions are correct from the start.
      const umask = process.umask(0o177);
      try {
        server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port });
      } finally {
        process.umask(umask);
      }
    });
    server.on('error', (error) => this.#options.onError(error));
    if (address.kind === 'unix' && groupId !== undefined) {
      try {
        chownSync(address.path, process.getuid?.() ?? 0, groupId);
        chmodSync(address.path, 0o660);
      } catch (error) {
        this.close();
        throw error;
      }
    }
  }

  #admit(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#sockets.size <= CONNECTIONS) return;
    const [longest] = this.#sockets;
    longest?.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request;
    const path = url.split('?', 1)[0];
    const send = (status: number, text: string, more: Readonly<Record<string, string>> = {}): void => {
      const body = Buffer.from(text);
      const type = 'text/plain; charset=utf-8';
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length, Connection: 'close', ...more });
      response.end(method === 'HEAD' ? undefined : body);
      // Errors of a closed connection do not matter.
      request.resume();
    };
    // DNS rebinding: a web page can resolve its name to 127.0.0.1, but cannot change the Host header.
    if (this.#options.address.kind === 'tcp' && !isLoopbackName(headers.host ?? '')) {
      send(421, 'the Host header must be a loopback address or localhost\n');
    } else if (path !== '/metrics' && path !== '/healthz') {
      send(404, 'only /metrics and /healthz exist\n');
    } else if (method !== 'GET' && method !== 'HEAD') {
      send(405, 'only GET and HEAD are allowed\n', { Allow: 'GET, HEAD' });
    } else if (path === '/healthz') {
      const { healthy, text } = this.#options.health();
      send(healthy ? 200 : 503, text);
    } else {
      const format = formatFor(headers.accept);
      try {
        send(200, await this.#options.metrics(format), { 'Content-Type': CONTENT_TYPES[format] });
      } catch (error) {
        send(500, `${messageOf(error)}\n`);
      }
    }
  }
}
