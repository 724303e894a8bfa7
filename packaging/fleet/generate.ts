/**
 * The generated parts of packaging/fleet: queries/ from the packs in packaging/osquery/packs, tables/ from the declared
 * tables, and the queries whether a host can have a package. `npm run generate` writes them. A unit test fails when the
 * committed ones differ.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { escapedForFleet } from '../../src/commands/sigma/output.ts';
import { packageFiles } from './package_hosts.ts';
import { fleetQueries } from './queries_of_packs.ts';
import { tableSchemas } from './table_schemas.ts';
import { toYaml } from './yaml.ts';

const here = dirname(fileURLToPath(import.meta.url));
export const PACKS = join(here, '..', 'osquery', 'packs');
/** queries/process-ancestry.yml has its queries in Fleet's form: with a report of the health, and Fleet's subscriber. */
const WRITTEN_BY_HAND = 'process-ancestry.conf';

/** The text of each generated file, by its path below packaging/fleet. */
export function generated(packsFolder: string): Map<string, string> {
  const packs = existsSync(packsFolder) ? readdirSync(packsFolder) : [];
  const queries = packs
    .filter((file) => file.endsWith('.conf') && file !== WRITTEN_BY_HAND)
    .sort()
    .map((file): [string, string] => {
      const header = `# Made by npm run generate from packaging/osquery/packs/${file}: change that.\n---\n`;
      const text = toYaml(fleetQueries(file, readFileSync(join(packsFolder, file), 'utf8')));
      return [`queries/${basename(file, '.conf')}.yml`, `${header}${escapedForFleet(text)}`];
    });
  const tables = [...tableSchemas()].map(([file, text]): [string, string] => [`tables/${file}`, `---\n${text}`]);
  return new Map([...queries, ...tables, ...packageFiles()]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of generated(process.argv[2] ?? PACKS)) {
    mkdirSync(dirname(join(here, path)), { recursive: true });
    writeFileSync(join(here, path), text);
  }
}
