/**
 * The events that the process tree takes. Every source makes them: the native sensors, and the replay of a recorded log.
 *
 * Times: `bootMs` is CLOCK_BOOTTIME in milliseconds (with a fraction), `unixMs` Unix time in milliseconds. The
 * kernel gives one of them with each event and the other is computed with the clocks' offset at that moment:
 * audit's is coarse (a scheduler tick) and taken when the system call was entered, the others' are exact.
 * A replayed log has no boot time: there both are Unix time.
 */
import type { SensorEvent } from './events.ts';

export type {
  EventOrigin,
  ExecDetails,
  ExecEvent,
  ExitEvent,
  ForkEvent,
  LoginEvent,
  LossEvent,
  Pid,
  SetpgidEvent,
  SetsidEvent,
  SnapshotEvent,
} from './events.ts';

export { NO_DETAILS } from './events.ts';

export type ProcessEvent = SensorEvent;
