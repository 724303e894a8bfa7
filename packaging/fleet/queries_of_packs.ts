/** Converts an osquery query pack to Fleet's queries (called reports from 4.83 on). */
import type { YamlMapping } from './yaml.ts';

/** Keys of a query in a pack (osquery's documentation, Configuration, "Packs"). */
interface PackQuery {
  readonly query: string;
  readonly interval: number | string;
  readonly description?: string;
  readonly platform?: string;
  readonly version?: string;
  readonly snapshot?: boolean;
  readonly removed?: boolean;
}

export class PackError extends Error {
  override readonly name = 'PackError';
}

/** Throws PackError with the name of an invalid pack. */
export function fleetQueries(packName: string, packText: string): YamlMapping[] {
  const { queries, platform, version } = parsePack(packName, packText);
  return Object.entries(queries).map(([name, query]) => fleetQuery(packName, name, { platform, version, ...query }));
}

interface Pack {
  readonly queries: Readonly<Record<string, PackQuery>>;
  readonly platform: string;
  readonly version: string;
}

function parsePack(name: string, text: string): Pack {
  // osquery takes lines that begin with # or // for comments, and joins lines that end in a backslash.
  const plain = text.replace(/^\s*(#|\/\/).*$/gm, '').replace(/\\\n/g, '');
  let parsed: unknown;
  try {
    parsed = JSON.parse(plain);
  } catch (error) {
    throw new PackError(`${name}: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof parsed !== 'object' || parsed === null || !('queries' in parsed))
    throw new PackError(`${name}: no queries`);
  return { platform: 'linux', version: '', ...(parsed as Partial<Pack> & Pick<Pack, 'queries'>) };
}

function fleetQuery(pack: string, name: string, query: PackQuery): YamlMapping {
  const { query: sql, interval, description, version, snapshot, removed } = query;
  if (typeof sql !== 'string' || !(Number(interval) > 0)) throw new PackError(`${pack}: ${name}: no query or interval`);
  const named = sql.trim().replace(/\n[ \t]+/g, '\n  ');
  const ofSubscriber = /\bsubscriber\s*=/i.test(sql);
  const logging = snapshot ? 'snapshot' : removed === false ? 'differential_ignore_removals' : 'differential';
  return {
    name,
    ...(description ? { description } : {}),
    query: forFleet(named),
    interval: Number(interval),
    platform: 'linux',
    ...(version ? { min_osquery_version: version } : {}),
    logging,
    automations_enabled: true,
    // A live query with the name of a subscriber takes rows from its schedule.
    observer_can_run: !ofSubscriber,
    // Fleet keeps the last snapshot, which is only a part of a subscriber's rows; all rows go to its log destination.
    discard_data: ofSubscriber || !snapshot,
  };
}

/** Other names, so that a pack in osquery.conf on the same host also gets all rows. */
function forFleet(sql: string): string {
  return sql.replace(/(\bsubscriber\s*=\s*')(?!fleet:)/gi, '$1fleet:');
}
