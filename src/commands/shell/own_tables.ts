/** osquery's own tables that extensions or users of the shell need. */
import type { RegisteredTable } from './registered_table.ts';
import type { TableSource } from './table_source.ts';

const table = (name: string, columns: Readonly<Record<string, 'TEXT' | 'INTEGER'>>): RegisteredTable => ({
  name,
  columns: Object.entries(columns).map(([column, type]) => ({ name: column, type, options: 0, hidden: false })),
});

const INFO = table('osquery_info', {
  pid: 'INTEGER',
  version: 'TEXT',
  start_time: 'INTEGER',
  config_valid: 'INTEGER',
});
const FLAGS = table('osquery_flags', { name: 'TEXT', type: 'TEXT', default_value: 'TEXT', value: 'TEXT' });
const SCHEDULE = table('osquery_schedule', { name: 'TEXT', query: 'TEXT' });
const EXTENSIONS = table('osquery_extensions', {
  uuid: 'INTEGER',
  name: 'TEXT',
  version: 'TEXT',
  sdk_version: 'TEXT',
  path: 'TEXT',
  type: 'TEXT',
});

export interface RegisteredExtension {
  readonly uuid: number;
  readonly name: string;
  readonly version: string;
  readonly sdkVersion: string;
  readonly minSdkVersion: string;
  /** Path of the extension's own socket. */
  readonly socketPath: string;
  readonly tables: readonly RegisteredTable[];
}

export interface ManagerOption {
  readonly value: string;
  readonly default_value: string;
  readonly type: string;
}

interface ManagerState {
  /** Unix time. */
  readonly startedMs: number;
  readonly isConfigValid: boolean;
  readonly options: ReadonlyMap<string, ManagerOption>;
  readonly schedule: ReadonlyMap<string, string>;
  readonly extensions: readonly RegisteredExtension[];
}

export function ownTables({ startedMs, isConfigValid, options, schedule, extensions }: ManagerState): TableSource[] {
  const startTime = String(Math.floor(startedMs / 1000));
  const info = {
    pid: String(process.pid),
    version: 'embedded',
    start_time: startTime,
    config_valid: isConfigValid ? '1' : '0',
  };
  const flags = [...options].map(([name, { type, default_value, value }]) => ({ name, type, default_value, value }));
  const queries = [...schedule].map(([name, query]) => ({ name, query }));
  const known = extensions.map(({ uuid, name, version, sdkVersion, socketPath }) => ({
    ...{ uuid: String(uuid), name, version, sdk_version: sdkVersion },
    ...{ path: socketPath, type: 'extension' },
  }));
  return [
    { definition: INFO, rows: [info] },
    { definition: FLAGS, rows: flags },
    { definition: SCHEDULE, rows: queries },
    { definition: EXTENSIONS, rows: known },
  ];
}
