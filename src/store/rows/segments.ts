/**
 * Rows in segments: a segment holds consecutive eids and is one row of the database. Where each segment is, which pids and
 * times it has, is kept in memory: a search reads the segments that may have what it looks for, and no others.
 */
import type { EidRange } from '../eid_range.ts';

/** A segment takes no more rows, or bytes of lines, than these: to read one row of it is to read all of it. */
export const SEGMENT_ROWS = 32;
export const SEGMENT_BYTES = 32 * 1024;
/** A segment of fewer rows is written again with those that come. */
const REWRITTEN_ROWS = 16;

export interface Segment {
  readonly firstEid: number;
  /** Rows in the segments before it, those that have been forgotten since included. */
  rowsBefore: number;
  /** Its rows have the eids from `firstEid` on. */
  rows: number;
  /** Of its lines. */
  bytes: number;
  /** As a full answer, about. */
  answerBytes: number;
  /** Unix ms. */
  minMs: number;
  maxMs: number;
  /** The pid and the parent of each row. */
  keys: Int32Array<ArrayBuffer>;
}

/** What there was before rows were added. */
export interface Mark {
  readonly size: number;
  readonly rows: number;
  readonly last: Segment | undefined;
}

export interface SegmentRow {
  readonly eid: number;
  readonly timeMs: number;
  readonly pid: number;
  readonly parent: number;
  readonly bytes: number;
  readonly answerBytes: number;
}

export function lastEidOf({ firstEid, rows }: Segment): number {
  return firstEid + rows - 1;
}

/** A time of a recorded log may be any number; one that is not exact could not be read back from the database. */
function storable(ms: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, ms)) || 0;
}

/** Whether a row belongs to a segment that has been begun. */
function takes(segment: Segment, { eid, bytes }: SegmentRow): boolean {
  return (
    eid === segment.firstEid + segment.rows && segment.rows < SEGMENT_ROWS && segment.bytes + bytes <= SEGMENT_BYTES
  );
}

/** Numbers as keys have them: they wrap in 32 bits, so a key that is equal may be of another number. */
export function asKeys(numbers: ReadonlySet<number>): ReadonlySet<number> {
  const keys = new Set<number>();
  for (const number of numbers) keys.add(number | 0);
  return keys;
}

/** So few keys are looked for one by one. */
const FEW_KEYS = 8;

/** Whether a row has one of these keys. */
export function hasKey({ keys }: Segment, at: number, offset: 0 | 1, wanted: ReadonlySet<number>): boolean {
  return wanted.has(keys[2 * at + offset] as number);
}

function hasAny(keys: Int32Array, wanted: readonly number[]): boolean {
  for (let n = 0; n < wanted.length; n++) if (keys.includes(wanted[n] as number)) return true;
  return false;
}

/** In the order of their eids. */
export class Segments {
  #segments: Segment[] = [];
  #rows = 0;
  /** Rows up to here have been let go, also within the first segment. */
  #floorEid = 0;
  /** The newest one, while it takes more rows: one that was loaded takes none. */
  #open: Segment | undefined;

  /** Segments of which nothing is left beyond the floor are forgotten. */
  load(segments: readonly Segment[], floorEid: number): void {
    this.#segments = segments.filter((segment) => lastEidOf(segment) > floorEid);
    this.#open = undefined;
    this.#floorEid = floorEid;
    let rows = 0;
    for (const segment of this.#segments) {
      segment.rowsBefore = rows;
      rows += segment.rows;
    }
    this.#rows = rows - this.#hidden;
  }

  get rows(): number {
    return this.#rows;
  }

  /** How many segments there are. */
  get size(): number {
    return this.#segments.length;
  }

  get floorEid(): number {
    return this.#floorEid;
  }

