/** Scheduled queries as an osquery pack, as Fleet's GitOps queries, and as SQL. */
import { stringify } from 'yaml';
import type { SigmaFormat } from '../../config/sigma_options.ts';
import { identification, type ScheduledQuery } from './scheduled_queries.ts';

/** Interval of each detection, in seconds. */
export const INTERVAL = 60;
/** The oldest osquery with SQLite 3.38 and so ->> (3.39.2: osquery/osquery#7736). */
export const OSQUERY_AT_LEAST = '5.5.1';
/** Run at each pack_refresh_interval: without the extension the pack does nothing. */
export const DISCOVERY = ["SELECT 1 FROM osquery_extensions WHERE name = 'process_ancestry'"];

export const FORMATS: Readonly<Record<SigmaFormat, (queries: readonly ScheduledQuery[]) => string>> = {
  pack(queries) {
    const entries = queries.map(({ name, value, description, statement }) => [
      name,
      { query: statement(`sigma.${name}`), interval: INTERVAL, removed: false, description, value },
    ]);
    const pack = {
      platform: 'linux',
      version: OSQUERY_AT_LEAST,
      discovery: DISCOVERY,
      queries: Object.fromEntries(entries),
    };
    return `${JSON.stringify(pack, null, 2)}\n`;
  },
  fleet(queries) {
    const entries = queries.map(({ name, description, statement }) => ({
      name: `sigma_${name}`,
      description,
      // A name of its own, so that a pack in osquery.conf on the same host has its rows too.
      query: statement(`fleet:sigma.${name}`),
      interval: INTERVAL,
      platform: 'linux',
      min_osquery_version: OSQUERY_AT_LEAST,
      logging: 'differential_ignore_removals',
      automations_enabled: true,
      // A user who runs it takes the rows of its schedule.
      observer_can_run: false,
      discard_data: true,
    }));
    return `---\n${escapedForFleet(stringify(entries, { lineWidth: 120 }))}`;
  },
  sql(queries) {
    const texts = queries.map(({ rules, statement }) => {
      const comments = rules.map((rule) => `-- ${rule.title} (${identification(rule)})\n`);
      return `${comments.join('')}${statement(undefined)};\n`;
    });
    return texts.join('\n');
  },
};

/** fleetctl replaces $NAME by the environment's value, unless an odd number of backslashes is before it (pkg/spec/spec.go). */
export function escapedForFleet(yaml: string): string {
  return yaml.replace(
    /(\\*)\$(?=[\w{*#$@!?-])/g,
    (_, backslashes: string) => `${'\\'.repeat(2 * backslashes.length + 1)}$`,
  );
}
