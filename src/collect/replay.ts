/** Reads a recorded audit log in the format of auditd or of the kernel, raw or ENRICHED, plain or gzip. Needs no privileges. */

import { closeSync, constants, createReadStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readBundledFile } from '../program/bundled_files.ts';
import { messageOf } from '../text/error_message.ts';
import { AuditEvents } from './audit_events.ts';
import { BatchDecoder } from './batch.ts';
import { WHOLE } from './join.ts';
import { HEAD_BYTES, isGzip, MAGIC_BYTES, otherForm, refusedByLines, refusedByMagic } from './log_format.ts';
import type { NativeBinding, NativeHostPiece, NativeLogReader, NativeLogStats } from './native.ts';
import { RecordedHost } from './recorded_host.ts';
import type { CollectorProblem, OnEvents, ProcessEventSource, SourceState, SourceStats } from './source.ts';

/** Used instead of a file name: the sample log of the program. */
export const SAMPLE_LOG = ':sample:';

/** The log cannot be read. The message has the file and the reason. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

export interface ReplayProgress {
  readonly lines: number;
  readonly events: number;
  readonly malformed: number;
}

/** If a log that is still written has no new data for this time, the events that wait for ordering are delivered. */
const SILENCE_MS = 500;

export class ReplaySource implements ProcessEventSource {
  readonly #file: string;
  readonly #reader: NativeLogReader;
  readonly #decoder = new BatchDecoder();
  readonly #onEnd: (error?: ReplayError) => void;
  readonly #hosts = new Map<string, { readonly host: RecordedHost; readonly events: AuditEvents }>();
  #execs = 0;
  #stream: Readable | undefined;
  #stopped = false;
  #hasEnded = false;

  /** `onEnd` is called once: when the log is applied, when it is stopped, or at a read error. */
  constructor(
    native: NativeBinding,
    options: { file: string; argsMaxBytes: number },
    onEnd: (error?: ReplayError) => void,
  ) {
    this.#file = options.file;
    this.#reader = new native.LogReader({ argsMaxBytes: options.argsMaxBytes });
    this.#onEnd = onEnd;
  }

  get progress(): ReplayProgress {
    const { lines, events, malformed } = this.#reader.stats();
    return { lines, events, malformed };
  }

