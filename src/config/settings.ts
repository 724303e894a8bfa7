/**
 * Resolves the values in force from six sources: the command line, the environment, osquery's options
 * (`custom_process_ancestry_…`), SQL in osquery's configuration (`process_ancestry_flags`), the JSON file, the default.
 * The first source with a valid value wins.
 */
import {
  FlagError,
  type FlagName,
  type FlagValues,
  flagNames,
  flags,
  parseFlag,
  UnsafeFlagError,
  whenRefusedOf,
} from './flags.ts';

export interface Sources {
  /** By flag name; see command_line.ts. */
  readonly commandLine: ReadonlyMap<FlagName, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** osquery's options: values as text, by name. */
  readonly osqueryOptions: ReadonlyMap<string, string>;
  /** Values of the SQL process_ancestry_flags, by column; see queried_flags.ts. */
  readonly queried?: ReadonlyMap<string, string>;
  /** The parsed JSON file: an object of flags; undefined when there is no file. */
  readonly file: unknown;
  /** Why the file could not be read. */
  readonly fileError?: string | undefined;
}

export interface Resolved {
  readonly values: FlagValues;
  /**
   * Refused values with the reason. The value of the next source is in force instead; with UnsafeFlagError it is the
   * flag's `whenRefused`.
   */
  readonly errors: readonly FlagError[];
}

/** osquery accepts unknown options only with this prefix. */
const OSQUERY_PREFIX = 'custom_';

/** Merges all sources. `running` holds the current values; a bad new value does not change them. */
export function resolveFlags(sources: Sources, running?: FlagValues): Resolved {
  const errors: FlagError[] = [];
  const { entries, error, isUnreadable } = fileEntries(sources);
  if (error) errors.push(error);
  const { queried = new Map<string, string>() } = sources;
  const strangers = [...queried.keys()].filter((name) => !Object.hasOwn(flags, name));
  if (strangers.length > 0) errors.push(noSuchFlag('process_ancestry_flags', strangers));
  const pick = <Name extends FlagName>(name: Name): FlagValues[Name] => {
    const candidates: readonly (readonly [source: string, text: string | undefined])[] = [
      ['command line', sources.commandLine.get(name)],
      ['environment', sources.environment[name.toUpperCase()]],
      ['osquery options', sources.osqueryOptions.get(OSQUERY_PREFIX + name)],
      ['process_ancestry_flags', queried.get(name)],
      ['configuration file', entries.get(name)],
    ];
    for (const [source, text] of candidates) {
      // osquery keeps an option that was removed from its configuration, with an empty value.
      const emptied = text === '' && (source === 'osquery options' || flags[name].type !== 'text');
      if (text === undefined || emptied) continue;
      try {
        return parseFlag(name, text, source);
      } catch (error) {
        if (!(error instanceof FlagError)) throw error;
        errors.push(error);
        if (error instanceof UnsafeFlagError) return whenRefusedOf(name)?.value as FlagValues[Name];
        if (running) return running[name];
      }
    }
    const unsafe = isUnreadable ? whenRefusedOf(name) : undefined;
    // The unreadable file may contain redaction patterns.
    if (unsafe && unsafe.value !== flags[name].default)
      errors.push(new UnsafeFlagError(`${name}: the configuration file cannot be read; ${unsafe.meaning}`));
    return (unsafe?.value ?? flags[name].default) as FlagValues[Name];
  };
  const values = Object.fromEntries(flagNames.map((name) => [name, pick(name)])) as unknown as FlagValues;
  return { values, errors };
}

interface FileEntries {
  readonly entries: ReadonlyMap<string, string>;
  readonly error?: FlagError;
  /** For a file that could not be read. */
  readonly isUnreadable?: boolean;
}

function fileEntries({ file, fileError }: Sources): FileEntries {
  const entries = new Map<string, string>();
  if (file === undefined) return { entries, isUnreadable: fileError !== undefined };
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    const error = new FlagError('configuration file: not a JSON object of flags');
    return { entries, error, isUnreadable: true };
  }
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(file)) {
    if (!Object.hasOwn(flags, name)) unknown.push(name);
    else if (value === null) continue;
    else entries.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  if (unknown.length === 0) return { entries };
  return { entries, error: noSuchFlag('configuration file', unknown) };
}

function noSuchFlag(source: string, names: readonly string[]): FlagError {
  return new FlagError(`${source}: no such flag: ${names.join(', ')} (--help lists them)`);
}

export function changedFlags(before: FlagValues, after: FlagValues): FlagName[] {
  return flagNames.filter((name) => before[name] !== after[name]);
}
