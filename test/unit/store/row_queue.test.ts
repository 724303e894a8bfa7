/** Waiting rows: each has a unique number, and the queue knows its exact size in bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { textBytes } from '../../../src/memory/memory_bounds.ts';
import { QUEUED_MAX, RowQueue } from '../../../src/store/row_queue.ts';
import { published } from '../tables/published.ts';

const number = (max: number) => fc.integer({ min: 0, max });
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('add' as const, 'addUnnumbered' as const), size: number(100) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('skipTo' as const), ahead: fc.integer({ min: -10, max: 10 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), count: number(4) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('numberAll' as const, 'removeAll' as const) }) },
  ),
  { maxLength: 60 },
);

describe('a queue of rows', () => {
  test('uses no number twice, keeps the order, and knows its size', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new RowQueue();
        let pid = 0;
        let unnumbered: number[] = [];
        let numbered: number[] = [];
        const sizes = new Map<number, number>();
        /** The last written number: the next must be greater. */
        let written = 0;
        const make = (size: number) => {
          const event = published({ pid: ++pid, cmdline: 'x'.repeat(size) });
          sizes.set(pid, textBytes(event.details));
          return event;
        };
        for (const step of all) {
          if (step.kind === 'add') {
            queue.add(make(step.size));
            numbered.push(pid);
          } else if (step.kind === 'addUnnumbered') {
            expect(queue.addUnnumbered(make(step.size), Number.POSITIVE_INFINITY)).toBe(0);
            unnumbered.push(pid);
          } else if (step.kind === 'skipTo') {
            const eid = queue.lastEid + step.ahead;
            queue.skipTo(eid);
            if (step.ahead > 0) for (const row of queue.numbered) expect(row.eid).toBeGreaterThan(eid);
            expect(queue.lastEid).toBeGreaterThanOrEqual(eid);
          } else if (step.kind === 'remove') {
            for (const { eid } of queue.numbered.slice(0, step.count)) {
              expect(eid).toBeGreaterThan(written);
              written = eid;
            }
            queue.remove(step.count);
            numbered = numbered.slice(step.count);
          } else if (step.kind === 'numberAll') {
            queue.numberAll();
            numbered.push(...unnumbered);
            unnumbered = [];
          } else {
            expect(queue.removeAll().map(({ event }) => event.process.pid)).toEqual(numbered);
            written = queue.lastEid;
            numbered = [];
          }
          const bytesOf = (pids: readonly number[]) => pids.reduce((sum, one) => sum + Number(sizes.get(one)), 0);
          expect(queue.numbered.map(({ event }) => event.process.pid)).toEqual(numbered);
          expect(queue.numbered.map(({ eid }) => eid)).toEqual(
            numbered.map((_, n) => queue.lastEid - numbered.length + 1 + n),
          );
          expect(queue.writtenEid).toBeGreaterThanOrEqual(written);
          expect(queue).toMatchObject({
            size: numbered.length + unnumbered.length,
            numberedBytes: bytesOf(numbered),
            bytes: bytesOf(numbered) + bytesOf(unnumbered),
            writtenEid: queue.lastEid - numbered.length,
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test('drops the oldest rows without a number beyond its bytes and its rows, and says how many', () => {
    const queue = new RowQueue();
    const event = published({ cmdline: 'x'.repeat(100) });
    const each = textBytes(event.details);
    for (let n = 0; n < 3; n++) expect(queue.addUnnumbered(event, 3 * each)).toBe(0);
    expect(queue.addUnnumbered(event, 3 * each)).toBe(1);
    expect(queue.addUnnumbered(event, each)).toBe(3);
    expect(queue).toMatchObject({ size: 1, bytes: each });
    for (let n = 1; n < QUEUED_MAX; n++) queue.addUnnumbered(event, Number.POSITIVE_INFINITY);
    expect(queue.addUnnumbered(event, Number.POSITIVE_INFINITY)).toBe(1);
    expect(queue.size).toBe(QUEUED_MAX);
  });

  test('has the number of waiting rows after an eid', () => {
    const queue = new RowQueue();
    queue.skipTo(10);
    for (let n = 0; n < 3; n++) queue.add(published());
    expect([0, 10, 11, 13, 20].map((eid) => queue.countAfter(eid))).toEqual([3, 3, 2, 0, 0]);
  });
});
