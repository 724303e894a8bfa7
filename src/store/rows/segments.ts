/**
 * Rows in segments. A segment has consecutive eids and is one row of the database. The index of segments, with their pids and
 * times, is in memory: a search reads only segments that may have matching rows.
 */
import type { EidRange } from '../eid_range.ts';

/** Maximum rows and bytes of a segment: reading one row means reading the complete segment. */
export const SEGMENT_ROWS = 32;
export const SEGMENT_BYTES = 32 * 1024;
/** A segment with fewer rows is written again with later rows. */
const REWRITTEN_ROWS = 16;

export interface Segment {
  readonly firstEid: number;
  /** Rows in earlier segments, including removed ones. */
  rowsBefore: number;
  /** Number of its rows. Their eids start at `firstEid`. */
  rows: number;
  /** Bytes of its lines. */
  bytes: number;
  /** Approximate size of its rows in an answer. */
  answerBytes: number;
  /** Unix ms. */
  minMs: number;
  maxMs: number;
  /** The pid and the parent of each row. */
  keys: Int32Array<ArrayBuffer>;
}

/** The state before rows were added. */
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

/** A time in a recorded log may be any number. A number beyond the safe integers could not be read back from the database. */
function storable(ms: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, ms)) || 0;
}

/** Whether a row fits into an open segment. */
function takes(segment: Segment, { eid, bytes }: SegmentRow): boolean {
  return (
    eid === segment.firstEid + segment.rows && segment.rows < SEGMENT_ROWS && segment.bytes + bytes <= SEGMENT_BYTES
  );
}

/** Numbers as keys of 32 bits. Larger numbers wrap, so different numbers may have the same key. */
export function asKeys(numbers: ReadonlySet<number>): ReadonlySet<number> {
  const keys = new Set<number>();
  for (const number of numbers) keys.add(number | 0);
  return keys;
}

/** So few keys are looked for one by one. */
const FEW_KEYS = 8;

/** Whether the row at index `at` has one of these keys. */
export function hasKey({ keys }: Segment, at: number, offset: 0 | 1, wanted: ReadonlySet<number>): boolean {
  return wanted.has(keys[2 * at + offset] as number);
}

function hasAny(keys: Int32Array, wanted: readonly number[]): boolean {
  for (let n = 0; n < wanted.length; n++) if (keys.includes(wanted[n] as number)) return true;
  return false;
}

/** The index of segments, in the order of their eids. */
export class Segments {
  #segments: Segment[] = [];
  #rows = 0;
  /** Rows up to this eid are removed, also within the first segment. */
  #floorEid = 0;
  /** The newest segment, while it takes more rows. A segment loaded from the database takes none. */
  #open: Segment | undefined;

  /** Skips segments without rows after the floor. */
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

  /** Called after a write. A segment with many rows is closed, so that its rows are not written again. */
  endWrite(): void {
    if (!this.#open || this.#open.rows < REWRITTEN_ROWS) return;
    this.#close(this.#open);
    this.#open = undefined;
  }

  /** Restores the state of a mark. The next row starts a segment. */
  rollBack({ size, rows, last }: Mark): void {
    this.#segments.length = size;
    const before = this.#segments.at(-1);
    if (before && last) Object.assign(before, last);
    this.#open = undefined;
    this.#rows = rows;
  }

  /** Adds a row that is newer than all others. Returns its segment. */
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

  /** Removes rows up to an eid, and segments without other rows. Returns the number of removed rows. */
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

  /** The segments with rows of a range, in order. A copy: rows may be added and removed while a search pauses. */
  within(range: EidRange): Segment[] {
    return this.withKeys(range);
  }

  /**
   * The segments of a range that may have a row with one of these pids and one of these parents, in order. Undefined admits
   * all.
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

  /** The rows of a range in a segment that are not removed: their indexes, without `end`. */
  placesIn(segment: Segment, { after, upTo }: EidRange): { begin: number; end: number } {
    const begin = Math.max(0, Math.max(after, this.#floorEid) + 1 - segment.firstEid);
    return { begin, end: Math.min(segment.rows, upTo + 1 - segment.firstEid) };
  }

  /** Number of rows in a range. */
  count({ after, upTo }: EidRange): number {
    return Math.max(0, this.#rowsUpTo(upTo) - this.#rowsUpTo(Math.max(after, this.#floorEid)));
  }

  /** Number of rows up to an eid, including removed ones. */
  #rowsUpTo(eid: number): number {
    const segment = this.#segments[this.#firstBeyond(eid)];
    if (segment) return segment.rowsBefore + Math.max(0, eid + 1 - segment.firstEid);
    const last = this.#segments.at(-1);
    return last ? last.rowsBefore + last.rows : 0;
  }

  /** Number of removed rows in the first segment. */
  get #hidden(): number {
    const [first] = this.#segments;
    return first ? Math.min(first.rows, Math.max(0, this.#floorEid + 1 - first.firstEid)) : 0;
  }

  /** Closes a segment: shrinks its keys to the needed size. */
  #close(segment: Segment | undefined): void {
    if (segment) segment.keys = segment.keys.slice(0, 2 * segment.rows);
  }

  /** Index of the first segment with a row after an eid. */
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
