/** The JSON file of flags. */
import { existsSync } from 'node:fs';
import { readRegularFile } from '../files/regular_file.ts';
import { messageOf } from '../text/error_message.ts';

const DEFAULT_CONFIG_FILE = '/etc/osquery/process_ancestry.json';

export interface ConfigFile {
  /** The parsed JSON; undefined when there is no file or it cannot be read. */
  readonly content: unknown;
  readonly error?: string;
}

const MAX_BYTES = 1024 * 1024;

/** Never throws. A missing file is an error only when the user named it. */
export function readConfigFile(named: string | undefined): ConfigFile {
  const path = named ?? DEFAULT_CONFIG_FILE;
  if (named === undefined && !existsSync(path)) return { content: undefined };
  try {
    return { content: JSON.parse(readRegularFile(path, MAX_BYTES)) };
  } catch (error) {
    return { content: undefined, error: `configuration file ${path}: ${messageOf(error)}` };
  }
}
