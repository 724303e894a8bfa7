/** Query packs in osquery's format: https://osquery.readthedocs.io/en/stable/deployment/configuration/#packs */
import { readFileSync } from 'node:fs';

export interface PackQuery {
  readonly query: string;
  /** Seconds. */
  readonly interval: number;
  readonly description: string;
  /** The use of the rows. */
  readonly value: string;
  readonly removed?: boolean;
  readonly snapshot?: boolean;
}

export interface Pack {
  readonly platform: string;
  /** The oldest osquery that runs it. */
  readonly version: string;
  /** The pack runs if each of these returns a row. */
  readonly discovery: readonly string[];
  readonly queries: Readonly<Record<string, PackQuery>>;
}

export function readPack(name: string): Pack {
  return JSON.parse(readFileSync(new URL(`packs/${name}.conf`, import.meta.url), 'utf8')) as Pack;
}
