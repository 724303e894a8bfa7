/**
 * The process that has a pid now (R11). The cache is bounded: it evicts the least recently used process, and dead processes
 * expire. An evicted process is still found while it is alive, because /proc does not show the creator of an adopted process,
 * and while it is an ancestor or a leader of others. Queries also find the former processes of a pid while others refer to
 * them.
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
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** References are swept when their number exceeds SWEPT_GROWTH times the number after the last sweep, plus SWEPT_LEAST. */
const SWEPT_GROWTH = 1.25;
const SWEPT_LEAST = 256;
/** Few hosts have more processes at one time. Each takes up to 2 kB. */
const LIVING_OUTSIDE_MAX = 16_384;
/** Expired processes are removed this often, as a part of the time to live. No lookup finds them meanwhile. */
const SWEEP_PART = 1 / 20;

export class ProcessCache {
  #processes: LRUCache<Pid, Process>;
  #ttlSeconds: number;
  readonly #now: () => number;
  /** The processes in the cache, with expired ones until the next sweep. */
  readonly #inside = new Set<Process>();
  /** Evicted living processes, oldest first. */
  readonly #livingOutside = new Map<Pid, Process>();
  /** Evicted dead processes, while others refer to them. */
  readonly #deadOutside = new Map<Pid, WeakRef<Process>>();
  /** Expired processes, and processes whose pid is reused, while others refer to them. Events do not find them. */
  readonly #former = new Map<Pid, WeakRef<Process>[]>();
  #sweptReferences = 0;
  /** When the next sweep of expired processes is due. */
  #sweepDueMs = 0;
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

  /** Looks up a process that another one refers to, and counts a hit or a miss. */
  find(pid: Pid): Process | undefined {
    const process = this.peek(pid);
    if (process) this.#hits++;
    else this.#misses++;
    return process;
  }

  /** Like find, for events of the process itself: not counted. */
  peek(pid: Pid): Process | undefined {
    const process = this.#processes.get(pid);
    if (process) return process;
    const outside = this.#outside(pid);
    if (outside) this.put(outside);
    return outside;
  }

  /** Like peek, but does not mark the process as used: its pid may be about to be reused. */
  holder(pid: Pid): Process | undefined {
    return this.#processes.get(pid) ?? this.#outside(pid);
  }

  #outside(pid: Pid): Process | undefined {
    return this.#livingOutside.get(pid) ?? this.#deadOutside.get(pid)?.deref();
  }

  #keepOutside(pid: Pid, process: Process): void {
    if (process.exit) {
      // A weak reference costs the garbage collector more than the rest of a short-lived process.
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

  /** Stores it as the present process of its pid. */
  put(process: Process): void {
    const outside = this.#outside(process.pid);
    if (outside && outside !== process) this.#keepFormer(outside);
    this.#livingOutside.delete(process.pid);
    this.#deadOutside.delete(process.pid);
    this.#inside.add(process);
    this.#processes.set(process.pid, process, { ttl: process.exit ? this.#ttlMs : 0 });
  }

  /** Starts the time to live of a dead process; stops it if the process is alive after all. */
  refresh(process: Process): void {
    if (this.#processes.peek(process.pid, { allowStale: true }) === process) this.put(process);
  }

  /** 0 seconds means expire at once. lru-cache takes 0 as "never", so the shortest time is used. */
  get #ttlMs(): number {
    return Math.max(1, this.#ttlSeconds * 1000);
  }

  /** Called at intervals: removes expired processes if a sweep is due, because it takes O(size). */
  sweep(): void {
    const now = this.#now();
    if (now >= this.#sweepDueMs) {
      this.#processes.purgeStale();
      this.#sweepDueMs = now + this.#ttlMs * SWEEP_PART;
    }
    // Few references become empty at a time, so they are swept only when their number has grown.
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

  /** Applies the capacity at once, and evicts the least recently used. The new time to live applies to later exits. */
  resize(options: { capacity: number; ttlSeconds: number }): void {
    this.#ttlSeconds = options.ttlSeconds;
    this.#sweepDueMs = 0;
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

  /** The processes that have or had the pid. For queries: it changes nothing and counts nothing. */
  withPid(pid: Pid): Process[] {
    const found = [
      this.#processes.peek(pid, { allowStale: true }),
      this.#outside(pid),
      ...(this.#former.get(pid)?.map((reference) => reference.deref()) ?? []),
    ];
    return found.filter((process) => process !== undefined);
  }

  /** All processes at the time of the call. For queries: it changes nothing, and may be read in slices. */
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
