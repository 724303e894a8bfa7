/**
 * The reference parts of README.md, made from the declarations of tables and flags: `npm run generate` writes them
 * between their markers, and a unit test fails when they are not what this makes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { boundsOf, type Flag, flagNames, flags } from '../src/config/flags.ts';
import { type Column, ColumnOption } from '../src/osquery/index.ts';
import { columns as closure } from '../tables/process_ancestry.ts';
import { columns as cacheStats } from '../tables/process_ancestry_cache_stats.ts';
import { columns as events } from '../tables/process_ancestry_events.ts';
import { columns as subscribers } from '../tables/process_ancestry_subscribers.ts';
import { columns as tree } from '../tables/process_ancestry_tree.ts';

const README = fileURLToPath(new URL('../README.md', import.meta.url));

function columnTable(
  columns: readonly Pick<Column<never>, 'name' | 'type' | 'options' | 'description' | 'aliases'>[],
): string {
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
    return `| \`${name}\` | ${fallback} | ${boundsOf(flag)} | ${flag.description}${flag.atStartOnly ? ' (a change begins the recording anew)' : ''} |`;
  });
  return ['| flag | default | takes | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** README.md with its reference parts as they should be. */
export function withReference(readme: string): string {
  const parts: Record<string, string> = {
    process_ancestry_events: columnTable(events),
    process_ancestry: columnTable(closure),
    process_ancestry_tree: columnTable(tree),
    process_ancestry_subscribers: columnTable(subscribers),
    process_ancestry_cache_stats: columnTable(cacheStats),
    flags: flagTable(),
  };
  return Object.entries(parts).reduce((text, [name, part]) => {
    const [begin, end] = [`<!-- ${name}: made by npm run generate -->`, `<!-- end of ${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`README.md has no markers for ${name}`);
    return `${text.slice(0, from)}${begin}\n${part}\n${text.slice(to)}`;
  }, readme);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(README, withReference(readFileSync(README, 'utf8')));
