import { createConnection, type Socket } from 'node:net';
import { ExtensionError, messageOf } from './extension_error.ts';
import { MessageBuffer } from './message_buffer.ts';
import { ProtocolError, type ProtocolLimits } from './protocol.ts';

/**
 * Connects to a Unix socket. `timeoutMs` may be Infinity.
 *
 * @throws {ExtensionError} `unreachable` (no listener, no such file, no permission) or `timeout`
 */
export function connectSocket(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const timer = timerOf(timeoutMs, () => {
      socket.destroy();
      reject(new ExtensionError('timeout', `${path}: no connection within ${timeoutMs} ms`));
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ExtensionError('unreachable', `${path}: ${cause.message}`, { cause }));
    });
  });
}

/** The connection of a client: sends one message and receives one, within a time limit. */
export class MessageSocket {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #buffer: MessageBuffer;
  readonly #onClosed: (() => void) | undefined;
  #waiting: { resolve: (message: Buffer) => void; reject: (error: Error) => void } | undefined;
  #broken: ExtensionError | undefined;

  private constructor(path: string, socket: Socket, limits: ProtocolLimits, onClosed?: () => void) {
    this.#path = path;
    this.#onClosed = onClosed;
    this.#socket = socket;
    this.#buffer = new MessageBuffer(limits);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#break(new ExtensionError('lost', `${path}: ${error.message}`)));
    socket.on('end', () => this.#break(new ExtensionError('lost', `${path}: closed by the other side`)));
    socket.on('close', () => this.#break(new ExtensionError('lost', `${path}: closed`)));
  }

  /**
   * `onClosed` is called once, when the connection has closed for any reason.
   *
   * @throws {ExtensionError} as `connectSocket`
   */
  static async connect(
    path: string,
    timeoutMs: number,
    limits: ProtocolLimits,
    onClosed?: () => void,
  ): Promise<MessageSocket> {
    return new MessageSocket(path, await connectSocket(path, timeoutMs), limits, onClosed);
  }

  get open(): boolean {
    return this.#broken === undefined;
  }

  /**
   * Sends a message and returns the next received one. Only one exchange at a time. An error closes the connection.
   * `timeoutMs` may be Infinity.
   *
   * @throws {ExtensionError} `timeout`, `lost` or `protocol`
   */
  exchange(request: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#broken) {
        reject(this.#broken);
        return;
      }
      const timer = timerOf(timeoutMs, () =>
        this.#break(new ExtensionError('timeout', `${this.#path}: no answer within ${timeoutMs} ms`)),
      );
      this.#waiting = {
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#break(new ExtensionError('lost', `${this.#path}: closed`));
  }

  #received(chunk: Buffer): void {
    if (this.#broken) return;
    this.#buffer.push(chunk);
    try {
      const message = this.#buffer.next();
      if (message === undefined && this.#waiting) return;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting && message) waiting.resolve(message);
      else throw new ProtocolError('received bytes without a request');
    } catch (error) {
      this.#break(new ExtensionError('protocol', `${this.#path}: ${messageOf(error)}`, { cause: error }));
    }
  }

  #break(error: ExtensionError): void {
    if (this.#broken) return;
    this.#broken = error;
    this.#socket.destroy();
    this.#buffer.clear();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
    this.#onClosed?.();
  }
}

function timerOf(timeoutMs: number, onTimeout: () => void): NodeJS.Timeout | undefined {
  return timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(onTimeout, timeoutMs);
}
