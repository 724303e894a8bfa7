/** Segments give the same facts of their rows as a plain list. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EidRange } from '../../../../src/store/eid_range.ts';
import {
  asKeys,
  lastEidOf,
  type Mark,
  SEGMENT_BYTES,
  SEGMENT_ROWS,
  type Segment,
  type SegmentRow,
  Segments,
  type StoredSegment,
} from '../../../../src/store/rows/segments.ts';

/** The rows, and the eid up to which they are dropped. */
class Model {
  rows: SegmentRow[] = [];
  floorEid = 0;

  within({ after, upTo }: EidRange): SegmentRow[] {
    return this.rows.filter(({ eid }) => eid > Math.max(after, this.floorEid) && eid <= upTo);
  }

  removeUpTo(eid: number): number {
    const gone = this.within({ after: 0, upTo: eid }).length;
    this.floorEid = Math.max(this.floorEid, eid);
    return gone;
  }
}

const ALL: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const row = (eid: number, more: Partial<SegmentRow> = {}): SegmentRow => ({
  ...{ eid, timeMs: 1000 + eid, pid: eid, parent: 1, bytes: 100 },
  ...more,
});
const filled = (eids: readonly number[], more: Partial<SegmentRow> = {}) => {
  const segments = new Segments();
  for (const eid of eids) segments.add(row(eid, more));
  return segments;
};
const range = (count: number, from = 1) => Array.from({ length: count }, (_, n) => from + n);
const list = (segments: Segments, within = ALL) => [...segments.within(within)];
const stored = (segments: Segments, segment: Segment): StoredSegment => ({
  ...segment,
  keys: segments.keysOf(segment),
});
function keysOf(segments: Segments, segment: Segment, place: number) {
  const keys = new Int32Array(segments.keysOf(segment).buffer);
  return { pid: keys[2 * place], parent: keys[2 * place + 1] };
}
/** Keys and eids of the rows in a range. */
const rowsIn = (segments: Segments, within: EidRange) =>
  list(segments, within).flatMap((segment) => {
    const { begin, end } = segments.placesIn(segment, within);
    return range(Math.max(0, end - begin), begin).map((place) => ({
      eid: segment.firstEid + place,
      ...keysOf(segments, segment, place),
    }));
  });

type Step =
  | { kind: 'add'; gap: number; count: number; timeMs: number; key: number; bytes: number }
  | { kind: 'remove'; back: number }
  | { kind: 'mark' }
  | { kind: 'rollBack' }
  | { kind: 'load' };

const number = (max: number) => fc.integer({ min: 0, max });
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('add' as const),
        gap: fc.oneof(fc.constant(0), number(50)),
        count: number(2 * SEGMENT_ROWS),
        timeMs: number(100_000),
        key: fc.oneof(number(5), fc.integer({ min: 2 ** 31 - 2, max: 2 ** 33 })),
        bytes: fc.oneof(number(200), number(2 * SEGMENT_BYTES)),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('remove' as const), back: fc.integer({ min: -5, max: 90 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'mark' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'rollBack' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'load' as const }) },
  ),
  { maxLength: 30 },
);
const ranges = fc.array(fc.tuple(number(600), number(600)), { maxLength: 8 });

function run(all: readonly Step[]): { model: Model; segments: Segments; segmentsOfAll: Map<number, StoredSegment> } {
  const model = new Model();
  let segments = new Segments();
  /** As in a database: rows dropped in memory may still exist there. */
  const segmentsOfAll = new Map<number, StoredSegment>();
  let marked: { mark: Mark; rows: SegmentRow[] } | undefined;
  let lastEid = 0;
  for (const step of all) {
    if (step.kind === 'add') {
      lastEid += step.gap;
      for (let n = 0; n < step.count; n++) {
        const { timeMs, key, bytes } = step;
        const added = row(++lastEid, { timeMs: timeMs + n, pid: key + n, parent: key, bytes });
        model.rows.push(added);
        const segment = segments.add(added);
        segmentsOfAll.set(segment.firstEid, stored(segments, segment));
      }
    } else if (step.kind === 'remove') {
      const eid = Math.min(lastEid, Math.max(0, lastEid - step.back));
      expect(segments.removeUpTo(eid)).toBe(model.removeUpTo(eid));
      marked = undefined;
    } else if (step.kind === 'mark') {
      marked = { mark: segments.mark(), rows: [...model.rows] };
    } else if (step.kind === 'rollBack') {
      if (!marked) continue;
      segments.rollBack(marked.mark);
      model.rows = marked.rows;
      const kept = new Set(marked.rows.map(({ eid }) => eid));
      for (const firstEid of segmentsOfAll.keys()) if (!kept.has(firstEid)) segmentsOfAll.delete(firstEid);
      for (const segment of segments.within(ALL)) segmentsOfAll.set(segment.firstEid, stored(segments, segment));
      marked = undefined;
    } else {
      segments = new Segments();
      segments.load([...segmentsOfAll.values()], model.floorEid);
      for (const segment of segments.within(ALL)) segmentsOfAll.set(segment.firstEid, stored(segments, segment));
      marked = undefined;
    }
  }
  return { model, segments, segmentsOfAll };
}

