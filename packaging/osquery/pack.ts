/** Query packs as osquery reads them: https://osquery.readthedocs.io/en/stable/deployment/configuration/#packs */
import { readFileSync } from 'node:fs';

export interface PackQuery {
  readonly query: string;
  /** Seconds. */
  readonly interval: number;
  readonly description: string;
  /** What the rows are good for. */
  readonly value: string;
  readonly removed?: boolean;
  readonly snapshot?: boolean;
}

export interface Pack {
  readonly platform: string;
  /** The oldest osquery that runs it. */
  readonly version: string;
  /** The pack runs where each of these gives a row. */
  readonly discovery: readonly string[];
  readonly queries: Readonly<Record<string, PackQuery>>;
}

export function readPack(name: string): Pack {
  return JSON.parse(readFileSync(new URL(`packs/${name}.conf`, import.meta.url), 'utf8')) as Pack;
}
