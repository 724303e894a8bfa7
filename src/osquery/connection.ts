import type { Socket } from 'node:net';
import { AnswerBuilder, type ResultLimit } from './answer_builder.ts';
import type { AnswerMemory } from './answer_memory.ts';
import type { AnswerReport } from './answer_report.ts';
import type { EventLoopShare } from './event_loop_share.ts';
import { messageOf } from './extension_error.ts';
import { MessageBuffer } from './message_buffer.ts';
import { ProtocolError, REQUEST_LIMITS } from './protocol.ts';
import { encodeResponseReply, encodeShutdownReply, encodeStatusReply, encodeUnknownMethod } from './reply_encoder.ts';
import { decodeRequest, type Request } from './request.ts';
import type { Response, Status } from './response.ts';
import { ResponseEncoder } from './response_encoder.ts';
import { type CallOutcome, callTable } from './table_call.ts';
import type { TablePlugin } from './table_plugin.ts';

/** The parts of the server that a connection uses. */
export interface ConnectionHost {
  readonly uuid: string;
  readonly tables: ReadonlyMap<string, TablePlugin<unknown>>;
  readonly share: EventLoopShare;
  readonly answers: AnswerMemory;
  readonly resultLimit: ResultLimit;
  /** Milliseconds that the peer has to read a piece of its answer. */
  readonly stallMs: number;
  /** Milliseconds, monotonic. */
  now(): number;
  /** A whole request has arrived. */
  onRequest(connection: Connection): void;
  /** The peer called `ping`. */
  onPing(): void;
  /** The buffered bytes of unfinished requests changed by `change`. */
  onBuffered(connection: Connection, change: number): void;
  /** The connection is closed: the peer broke the protocol, or did not read. */
  onFault(kind: string, message: string): void;
  /** A query failed with this message. */
  onQueryError(table: string, message: string): void;
  onValueError(table: string, column: string, error: unknown): void;
  /** A query has ended, with any outcome. */
  onAnswer?(report: AnswerReport): void;
  /** The peer called `shutdown`, and the reply has been written. */
  onShutdown(): void;
  onClose(connection: Connection): void;
}

/** A call has about eight values. Decoding millions of values would block the event loop for a second. */
const REQUEST_VALUES_MAX = 4096;
/** Bytes that are read ahead while a request is answered. */
const READ_AHEAD_BYTES = 256 * 1024;
/** Bytes of an answer that are written at once. */
const PIECE_BYTES = 256 * 1024;

