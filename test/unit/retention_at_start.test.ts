import { expect, test } from 'vitest';
import { flags } from '../../src/config/flags.ts';
import { resolveFlags } from '../../src/config/settings.ts';
import { storeSettingsAtStart } from '../../src/retention_at_start.ts';
import { storeSettings } from '../../src/store_settings.ts';

const DATABASE = '/var/osquery/osquery.db';
const valuesOf = (file: unknown) =>
  resolveFlags({ commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file }).values;

test('at the start a default drops no rows, and what is said holds', () => {
  const values = valuesOf({ process_ancestry_events_expiry: 60 });
  expect(storeSettings(values, DATABASE)).toEqual({
    directory: '/var/osquery/process_ancestry',
    maxRows: flags.process_ancestry_events_max.default,
    maxBytes: flags.process_ancestry_events_max_bytes.default,
    expirySeconds: 60,
    subscriberExpirySeconds: flags.process_ancestry_subscriber_expiry.default,
  });
  expect(storeSettingsAtStart(values, DATABASE)).toEqual({
    directory: '/var/osquery/process_ancestry',
    maxRows: flags.process_ancestry_events_max.max,
    maxBytes: flags.process_ancestry_events_max_bytes.max,
    expirySeconds: 60,
    subscriberExpirySeconds: flags.process_ancestry_subscriber_expiry.max,
  });
});

test.each([
  ['in memory', { process_ancestry_database: ':memory:' }, DATABASE],
  ['nobody knows where', {}, undefined],
])('rows %s are kept within the defaults from the start', (_, file, database) => {
  const values = valuesOf(file);
  expect(storeSettingsAtStart(values, database)).toEqual(storeSettings(values, database));
});
