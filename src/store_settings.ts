/** Where and how long rows are kept: by the flags, and beside osquery's own database. */
import { dirname, isAbsolute, join } from 'node:path';
import type { FlagValues } from './config/flags.ts';
import type { Response } from './osquery/response_decoder.ts';
import type { EventStoreSettings } from './store/event_store.ts';

/** osquery's own default on Linux. */
export const OSQUERY_DATABASE = '/var/osquery/osquery.db';

/** `osqueryDatabase` is the path of osquery's database, undefined while it is not known. */
export function storeSettings(values: FlagValues, osqueryDatabase: string | undefined): EventStoreSettings {
  return {
    directory: directoryOf(values, osqueryDatabase),
    maxRows: values.process_ancestry_events_max,
    maxBytes: values.process_ancestry_events_max_bytes,
    expirySeconds: values.process_ancestry_events_expiry,
    subscriberExpirySeconds: values.process_ancestry_subscriber_expiry,
  };
}

function directoryOf(values: FlagValues, osqueryDatabase: string | undefined): string | undefined {
  const { process_ancestry_database: database } = values;
  if (database !== 'auto') return database;
  // A recorded log can be read again, and is no part of what this host did.
  const replays = values.process_ancestry_collector === 'replay' || values.process_ancestry_fallback_replay_file !== '';
  if (replays) return ':memory:';
  return osqueryDatabase && join(dirname(osqueryDatabase), 'process_ancestry');
}

/** What osquery says of itself. */
export interface OsqueryInstance {
  /** The path of its database, its default where it has none; undefined where it did not answer. */
  readonly database: string | undefined;
  /** One process of osqueryd, the worker: '' where it does not say. */
  readonly worker: string;
}

/** Never rejects. */
export async function askOsquery(query: (sql: string) => Promise<Response>): Promise<OsqueryInstance> {
  const first = (sql: string): Promise<Readonly<Record<string, string>> | undefined> =>
    query(sql).then(
      ({ rows }) => rows[0] ?? {},
      () => undefined,
    );
  const flag = await first("SELECT value FROM osquery_flags WHERE name = 'database_path'");
  const { pid, start_time } = (await first('SELECT pid, start_time FROM osquery_info')) ?? {};
  const database = flag && (isAbsolute(flag.value ?? '') ? flag.value : OSQUERY_DATABASE);
  return { database, worker: pid ? `${pid}:${start_time}` : '' };
}
