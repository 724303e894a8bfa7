/** Settings of the store, from the flags. By default the database is beside the database of osquery. */
import { dirname, join } from 'node:path';
import type { FlagValues } from '../config/flags.ts';
import type { EventStoreSettings } from '../store/event_store.ts';

/** @param osqueryDatabase the path of osquery's database */
export function storeSettings(values: FlagValues, osqueryDatabase: string): EventStoreSettings & { directory: string } {
  return {
    directory: directoryOf(values, osqueryDatabase),
    maxRows: values.process_ancestry_events_max,
    maxBytes: values.process_ancestry_events_max_bytes,
    expirySeconds: values.process_ancestry_events_expiry,
    subscriberExpirySeconds: values.process_ancestry_subscriber_expiry,
  };
}

function directoryOf(values: FlagValues, osqueryDatabase: string): string {
  const { process_ancestry_database: database } = values;
  if (database !== 'auto') return database;
  // A recorded log can be read again, and its events are not of this host.
  const replays = values.process_ancestry_collector === 'replay' || values.process_ancestry_fallback_replay_file !== '';
  if (replays) return ':memory:';
  return join(dirname(osqueryDatabase), 'process_ancestry');
}
