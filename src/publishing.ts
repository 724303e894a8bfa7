/** What happens to an event between the process tree and the store: its file is hashed, and it may be merged with others. */
import type { FileHasher } from './files/file_hasher.ts';
import { EventMerger, type MergedEvent } from './process/merge.ts';
import type { PublishedEvent } from './process/tree.ts';

export interface PublishingOptions {
  /** Undefined: nothing is hashed. */
  readonly hasher: () => FileHasher | undefined;
  readonly add: (event: MergedEvent) => void;
  /** Milliseconds of a clock that does not jump. */
  readonly now?: () => number;
}

const LOOK_MS = 20;

export class Publishing {
  readonly #options: PublishingOptions;
  readonly #now: () => number;
  readonly #merger = new EventMerger(0);
  #hashing = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PublishingOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  configure(aggregateMs: number): void {
    this.#merger.configure(aggregateMs);
  }

  /** Events that are on their way. */
  get waiting(): number {
    return this.#hashing + this.#merger.size;
  }

  /** `isLive`: of this host, whose files can be read. */
  take(event: PublishedEvent, isLive: boolean): void {
    const { process, details, unixMs } = event;
    const hasher = isLive && event.action === 'exec' && details ? this.#options.hasher() : undefined;
    if (!hasher || !details || details.path === '') {
      this.#merge(event);
      return;
    }
    const [earlier, later] = process.startSlackTicks;
    const startTicks: [number, number] | undefined =
      process.met === 'implied' ? undefined : [process.startTicks - earlier, process.startTicks + later];
    const { inode } = details;
    const file = inode === undefined ? {} : { inode };
    const sha256 = hasher.hash({ pid: process.pid, unixMs, startTicks, details, ...file });
    if (!(sha256 instanceof Promise)) {
      this.#merge(sha256 === undefined ? event : { ...event, sha256 });
      return;
    }
    this.#hashing++;
    void sha256
      .catch(() => undefined)
      .then((text) => {
        this.#hashing--;
        this.#merge(text === undefined ? event : { ...event, sha256: text });
      });
  }

  /** Nothing more will come: what is held goes out as it is. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const event of this.#merger.all()) this.#options.add(event);
  }

  #merge(event: PublishedEvent): void {
    for (const one of this.#merger.add(event, this.#now())) this.#options.add(one);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer || this.#merger.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const event of this.#merger.due(this.#now())) this.#options.add(event);
      this.#schedule();
    }, LOOK_MS);
    this.#timer.unref();
  }
}
