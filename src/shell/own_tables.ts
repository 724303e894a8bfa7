/** The two of osquery's own tables that extensions ask for what they cannot know otherwise. */
import type { ManagerOption } from './embedded_manager.ts';
import type { RegisteredTable } from './registered_table.ts';
import type { QueryableTable } from './sql_engine.ts';

const table = (name: string, columns: Readonly<Record<string, 'TEXT' | 'INTEGER'>>): RegisteredTable => ({
  name,
  columns: Object.entries(columns).map(([column, type]) => ({ name: column, type, options: 0, hidden: false })),
});

const INFO = table('osquery_info', { pid: 'INTEGER', version: 'TEXT', start_time: 'INTEGER' });
const FLAGS = table('osquery_flags', { name: 'TEXT', type: 'TEXT', default_value: 'TEXT', value: 'TEXT' });

/** `startedMs` is Unix time. */
export function ownTables(startedMs: number, options: ReadonlyMap<string, ManagerOption>): QueryableTable[] {
  const startTime = String(Math.floor(startedMs / 1000));
  const info = { pid: String(process.pid), version: 'embedded', start_time: startTime };
  const flags = [...options].map(([name, { type, default_value, value }]) => ({ name, type, default_value, value }));
  return [
    { definition: INFO, generate: () => Promise.resolve([info]) },
    { definition: FLAGS, generate: () => Promise.resolve(flags) },
  ];
}
