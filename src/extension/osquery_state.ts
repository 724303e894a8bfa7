/** Reads the state of osquery: its worker, the path of its database, its configured options. */
import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { OptionInfo, Response } from '../osquery/index.ts';

/** Default of osquery on Linux. */
export const OSQUERY_DATABASE = '/var/osquery/osquery.db';
/** osquery accepts unknown options only with this prefix. */
const OUR_OPTIONS = 'custom_process_ancestry_';

export interface OsqueryState {
  /** Options of this extension with a value, by name. */
  readonly options: ReadonlyMap<string, string>;
  /** Path of osquery's database; the default when osquery does not report it. */
  readonly database: string;
  /** Identifies the osqueryd worker process; '' when unknown. */
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
  // config_valid is read before the options, so that it does not describe a later state.
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
 * Whether osquery has a configuration that it may not have applied yet. Without its file the plugin `filesystem` reads
 * nothing (plugins/config/filesystem_config.cpp, genConfig), and `config_valid` stays 0. osquery may still apply a backup
 * of an earlier configuration (config/config.cpp, refresh).
 */
function hasConfiguration(options: ReadonlyMap<string, OptionInfo>): boolean {
  const plugin = options.get('config_plugin')?.value ?? '';
  if (plugin !== 'filesystem') return plugin !== '';
  if (options.get('config_enable_backup')?.value === 'true') return true;
  const path = options.get('config_path')?.value ?? '';
  // A path that cannot be checked may exist.
  try {
    return path !== '' && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
  } catch {
    return true;
  }
}
