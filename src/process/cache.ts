/**
 * Which process has a pid now: a bounded index, least recently used out first, the dead after a while (R11). Who is put out
 * is found again as long as it lives, because /proc could not say who created it once it has been adopted, or as long as
 * it is somebody's ancestor.
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

export interface CacheOptions {
  readonly capacity: number;
  readonly ttlSeconds: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

/** Few hosts have more processes at a time. */
const LIVING_OUTSIDE_MAX = 32_768;

export class ProcessCache {
  #processes: LRUCache<Pid, Process>;
  #ttlSeconds: number;
  readonly #now: () => number;
  /** Living processes that were put out, oldest first. */
  readonly #livingOutside = new Map<Pid, Process>();
  /** Dead ones that were put out, while others refer to them. */
  readonly #deadOutside = new Map<Pid, WeakRef<Process>>();
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
        if (reason === 'evict') {
          this.#evictions++;
          this.#keepOutside(pid, process);
        } else if (reason === 'expire') {
          this.#expirations++;
        }
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
    const outside = this.#livingOutside.get(pid) ?? this.#deadOutside.get(pid)?.deref();
    if (outside) this.put(outside);
    return outside;
  }

  #keepOutside(pid: Pid, process: Process): void {
    if (process.exit) {
      this.#deadOutside.set(pid, new WeakRef(process));
      return;
    }
    this.#livingOutside.set(pid, process);
    const [oldest] = this.#livingOutside.keys();
    if (this.#livingOutside.size > LIVING_OUTSIDE_MAX && oldest !== undefined) this.#livingOutside.delete(oldest);
  }

  /** Makes it the process that has its pid. */
  put(process: Process): void {
    this.#livingOutside.delete(process.pid);
    this.#deadOutside.delete(process.pid);
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
    for (const [pid, reference] of this.#deadOutside) if (!reference.deref()) this.#deadOutside.delete(pid);
  }

  /** Takes effect at once; the least recently used go first. The time to live counts for exits from now on. */
  resize(options: { capacity: number; ttlSeconds: number }): void {
    this.#ttlSeconds = options.ttlSeconds;
    if (options.capacity === this.#processes.max) return;
    const before = this.#processes;
    this.#processes = this.#make(options.capacity);
    for (const process of [...before.rvalues()]) if (process) this.put(process);
  }

  *values(): IterableIterator<Process> {
    for (const process of this.#processes.values()) if (process) yield process;
    yield* this.#livingOutside.values();
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
