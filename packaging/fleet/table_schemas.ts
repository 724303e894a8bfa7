/** Writes the declared tables in the format of Fleet (fleetdm/fleet, schema/tables/*.yml). */
import { type Column, ColumnOption } from '../../src/osquery/index.ts';
import { processAncestry } from '../../tables/process_ancestry.ts';
import { processAncestryAllow } from '../../tables/process_ancestry_allow.ts';
import { processAncestryCacheStats } from '../../tables/process_ancestry_cache_stats.ts';
import { processAncestryEvents } from '../../tables/process_ancestry_events.ts';
import { processAncestrySubscribers } from '../../tables/process_ancestry_subscribers.ts';
import { processAncestryTree } from '../../tables/process_ancestry_tree.ts';
import { toYaml } from './yaml.ts';

interface Declared {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Pick<Column<never>, 'name' | 'type' | 'options' | 'description' | 'aliases'>[];
}

/** Only the declarations are read, no rows. */
const tables: readonly Declared[] = [
  processAncestryEvents({ store: undefined as never, resultMaxBytes: () => 0 }),
  processAncestry(() => []),
  processAncestryTree(() => []),
  processAncestrySubscribers(undefined as never),
  processAncestryCacheStats(() => undefined as never),
  processAncestryAllow(() => []),
];

/** Its description and SQL. */
type Example = readonly [says: string, sql: string];

const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  process_ancestry_events: [
    [
      'Shells under a web server, at any distance, in the last ten minutes:',
      `SELECT time, pid, cmdline, ancestry FROM process_ancestry_events
WHERE time > strftime('%s', 'now') - 600 AND path IN ('/usr/bin/dash', '/usr/bin/bash') AND EXISTS (
  SELECT 1 FROM json_each(ancestry) WHERE value ->> 'exe_name' IN ('nginx', 'apache2'));`,
    ],
    [
      'In a schedule, every exec once and in order; choose a name of your own:',
      "SELECT eid, time, pid, path, cmdline, ancestry FROM process_ancestry_events WHERE subscriber = 'fleet:mine';",
    ],
    [
      'The same with another table, which asks for the rows once:',
      `WITH new AS MATERIALIZED (
  SELECT eid, time, pid, cmdline FROM process_ancestry_events WHERE subscriber = 'fleet:listeners')
SELECT new.eid, new.time, new.cmdline, l.port FROM new JOIN listening_ports l ON l.pid = new.pid;`,
    ],
  ],
  process_ancestry: [
    [
      'All living descendants of a process, also adopted ones:',
      `SELECT t.pid, t.path, t.args, a.depth FROM process_ancestry a JOIN process_ancestry_tree t USING (entity_id)
WHERE a.ancestor_pid = 4036 AND t.state = 'running';`,
    ],
  ],
  process_ancestry_tree: [
    [
      'How the children of a process ended, also those that never executed anything:',
      `SELECT pid, args, state, exit_code, exit_signal FROM process_ancestry_tree
WHERE parent_entity_id = (SELECT entity_id FROM process_ancestry_tree WHERE pid = 4036 AND state = 'running');`,
    ],
  ],
  process_ancestry_subscribers: [
    [
      'Readers that lag behind or have lost rows:',
      'SELECT * FROM process_ancestry_subscribers WHERE lag_rows > 10000 OR lost_rows > 0;',
    ],
  ],
  process_ancestry_cache_stats: [
    [
      'How well the cache does, and what is wrong:',
      'SELECT hit_rate, evictions, events_lost, problems FROM process_ancestry_cache_stats;',
    ],
  ],
  process_ancestry_allow: [
    ['What the detection of miners leaves out:', "SELECT * FROM process_ancestry_allow WHERE 'miner' GLOB detection;"],
  ],
};

/** The text of each file by its name. */
export function tableSchemas(): Map<string, string> {
  return new Map(tables.map((table) => [`${table.name}.yml`, schemaOf(table)]));
}

function schemaOf({ name, description, columns }: Declared): string {
  const examples = (EXAMPLES[name] ?? []).map(([says, sql]) => `${says}\n\n\`\`\`\n${sql}\n\`\`\``);
  return toYaml({
    name,
    description,
    platforms: ['linux'],
    evented: false,
    notes:
      'This table is not a core osquery table. It comes with the extension process_ancestry (osquery-process-ancestry).',
    examples: examples.join('\n\n'),
    columns: columns.flatMap(({ name, type, options, description, aliases = [] }) => {
      const facts = { type: type.toLowerCase(), required: (options & ColumnOption.required) !== 0 };
      return [
        { name, description, ...facts, ...(options & ColumnOption.hidden ? { hidden: true } : {}) },
        ...aliases.map((alias) => ({ name: alias, description: `Alias of ${name}`, ...facts, hidden: true })),
      ];
    }),
  });
}
