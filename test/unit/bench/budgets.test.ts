import { expect, test } from 'vitest';
import { verdicts } from '../../bench/budgets.ts';
import { AUDIT, EBPF } from '../../bench/extension_listener.ts';
import type { JavaScriptFigures } from '../../bench/javascript.ts';
import { type Range, rangeOf } from '../../bench/range.ts';
import type { Results } from '../../bench/report.ts';
import type { StormFigures } from '../../bench/storms.ts';

const ABOUT = {
  date: '2026-11-29T00:00:00',
  machine: { cpu: 'a processor', cpus: 2, memoryGigabytes: 8, kernel: '6.12', node: 'v26', auditd: '', laurel: '' },
  repetitions: 3,
};
const one = (value: number): Range => rangeOf([value]);

function storm(listener: string, name: string, figures: Partial<StormFigures> = {}): StormFigures {
  return {
    ...{
      storm: name,
      listener,
      execsPerSecond: one(1000),
      ratio: one(1),
      speedOfAuditd: one(1),
      cpuOfAuditd: one(0.4),
    },
    ...{ stormMicrosecondsPerExec: one(900), othersPercent: one(0), cpuMicrosecondsPerExec: one(100), cpuParts: {} },
    ...{ peakMegabytes: one(100), seenPercent: one(100), parentRightPercent: one(100), chainRightPercent: one(100) },
    lost: 0,
    ...figures,
  };
}
const said = (results: Partial<Results>, budget: RegExp) => {
  const found = verdicts({ ...ABOUT, ...results }).filter((verdict) => budget.test(verdict.budget));
  return found.map(({ figure, verdict }) => [figure, verdict]);
};

test('a budget that was not measured is neither met nor missed', () => {
  expect(new Set(verdicts(ABOUT).map(({ verdict }) => verdict))).toEqual(new Set(['not measured']));
});

test('they fit on a screen', () => {
  expect(verdicts(ABOUT).length).toBeLessThan(25);
});

test('the worst storm counts', () => {
  const storms = [
    storm(EBPF, 'spawn', { cpuOfAuditd: one(0.4) }),
    storm(EBPF, 'vfork', { cpuOfAuditd: one(0.6) }),
    storm(EBPF, 'paced, 20/s', { cpuOfAuditd: one(0.5) }),
    storm(AUDIT, 'spawn', { speedOfAuditd: one(0.9) }),
  ];
  expect(said({ storms }, /eBPF in storms/)).toEqual([['0.60 (vfork); others down to 0.40', 'missed']]);
  expect(said({ storms }, /at 20 execs/)).toEqual([['0.50', 'met']]);
  expect(said({ storms }, /speed of a storm with audit/)).toEqual([['0.90', 'missed']]);
});

test('a lost exec and a hole in one storm are enough', () => {
  expect(said({ storms: [storm(EBPF, 'spawn')] }, /lost/)).toEqual([['0 lost, 0.00 % holes', 'met']]);
  const lossy = [storm(EBPF, 'spawn'), storm(AUDIT, 'spawn', { lost: 1 })];
  expect(said({ storms: lossy }, /lost/)).toEqual([['1 lost, 0.00 % holes', 'missed']]);
  const holed = [storm(EBPF, 'spawn', { chainRightPercent: one(99.5) })];
  expect(said({ storms: holed }, /lost/)).toEqual([['0 lost, 0.50 % holes', 'missed']]);
});

test('JavaScript is compared with the old commit if that was measured', () => {
  const figures = (checkout: string, cpuOfOld: Range | undefined): JavaScriptFigures => ({
    ...{ batch: 90, checkout, cpuMicroseconds: one(15), bytes: one(3000), cpuOfOld, bytesOfOld: undefined },
  });
  const both = [figures('9d4203f', one(1)), figures('this extension', one(0.48))];
  expect(said({ javascript: both }, /JavaScript/)).toEqual([['0.48', 'met']]);
  expect(said({ javascript: [figures('this extension', undefined)] }, /JavaScript/)).toEqual([['–', 'not measured']]);
});
