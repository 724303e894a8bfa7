/**
 * Parses the command line: osquery's four flags for extensions, and the project's own flags. The prefix
 * `process_ancestry_` is optional; words are separated by - or _. Forms: `--name value`, `--name=value`, and `--name`
 * for a boolean.
 */

import { boundsOf, type Flag, FlagError, type FlagName, flagNames, flags } from './flags.ts';
import { RULES_PER_QUERY_MAX, SIGMA_FORMATS, type SigmaOptions } from './sigma_options.ts';
import type { TreeOptions } from './tree_options.ts';

export interface CommandLine {
  readonly command: 'extension' | 'shell' | 'doctor' | 'cleanup' | 'tree' | 'sigma' | 'help' | 'version';
  readonly flags: ReadonlyMap<FlagName, string>;
  /** osquery's extension socket. */
  readonly socket: string | undefined;
  /** Seconds to wait for osquery's socket. */
  readonly timeoutSeconds: number;
  /** Seconds between checks that the extension is still registered. */
  readonly intervalSeconds: number;
  readonly verbose: boolean;
  readonly configFile: string | undefined;
  /** Output format of `shell`; `doctor` and `tree` know `json` only. */
  readonly output: 'auto' | 'pretty' | 'line' | 'json' | 'csv';
  readonly embedded: boolean;
  /** Options of the command `tree`. */
  readonly tree: TreeOptions;
  /** Options of the command `sigma`. */
  readonly sigma: SigmaOptions;
  readonly sql: string | undefined;
}

/** Flags of the process. `value` is the placeholder in the help; undefined when the flag takes no value. */
const others: Readonly<Record<string, { value: string | undefined; description: string }>> = {
  socket: { value: 'PATH', description: "path of osquery's extension socket; osqueryd and osqueryi pass it" },
  timeout: { value: 'SECONDS', description: 'how long to wait for the socket (default 3)' },
  interval: {
    value: 'SECONDS',
    description: 'how often to check that the extension is still registered with osquery (default 3)',
  },
  verbose: { value: undefined, description: 'log at level debug' },
  config_file: { value: 'PATH', description: 'JSON file with flags (default /etc/osquery/process_ancestry.json)' },
  help: { value: undefined, description: 'print this text' },
  version: { value: undefined, description: 'print the version' },
};
export const commands = ['shell', 'doctor', 'cleanup', 'tree', 'sigma'];
/** Commands that take flags only. */
const withoutWords = ['doctor', 'cleanup'];
const shellOnly: Readonly<Record<string, string>> = {
  json: 'print rows as a JSON array (doctor: findings; tree: the tree)',
  line: 'print one column per line; the default when rows are wider than the terminal',
  pretty: 'print rows in columns, also when they are wider than the terminal',
  csv: 'print rows as CSV',
  embedded: 'use the built-in extension manager, also when osqueryi is on PATH',
};
const treeOnly: typeof others = {
  html: {
    value: 'FILE',
    description: 'write an HTML page that only you can read, because arguments may contain secrets; - prints it',
  },
  depth: { value: 'N', description: 'number of levels to draw, from the top or below the given process' },
  since: {
    value: 'TIME',
    description:
      'draw only processes that ran since this time, and their ancestors: 15m, 2h or 3d ago, or 2026-11-20T10:00',
  },
  all: { value: undefined, description: 'draw each kernel thread' },
};
const sigmaOnly: typeof others = {
  format: { value: SIGMA_FORMATS.join('|'), description: "osquery's pack (default), Fleet's GitOps queries, or SQL" },
  combine: {
    value: 'N',
    description: 'put up to N rules into one scheduled query (default 1): it reads the rows once',
  },
  skip_unsupported: { value: undefined, description: 'leave out the rules that cannot be expressed' },
};
/** All flags except those of the recording. */
export const processFlags: typeof others = {
  ...others,
  ...treeOnly,
  ...sigmaOnly,
  ...Object.fromEntries(
    Object.entries(shellOnly).map(([name, description]) => [name, { value: undefined, description }]),
  ),
};

