/** A recorded audit log as a source: auditd's format, raw or ENRICHED, plain or gzip, or plain from a FIFO. Works as any user. */

import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../error_message.ts';
import { readOwnFile } from '../own_files.ts';
import { BatchDecoder } from './batch.ts';
import type { ProcessEvent } from './event.ts';
import type { NativeBinding, NativeLogReader } from './native.ts';
import type { ProcessEventSource, SourceState, SourceStats } from './source.ts';

/** Named instead of a file: the sample log that comes with the program. */
export const SAMPLE_LOG = ':sample:';

/** A log that cannot be read: the message names the file and why. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

export interface ReplayProgress {
  readonly lines: number;
  readonly events: number;
  readonly malformed: number;
}

export class ReplaySource implements ProcessEventSource {
  readonly #file: string;
  readonly #reader: NativeLogReader;
  readonly #decoder = new BatchDecoder();
  readonly #onEnd: (error?: ReplayError) => void;
  #stream: Readable | undefined;
  #stopped = false;

  /** `onEnd` is called once: when the log has been applied, was stopped, or cannot be read on. */
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

  /** Rejects with ReplayError when the file cannot be opened. Reading goes on after it resolves. */
  async start(onEvents: (events: readonly ProcessEvent[]) => void): Promise<SourceState> {
    const stream = openLog(this.#file);
    this.#stream = stream;
    if (this.#stopped) stream.destroy();
    void this.#read(stream, onEvents);
    return { collector: 'replay', problems: [] };
  }

  async #read(stream: Readable, onEvents: (events: readonly ProcessEvent[]) => void): Promise<void> {
    const chunks = stream.iterator() as AsyncIterator<Buffer>;
    for (;;) {
      // What was read before an error stays: a log that was cut while it was compressed is still worth its beginning.
      const next = await chunks.next().catch((error: unknown) => new ReplayError(`${this.#file}: ${messageOf(error)}`));
      if (this.#stopped) return this.#onEnd();
      if (next instanceof ReplayError || next.done) {
        onEvents(this.#decode(this.#reader.end()));
        return this.#onEnd(next instanceof ReplayError ? next : undefined);
      }
      onEvents(this.#decode(this.#reader.feed(next.value)));
    }
  }

  #decode(batch: Buffer): readonly ProcessEvent[] {
    return this.#decoder.decode(batch).events;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.destroy();
  }

  onItsWay(): boolean {
    return false;
  }

  stats(): SourceStats {
    const { malformed, incomplete } = this.#reader.stats();
    return {
      collector: 'replay',
      eventsLost: 0,
      kernelLost: 0,
      kernelBacklog: 0,
      queueBytes: 0,
      malformed,
      incomplete,
    };
  }
}

function openLog(file: string): Readable {
  try {
    if (file === SAMPLE_LOG) return Readable.from([Buffer.from(readOwnFile('audit.log'))]);
    return openFile(file);
  } catch (error) {
    throw new ReplayError(
      `the audit log ${file} cannot be read: ${messageOf(error)}; name a readable file with --replay-file`,
    );
  }
}

/** Opening a FIFO would wait for a writer, in a thread that cannot be ended. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function openFile(file: string): Readable {
  const fd = openSync(file, WITHOUT_WAITING);
  try {
    // The event loop waits for a writer, and for what it writes: that wait can be ended.
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
    const isGzip = beginsAsGzip(fd);
    const plain = createReadStream('', { fd, start: 0, highWaterMark: 256 * 1024 });
    if (!isGzip) return plain;
    const gunzip = createGunzip();
    // Errors reach the reader of `gunzip`; the file is closed when either of the two ends.
    pipeline(plain, gunzip, () => undefined);
    return gunzip;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** RFC 1952: a gzip file begins with 1f 8b. */
function beginsAsGzip(fd: number): boolean {
  const magic = Buffer.alloc(2);
  readSync(fd, magic, 0, 2, 0);
  return magic[0] === 0x1f && magic[1] === 0x8b;
}
