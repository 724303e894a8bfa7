/** What osquery says of itself: who answers, where its database is, and what its configuration gives. */
import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { OptionInfo } from '../osquery/manager_client.ts';
import type { Response } from '../osquery/response_decoder.ts';

/** osquery's own default on Linux. */
export const OSQUERY_DATABASE = '/var/osquery/osquery.db';
/** osquery accepts unknown options only with this prefix. */
const OUR_OPTIONS = 'custom_process_ancestry_';

export interface OsqueryState {
  /** Options of this extension that have a value, by name. */
  readonly options: ReadonlyMap<string, string>;
  /** The path of osquery's database; its default where osquery has none. */
  readonly database: string;
  /** One process of osqueryd, the worker; '' where it does not say. */
  readonly worker: string;
  readonly isConfigValid: boolean;
  readonly hasConfiguration: boolean;
}

export interface AskedOsquery {
  options(): Promise<ReadonlyMap<string, OptionInfo>>;
  query(sql: string): Promise<Response>;
}

/** @throws {ExtensionError} osquery does not answer */
export async function readOsqueryState(osquery: AskedOsquery): Promise<OsqueryState> {
  // In this order: what is valid now was so before the options were asked for, or the answer is not believed.
  const { rows } = await osquery.query('SELECT pid, start_time, config_valid FROM osquery_info');
  const { pid, start_time = '', config_valid } = rows[0] ?? {};
  const options = await osquery.options();
  const path = options.get('database_path')?.value ?? '';
  return {
    options: new Map(
      [...options].flatMap(([name, { value }]) =>
        name.startsWith(OUR_OPTIONS) && value !== '' ? [[name, value]] : [],
      ),
    ),
    database: isAbsolute(path) ? path : OSQUERY_DATABASE,
    worker: pid ? `${pid}:${start_time}` : '',
    isConfigValid: config_valid === '1',
    hasConfiguration: hasConfiguration(options),
  };
}

/**
 * Whether osquery has a configuration that it may still have to apply. The plugin `filesystem` reads nothing where its file
 * is not there (plugins/config/filesystem_config.cpp, genConfig), and then `config_valid` stays 0; a backup of what was
 * read before may still come (config/config.cpp, refresh).
 */
function hasConfiguration(options: ReadonlyMap<string, OptionInfo>): boolean {
  const plugin = options.get('config_plugin')?.value ?? '';
  if (plugin !== 'filesystem') return plugin !== '';
  if (options.get('config_enable_backup')?.value === 'true') return true;
  const path = options.get('config_path')?.value ?? '';
  // A path that cannot be looked at may be there.
  try {
    return path !== '' && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
  } catch {
    return true;
  }
}