/** @throws {FlagError} for an unknown flag or command, or a bad value */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const given = new Map<FlagName, string>();
  const other = new Map<string, string>();
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (!isFlag(arg)) {
      words.push(arg);
      continue;
    }
    const [spelled, attached] = splitAtEquals(arg.slice(2));
    const name = spelled.replaceAll('-', '_').toLowerCase();
    const flag = flagNamed(name);
    const next = args[i + 1];
    if (flag) {
      const isBoolean = (flags[flag] as Flag).type === 'boolean';
      const separate = isBoolean ? /^(true|false)$/.test(next ?? '') : next !== undefined;
      if (attached === undefined && !isBoolean && !separate) throw missing(arg, boundsOf(flags[flag]));
      given.set(flag, attached ?? (separate ? (args[++i] as string) : 'true'));
    } else if (Object.hasOwn(processFlags, name)) {
      const takes = processFlags[name]?.value;
      if (takes === undefined) {
        other.set(name, attached ?? 'true');
      } else {
        if (attached === undefined && next === undefined) throw missing(arg, takes);
        other.set(name, attached ?? (args[++i] as string));
      }
    } else {
      throw new FlagError(`command line: no such flag: --${spelled}${closest(name)} (--help lists them)`);
    }
  }
  const [command, ...rest] = words;
  if (command !== undefined && !commands.includes(command))
    throw new FlagError(`command line: no such command: ${command} (there are ${commands.join(', ')})`);
  if (command !== undefined && withoutWords.includes(command) && rest.length > 0)
    throw new FlagError(`command line: ${command} takes flags only: ${rest[0]}`);
  if (command === 'tree' && rest.length > 1)
    throw new FlagError(`command line: tree takes one pid or entity id: ${rest.join(' ')}`);
  if (command === 'sigma' && rest.length === 0 && !other.has('help'))
    throw new FlagError('command line: sigma needs a file or a directory with rules');
  const asked = other.has('help') ? 'help' : other.has('version') ? 'version' : (command ?? 'extension');
  return {
    command: asked as CommandLine['command'],
    flags: given,
    socket: other.get('socket'),
    timeoutSeconds: seconds(other, 'timeout', 3),
    intervalSeconds: seconds(other, 'interval', 3),
    verbose: isOn(other.get('verbose')),
    configFile: other.get('config_file'),
    output: (['json', 'line', 'csv', 'pretty'] as const).find((mode) => other.has(mode)) ?? 'auto',
    embedded: other.has('embedded'),
    tree: {
      process: command === 'tree' ? rest[0] : undefined,
      htmlFile: other.get('html'),
      json: other.has('json'),
      depth: levels(other.get('depth')),
      since: other.get('since'),
      kernelThreads: isOn(other.get('all')),
    },
    sigma: {
      paths: command === 'sigma' ? rest : [],
      format: sigmaFormat(other.get('format')),
      skipUnsupported: isOn(other.get('skip_unsupported')),
      rulesPerQuery: rulesPerQuery(other.get('combine')),
    },
    sql: rest.length > 0 ? rest.join(' ') : undefined,
  };
}

