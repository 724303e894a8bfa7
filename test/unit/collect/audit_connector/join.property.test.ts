import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SensorEvent } from '../../../../src/collect/events.ts';
import { happening, play, playSessions } from '../../process/happenings.ts';
import { KernelModel, type TrueExec } from '../../process/kernel_model.ts';
import { told } from '../../process/tree_harness.ts';
import { JoinHarness } from './join_harness.ts';

const byPidAndImage = (a: TrueExec, b: TrueExec) => a.pid - b.pid || a.cmdline.localeCompare(b.cmdline);

test('every exec has its true ancestors, with any delay between audit’s records and the connector’s messages', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 120 }),
      fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })), { maxLength: 80 }),
      fc.integer({ min: 16, max: 64 }),
      (happenings, merge, cacheSize) => {
        const kernel = new KernelModel(7);
        play(kernel, happenings);
        const harness = new JoinHarness({ cacheSize });
        const { connector, audit } = kernel;
        // Both keep their order; they interleave at random.
        for (const [fromConnector, fromAudit] of merge) {
          const batch: SensorEvent[] = [...connector.splice(0, fromConnector), ...audit.splice(0, fromAudit)];
          harness.hear(batch);
        }
        harness.hear([...connector, ...audit]);
        expect(harness.join.stats).toMatchObject({ waiting: 0 });
        expect(harness.told.toSorted(byPidAndImage)).toEqual(kernel.truth.toSorted(byPidAndImage));
        expect(harness.published.every(({ ancestry }) => ancestry.complete)).toBe(true);
        expect(harness.tree.stats).toMatchObject({ waiting: 0, detailsMissing: 0 });
      },
    ),
    { numRuns: 2000 },
  );
});

test('every exec has its true session and group, or none where a pid was reused, with any delay of setpgid’s records', () => {
  const groups = { all: 0, unknown: 0 };
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 80 }),
      fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 })), { maxLength: 60 }),
      fc.constantFrom(8, 200),
      (happenings, merge, pids) => {
        const kernel = new KernelModel(14);
        playSessions(kernel, happenings, pids);
        const harness = new JoinHarness({ actions: new Set(['fork', 'exec', 'setsid', 'exit']) });
        const { connector, audit, toldBefore } = kernel;
        let taken = 0;
        // The sensor empties audit's socket before the connector's.
        const isHeard = (record: SensorEvent) => (toldBefore.get(record) ?? 0) <= taken;
        for (const [fromConnector, fromAudit] of merge) {
          taken += Math.min(fromConnector, connector.length);
          const records = audit.slice(0, fromAudit).filter(isHeard);
          harness.hear([...connector.splice(0, fromConnector), ...audit.splice(0, records.length)]);
        }
        harness.hear([...connector, ...audit]);
        harness.flush('all');
        const execs = harness.published.filter(({ action }) => action === 'exec').map(told);
        const truth = kernel.truth.toSorted(byPidAndImage);
        // An undecided change leaves the group unknown, and never wrong.
        const decided = execs.toSorted(byPidAndImage).map((exec, n) => {
          groups.all++;
          if (exec.pgid !== undefined) return exec;
          groups.unknown++;
          return { ...exec, pgid: truth[n]?.pgid };
        });
        expect(decided).toEqual(truth);
        for (const process of new Set(harness.published.map((event) => event.process))) {
          const times = harness.published.filter((event) => event.process === process).map(({ bootMs }) => bootMs);
          expect(times).toEqual(times.toSorted((a, b) => a - b));
        }
      },
    ),
    { numRuns: 2000 },
  );
  expect(groups.all).toBeGreaterThan(1000);
  expect(groups.unknown / groups.all).toBeLessThan(0.001);
});

test('when audit loses records, every exec is still published once, and none has the details of another', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), fc.array(fc.nat(), { maxLength: 6 }), (happenings, lost) => {
      // Execs of one pid are further apart than the clocks' tolerance, so that a gap can be detected.
      const kernel = new KernelModel(60);
      play(kernel, happenings);
      for (const index of lost) if (kernel.audit.length > 0) kernel.audit.splice(index % kernel.audit.length, 1);
      const told = new Set(
        kernel.audit.flatMap((event) => (event.kind === 'exec' ? [event.details?.args.replaceAll('\0', ' ')] : [])),
      );
      const harness = new JoinHarness().run(kernel);
      harness.proc.shown.clear();
      harness.nowMs += 10_000;
      harness.flush();
      expect(harness.published).toHaveLength(kernel.truth.length);
      const rows = harness.told.map(({ pid, cmdline, bootMs }) => `${bootMs}: ${pid} ${cmdline}`).toSorted();
      const expected = kernel.truth
        .map(({ pid, cmdline, bootMs }) => `${bootMs}: ${pid} ${told.has(cmdline) ? cmdline : ''}`)
        .toSorted();
      expect(rows).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});
