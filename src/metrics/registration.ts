/** Metrics of the registration with osquery, and of the extension socket. */
import type { Registration, ServerCounts } from '../osquery/index.ts';
import { counter, type Family, gauge } from './family.ts';

export function registrationFamilies(
  { registered, registrations, lastSeenUnixMs }: Registration,
  counts: Readonly<ServerCounts>,
): Family[] {
  return [
    gauge('registered', '1 while the extension is registered with osquery', registered ? 1 : 0),
    counter(
      'registrations_total',
      'Registrations with osquery; more than one means that osquery dropped the extension',
      registrations,
    ),
    gauge(
      'last_seen_timestamp_seconds',
      'Time of the last confirmation by osquery that the extension is registered',
      lastSeenUnixMs / 1000,
    ),
    counter('socket_connections_total', 'Connections to the extension socket', counts.connections),
    counter('socket_requests_total', 'Requests on the extension socket, including pings', counts.requests),
    counter(
      'socket_faults_total',
      'Connections closed because of a protocol error, a limit or a timeout',
      counts.faults,
    ),
    counter('column_errors_total', 'Column values that could not be computed', counts.valueErrors),
  ];
}