export function helpText(): string {
  const lines = [
    'process_ancestry.ext: an osquery extension that records each exec with its ancestors',
    '',
    'usage: process_ancestry.ext --socket PATH [flags]     started by osqueryi or osqueryd:',
    '                                                      osqueryi --extension process_ancestry.ext \\',
    '                                                        --extensions_require=process_ancestry "SELECT …"',
    '       process_ancestry.ext shell [flags] [SQL]       a SQL prompt; works without osquery',
    '       process_ancestry.ext doctor [--json] [--socket PATH] [flags]',
    '                                                      checks this host, and says how to fix each problem;',
    '                                                      exit status 0: all checks passed, 1: warnings, 2: problems',
    '       process_ancestry.ext cleanup [flags]           restores kernel audit after the extension was killed; run it only',
    '                                                      when no extension runs; exit status 0: restored, 1: not restored',
    '       process_ancestry.ext tree [PID] [flags]        draws the process tree that the running extension remembers, or',
    '                                                      the tree of --replay-file FILE; exit status 1: no such process',
    '       process_ancestry.ext sigma FILE|DIR… [flags]   writes Sigma rules for process_creation on Linux as scheduled queries,',
    '                                                      and names those that cannot be expressed; exit status 1: some cannot',
    '',
    'Flags of the process:',
    ...Object.entries(others).map(([name, { value, description }]) =>
      helpLine(`--${name}${value ? ` ${value}` : ''}`, description),
    ),
    '',
    'Flags of the shell:',
    ...Object.entries(shellOnly).map(([name, description]) => helpLine(`--${name}`, description)),
    '',
    'Flags of the tree:',
    ...Object.entries(treeOnly).map(([name, { value, description }]) =>
      helpLine(`--${name}${value ? ` ${value}` : ''}`, description),
    ),
    '',
    'Flags of sigma:',
    ...Object.entries(sigmaOnly).map(([name, { value, description }]) =>
      helpLine(`--${name.replaceAll('_', '-')}${value ? ` ${value}` : ''}`, description),
    ),
    '',
    'Flags of the recording. Each can be set in these places; the first that sets it wins: the command line, the',
    'environment (name in upper case), an osquery option (custom_NAME), a column of the one row of the view or scheduled',
    'query process_ancestry_flags in osquery, the JSON file. On the command line the prefix process_ancestry_ is optional.',
    ...flagNames.flatMap((name) => {
      const flag: Flag = flags[name];
      const fallback = flag.default === '' ? 'empty' : String(flag.default);
      const when = flag.atStartOnly ? '; read at start only' : '';
      return [`  --${name}`, `        ${flag.description}`, `        ${boundsOf(flag)}; default ${fallback}${when}`];
    }),
  ];
  return `${lines.join('\n')}\n`;
}

/** SQL may begin with a comment, `-- …`. A flag's name contains no space. */
function isFlag(arg: string): boolean {
  return /^--[^\s=]*(?:=|$)/.test(arg);
}

function helpLine(left: string, description: string): string {
  return `  ${left.padEnd(22)} ${description}`;
}

function splitAtEquals(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function flagNamed(name: string): FlagName | undefined {
  return flagNames.find((flag) => flag === name || flag === `process_ancestry_${name}`);
}

function missing(arg: string, takes: string): FlagError {
  return new FlagError(`command line: ${arg} needs a value: ${takes}`);
}

function seconds(given: ReadonlyMap<string, string>, name: string, fallback: number): number {
  const text = given.get(name);
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 86_400) return value;
  throw new FlagError(`command line: --${name}=${JSON.stringify(text)} is not 0 to 86400 seconds`);
}

function levels(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new FlagError(`command line: --depth=${JSON.stringify(text)} is not a number of levels`);
}

function sigmaFormat(text = 'pack'): SigmaOptions['format'] {
  const format = SIGMA_FORMATS.find((name) => name === text);
  if (format) return format;
  throw new FlagError(`command line: --format=${JSON.stringify(text)} is none of ${SIGMA_FORMATS.join(', ')}`);
}

function rulesPerQuery(text = '1'): number {
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= RULES_PER_QUERY_MAX) return Number(text);
  throw new FlagError(
    `command line: --combine=${JSON.stringify(text)} is not a number of rules (1 to ${RULES_PER_QUERY_MAX})`,
  );
}

function isOn(text: string | undefined): boolean {
  return text !== undefined && !/^(false|0|no|off)$/i.test(text);
}

/** A hint for a misspelled flag: the flag with the longest common prefix. */
function closest(name: string): string {
  const bare = name.replace(/^process_ancestry_/, '');
  const shared = (flag: string) => {
    const other = flag.replace('process_ancestry_', '');
    let n = 0;
    while (n < bare.length && bare[n] === other[n]) n++;
    return n;
  };
  const best = flagNames.toSorted((a, b) => shared(b) - shared(a))[0];
  return best && shared(best) >= 4 ? `; did you mean --${best}?` : '';
}
