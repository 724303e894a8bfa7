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
  /** Why no better collector is used; '' where the best is. */
  readonly reason: string;
  readonly problems: readonly CollectorProblem[];
}

/** Counters since the start of the source. `kernel*` are the kernel's own. */
export interface SourceStats {
  /** What is heard now: audit can be switched off, and the connector or another reader can take over. */
  readonly collector: CollectorName;
  /** Why no better one is used; '' where the best is. */
  readonly collectorReason: string;
  /** Events that were lost between the kernel and this process, by any cause. */
  readonly eventsLost: number;
  readonly kernelLost: number;
  readonly kernelBacklog: number;
  /** Bytes waiting in the queue between the collector thread and JavaScript. */
  readonly queueBytes: number;
  /** Records that could not be parsed, and events of which records were missing. */
  readonly malformed: number;
  readonly incomplete: number;
}

/** `host` is whose events these are; undefined for this host's. */
export type OnEvents = (events: readonly ProcessEvent[], host?: RecordedHost) => void;

/**
 * Where process events come from. `start` subscribes and resolves when nothing that happens from then on is missed;
 * whole events are handed over in groups, in causal order.
 */
export interface ProcessEventSource {
  /** While `hasRoom` answers false, what the kernel tells waits where it is bounded and counted; a recorded log does not ask. */
  start(onEvents: OnEvents, hasRoom: () => boolean): Promise<SourceState>;
  /** Puts back everything that was changed in the kernel. Synchronous: it also runs while the process is leaving. */
  stop(): void;
  stats(): SourceStats;
  /**
   * Asks for the processes that live: they are handed over as snapshots, in their place among the events, and `snapshotEnd`
   * after the last of them, or once it is known that no more of them come. One at a time. False where the source cannot tell
   * them: /proc is to be read.
   */
  requestSnapshot(): boolean;
  /** What makes its events whole. */
  readonly join: EventJoin;
  /** Hands over what has waited long enough to become whole, or all that waits. */
  release(which: 'overdue' | 'all'): void;
  /** What keeps it from working fully now. */
  readonly problems: readonly CollectorProblem[];
  /** Resolves when what happened before the call has been handed over, as far as there is room. */
  drain(): Promise<void>;
  /** Whether there is anything that happened before now and was not handed over yet. */
  onItsWay(): boolean;
}
