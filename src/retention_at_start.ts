/** What is kept of the rows on disk while osquery has still to read its configuration, which may keep more. */
import { type FlagValues, flags } from './config/flags.ts';
import type { EventStoreSettings } from './store/event_store.ts';
import { storeSettings } from './store_settings.ts';

/** Rows are dropped for what the defaults say when osquery has had so long to say otherwise. */
export const CONFIGURED_WITHIN_MS = 30_000;

/** As storeSettings, but nothing that is on disk has to go for a default. */
export function storeSettingsAtStart(values: FlagValues, osqueryDatabase: string | undefined): EventStoreSettings {
  const settings = storeSettings(values, osqueryDatabase);
  const { directory } = settings;
  if (directory === undefined || directory === ':memory:') return settings;
  const most = (name: 'events_max' | 'events_max_bytes' | 'events_expiry' | 'subscriber_expiry'): number => {
    const flag = `process_ancestry_${name}` as const;
    return values[flag] === flags[flag].default ? flags[flag].max : values[flag];
  };
  return {
    directory,
    maxRows: most('events_max'),
    maxBytes: most('events_max_bytes'),
    expirySeconds: most('events_expiry'),
    subscriberExpirySeconds: most('subscriber_expiry'),
  };
}
