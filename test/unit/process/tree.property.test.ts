import fc from 'fast-check';
import { expect, test } from 'vitest';
import { happening, play, playSessions } from './happenings.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness, told } from './tree_harness.ts';

/** One ordered stream with all ids and starts, or calls that change ids beside forks and execs. */
/** The number of pids. */
const pids = fc.constantFrom(8, 200);
const streams = fc.constantFrom('exact', 'whole' as const);

test('every exec has its true ancestors, after any events and with any cache size', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 120 }),
      fc.integer({ min: 16, max: 64 }),
      streams,
      (happenings, cacheSize, stream) => {
        const kernel = new KernelModel(7);
        play(kernel, happenings);
        const harness = new TreeHarness({ cacheSize });
        harness.tree.apply(kernel[stream]);
        expect(harness.told).toEqual(kernel.truth);
        expect(harness.published.every(({ ancestry }) => ancestry.complete)).toBe(true);
        expect(harness.tree.stats).toMatchObject({ waiting: 0, detailsMissing: 0 });
      },
    ),
    { numRuns: 2000 },
  );
});

test('every exec has its true session and group, and the rows of a process are in the order in which it did things', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), pids, streams, (happenings, pids, stream) => {
      const kernel = new KernelModel(14);
      playSessions(kernel, happenings, pids);
      const harness = new TreeHarness({ actions: new Set(['fork', 'exec', 'setsid', 'exit']) });
      harness.tree.apply(kernel[stream]);
      const execs = harness.published.filter(({ action }) => action === 'exec').map(told);
      expect(execs).toEqual(kernel.truth);
      const times = harness.published.map(({ bootMs }) => bootMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
    { numRuns: 2000 },
  );
});
