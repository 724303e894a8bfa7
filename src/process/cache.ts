/**
 * Which process has a pid now: a bounded index, least recently used out first, the dead after a while (R11). Who is put out
 * is found again as long as it lives, because /proc could not say who created it once it has been adopted, or as long as
 * it is somebody's ancestor or leader. Queries also find those that had the pid before, for as long as others refer to them.
 */
import { LRUCache } from 'lru-cache';
import type { Pid } from '../collect/event.ts';
import type { Process } from './process.ts';

export interface CacheStats {
  readonly size: number;
  readonly capacity: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly expirations: number;
}

interface CacheOptions {
  readonly capacity: number;
  readonly ttlSeconds: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

/** References to former processes are swept when there are so many times as many as after the sweep before, and some more. */
const SWEPT_GROWTH = 1.25;
const SWEPT_LEAST = 256;
/** Few hosts have more processes at a time. Each takes up to 2 kB. */
const LIVING_OUTSIDE_MAX = 16_384;

export class ProcessCache {
  #processes: LRUCache<Pid, Process>;
  #ttlSeconds: number;
  readonly #now: () => number;
  /** What the index holds, the expired too until they are swept out. */
  readonly #inside = new Set<Process>();
  /** Living processes that were put out, oldest first. */
  readonly #livingOutside = new Map<Pid, Process>();
  /** Dead ones that were put out to make room, while others refer to them. */
  readonly #deadOutside = new Map<Pid, WeakRef<Process>>();
  /** Those that no event is about any more, while others refer to them: their time is over, or their pid another's. */
  readonly #former = new Map<Pid, WeakRef<Process>[]>();
  #sweptReferences = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;

  constructor(options: CacheOptions) {
    this.#ttlSeconds = options.ttlSeconds;
    this.#now = options.now;
    this.#processes = this.#make(options.capacity);
  }

  #make(capacity: number): LRUCache<Pid, Process> {
    return new LRUCache<Pid, Process>({
      max: capacity,
      perf: { now: this.#now },
      ttlResolution: 0,
      dispose: (process, pid, reason) => {
        this.#inside.delete(process);
        if (reason === 'evict') {
          this.#evictions++;
          this.#keepOutside(pid, process);
          return;
        }
        if (reason === 'expire') this.#expirations++;
        this.#keepFormer(process);
      },
    });
  }

  /** Looks a process up because somebody asks for it, and counts whether it was there. */
  find(pid: Pid): Process | undefined {
    const process = this.peek(pid);
    if (process) this.#hits++;
    else this.#misses++;
    return process;
  }

  /** Like find, for events about the process itself: not counted. */
  peek(pid: Pid): Process | undefined {
    const process = this.#processes.get(pid);
    if (process) return process;
    const outside = this.#outside(pid);
    if (outside) this.put(outside);
    return outside;
  }

  /** Like peek, without saving whoever has the pid from being put out: somebody else is about to have it. */
  holder(pid: Pid): Process | undefined {
    return this.#processes.get(pid) ?? this.#outside(pid);
  }

  #outside(pid: Pid): Process | undefined {
    return this.#livingOutside.get(pid) ?? this.#deadOutside.get(pid)?.deref();
  }

  #keepOutside(pid: Pid, process: Process): void {
    if (process.exit) {
      // A weak reference costs the collector more than all else that there is of a short-lived process.
      if (process.isReferredTo) this.#deadOutside.set(pid, new WeakRef(process));
      return;
    }
    process.forgetPrevious();
    this.#livingOutside.set(pid, process);
    const [oldest] = this.#livingOutside.values();
    if (this.#livingOutside.size <= LIVING_OUTSIDE_MAX || !oldest) return;
    this.#livingOutside.delete(oldest.pid);
    this.#keepFormer(oldest);
  }

  #keepFormer(process: Process): void {
    if (!process.isReferredTo && process.exit) return;
    const others = this.#former.get(process.pid)?.filter((reference) => reference.deref()) ?? [];
    this.#former.set(process.pid, [...others, new WeakRef(process)]);
  }

  /** Makes it the process that has its pid. */
  put(process: Process): void {
    const outside = this.#outside(process.pid);
    if (outside && outside !== process) this.#keepFormer(outside);
    this.#livingOutside.delete(process.pid);
    this.#deadOutside.delete(process.pid);
    this.#inside.add(process);
    this.#processes.set(process.pid, process, { ttl: process.exit ? this.#ttlMs : 0 });
  }

  /** Starts, or with a process that lives after all stops, the time that it is still remembered. */
  refresh(process: Process): void {
    if (this.#processes.peek(process.pid, { allowStale: true }) === process) this.put(process);
  }

  /** 0 means to forget at once, which lru-cache writes as the shortest time rather than as none. */
  get #ttlMs(): number {
    return Math.max(1, this.#ttlSeconds * 1000);
  }

  /** Lets go of what has expired. O(size): for a timer, not for each event. */
  sweep(): void {
    this.#processes.purgeStale();
    // Those that nothing refers to any more are few among many: they are looked for when there are more than before.
    const size = this.#deadOutside.size + this.#former.size;
    if (size < this.#sweptReferences * SWEPT_GROWTH + SWEPT_LEAST) return;
    for (const [pid, reference] of this.#deadOutside) if (!reference.deref()) this.#deadOutside.delete(pid);
    for (const [pid, references] of this.#former) {
      const left = references.filter((reference) => reference.deref());
      if (left.length === 0) this.#former.delete(pid);
      else if (left.length < references.length) this.#former.set(pid, left);
    }
    this.#sweptReferences = this.#deadOutside.size + this.#former.size;
  }

  /** Takes effect at once; the least recently used go first. The time to live counts for exits from now on. */
  resize(options: { capacity: number; ttlSeconds: number }): void {
    this.#ttlSeconds = options.ttlSeconds;
    if (options.capacity === this.#processes.max) return;
    const before = this.#processes;
    before.purgeStale();
    this.#processes = this.#make(options.capacity);
    for (const process of [...before.rvalues()]) if (process) this.put(process);
  }

  *values(): IterableIterator<Process> {
    yield* this.#inside;
    yield* this.#livingOutside.values();
  }

  /** Those that have the pid or had it. For queries: it changes nothing, and is not counted. */
  withPid(pid: Pid): Process[] {
    const found = [
      this.#processes.peek(pid, { allowStale: true }),
      this.#outside(pid),
      ...(this.#former.get(pid)?.map((reference) => reference.deref()) ?? []),
    ];
    return found.filter((process) => process !== undefined);
  }

  /** All of them as they are at first, for queries: it changes nothing, and may be taken in slices while the cache goes on. */
  *remembered(): IterableIterator<Process> {
    const held = [...this.#inside, ...this.#livingOutside.values()];
    const referred = [...this.#deadOutside.values(), ...[...this.#former.values()].flat()];
    yield* held;
    for (const reference of referred) {
      const process = reference.deref();
      if (process) yield process;
    }
  }

  get stats(): CacheStats {
    return {
      size: this.#processes.size,
      capacity: this.#processes.max,
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      expirations: this.#expirations,
    };
  }
}