describe('segments give the same as a list of rows', () => {
  test('after rows are added, removed, rolled back and loaded again', () => {
    fc.assert(
      fc.property(steps, ranges, (all, asked) => {
        const { model, segments } = run(all);
        expect(segments.rows).toBe(model.within(ALL).length);
        expect(segments.floorEid).toBe(model.floorEid);
        for (const [after, length] of [[0, Number.MAX_SAFE_INTEGER] as const, ...asked]) {
          const within = { after, upTo: after + length };
          const wanted = model.within(within);
          expect(segments.count(within)).toBe(wanted.length);
          const keys = ({ eid, pid, parent }: SegmentRow) => ({ eid, pid: pid | 0, parent: parent | 0 });
          expect(rowsIn(segments, within)).toEqual(wanted.map(keys));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('and each has the totals of its own rows', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { model, segments } = run(all);
        for (const segment of segments.within(ALL)) {
          const its = model.rows.filter(({ eid }) => eid >= segment.firstEid && eid <= lastEidOf(segment));
          expect(segment).toMatchObject({
            rows: its.length,
            bytes: its.reduce((total, one) => total + one.bytes, 0),
            minMs: Math.min(...its.map(({ timeMs }) => timeMs)),
            maxMs: Math.max(...its.map(({ timeMs }) => timeMs)),
          });
          expect(segment.rows).toBeLessThanOrEqual(SEGMENT_ROWS);
          if (segment.rows > 1) expect(segment.bytes).toBeLessThanOrEqual(SEGMENT_BYTES);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a segment', () => {
  test('is begun anew after a number of rows or bytes, and after a gap in the eids', () => {
    expect(list(filled(range(SEGMENT_ROWS + 1))).map(({ rows }) => rows)).toEqual([SEGMENT_ROWS, 1]);
    expect(list(filled(range(5), { bytes: SEGMENT_BYTES / 2 })).map(({ rows }) => rows)).toEqual([2, 2, 1]);
    expect(list(filled([1, 2, 5, 6])).map(({ firstEid }) => firstEid)).toEqual([1, 5]);
  });

  test('that was loaded takes no more rows', () => {
    const before = filled([1, 2]);
    const after = new Segments();
    after.load(
      list(before).map((segment) => stored(before, segment)),
      0,
    );
    after.add(row(3));
    expect(list(after).map(({ firstEid }) => firstEid)).toEqual([1, 3]);
  });

  test('is begun anew after a transaction that failed', () => {
    const segments = filled([1, 2]);
    const mark = segments.mark();
    segments.add(row(3));
    segments.rollBack(mark);
    segments.add(row(3));
    expect(list(segments).map(({ firstEid, rows }) => [firstEid, rows])).toEqual([
      [1, 2],
      [3, 1],
    ]);
  });

  test('is removed with its last row, also before it is loaded', () => {
    const segments = filled(range(3 * SEGMENT_ROWS));
    const all = list(segments).map((segment) => stored(segments, segment));
    segments.removeUpTo(2 * SEGMENT_ROWS - 1);
    expect(segments.size).toBe(2);
    segments.removeUpTo(2 * SEGMENT_ROWS);
    expect(segments.size).toBe(1);
    const again = new Segments();
    again.load(all, 2 * SEGMENT_ROWS + 1);
    expect(again).toMatchObject({ size: 1, rows: SEGMENT_ROWS - 1, firstEid: 2 * SEGMENT_ROWS + 1 });
  });

  test('has a key for every number, which another number may share', () => {
    const segments = filled([1], { pid: 3_000_000_000, parent: 7 });
    const [segment] = list(segments);
    const has = (column: 0 | 1, ...wanted: number[]) =>
      segment && segments.hasKey(segment, 0, column, asKeys(new Set(wanted)));
    expect(has(0, 3_000_000_000)).toBe(true);
    expect(has(0, 3_000_000_000 - 2 ** 32)).toBe(true);
    expect(has(0, 7)).toBe(false);
    expect(has(1, 8, 7)).toBe(true);
  });

  test('is found by the keys of its rows', () => {
    const segments = filled(range(3 * SEGMENT_ROWS));
    segments.add({ ...row(3 * SEGMENT_ROWS + 1), pid: 7777, parent: 7778 });
    const found = segments.withKeys(ALL, new Set([7777]), new Set([7778]));
    expect(found).toEqual([segments.within(ALL).at(-1)]);
    expect(segments.withKeys(ALL, new Set([7777]), new Set([7779]))).toEqual([]);
    expect(segments.withKeys(ALL, new Set(range(20)))).toHaveLength(4);
  });

  test('is found by any few keys, after any changes', () => {
    const keys = fc.uniqueArray(number(8), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(steps, ranges, keys, keys, fc.boolean(), (all, asked, pids, parents, byBoth) => {
        const { segments } = run(all);
        for (const [after, length] of [[0, Number.MAX_SAFE_INTEGER] as const, ...asked]) {
          const within = { after, upTo: after + length };
          const found = segments.withKeys(within, byBoth ? new Set(pids) : undefined, new Set(parents));
          const may = list(segments, within).filter((segment) => {
            const its = range(segment.rows, 0).map((place) => keysOf(segments, segment, place));
            const hasPid = its.some(({ pid }) => pids.includes(pid ?? -1));
            return (!byBoth || hasPid) && its.some(({ parent }) => parents.includes(parent ?? -1));
          });
          expect(found).toEqual(may);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('that a search has reached keeps its rows while others are added and dropped', () => {
    const segments = filled(range(2 * SEGMENT_ROWS));
    const [first, ...rest] = segments.within(ALL);
    expect(first?.firstEid).toBe(1);
    segments.removeUpTo(2 * SEGMENT_ROWS);
    for (const eid of range(SEGMENT_ROWS, 2 * SEGMENT_ROWS + 1)) segments.add(row(eid));
    expect(rest.map(({ firstEid }) => firstEid)).toEqual([SEGMENT_ROWS + 1]);
    expect(rest.map((segment) => segments.placesIn(segment, ALL))).toEqual([
      { begin: SEGMENT_ROWS, end: SEGMENT_ROWS },
    ]);
  });
});
