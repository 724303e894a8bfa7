/** A recorded audit log as a source: auditd's format, raw or ENRICHED, plain or gzip, or plain from a FIFO. Works as any user. */

import { type FileHandle, open } from 'node:fs/promises';
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
    const stream = await openLog(this.#file);
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

async function openLog(file: string): Promise<Readable> {
  try {
    if (file === SAMPLE_LOG) return Readable.from([Buffer.from(readOwnFile('audit.log'))]);
    const { handle, gzip } = await openAndLookInto(file);
    const plain = handle.createReadStream({ highWaterMark: 256 * 1024 });
    if (!gzip) return plain;
    const gunzip = createGunzip();
    // Errors arrive at whoever reads `gunzip`; the file is closed whichever of the two ends first.
    pipeline(plain, gunzip, () => undefined);
    return gunzip;
  } catch (error) {
    throw new ReplayError(
      `the audit log ${file} cannot be read: ${messageOf(error)}; name a readable file with --replay-file`,
    );
  }
}

async function openAndLookInto(file: string): Promise<{ handle: FileHandle; gzip: boolean }> {
  const handle = await open(file, 'r');
  try {
    // What was taken out of a pipe to look at it could not be put back.
    if ((await handle.stat()).isFIFO()) return { handle, gzip: false };
    const magic = Buffer.alloc(2);
    await handle.read(magic, 0, 2, 0);
    // RFC 1952: a gzip file begins with 1f 8b.
    return { handle, gzip: magic[0] === 0x1f && magic[1] === 0x8b };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
