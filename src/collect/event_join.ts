/** The interface of a join: it makes complete events in causal order from the events of a sensor. */
import type { ExecDetails, Pid, ProcessEvent } from './event.ts';
import type { SensorEvent } from './events.ts';

export interface EventJoin {
  /** Takes sensor events in order. Returns the events that are complete now. */
  take(events: readonly SensorEvent[]): readonly ProcessEvent[];
  /** Returns the events that have waited long enough (`overdue`), or all waiting events, complete or not. */
  release(which: 'overdue' | 'all', isOnItsWay: () => boolean): readonly ProcessEvent[];
  /** When the oldest waiting event arrived; undefined if none waits. */
  readonly waitingSinceMs: number | undefined;
  /** The pids of waiting execs. */
  executing(): readonly Pid[];
  readonly stats: JoinStats;
}

export interface JoinStats {
  /** Execs that wait for their details. */
  readonly waiting: number;
  /** Execs that were released early because the waiting events took too much memory. */
  readonly hurried: number;
  /** Upper estimate of the memory for the texts of waiting events. */
  readonly textBytes: number;
}

export interface JoinOptions {
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** How long an event waits for its missing parts. */
  readonly publishWaitMs: () => number;
  /** Reads the present state of a living process. */
  readonly readProcess: (
    pid: Pid,
  ) => { readonly hasEnded?: boolean | undefined; readonly details: ExecDetails } | undefined;
}
