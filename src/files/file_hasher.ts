/**
 * SHA-256 of executed files. The hash of an unchanged file is cached. For another file the caller waits for a bounded time; a hash
 * that is too late for this row is cached for the next. A file beyond a bound is counted and not hashed.
 */
import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { ByteBudget } from './byte_budget.ts';
import type { Executed, ExecutedFiles, OpenedFile, Unavailable } from './executed_file.ts';
import { type FileIdentity, identityOf, isSettled } from './file_identity.ts';
import { HashThread } from './hash_thread.ts';

/** Why a row has no hash: see Unavailable, or a bound, or an error while the file was read. */
export type HashMiss = Unavailable | 'too_large' | 'over_rate' | 'queue_full' | 'late' | 'changed' | 'failed';

export const hashMisses = [
  'gone',
  'replaced',
  'not_regular',
  'served',
  'unreadable',
  'no_descriptor',
  'too_large',
  'over_rate',
  'queue_full',
  'late',
  'changed',
  'failed',
] as const satisfies readonly HashMiss[];

/** Each request is counted once: as known, as computed, or as missed with its reason. */
export interface FileHasherStats {
  /** Hashes from the cache. */
  readonly known: number;
  /** Hashes that were computed in time. */
  readonly computed: number;
  readonly missed: Readonly<Record<HashMiss, number>>;
  /** Files that were read completely, and their bytes. */
  readonly filesRead: number;
  readonly bytesRead: number;
  /** Files with a cached hash. */
  readonly cacheSize: number;
  /** Files that wait to be read, including the one that is being read. */
  readonly queueDepth: number;
}

/** Settings that may change while it runs. */
export interface HashLimits {
  /** Larger files are not hashed. */
  readonly maxBytes: number;
  readonly bytesPerSecond: number;
  /** How long a request waits for the file to be read. */
  readonly waitMs: number;
}

export interface FileHasherOptions extends HashLimits {
  readonly files: ExecutedFiles;
  readonly thread?: HashingThread;
  /** Maximum number of cached hashes. */
  readonly cacheSize?: number;
  /** Maximum number of waiting files. Each has an open descriptor. */
  readonly queueMax?: number;
  /** Monotonic clock, in milliseconds. */
  readonly now?: () => number;
  readonly unixNow?: () => number;
}

/** HashThread, or a replacement in tests. */
type HashingThread = Pick<HashThread, 'sha256' | 'stop'>;

type Outcome = { readonly sha256: string } | { readonly miss: HashMiss };

export class FileHasher {
  readonly #files: ExecutedFiles;
  readonly #thread: HashingThread;
  readonly #known: LRUCache<FileIdentity, string>;
  /** Files that are read or wait for it, by their identity when they were opened. */
  readonly #reading = new Map<FileIdentity, Promise<Outcome>>();
  readonly #budget: ByteBudget;
  readonly #queueMax: number;
  readonly #unixNow: () => number;
  #limits: HashLimits;
  #knownCount = 0;
  #computed = 0;
  #filesRead = 0;
  #bytesRead = 0;
  readonly #missed = Object.fromEntries(hashMisses.map((miss) => [miss, 0])) as Record<HashMiss, number>;

  constructor(options: FileHasherOptions) {
    this.#files = options.files;
    this.#thread = options.thread ?? new HashThread();
    this.#known = new LRUCache({ max: options.cacheSize ?? 4096 });
    this.#budget = new ByteBudget(options.bytesPerSecond, options.now ?? (() => performance.now()));
    this.#queueMax = options.queueMax ?? 64;
    this.#unixNow = options.unixNow ?? Date.now;
    this.#limits = options;
  }

  /** Applies to the next request. */
  configure(limits: HashLimits): void {
    this.#limits = limits;
    this.#budget.bytesPerSecond = limits.bytesPerSecond;
  }

  /**
   * Returns 64 hex digits, at once if cached, otherwise within `waitMs`; undefined if there is no hash. Call it as soon as the exec
   * arrives: the process may be gone after a millisecond.
   */
  hash(executed: Executed): string | undefined | Promise<string | undefined> {
    const opened = this.#files.open(executed, (stat) => this.#withoutReading(stat));
    if (typeof opened === 'string') return this.#miss(opened);
    if ('sha256' in opened) {
      this.#knownCount++;
      return opened.sha256;
    }
    if (opened instanceof Promise) return this.#inTime(opened);
    const reading = this.#read(opened).finally(() => this.#reading.delete(identityOf(opened.stat)));
    this.#reading.set(identityOf(opened.stat), reading);
    return this.#inTime(reading);
  }

  /** The result if the file need not be opened; undefined if it must be. */
  #withoutReading(stat: BigIntStats): { sha256: string } | Promise<Outcome> | HashMiss | undefined {
    const identity = identityOf(stat);
    const sha256 = this.#known.get(identity);
    if (sha256 !== undefined) return { sha256 };
    const reading = this.#reading.get(identity);
    if (reading) return reading;
    if (stat.size > this.#limits.maxBytes) return 'too_large';
    return this.#reading.size >= this.#queueMax ? 'queue_full' : undefined;
  }

  async #read({ fd, stat }: OpenedFile): Promise<Outcome> {
    try {
      const size = Number(stat.size);
      if (!this.#budget.take(size)) return { miss: 'over_rate' };
      const openedMs = this.#unixNow();
      const sha256 = await this.#thread.sha256(fd, size);
      if (sha256 === '' || identityOf(fstatSync(fd, { bigint: true })) !== identityOf(stat)) return { miss: 'changed' };
      this.#filesRead++;
      this.#bytesRead += size;
      if (isSettled(stat, openedMs)) this.#known.set(identityOf(stat), sha256);
      return { sha256 };
    } catch {
      return { miss: 'failed' };
    } finally {
      closeSync(fd);
    }
  }

  async #inTime(reading: Promise<Outcome>): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome>((resolve) => {
      timer = setTimeout(resolve, this.#limits.waitMs, { miss: 'late' }).unref();
    });
    const outcome = await Promise.race([reading, late]);
    clearTimeout(timer);
    if ('miss' in outcome) return this.#miss(outcome.miss);
    this.#computed++;
    return outcome.sha256;
  }

  #miss(reason: HashMiss): undefined {
    this.#missed[reason]++;
  }

  /** Stops the thread. Unfinished files are counted as missed. A later request starts it again. */
  async stop(): Promise<void> {
    await this.#thread.stop();
    await Promise.all(this.#reading.values());
  }

  get stats(): FileHasherStats {
    return {
      known: this.#knownCount,
      computed: this.#computed,
      missed: { ...this.#missed },
      filesRead: this.#filesRead,
      bytesRead: this.#bytesRead,
      cacheSize: this.#known.size,
      queueDepth: this.#reading.size,
    };
  }
}
