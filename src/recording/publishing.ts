/** The steps between the process tree and the store: hashes the executed file, and merges events. */
import type { FileHasher } from '../files/file_hasher.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { EventMerger } from '../process/merge.ts';
import type { PublishedEvent } from '../process/tree.ts';

interface PublishingOptions {
  /** Returns undefined if hashing is off. */
  readonly hasher: () => Pick<FileHasher, 'hash'> | undefined;
  readonly add: (event: PublishedEvent) => void;
  /** Monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** An event that waits for the hash of its file, or for an earlier event of the same process. */
interface Held {
  event: PublishedEvent;
  isHashing: boolean;
  readonly sinceMs: number;
}

const LOOK_MS = 20;
const HELD_BYTES = MEMORY_BOUNDS.heldEvents / 2;

export class Publishing {
  readonly #options: PublishingOptions;
  readonly #now: () => number;
  readonly #merger = new EventMerger(0);
  /** By entity id, in the order in which they happened. */
  readonly #held = new Map<string, Held[]>();
  #heldCount = 0;
  #heldBytes = 0;
  #hurried = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PublishingOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  configure(aggregateMs: number): void {
    this.#merger.configure(aggregateMs);
  }

  /** Events that wait for the hash of a file. */
  get hashing(): number {
    return this.#heldCount;
  }

  /** How long the oldest of them has been held, in milliseconds; 0 if there is none. */
  get hashingForMs(): number {
    const now = this.#now();
    let since = now;
    for (const [first] of this.#held.values()) if (first) since = Math.min(since, first.sinceMs);
    return now - since;
  }

  /** Events that have not reached the store yet. */
  get waiting(): number {
    return this.#heldCount + this.#merger.size;
  }

  /** Events that were released without a hash because the waiting events took too much memory. */
  get hurried(): number {
    return this.#hurried;
  }

  /** `isLive`: the event is of this host, so its file can be read. */
  take(event: PublishedEvent, isLive: boolean): void {
    const { process, atFork, details, unixMs } = event;
    const hasher = isLive && event.action === 'exec' && details ? this.#options.hasher() : undefined;
    if (!hasher || !details || details.path === '') {
      this.#pass(event);
      return;
    }
    const [earlier, later] = process.startSlackTicks;
    const startTicks: [number, number] | undefined =
      process.discoveredBy === 'implied' ? undefined : [process.startTicks - earlier, process.startTicks + later];
    const { inode } = details;
    // A larger number is rounded and not unique. overlayfs uses the highest bits for the layer.
    const file = inode !== undefined && Number.isSafeInteger(inode) ? { inode } : {};
    const stillRuns = () => process.image === atFork.image && !process.exit;
    const sha256 = hasher.hash({ pid: process.pid, unixMs, startTicks, details, stillRuns, ...file });
    if (!(sha256 instanceof Promise)) {
      atFork.image.sha256 = sha256 ?? '';
      this.#pass(sha256 === undefined ? event : { ...event, sha256 });
      return;
    }
    const held = this.#hold(event, true);
    void sha256
      .catch(() => undefined)
      .then((text) => {
        atFork.image.sha256 = text ?? '';
        // An event that was released without the hash does not change any more.
        if (!held.isHashing) return;
        held.isHashing = false;
        if (text !== undefined) held.event = { ...event, sha256: text };
        this.#release(event.entityId);
      });
  }

  /** Releases all held events at the end. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = [...this.#held.values()].flat();
    this.#held.clear();
    this.#heldCount = 0;
    this.#heldBytes = 0;
    for (const { event } of held) for (const one of this.#merger.add(event, this.#now())) this.#options.add(one);
    for (const event of this.#merger.all()) this.#options.add(event);
  }

  /** Passes the event on, or holds it behind an earlier event of the same process. */
  #pass(event: PublishedEvent): void {
    if (this.#heldCount > 0 && this.#held.has(event.entityId)) this.#hold(event, false);
    else this.#merge(event);
  }

  #hold(event: PublishedEvent, isHashing: boolean): Held {
    const held = { event, isHashing, sinceMs: this.#now() };
    const others = this.#held.get(event.entityId);
    if (others) others.push(held);
    else this.#held.set(event.entityId, [held]);
    this.#heldCount++;
    this.#heldBytes += textBytes(event.details);
    this.#makeRoom();
    return held;
  }

  #makeRoom(): void {
    for (const [entityId, held] of this.#held) {
      if (this.#heldBytes <= HELD_BYTES) return;
      for (const one of held) {
        if (!one.isHashing) continue;
        one.isHashing = false;
        this.#hurried++;
      }
      this.#release(entityId);
    }
  }

  #release(entityId: string): void {
    const held = this.#held.get(entityId);
    while (held?.[0] && !held[0].isHashing) {
      const { event } = held.shift() as Held;
      this.#heldCount--;
      this.#heldBytes -= textBytes(event.details);
      this.#merge(event);
    }
    if (held?.length === 0) this.#held.delete(entityId);
  }

  #merge(event: PublishedEvent): void {
    if (this.#merger.isIdle) {
      this.#options.add(event);
      return;
    }
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
