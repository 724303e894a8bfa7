/**
 * Complete events in causal order, the input of the process tree. A fork comes before all events of its child, and an exec has
 * all its details. Sources make them from the events of the native sensors (SensorEvent): see join.ts.
 *
 * Times: `bootMs` is CLOCK_BOOTTIME in milliseconds (with a fraction), `unixMs` Unix time in milliseconds. The
 * kernel gives one of them with each event and the other is computed with the clocks' offset at that moment.
 * A replayed log has no boot time: there both are Unix time.
 */
import type * as sensor from './events.ts';

export type { DescriptorKind, ExecDetails, Pid, SensorEvent } from './events.ts';

export { NO_DETAILS } from './events.ts';

/** An event without its origin. */
type Whole<Event extends sensor.SensorEvent> = Omit<Event, 'origin'> & {
  /**
   * The timestamp is from a coarse clock, which ticks every few milliseconds, at the entry of the system call. A fork may be
   * reported after events of its child.
   */
  readonly isCoarse?: boolean;
};

export type ForkEvent = Whole<sensor.ForkEvent>;
export type ExecEvent = Whole<sensor.ExecEvent>;
export type ExitEvent = Whole<sensor.ExitEvent>;
export type SetsidEvent = Whole<sensor.SetsidEvent>;
export type SetidEvent = Whole<sensor.SetidEvent>;
export type SetpgidEvent = Omit<Whole<sensor.SetpgidEvent>, 'serial'>;
export type LossEvent = Whole<sensor.LossEvent>;
export type LoginEvent = Whole<sensor.LoginEvent>;
export type SnapshotEvent = Whole<sensor.SnapshotEvent>;
type SnapshotEndEvent = Whole<sensor.SnapshotEndEvent>;

export type ProcessEvent =
  | ForkEvent
  | ExecEvent
  | ExitEvent
  | SetsidEvent
  | SetidEvent
  | SetpgidEvent
  | LossEvent
  | LoginEvent
  | SnapshotEvent
  | SnapshotEndEvent;
