/**
 * The generated parts of docs/reference: columns, flags and metrics, from their declarations. `npm run generate` writes them
 * between their markers. A unit test fails when they differ.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { boundsOf, type Flag, flagNames, flags } from '../src/config/flags.ts';
import { AnswerCounts } from '../src/metrics/answers.ts';
import { buildInfo } from '../src/metrics/build_info.ts';
import { cacheStatsMetrics, hashingFamilies } from '../src/metrics/cache_stats.ts';
import { columnFamilies } from '../src/metrics/column_metrics.ts';
import { Histograms } from '../src/metrics/exposition.ts';
import { processFamilies, readOwnProcess } from '../src/metrics/own_process.ts';
import { registrationFamilies } from '../src/metrics/registration.ts';
import { subscriberMetrics } from '../src/metrics/subscribers.ts';
import { type Column, ColumnOption, NO_COUNTS } from '../src/osquery/index.ts';
import { columns as lineage } from '../tables/process_ancestry.ts';
import { columns as allow } from '../tables/process_ancestry_allow.ts';
import { columns as cacheStats } from '../tables/process_ancestry_cache_stats.ts';
import { columns as events } from '../tables/process_ancestry_events.ts';
import { columns as subscribers } from '../tables/process_ancestry_subscribers.ts';
import { columns as tree } from '../tables/process_ancestry_tree.ts';

export const FOLDER = fileURLToPath(new URL('../docs/reference/', import.meta.url));

type Described = Pick<Column<never>, 'name' | 'type' | 'options' | 'description' | 'aliases'>;

/** Each generated part, by the name in its markers. */
export const PARTS: Readonly<Record<string, string>> = {
  process_ancestry_events: columnTable(events),
  process_ancestry: columnTable(lineage),
  process_ancestry_tree: columnTable(tree),
  process_ancestry_subscribers: columnTable(subscribers),
  process_ancestry_cache_stats: columnTable(cacheStats),
  process_ancestry_allow: columnTable(allow),
  flags: flagTable(),
  metrics: metricTable(),
};

function columnTable(columns: readonly Described[]): string {
  const rows = columns.map(({ name, type, options, description, aliases = [] }) => {
    const hidden = options & ColumnOption.hidden ? ', hidden' : '';
    const names = [name, ...aliases].map((one) => `\`${one}\``).join(', ');
    return `| ${names} | ${type}${hidden} | ${description} |`;
  });
  return ['| column | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function flagTable(): string {
  const rows = flagNames.map((name) => {
    const flag: Flag = flags[name];
    const fallback = flag.default === '' ? '(empty)' : `\`${flag.default}\``;
    const restarts = flag.atStartOnly ? ' (a change restarts the recording)' : '';
    return `| \`${name}\` | ${fallback} | ${boundsOf(flag)} | ${flag.description}${restarts} |`;
  });
  return ['| flag | default | takes | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function metricTable(): string {
  const registration = { registered: false, registrations: 0, lastSeenUnixMs: 0 };
  const facts = { ...readOwnProcess(), openFiles: 0, maxFiles: 0 };
  const histograms = new Histograms().all as readonly unknown[] as readonly { name: string; help: string }[];
  const metrics = [
    buildInfo(''),
    ...registrationFamilies(registration, NO_COUNTS),
    ...columnFamilies(cacheStats, cacheStatsMetrics, []),
    ...hashingFamilies({ filesRead: 0, bytesRead: 0, cacheSize: 0, queueDepth: 0 }),
    ...columnFamilies(subscribers, subscriberMetrics, []),
    ...processFamilies(facts),
    ...new AnswerCounts([]).families(),
    ...histograms.map(({ name, help }) => ({ name, help, type: 'histogram' })),
  ];
  const rows = metrics.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return ['| metric | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The names of the generated parts in a text. */
export function partsOf(text: string): string[] {
  return [...text.matchAll(/<!-- (\w+): made by npm run generate -->/g)].map(([, name = '']) => name);
}

/** The text with its generated parts replaced. Throws for an unknown part, and for one without an end. */
export function withReference(text: string): string {
  return partsOf(text).reduce((made, name) => {
    const [begin, end] = [`<!-- ${name}: made by npm run generate -->`, `<!-- end of ${name} -->`];
    const part = PARTS[name];
    const from = made.indexOf(begin);
    const to = made.indexOf(end);
    if (part === undefined || to < from) throw new Error(`docs/reference: ${name} is unknown, or has no end`);
    return `${made.slice(0, from)}${begin}\n${part}\n${made.slice(to)}`;
  }, text);
}

export function referenceFiles(): string[] {
  return readdirSync(FOLDER).filter((file) => file.endsWith('.md'));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const file of referenceFiles()) writeFileSync(FOLDER + file, withReference(readFileSync(FOLDER + file, 'utf8')));
