/**
 * packs/detections.conf, packs/detections-combined.conf and the table in README.md, from detections/*.sql and the counts in
 * false_positives.json. `npm run generate` writes them. A unit test fails when they differ.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DISCOVERY, INTERVAL, OSQUERY_AT_LEAST } from '../../src/commands/sigma/output.ts';
import { combinedStatement, type Rule, statementOf } from './detection_sql.ts';
import type { Pack, PackQuery } from './pack.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FOLDER = here('detections');
const PACK = here('packs/detections.conf');
const COMBINED = here('packs/detections-combined.conf');
export const MEASURED = here('false_positives.json');

export interface Detection extends Rule {
  /** What it means, what to look at next, and which harmless cases look similar. */
  readonly means: string;
  readonly lookAt: string;
  readonly known: string;
  readonly query: string;
}

/** A measured workload: its number of executions, and the rows of each detection. */
export interface Measured {
  readonly what: string;
  readonly execs: number;
  /** By the detection's name; a missing name had none. */
  readonly hits: Readonly<Record<string, number>>;
}

export function readDetections(): Detection[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => parse(file.slice(0, -'.sql'.length), readFileSync(`${FOLDER}/${file}`, 'utf8')));
}

function parse(name: string, text: string): Detection {
  const said = (label: string) => {
    const [, value] = new RegExp(`^-- ${label}: (.+)$`, 'm').exec(text) ?? [];
    if (!value) throw new Error(`${name}.sql has no line "-- ${label}: …"`);
    return value;
  };
  const techniques = said('Technique').split(', ');
  const strange = techniques.find((id) => !/^T\d{4}(\.\d{3})?$/.test(id));
  if (strange) throw new Error(`${name}.sql: ${strange} is no id of ATT&CK`);
  const condition = text.replace(/^--.*\n/gm, '').trim();
  const rule = { name, techniques, condition };
  const texts = { means: said('Means'), lookAt: said('Look at'), known: said('Known') };
  return { ...rule, ...texts, query: statementOf(rule) };
}

function description({ name, techniques, means, lookAt, known }: Detection, measured: readonly Measured[]): string {
  const capital = `${means.charAt(0).toUpperCase()}${means.slice(1)}`;
  const counts = measured.map(({ what, execs, hits }) => `${hits[name] ?? 0} hits in ${execs} execs of ${what}`);
  return `${capital} Look at: ${lookAt} Known false positives: ${known} Measured: ${counts.join(', ')}. ATT&CK: ${techniques.join(', ')}.`;
}

export function detectionsPack(
  detections: readonly Detection[] = readDetections(),
  measured: readonly Measured[] = JSON.parse(readFileSync(MEASURED, 'utf8')) as Measured[],
): string {
  const queries = detections.map((detection): [string, PackQuery] => [
    detection.name,
    {
      query: detection.query,
      interval: INTERVAL,
      removed: false,
      description: description(detection, measured),
      value: `ATT&CK ${detection.techniques.join(', ')}`,
    },
  ]);
  return packOf(Object.fromEntries(queries));
}

/** All detections as one query, which reads each row once. */
export function combinedPack(detections: readonly Detection[] = readDetections()): string {
  const query = {
    query: combinedStatement(detections),
    interval: INTERVAL,
    removed: false,
    description: `All ${detections.length} detections of packs/detections.conf in one query, for hosts where a query each costs too much. The column detection names the one that found the row; its description is there.`,
    value: 'Signs of an attack, with their ATT&CK techniques in a column',
  };
  return packOf({ detections: query });
}

function packOf(queries: Readonly<Record<string, PackQuery>>): string {
  const pack: Pack = { platform: 'linux', version: OSQUERY_AT_LEAST, discovery: DISCOVERY, queries };
  return `${JSON.stringify(pack, null, 2)}\n`;
}

const [BEGIN, END] = ['<!-- detections: made by npm run generate -->', '<!-- end of detections -->'];

/** README.md with its table of detections replaced. */
export function withDetections(readme: string, detections: readonly Detection[] = readDetections()): string {
  const rows = detections.map(({ name, techniques, means }) => `| \`${name}\` | ${techniques.join(', ')} | ${means} |`);
  const table = ['| query | ATT&CK | finds |', '| --- | --- | --- |', ...rows].join('\n');
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error('README.md has no markers for the detections');
  return `${readme.slice(0, from)}${BEGIN}\n${table}\n${readme.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const readme = here('README.md');
  writeFileSync(PACK, detectionsPack());
  writeFileSync(COMBINED, combinedPack());
  writeFileSync(readme, withDetections(readFileSync(readme, 'utf8')));
}