/** The connection of one peer: answers its requests in order, one at a time, as fast as the peer reads. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #buffer = new MessageBuffer({ ...REQUEST_LIMITS, maxValues: REQUEST_VALUES_MAX });
  #buffered = 0;
  #closed = false;
  #busy = false;
  /** Ends the wait for a write, with true where the kernel has taken the bytes. */
  #wake: ((taken: boolean) => void) | undefined;
  /** Reports that the peer closed the connection before it had read the last answer. */
  #unread: (() => void) | undefined;
  #partialSince: number | undefined;
  #idleSince: number;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#idleSince = host.now();
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    // A peer that has ended its side has gone: it does not read the answer that is being built.
    socket.on('end', () => this.close());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A peer that closes with unread bytes resets the connection (net/unix/af_unix.c, unix_release_sock).
      if (error.code === 'ECONNRESET') this.#unread?.();
      this.close();
    });
    socket.on('close', () => this.close());
  }

  /** Whether a request is being answered. */
  get busy(): boolean {
    return this.#busy;
  }

  /** When the first byte of an unfinished request arrived, in the host's time. */
  get partialSince(): number | undefined {
    return this.#partialSince;
  }

  /** When the connection became idle, in the host's time; undefined during a request. */
  get idleSince(): number | undefined {
    return this.#busy || this.#partialSince !== undefined ? undefined : this.#idleSince;
  }

  /** Closes the connection at once; a running query stops. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer.clear();
    this.#countBuffered();
    // The kernel still delivers bytes that it has taken.
    this.#socket.destroy();
    this.#wake?.(false);
    this.#host.onClose(this);
  }

  #received(chunk: Buffer): void {
    if (this.#closed) return;
    this.#buffer.push(chunk);
    if (this.#busy) {
      if (this.#buffer.length > READ_AHEAD_BYTES) this.#socket.pause();
      this.#countBuffered();
      return;
    }
    this.#next();
  }

  /** Answers buffered requests until one takes time or none is left. */
  #next(): void {
    try {
      while (!this.#closed && !this.#busy) {
        const message = this.#buffer.next();
        if (message === undefined) break;
        this.#partialSince = undefined;
        this.#unread = undefined;
        this.#host.onRequest(this);
        this.#answer(decodeRequest(message));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fault('protocol', error.message);
    }
    if (this.#closed) return;
    this.#countBuffered();
    if (this.#busy) return;
    const now = this.#host.now();
    this.#idleSince = now;
    this.#partialSince = this.#buffer.length > 0 ? (this.#partialSince ?? now) : undefined;
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #answer(request: Request): void {
    switch (request.method) {
      case 'ping':
        this.#host.onPing();
        this.#hold(this.#write(encodeStatusReply('ping', request.seqid, this.#status(0, 'OK'))));
        return;
      case 'unknown':
        this.#hold(this.#write(encodeUnknownMethod(request.name, request.seqid)));
        return;
      case 'shutdown':
        this.#busy = true;
        this.#socket.write(encodeShutdownReply(request.seqid), () => this.#host.onShutdown());
        return;
      case 'call': {
        const { seqid, registry, item } = request;
        const began = this.#host.now();
        const outcome = callTable(this.#host.tables, registry, item, request.request, this.#host.share);
        const reply = (known: CallOutcome) => this.#reply(seqid, item, known, began);
        this.#hold(outcome instanceof Promise ? outcome.then(reply) : reply(outcome));
      }
    }
  }

  /** Makes later requests wait until an answer has been written. */
  #hold(answer: Promise<unknown>): void {
    this.#busy = true;
    answer.then(
      () => {
        this.#busy = false;
        if (!this.#closed) this.#next();
      },
      (error: unknown) => this.#fault('internal', messageOf(error)),
    );
  }

  #reply(seqid: number, item: string, outcome: CallOutcome, began: number): Promise<unknown> {
    switch (outcome.kind) {
      case 'failed':
        this.#host.onQueryError(item, outcome.message);
        this.#report(item, 'failed', began);
        return this.#write(this.#response(seqid, 1, outcome.message, []));
      case 'records':
        return this.#write(this.#response(seqid, 0, 'OK', outcome.records));
      case 'rows':
        return this.#replyRows(seqid, outcome, began);
    }
  }

  async #replyRows(seqid: number, outcome: CallOutcome & { kind: 'rows' }, began: number): Promise<void> {
    const { table, columnsUsed, delivered, unread } = outcome;
    const { answers, resultLimit } = this.#host;
    const encoder = new ResponseEncoder(seqid, this.#status(0, 'OK'), table, columnsUsed, (column, error) =>
      this.#host.onValueError(table.name, column, error),
    );
    outcome.measure(() => encoder.byteCount);
    const answer = new AnswerBuilder(encoder, answers.share(), resultLimit, table.adviceWhenTooLarge);
    try {
      await this.#build(answer, await outcome.rows);
    } catch (error) {
      answer.release();
      const message = `${table.name}: ${messageOf(error)}`;
      await this.#reply(seqid, table.name, { kind: 'failed', message }, began);
      return;
    }
    try {
      const { rowCount: rows, byteCount: bytes } = encoder;
      const taken = await this.#send(answer);
      this.#report(table.name, taken ? 'answered' : 'abandoned', began, rows, bytes);
      if (!taken) return;
      delivered();
      this.#unread = unread;
    } finally {
      answer.release();
    }
  }

  /** Adds all rows, in slices, while the connection is open. */
  async #build(answer: AnswerBuilder<unknown>, rows: Iterable<unknown>): Promise<void> {
    if (this.#closed) return;
    if (typeof rows?.[Symbol.iterator] !== 'function')
      throw new TypeError('generate returned a value that is not iterable');
    const { share } = this.#host;
    // An early return closes the iterator.
    for (const row of rows) {
      if (row !== undefined) answer.add(row);
      if (share.spent()) await share.turn();
      if (this.#closed) return;
    }
    answer.check();
  }

  /** Resolves with true when the kernel has taken the whole answer, with false when the connection has closed. */
  async #send(answer: AnswerBuilder<unknown>): Promise<boolean> {
    if (this.#closed) return false;
    const { share } = this.#host;
    for (const chunk of answer.chunks()) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        if (share.spent()) await share.turn();
        if (!(await this.#write(chunk.subarray(at, at + PIECE_BYTES)))) return false;
      }
    }
    return true;
  }

  /** Resolves with true when the kernel has taken the bytes, with false when the connection has closed. */
  #write(bytes: Buffer): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      // Not the socket's timer: it restarts with every byte that the peer sends.
      const stalled = setTimeout(() => {
        this.#fault('stalled', `left ${bytes.length} bytes unread for ${this.#host.stallMs / 1000} s`);
      }, this.#host.stallMs);
      this.#wake = (taken) => {
        this.#wake = undefined;
        clearTimeout(stalled);
        resolve(taken);
      };
      this.#socket.write(bytes, (error) => this.#wake?.(!error && !this.#closed));
    });
  }

  #report(item: string, outcome: AnswerReport['outcome'], began: number, rows = 0, bytes = 0): void {
    const { tables, now } = this.#host;
    // Only known names, so that a peer cannot add names to the statistics.
    const table = tables.has(item) ? item : '';
    this.#host.onAnswer?.({ table, outcome, rows, bytes, milliseconds: now() - began });
  }

  #response(seqid: number, code: number, message: string, rows: Response['rows']): Buffer {
    return encodeResponseReply('call', seqid, { status: this.#status(code, message), rows });
  }

  #status(code: number, message: string): Status {
    return { code, message, uuid: this.#host.uuid };
  }

  #fault(kind: string, message: string): void {
    if (this.#closed) return;
    this.#host.onFault(kind, message);
    this.close();
  }

  #countBuffered(): void {
    const change = this.#buffer.length - this.#buffered;
    if (change === 0) return;
    this.#buffered += change;
    this.#host.onBuffered(this, change);
  }
}
