/** Selects the join for a sensor. */
import { AuditConnectorJoin } from './audit_connector/audit_connector_join.ts';
import { AuditEvents } from './audit_events.ts';
import type { EventJoin, JoinOptions } from './event_join.ts';
import type { SensorName } from './native.ts';

/** The join for events that are already complete. */
export const WHOLE: EventJoin = {
  take: (events) => events,
  release: () => [],
  waitingSinceMs: undefined,
  executing: () => [],
  stats: { waiting: 0, hurried: 0, textBytes: 0 },
};

/** The join for the events of a sensor. */
export function joinOf(sensor: SensorName, options: JoinOptions): EventJoin {
  if (sensor === 'audit+proc_events') return new AuditConnectorJoin(options);
  if (sensor !== 'audit') return WHOLE;
  const events = new AuditEvents();
  return { ...WHOLE, take: (told) => events.whole(told) };
}