  mark(): Mark {
    const last = this.#segments.at(-1);
    return { size: this.size, rows: this.#rows, last: last && { ...last } };
  }

  /** The rows that are there are written: a segment that has many takes no more, so that they are not written again. */
  endWrite(): void {
    if (!this.#open || this.#open.rows < REWRITTEN_ROWS) return;
    this.#close(this.#open);
    this.#open = undefined;
  }

  /** Takes back what was added since. The next row begins a segment. */
  rollBack({ size, rows, last }: Mark): void {
    this.#segments.length = size;
    const before = this.#segments.at(-1);
    if (before && last) Object.assign(before, last);
    this.#open = undefined;
    this.#rows = rows;
  }

  /** Adds a row that is newer than all others; answers its segment, which may be a new one. */
  add(row: SegmentRow): Segment {
    const { eid, pid, parent, bytes, answerBytes } = row;
    const timeMs = storable(row.timeMs);
    let segment = this.#open;
    if (!segment || !takes(segment, row)) {
      const keys = new Int32Array(2 * SEGMENT_ROWS);
      const times = { minMs: timeMs, maxMs: timeMs };
      segment = { firstEid: eid, rowsBefore: this.#rowsUpTo(eid), rows: 0, bytes: 0, answerBytes: 0, ...times, keys };
      this.#close(this.#open);
      this.#segments.push(segment);
      this.#open = segment;
    }
    segment.keys[2 * segment.rows] = pid;
    segment.keys[2 * segment.rows + 1] = parent;
    segment.rows++;
    segment.bytes += bytes;
    segment.answerBytes += answerBytes;
    if (timeMs < segment.minMs) segment.minMs = timeMs;
    if (timeMs > segment.maxMs) segment.maxMs = timeMs;
    this.#rows++;
    return segment;
  }

  /** Lets go of rows up to an eid; answers how many those were. Segments of which nothing is left are forgotten. */
  removeUpTo(eid: number): number {
    if (eid <= this.#floorEid) return 0;
    let gone = -this.#hidden;
    this.#floorEid = eid;
    const removed = this.#segments.splice(0, this.#firstBeyond(eid));
    if (this.#segments.length === 0) this.#open = undefined;
    for (const { rows } of removed) gone += rows;
    gone += this.#hidden;
    this.#rows -= gone;
    return gone;
  }

  /** The first eid that a segment may have. */
  get firstEid(): number {
    return this.#segments[0]?.firstEid ?? this.#floorEid + 1;
  }

  /** Those that have rows of a range, in order. A copy: rows may come and go while a search pauses. */
  within(range: EidRange): Segment[] {
    return this.withKeys(range);
  }

  /**
   * Those of a range that may have a row with one of some pids and one of some parents, in order; undefined admits all. In
   * one tight loop: most segments have none.
   */
  withKeys(range: EidRange, pids?: ReadonlySet<number>, parents?: ReadonlySet<number>): Segment[] {
    const found: Segment[] = [];
    const wanted = [pids, parents].flatMap((keys) => (keys && keys.size <= FEW_KEYS ? [[...keys]] : []));
    for (let at = this.#firstBeyond(Math.max(range.after, this.#floorEid)); at < this.#segments.length; at++) {
      const segment = this.#segments[at] as Segment;
      if (segment.firstEid > range.upTo) break;
      let mayHave = true;
      for (const keys of wanted) mayHave &&= hasAny(segment.keys, keys);
      if (mayHave) found.push(segment);
    }
    return found;
  }

  /** The part of a range that lies in a segment and has not been let go: the places of its rows, `end` excluded. */
  placesIn(segment: Segment, { after, upTo }: EidRange): { begin: number; end: number } {
    const begin = Math.max(0, Math.max(after, this.#floorEid) + 1 - segment.firstEid);
    return { begin, end: Math.min(segment.rows, upTo + 1 - segment.firstEid) };
  }

  /** How many rows of a range there are. */
  count({ after, upTo }: EidRange): number {
    return Math.max(0, this.#rowsUpTo(upTo) - this.#rowsUpTo(Math.max(after, this.#floorEid)));
  }

  /** How many rows there are up to an eid, those that have been forgotten included. */
  #rowsUpTo(eid: number): number {
    const segment = this.#segments[this.#firstBeyond(eid)];
    if (segment) return segment.rowsBefore + Math.max(0, eid + 1 - segment.firstEid);
    const last = this.#segments.at(-1);
    return last ? last.rowsBefore + last.rows : 0;
  }

  /** Rows of the first segment that have been let go. */
  get #hidden(): number {
    const [first] = this.#segments;
    return first ? Math.min(first.rows, Math.max(0, this.#floorEid + 1 - first.firstEid)) : 0;
  }

  /** No more rows come to it: its keys take no more room than they need. */
  #close(segment: Segment | undefined): void {
    if (segment) segment.keys = segment.keys.slice(0, 2 * segment.rows);
  }

  /** The place of the first segment that has a row beyond an eid. */
  #firstBeyond(eid: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (lastEidOf(this.#segments[middle] as Segment) <= eid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
