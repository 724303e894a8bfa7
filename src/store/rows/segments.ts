/**
 * Rows in segments. A segment has consecutive eids and is one row of the database. The index of segments, with their pids and
 * times, is in memory: a search reads only segments that may have matching rows.
 */
import type { EidRange } from '../eid_range.ts';
import { type KeyColumn, RowKeys } from './row_keys.ts';

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
  /** Unix ms. */
  minMs: number;
  maxMs: number;
}

/** A segment as the database has it. */
export interface StoredSegment extends Omit<Segment, 'rowsBefore'> {
  /** The keys of its rows: see RowKeys.bytes. */
  readonly keys: Uint8Array;
}

/** The state before rows were added. */
export interface Mark {
  readonly size: number;
  readonly rows: number;
  readonly last: Segment | undefined;
  readonly keysEnd: number;
}

export interface SegmentRow {
  readonly eid: number;
  readonly timeMs: number;
  readonly pid: number;
  readonly parent: number;
  readonly bytes: number;
}

export function lastEidOf({ firstEid, rows }: Pick<Segment, 'firstEid' | 'rows'>): number {
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

/** The index of segments, in the order of their eids. */
export class Segments {
  #segments: Segment[] = [];
  #keys = new RowKeys();
  #rows = 0;
  /** Rows up to this eid are removed, also within the first segment. */
  #floorEid = 0;
  /** The newest segment, while it takes more rows. A segment loaded from the database takes none. */
  #open: Segment | undefined;

  /** Skips segments without rows after the floor. */
  load(segments: readonly StoredSegment[], floorEid: number): void {
    this.#open = undefined;
    this.#floorEid = floorEid;
    this.#keys = new RowKeys();
    this.#segments = [];
    for (const { keys, ...segment } of segments) {
      if (lastEidOf(segment) <= floorEid) continue;
      this.#segments.push({ ...segment, rowsBefore: this.#keys.end });
      this.#keys.pushBytes(keys, segment.rows);
    }
    this.#rows = this.#keys.end - this.#hidden;
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
    return { size: this.size, rows: this.#rows, last: last && { ...last }, keysEnd: this.#keys.end };
  }

  /** Called after a write. A segment with many rows is closed, so that its rows are not written again. */
  endWrite(): void {
    if (this.#open && this.#open.rows >= REWRITTEN_ROWS) this.#open = undefined;
  }

  /** Restores the state of a mark. The next row starts a segment. */
  rollBack({ size, rows, last, keysEnd }: Mark): void {
    this.#segments.length = size;
    const before = this.#segments.at(-1);
    if (before && last) Object.assign(before, last);
    this.#keys.truncate(keysEnd);
    this.#open = undefined;
    this.#rows = rows;
  }

  /** Adds a row that is newer than all others. Returns its segment. */
  add(row: SegmentRow): Segment {
    const { eid, pid, parent, bytes } = row;
    const timeMs = storable(row.timeMs);
    let segment = this.#open;
    if (!segment || !takes(segment, row)) {
      const times = { minMs: timeMs, maxMs: timeMs };
      segment = { firstEid: eid, rowsBefore: this.#keys.end, rows: 0, bytes: 0, ...times };
      this.#segments.push(segment);
      this.#open = segment;
    }
    this.#keys.push(pid, parent);
    segment.rows++;
    segment.bytes += bytes;
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
    this.#keys.dropBefore(this.#segments[0]?.rowsBefore ?? this.#keys.end);
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
    const begin = this.#firstBeyond(Math.max(range.after, this.#floorEid));
    const end = this.#endOfRange(begin, range.upTo);
    const [ofPids, ofParents] = [few(pids), few(parents)];
    if (!ofPids) return ofParents ? this.#withAny(begin, end, 1, ofParents) : this.#segments.slice(begin, end);
    const found = this.#withAny(begin, end, 0, ofPids);
    return ofParents ? found.filter((segment) => this.#hasAny(segment, 1, ofParents)) : found;
  }

  /** Whether the row at a place of a segment has one of these keys. */
  hasKey({ rowsBefore }: Segment, place: number, column: KeyColumn, wanted: ReadonlySet<number>): boolean {
    return wanted.has(this.#keys.at(column, rowsBefore + place));
  }

  /** The keys of the rows of a segment, as the database has them. */
  keysOf({ rowsBefore, rows }: Segment): Uint8Array {
    return this.#keys.bytes(rowsBefore, rows);
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

  /** The segments from index `begin` to `end` that have a row with one of these keys. */
  #withAny(begin: number, end: number, column: KeyColumn, wanted: readonly number[]): Segment[] {
    const found = new Set<number>();
    for (const key of wanted) {
      for (let at = begin; at < end; at++) {
        const position = this.#keys.find(column, key, (this.#segments[at] as Segment).rowsBefore);
        at = position < 0 ? end : this.#indexAt(position);
        if (at < end) found.add(at);
      }
    }
    return [...found].sort((one, other) => one - other).map((at) => this.#segments[at] as Segment);
  }

  #hasAny(segment: Segment, column: KeyColumn, wanted: readonly number[]): boolean {
    return wanted.some((key) => {
      const position = this.#keys.find(column, key, segment.rowsBefore);
      return position >= 0 && position < endOf(segment);
    });
  }

  /** Index of the segment with the row at a position. */
  #indexAt(position: number): number {
    return this.#lowest((segment) => endOf(segment) > position);
  }

  /** Index after the last segment that has a first eid up to `upTo`. */
  #endOfRange(begin: number, upTo: number): number {
    return Math.max(
      begin,
      this.#lowest(({ firstEid }) => firstEid > upTo),
    );
  }

  /** Index of the first segment with a row after an eid. */
  #firstBeyond(eid: number): number {
    return this.#lowest((segment) => lastEidOf(segment) > eid);
  }

  /** Index of the first segment for which `is` returns true; it returns true for all later ones. */
  #lowest(is: (segment: Segment) => boolean): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (is(this.#segments[middle] as Segment)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Position after its last row. */
function endOf({ rowsBefore, rows }: Segment): number {
  return rowsBefore + rows;
}

/** The keys, if they are few enough to be looked for one by one. */
function few(keys: ReadonlySet<number> | undefined): number[] | undefined {
  return keys && keys.size <= FEW_KEYS ? [...keys] : undefined;
}
