/** What makes whole events, in causal order, of what the sensors tell. */
import { AuditConnectorJoin } from './audit_connector/audit_connector_join.ts';
import { AuditEvents } from './audit_events.ts';
import type { ExecDetails, Pid, ProcessEvent } from './event.ts';
import type { SensorEvent } from './events.ts';
import type { SensorName } from './native.ts';

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

/** Events that are whole as they come. */
export const WHOLE: EventJoin = {
  take: (events) => events,
  release: () => [],
  waitingSinceMs: undefined,
  executing: () => [],
  stats: { waiting: 0, hurried: 0, textBytes: 0 },
};

/** For what a sensor tells. */
export function joinOf(sensor: SensorName, options: JoinOptions): EventJoin {
  if (sensor === 'audit+proc_events') return new AuditConnectorJoin(options);
  if (sensor !== 'audit') return WHOLE;
  const events = new AuditEvents();
  return { ...WHOLE, take: (told) => events.whole(told) };
}
