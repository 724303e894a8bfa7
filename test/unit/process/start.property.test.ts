import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProcessEvent } from '../../../src/collect/event.ts';
import { MS_PER_TICK } from '../../../src/linux/clock_ticks.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { happening, play } from './happenings.ts';
import { BOOT_UNIX_MS, KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness, toldOf } from './tree_harness.ts';

/** A boot time that lies between two hundredths of a second. */
const BOOT_TO_UNIX_MS = BOOT_UNIX_MS + 3.25;

/** Delay of a fork's time after its start, and error of an event's wall clock, both in ms. */
const hundredths = (min: number, max: number) => fc.integer({ min, max }).map((number) => number / 100);
const jitter = fc.tuple(hundredths(0, 49), hundredths(-4000, 4000));

/** The starts in all columns of these rows, by entity id. */
function startsIn(rows: readonly PublishedEvent[]): Map<string, Set<number>> {
  const starts = new Map<string, Set<number>>();
  const tell = (entityId: string, start: number) =>
    starts.set(entityId, (starts.get(entityId) ?? new Set()).add(start));
  for (const row of rows) {
    tell(row.entityId, row.process.startUnixHundredths);
    for (const ancestor of ancestorsOf(row)) {
      tell(ancestor.entityId, ancestor.start);
      if (ancestor.ppid > 0) expect(ancestor.creatorStart).toBeGreaterThan(0);
    }
    const { creator, sessionLeader, groupLeader, entryLeader } = row.context;
    for (const record of [creator, sessionLeader, groupLeader, entryLeader]) {
      if (!record) continue;
      const told = toldOf(record);
      tell(record.entityId, told.start);
      for (const ref of [told.groupLeader, told.sessionLeader]) if (ref) tell(ref[0], ref[2]);
    }
  }
  return starts;
}

test('in a recorded log a start is that of the fork’s record, at any place in the log', () => {
  const told = [false, true].map((isReversed) => {
    const kernel = new KernelModel(25);
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    kernel.exec(11, 'ls');
    const events = [...kernel.connector.filter(({ kind }) => kind === 'fork'), ...kernel.audit].map(
      (event): ProcessEvent => ({ ...event, isCoarse: true, bootMs: event.unixMs }),
    );
    const harness = new TreeHarness({ bootId: 'replay', bootToUnixMs: 0, proc: undefined });
    for (const event of isReversed ? events.reverse() : events) harness.tree.apply([event]);
    harness.tree.flush('all');
    const { entityId, process } = harness.row('ls');
    return { entityId, start: process.startUnixHundredths };
  });
  expect(told[1]).toEqual(told[0]);
});

test('an entity id has one start in all columns of all recordings, with any delay and clock error', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 60 }),
      fc.array(jitter, { minLength: 1, maxLength: 7 }),
      fc.array(jitter, { minLength: 1, maxLength: 7 }),
      hundredths(0, 999),
      (happenings, ofFirst, ofSecond, phase) => {
        const kernel = new KernelModel(7.37);
        kernel.bootMs += phase;
        play(kernel, happenings);
        const events = kernel.take();
        const forks = events.filter(({ kind }) => kind === 'fork');
        const lastOf = new Map(forks.map((fork) => [fork.pid, fork]));
        const record = (jitters: typeof ofFirst) => {
          const harness = new TreeHarness({ bootToUnixMs: BOOT_TO_UNIX_MS });
          // The kernel shows the exact start of a living process.
          for (const { pid, bootMs } of lastOf.values()) {
            if (kernel.processes.get(pid)?.alive) harness.proc.show(pid, 1, 'shown', Math.floor(bootMs / MS_PER_TICK));
          }
          const jittered = events.map((event, at): ProcessEvent => {
            const [late, off] = jitters[at % jitters.length] ?? [0, 0];
            const bootMs = event.bootMs + (event.kind === 'fork' ? late : 0.49);
            return { ...event, bootMs, unixMs: BOOT_TO_UNIX_MS + bootMs + off };
          });
          harness.tree.apply(jittered);
          harness.tree.flush('all');
          return harness;
        };
        const [first, second] = [record(ofFirst), record(ofSecond)];
        // A third recording begins at the end, and finds the living processes in /proc.
        const third = new TreeHarness({ bootToUnixMs: BOOT_TO_UNIX_MS });
        third.tree.processes.adopt(first.proc.shown.values());
        const all = [first, second].map(({ published }) => startsIn(published));
        for (const [entityId, starts] of [...all.flatMap((one) => [...one])]) {
          expect(starts.size).toBe(1);
          for (const other of all) expect(other.get(entityId) ?? starts).toEqual(starts);
        }
        for (const met of third.tree.processes.living()) {
          const entityId = third.tree.processes.entityIdOf(met);
          for (const { tree } of [first, second]) {
            const [same, ...others] = tree.processes.withPid(met.pid).filter(({ exit }) => !exit);
            expect(others).toEqual([]);
            if (!same) continue;
            expect(tree.processes.entityIdOf(same)).toBe(entityId);
            expect(same.startUnixHundredths).toBe(met.startUnixHundredths);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
