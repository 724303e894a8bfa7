/** An extension that replays a log while it is written: the benchmark decides how much is written and when. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, type WriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExtensionUnderTest, until } from '../integration/extension_under_test.ts';
import { type Checkout, THIS } from './checkout.ts';
import { extensionFlags } from './extension_flags.ts';
import { throwIfInterrupted } from './interruption.ts';

/** Returns the next execs of the log. */
export type Log = (execs: number) => string;

export interface ReplayedOptions {
  readonly checkout?: Checkout;
  readonly env?: NodeJS.ProcessEnv;
  /** More flags. */
  readonly flags?: readonly string[];
}

const PIECE = 2_000;

export class ReplayedExtension {
  readonly extension: ExtensionUnderTest;
  readonly pid: number;
  readonly #directory: string;
  readonly #pipe: WriteStream;
  #fed = 0;

  private constructor(extension: ExtensionUnderTest, directory: string, pipe: WriteStream) {
    this.extension = extension;
    this.pid = extension.child.pid ?? 0;
    this.#directory = directory;
    this.#pipe = pipe;
  }

  static async start({
    checkout: { program } = THIS,
    env = {},
    flags = [],
  }: ReplayedOptions = {}): Promise<ReplayedExtension> {
    const directory = mkdtempSync(join(tmpdir(), 'bench-replay-'));
    const fifo = join(directory, 'audit.log');
    execFileSync('mkfifo', [fifo]);
    const extension = await ExtensionUnderTest.start([...extensionFlags({ replayFile: fifo }), ...flags], {
      ...{ recording: false, program, env },
    });
    const pipe = createWriteStream(fifo);
    await once(pipe, 'open');
    return new ReplayedExtension(extension, directory, pipe);
  }

  /** Writes as fast as they are read; resolves when they are rows. */
  async feed(log: Log, execs: number): Promise<void> {
    for (let left = execs; left > 0; left -= PIECE) {
      throwIfInterrupted();
      if (!this.#pipe.write(log(Math.min(PIECE, left)), 'latin1')) await once(this.#pipe, 'drain');
    }
    this.#fed += execs;
    // The last event is complete when the next one begins; the newest wait for later log times.
    const published = async () => {
      const { events_published, queue_depth } = await this.extension.stats();
      return Number(events_published) + Number(queue_depth) >= this.#fed - 1;
    };
    await until(`${this.#fed} rows`, published);
  }

  /** Ends the log: then the rows can be read. */
  async endLog(): Promise<void> {
    this.#pipe.end();
    await once(this.#pipe, 'close');
  }

  async stop(): Promise<void> {
    this.#pipe.destroy();
    await this.extension.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
