import type { ProcessEvent } from './event.ts';
import type { EventJoin } from './event_join.ts';
import type { SensorName } from './native.ts';
import type { RecordedHost } from './recorded_host.ts';

export type CollectorName = SensorName | 'replay' | 'none';

/** Something that kept a source from working fully. `code` is stable, `message` says what is wrong and what to do. */
export interface CollectorProblem {
  readonly code: string;
  readonly message: string;
}

export interface SourceState {
  readonly collector: CollectorName;
  /** Why no better collector is used; '' if the best is used. */
  readonly reason: string;
  readonly problems: readonly CollectorProblem[];
}

/** Counters since the start of the source. `kernel*` are counters of the kernel. */
export interface SourceStats {
  /** The present collector. It may change: audit can be switched off, and another sensor can take over. */
  readonly collector: CollectorName;
  /** Why no better collector works; '' if the best is used. */
  readonly collectorReason: string;
  /** Events lost between the kernel and this process, for any reason. */
  readonly eventsLost: number;
  readonly kernelLost: number;
  readonly kernelBacklog: number;
  /** Bytes in the queue between the collector thread and JavaScript. */
  readonly queueBytes: number;
  /** Records that could not be parsed, and events with missing records. */
  readonly malformed: number;
  readonly incomplete: number;
}

/** `host` is the host of the events; undefined for this host. */
export type OnEvents = (events: readonly ProcessEvent[], host?: RecordedHost) => void;

/**
 * A source of process events. `start` subscribes, and resolves when no later event can be missed. Complete events are
 * delivered in groups, in causal order.
 */
export interface ProcessEventSource {
  /** While `hasRoom` returns false, kernel events wait in queues that are bounded and counted. A recorded log ignores it. */
  start(onEvents: OnEvents, hasRoom: () => boolean): Promise<SourceState>;
  /** Restores everything that was changed in the kernel. Synchronous: it also runs at the exit of the process. */
  stop(): void;
  stats(): SourceStats;
  /**
   * Requests a snapshot of the living processes. They are delivered as snapshots in order with the events, with `snapshotEnd`
   * after the last, or when no more will come. One request at a time. Returns false if the source has no snapshots: then /proc
   * must be read.
   */
  requestSnapshot(): boolean;
  /** The join that makes its events complete. */
  readonly join: EventJoin;
  /** Delivers the events that have waited long enough, or all waiting events. */
  release(which: 'overdue' | 'all'): void;
  /** The present problems. */
  readonly problems: readonly CollectorProblem[];
  /** Resolves when everything before the call is delivered, as far as there is room. */
  drain(): Promise<void>;
  /** Whether events from before now are not delivered yet. */
  onItsWay(): boolean;
}
