/** The steps between the process tree and the store: hashes the executed file, names the container, and merges events. */
import type { FileHasher } from '../files/file_hasher.ts';
import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import { EventMerger } from '../process/merge.ts';
import type { PublishedEvent } from '../process/tree.ts';

type Container = PublishedEvent['container'];

interface PublishingOptions {
  /** Returns undefined if hashing is off. */
  readonly hasher: () => Pick<FileHasher, 'hash'> | undefined;
  /** As ContainerNames. */
  readonly containers: { of(cgroupPath: string): Container | Promise<Container> };
  readonly add: (event: PublishedEvent) => void;
  /** Monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** An event that waits for the hash of its file, the name of its container, or an earlier event of the same process. */
interface Held {
  event: PublishedEvent;
  isIncomplete: boolean;
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

  /** Events that wait for the hash of a file or the name of a container. */
  get held(): number {
    return this.#heldCount;
  }

  /** How long the oldest of them has been held, in milliseconds; 0 if there is none. */
  get heldForMs(): number {
    const now = this.#now();
    let since = now;
    for (const [first] of this.#held.values()) if (first) since = Math.min(since, first.sinceMs);
    return now - since;
  }

  /** Events that have not reached the store yet. */
  get waiting(): number {
    return this.#heldCount + this.#merger.size;
  }

  /** Events that were released without a hash or a container because the waiting events took too much memory. */
  get hurried(): number {
    return this.#hurried;
  }

  /** `isLive`: the event is of this host, so its files can be read. */
  take(event: PublishedEvent, isLive: boolean): void {
    const sha256 = isLive ? this.#hash(event) : undefined;
    const container = isLive && event.cgroup !== '' ? this.#options.containers.of(event.cgroup) : undefined;
    if (!(sha256 instanceof Promise) && !(container instanceof Promise)) {
      keepHash(event, sha256);
      this.#pass(completed(event, sha256, container));
      return;
    }
    const held = this.#hold(event, true);
    void Promise.all([Promise.resolve(sha256).catch(() => undefined), container]).then((found) => {
      keepHash(event, found[0]);
      // An event that was released incomplete does not change any more.
      if (!held.isIncomplete) return;
      held.isIncomplete = false;
      held.event = completed(event, ...found);
      this.#release(event.entityId);
    });
  }

  #hash({ action, process, atFork, details, unixMs }: PublishedEvent): ReturnType<FileHasher['hash']> {
    const hasher = action === 'exec' && details ? this.#options.hasher() : undefined;
    if (!hasher || !details || details.path === '') return undefined;
    const [earlier, later] = process.startSlackTicks;
    const startTicks: [number, number] | undefined =
      process.discoveredBy === 'implied' ? undefined : [process.startTicks - earlier, process.startTicks + later];
    const { inode } = details;
    // A larger number is rounded and not unique. overlayfs uses the highest bits for the layer.
    const file = inode !== undefined && Number.isSafeInteger(inode) ? { inode } : {};
    const stillRuns = () => process.image === atFork.image && !process.exit;
    return hasher.hash({ pid: process.pid, unixMs, startTicks, details, stillRuns, ...file });
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

  #hold(event: PublishedEvent, isIncomplete: boolean): Held {
    const held = { event, isIncomplete, sinceMs: this.#now() };
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
        if (!one.isIncomplete) continue;
        one.isIncomplete = false;
        this.#hurried++;
      }
      this.#release(entityId);
    }
  }

  #release(entityId: string): void {
    const held = this.#held.get(entityId);
    while (held?.[0] && !held[0].isIncomplete) {
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

/** Descendants of the process show the hash of the program that it ran. */
function keepHash({ atFork }: PublishedEvent, sha256: string | undefined): void {
  if (sha256 !== undefined) atFork.image.sha256 = sha256;
}

/** The event with what is known of its file and container. */
function completed(event: PublishedEvent, sha256: string | undefined, container: Container): PublishedEvent {
  return sha256 === undefined && !container ? event : { ...event, sha256: sha256 ?? event.sha256, container };
}
