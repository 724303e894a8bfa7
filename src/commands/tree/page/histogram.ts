/** Number of execs over time. */
import type { Model } from './model.ts';

interface Histogram {
  readonly from: number;
  readonly to: number;
  /** Duration of a bar in seconds. */
  readonly step: number;
  readonly execs: readonly number[];
  /** Execs of processes that failed. */
  readonly failed: readonly number[];
}

/** Undefined when no time is known. Execs before the recording are omitted: they may be days older. */
export function histogramOf({ processes }: Pick<Model, 'processes'>, bars: number): Histogram | undefined {
  const all: { time: number; failed: boolean }[] = [];
  for (const { images, exit_code } of processes) {
    const failed = exit_code !== null && exit_code !== 0;
    for (const [at, { time }] of images.entries())
      if (time !== null) all.push({ time, failed: failed && at === images.length - 1 });
  }
  if (all.length === 0) return undefined;
  const from = all.reduce((least, { time }) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const to = all.reduce((most, { time }) => Math.max(most, time), 0);
  const step = Math.max(1, Math.ceil((to - from + 1) / bars));
  const count = Math.floor((to - from) / step) + 1;
  const execs: number[] = new Array(count).fill(0);
  const failures: number[] = new Array(count).fill(0);
  for (const { time, failed } of all) {
    const at = Math.floor((time - from) / step);
    execs[at] = (execs[at] ?? 0) + 1;
    if (failed) failures[at] = (failures[at] ?? 0) + 1;
  }
  return { from, to, step, execs, failed: failures };
}