  /** The problems of a log that was read to its end. */
  get problems(): readonly CollectorProblem[] {
    if (!this.#hasEnded) return [];
    const stats = this.#reader.stats();
    const { records, beyondHosts, incomplete, lines } = stats;
    const problems: CollectorProblem[] = [];
    const add = (code: string, message: string) => problems.push({ code, message: `${this.#file}: ${message}` });
    if (beyondHosts > 0) {
      const hosts = this.#hosts.size;
      add('replay_hosts_left_out', `${beyondHosts} records are left out, as it has more than ${hosts} hosts; split it`);
    }
    if (this.#hosts.size > 1 && this.#hosts.has('')) {
      add(
        'replay_host_unknown',
        'some of its lines name no host, others do; those without are taken for one host more',
      );
    }
    const unclear = [...this.#hosts.values()].find(({ host }) => host.name !== host.hostname)?.host;
    if (unclear) {
      const form = 'no known form, and tells hosts apart, but not their names';
      add('replay_host_unclear', `what stands before its records is of ${form}: ${JSON.stringify(unclear.name)}`);
    }
    const other = otherForm(stats);
    if (other && this.#execs > 0) {
      add('replay_lines_left_out', `${other.lines} of its ${lines} lines are left out: they look like ${other.form}`);
    }
    if (records > 0 && this.#execs === 0 && !other) {
      const reason = incomplete > 0 ? `; ${incomplete} events lack records` : '';
      const rules = 'audit rules have to record execve';
      add('replay_without_execs', `its ${records} records tell of no program that was executed${reason}; ${rules}`);
    }
    return problems;
  }

  /** Rejects with ReplayError if the file cannot be opened. Reading continues after it resolves. */
  async start(onEvents: OnEvents): Promise<SourceState> {
    const stream = openLog(this.#file);
    this.#stream = stream;
    if (this.#stopped) stream.destroy();
    void this.#read(stream, onEvents);
    return { collector: 'replay', reason: '', problems: [] };
  }

  async #read(stream: Readable, onEvents: OnEvents): Promise<void> {
    const chunks = textOf(stream);
    const head = new Head();
    for (;;) {
      const silence = setTimeout(() => this.#handOver(this.#reader.flush(), onEvents), SILENCE_MS);
      // Events from before an error are kept, for example from a truncated gzip file.
      const next = await chunks.next().catch((error: unknown) => this.#failure(messageOf(error)));
      clearTimeout(silence);
      if (this.#stopped) return this.#onEnd();
      if (next instanceof ReplayError || next.done) {
        this.#handOver(this.#reader.end(), onEvents);
        this.#hasEnded = true;
        if (next instanceof ReplayError) return this.#onEnd(next);
        const refused = refusal(head, this.#reader.stats(), this.#execs > 0);
        return this.#onEnd(refused === undefined ? undefined : this.#failure(refused));
      }
      head.add(next.value);
      this.#handOver(this.#reader.feed(next.value), onEvents);
    }
  }

  #failure(reason: string): ReplayError {
    return new ReplayError(`${this.#file}: ${reason}`);
  }

  #handOver(pieces: readonly NativeHostPiece[], onEvents: OnEvents): void {
    for (const { host: name, names, batch } of pieces) {
      let one = this.#hosts.get(name);
      if (!one) {
        one = { host: new RecordedHost(name), events: new AuditEvents() };
        this.#hosts.set(name, one);
      }
      one.host.learn(names);
      const { events } = this.#decoder.decode(batch);
      for (const { kind } of events) if (kind === 'exec') this.#execs++;
      onEvents(one.events.whole(events), one.host);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.destroy();
  }

  readonly join = WHOLE;

  release(): void {}

  requestSnapshot(): boolean {
    return false;
  }

  onItsWay(): boolean {
    return false;
  }

  async drain(): Promise<void> {}

  stats(): SourceStats {
    const { malformed, incomplete } = this.#reader.stats();
    return {
      collector: 'replay',
      collectorReason: '',
      eventsLost: 0,
      kernelLost: 0,
      kernelBacklog: 0,
      queueBytes: 0,
      malformed,
      incomplete,
    };
  }
}

/**
 * Why nothing can be read of a log; undefined when it tells of an execution or holds no line of another form, and for a
 * FIFO, which would be used up. Reads no further than the first execution.
 */
export async function whyUnreadable(native: NativeBinding, file: string): Promise<string | undefined> {
  let stream: Readable | undefined;
  try {
    if (isFifo(file)) return undefined;
    stream = openLog(file);
    const reader = new native.LogReader({ argsMaxBytes: 1 });
    const decoder = new BatchDecoder();
    const hasExec = (pieces: readonly NativeHostPiece[]) =>
      pieces.some(({ batch }) => decoder.decode(batch).events.some(({ kind }) => kind === 'exec'));
    const head = new Head();
    for await (const chunk of textOf(stream)) {
      head.add(chunk);
      if (hasExec(reader.feed(chunk))) return undefined;
    }
    const refused = refusal(head, reader.stats(), hasExec(reader.end()));
    return refused === undefined ? undefined : `${file}: ${refused}`;
  } catch (error) {
    return error instanceof ReplayError ? error.message : `${file}: ${messageOf(error)}`;
  } finally {
    stream?.destroy();
  }
}

/** Whether the log is a FIFO: data that is read from it is gone. */
export function isFifo(file: string): boolean {
  return file !== SAMPLE_LOG && (statSync(file, { throwIfNoEntry: false })?.isFIFO() ?? false);
}

function refusal(head: Head, stats: NativeLogStats, hasExec: boolean): string | undefined {
  const nothing = 'nothing can be read of it';
  if (stats.records === 0) return `${nothing}: ${refusedByMagic(head.bytes) ?? refusedByLines(head.bytes, stats)}`;
  const other = hasExec ? undefined : otherForm(stats);
  return other && `${nothing} that tells of an execution: ${other.lines} lines look like ${other.form}`;
}

/** The first bytes of a text. */
class Head {
  bytes: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): void {
    const left = HEAD_BYTES - this.bytes.length;
    if (left > 0) this.bytes = Buffer.concat([this.bytes, chunk.subarray(0, left)]);
  }
}

/** The text of a log, unpacked if it is gzip. Throws at once if the first bytes show an unreadable format. */
async function* textOf(stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  const packed = await headOf(stream);
  if (!isGzip(packed.head)) {
    yield* readable(packed, stream);
    return;
  }
  const gunzip = createGunzip();
  // Errors go to the reader of `gunzip`. The file is closed when one of the streams ends.
  pipeline(Readable.from(joined(packed)), gunzip, () => stream.destroy());
  yield* readable(await headOf(gunzip), gunzip);
}

interface Begun {
  readonly head: Buffer;
  readonly rest: AsyncIterator<Buffer>;
}

/** The first chunks, long enough to detect a format, and the rest. */
async function headOf(stream: Readable): Promise<Begun> {
  const rest = stream.iterator() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await rest.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head, rest };
}

async function* readable(begun: Begun, stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  const refused = refusedByMagic(begun.head);
  if (refused !== undefined) {
    stream.destroy();
    throw new Error(`nothing can be read of it: ${refused}`);
  }
  if (begun.head.length > 0) yield* joined(begun);
}

async function* joined({ head, rest }: Begun): AsyncGenerator<Buffer, void, undefined> {
  yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function openLog(file: string): Readable {
  try {
    if (file === SAMPLE_LOG) return Readable.from([Buffer.from(readBundledFile('audit.log'))]);
    return openFile(file);
  } catch (error) {
    throw new ReplayError(
      `the audit log ${file} cannot be read: ${messageOf(error)}; name a readable file with --replay-file`,
    );
  }
}

/** Without O_NONBLOCK, opening a FIFO would wait for a writer in a thread that cannot be stopped. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function openFile(file: string): Readable {
  const fd = openSync(file, WITHOUT_WAITING);
  try {
    // The event loop waits for the writer and its data. This wait can be stopped.
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
    // A directory can be opened, but not read.
    readSync(fd, Buffer.alloc(1), 0, 1, 0);
    return createReadStream('', { fd, start: 0, highWaterMark: 256 * 1024 });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
