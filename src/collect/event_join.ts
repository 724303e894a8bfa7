/** The interface of what makes whole events, in causal order, of what a sensor tells. */
import type { ExecDetails, Pid, ProcessEvent } from './event.ts';
import type { SensorEvent } from './events.ts';

export interface EventJoin {
  /** Takes what a sensor tells, in its order. Returns what is whole now. */
  take(events: readonly SensorEvent[]): readonly ProcessEvent[];
  /** Returns what has waited long enough (`overdue`), or all that waits, with what is known of it. */
  release(which: 'overdue' | 'all', isOnItsWay: () => boolean): readonly ProcessEvent[];
  /** Since when what has waited longest waits; undefined where nothing does. */
  readonly waitingSinceMs: number | undefined;
  /** The pids of execs that wait. */
  executing(): readonly Pid[];
  readonly stats: JoinStats;
}

export interface JoinStats {
  /** Execs that wait to become whole. */
  readonly waiting: number;
  /** Execs that were handed over too soon, because what waits took too much memory. */
  readonly hurried: number;
  /** What the texts of what waits take in memory, at most. */
  readonly textBytes: number;
}

export interface JoinOptions {
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  /** How long an event waits for what is still missing of it. */
  readonly publishWaitMs: () => number;
  /** What is known now of a process that lives. */
  readonly readProcess: (
    pid: Pid,
  ) => { readonly hasEnded?: boolean | undefined; readonly details: ExecDetails } | undefined;
}
