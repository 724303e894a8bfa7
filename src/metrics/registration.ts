/** How the extension stands with osquery, and what happened on its socket. */
import type { Registration, ServerCounts } from '../osquery/index.ts';
import { counter, type Family, gauge } from './family.ts';

export function registrationFamilies(
  { registered, registrations, lastSeenUnixMs }: Registration,
  counts: Readonly<ServerCounts>,
): Family[] {
  return [
    gauge('registered', '1 while osquery knows the extension', registered ? 1 : 0),
    counter(
      'registrations_total',
      'How often it has registered with osquery: more than once, osquery had forgotten it',
      registrations,
    ),
    gauge('last_seen_timestamp_seconds', 'When osquery last said that it knows the extension', lastSeenUnixMs / 1000),
    counter('socket_connections_total', 'Connections to the extension socket', counts.connections),
    counter('socket_requests_total', 'Requests on the extension socket, pings among them', counts.requests),
    counter(
      'socket_faults_total',
      'Connections that were closed for breaking the protocol, a bound or a deadline',
      counts.faults,
    ),
    counter('column_errors_total', 'Values that a column failed to give', counts.valueErrors),
  ];
}
