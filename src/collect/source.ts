import type { ProcessEvent } from './event.ts';
import type { RecordedHost } from './recorded_host.ts';

export type CollectorName = 'audit+proc_events' | 'audit' | 'proc_events' | 'replay' | 'none';

/** Something that kept a source from working fully. `code` is stable, `message` says what is wrong and what to do. */
export interface CollectorProblem {
  readonly code: string;
  readonly message: string;
}

export interface SourceState {
  readonly collector: CollectorName;
  readonly problems: readonly CollectorProblem[];
}

/** Counters since the start of the source. `kernel*` are the kernel's own. */
export interface SourceStats {
  /** What is heard now: audit can be switched off, and the connector or another reader can take over. */
  readonly collector: CollectorName;
  /** Events that were lost between the kernel and this process, by any cause. */
  readonly eventsLost: number;
  readonly kernelLost: number;
  readonly kernelBacklog: number;
  /** Bytes waiting in the queue between the collector thread and JavaScript. */
  readonly queueBytes: number;
  /** Records that could not be parsed, and events of which records were missing. */
  readonly malformed: number;
  readonly incomplete: number;
  /** What is wrong now, beside what the start told: gone once it is mended. */
  readonly problems?: readonly CollectorProblem[];
}

/** `host` is whose events these are; undefined for this host's. */
export type OnEvents = (events: readonly ProcessEvent[], host?: RecordedHost) => void;

/**
 * Where process events come from. `start` subscribes and resolves when nothing that happens from then on is missed;
 * events are handed over in groups, in the order of the source.
 */
export interface ProcessEventSource {
  /** While `hasRoom` answers false, what the kernel tells waits where it is bounded and counted; a recorded log does not ask. */
  start(onEvents: OnEvents, hasRoom: () => boolean): Promise<SourceState>;
  /** Puts back everything that was changed in the kernel. Synchronous: it also runs while the process is leaving. */
  stop(): void;
  stats(): SourceStats;
  /** Whether there is anything that happened before now and was not handed over yet. */
  onItsWay(): boolean;
}
