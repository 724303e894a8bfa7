/** Every flag, declared once: its name, type, default, bounds and meaning. Help, parsing and docs/reference come from here. */

import { ECS_VOCABULARIES } from '../ecs/action.ts';
import { parseActions } from '../process/actions.ts';
import { parseRedactPatterns, REDACT_ALL } from '../process/redact.ts';
import { messageOf } from '../text/error_message.ts';
import { parseListenAddress } from './listen_address.ts';
import { checkTextfilePath } from './textfile_path.ts';

interface FlagBase {
  readonly description: string;
  /** Read once, at the start; the others take effect whenever they change. */
  readonly atStartOnly?: true;
}
interface BooleanFlag extends FlagBase {
  readonly type: 'boolean';
  readonly default: boolean;
}
interface IntegerFlag extends FlagBase {
  readonly type: 'integer';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}
interface ChoiceFlag<Choice extends string = string> extends FlagBase {
  readonly type: 'choice';
  readonly default: Choice;
  readonly choices: readonly Choice[];
}
interface WhenRefused {
  readonly value: string;
  /** What that means, for the error and the problem that tell it. */
  readonly meaning: string;
}
interface TextFlag extends FlagBase {
  readonly type: 'text';
  readonly default: string;
  /** Throws for a text that is not to be taken; the message says why. */
  readonly check?: (text: string) => void;
  /** In force until a refused text is changed, where neither the value before nor the default would be safe. */
  readonly whenRefused?: WhenRefused;
}
export type Flag = BooleanFlag | IntegerFlag | ChoiceFlag | TextFlag;

const choice = <const Choice extends string>(flag: Omit<ChoiceFlag<Choice>, 'type'>): ChoiceFlag<Choice> => ({
  type: 'choice',
  ...flag,
});

/** The project's own flags. Each can be given on the command line, in the environment, by osquery or in the file. */
export const flags = {
  process_ancestry_enable: { type: 'boolean', default: true, description: 'record executions' },
  process_ancestry_collector: choice({
    default: 'auto',
    choices: ['auto', 'ebpf', 'audit', 'proc_events', 'replay'],
    atStartOnly: true,
    description:
      'event source: auto uses the best sensor that this host allows, eBPF before kernel audit with the proc connector; audit: these two; proc_events: the connector alone; replay: an audit log',
  }),
  process_ancestry_replay_file: {
    type: 'text',
    default: '',
    atStartOnly: true,
    description:
      'audit log to read with the collector replay: raw or ENRICHED, with or without the prefix of a syslog daemon, plain or gzip; :sample: is the one that comes with the program',
  },
  process_ancestry_fallback_replay_file: {
    type: 'text',
    default: '',
    atStartOnly: true,
    description: 'audit log to read instead when kernel audit is not to be had',
  },
  process_ancestry_cache_size: {
    type: 'integer',
    default: 5000,
    min: 16,
    max: 1_000_000,
    unit: 'processes',
    description: 'processes that are remembered, least recently used out first',
  },
  process_ancestry_max_depth: {
    type: 'integer',
    default: 32,
    min: 1,
    max: 1000,
    unit: 'ancestors',
    description: 'longest ancestry that a row carries',
  },
  process_ancestry_cache_ttl: {
    type: 'integer',
    default: 300,
    min: 0,
    max: 604_800,
    unit: 'seconds',
    description: 'how long a process is remembered after its exit',
  },
  process_ancestry_events_actions: {
    type: 'text',
    default: 'exec',
    check: parseActions,
    description:
      'what makes a row of process_ancestry_events: any of exec, fork, setsid, exit, existing (a process that was there at the start), joined by commas',
  },
  process_ancestry_aggregate_ms: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 60_000,
    unit: 'milliseconds',
    description: 'fork, exec and exit of one process within this time become one row; 0: never',
  },
  process_ancestry_ecs_actions: choice({
    default: 'rfc0030',
    choices: ECS_VOCABULARIES,
    description:
      'words of event.action in the column ecs, of every row that is read: rfc0030 (fork, exec, end, setsid) or auditbeat (process_started, process_ran, …)',
  }),
  process_ancestry_hash: {
    type: 'boolean',
    default: false,
    description: 'hash executed files for the column sha256',
  },
  process_ancestry_hash_max_size: {
    type: 'integer',
    default: 268_435_456,
    min: 1,
    max: 17_179_869_184,
    unit: 'bytes',
    description: 'largest file that is hashed',
  },
  process_ancestry_hash_max_rate: {
    type: 'integer',
    default: 67_108_864,
    min: 65_536,
    max: 17_179_869_184,
    unit: 'bytes per second',
    description: 'how much is read to be hashed',
  },
  process_ancestry_database: {
    type: 'text',
    default: 'auto',
    description:
      "directory of the rows' database, of this user's own, or :memory:; auto: process_ancestry beside osquery's own database, and memory for a replayed log",
  },
  process_ancestry_events_max: {
    type: 'integer',
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: 'rows',
    description: 'rows of process_ancestry_events that are kept',
  },
  process_ancestry_events_expiry: {
    type: 'integer',
    default: 3600,
    min: 1,
    max: 31_536_000,
    unit: 'seconds',
    description: 'how long a row is kept, unless a subscriber has still to read it',
  },
  process_ancestry_events_max_bytes: {
    type: 'integer',
    default: 134_217_728,
    min: 1_048_576,
    max: 17_179_869_184,
    unit: 'bytes',
    description: 'disk for rows, of which the database and its log take at most 1.1 times; the oldest rows go first',
  },
  process_ancestry_subscriber_expiry: {
    type: 'integer',
    default: 604_800,
    min: 1,
    max: 31_536_000,
    unit: 'seconds',
    description: 'how long rows are kept for a subscriber that does not ask for them',
  },
  process_ancestry_result_max_bytes: {
    type: 'integer',
    default: 33_554_432,
    min: 1_048_576,
    max: 1_073_741_824,
    unit: 'bytes',
    description: 'largest answer to a query; one that would be larger is an error that says what to add',
  },
  process_ancestry_publish_wait_ms: {
    type: 'integer',
    default: 100,
    min: 0,
    max: 10_000,
    unit: 'milliseconds',
    description: 'how long an exec waits for what is still missing of it before it becomes a row',
  },
  process_ancestry_args_max_bytes: {
    type: 'integer',
    default: 2_097_152,
    min: 256,
    max: 16_777_216,
    unit: 'bytes',
    atStartOnly: true,
    description: 'arguments of one exec that are kept; more are cut and marked in the column overflows',
  },
  process_ancestry_ebpf_args_max_bytes: {
    type: 'integer',
    default: 131_072,
    min: 256,
    max: 2_097_152,
    unit: 'bytes',
    atStartOnly: true,
    description:
      'the same with the collector ebpf, where it is less: the kernel copies arguments while nothing else runs on the processor',
  },
  process_ancestry_ancestor_cmdline_max: {
    type: 'integer',
    default: 4096,
    min: 16,
    max: 32_768,
    unit: 'characters',
    description: 'command line of an ancestor in the column ancestry; a longer one is cut and ends in …',
  },
  process_ancestry_redact: {
    type: 'text',
    default: '',
    check: parseRedactPatterns,
    whenRefused: { value: REDACT_ALL, meaning: 'all arguments are redacted until it is changed' },
    description:
      'regular expressions (RE2: no lookbehind, lookahead or backreference), as a JSON array or one alone, for what is not stored of arguments: matches, or their groups, become ***',
  },
  process_ancestry_queue_max_bytes: {
    type: 'integer',
    default: 8_388_608,
    min: 1_048_576,
    max: 1_073_741_824,
    unit: 'bytes',
    atStartOnly: true,
    description: 'queue between the collector thread and the process tree',
  },
  process_ancestry_socket_buffer_bytes: {
    type: 'integer',
    default: 33_554_432,
    min: 65_536,
    max: 1_073_741_824,
    unit: 'bytes',
    atStartOnly: true,
    description: 'receive buffer of each of the two kernel sockets',
  },
  process_ancestry_state_file: {
    type: 'text',
    default: '/run/process_ancestry/audit-state',
    atStartOnly: true,
    description: "where audit's settings as found are kept, so that they can be put back after a crash; empty: nowhere",
  },
  process_ancestry_metrics_listen: {
    type: 'text',
    default: '',
    check: parseListenAddress,
    description:
      'where metrics are served for Prometheus: a loopback address with a port (127.0.0.1:9777, [::1]:9777, localhost:9777), or unix:/PATH of a socket; empty: nowhere',
  },
  process_ancestry_metrics_socket_group: {
    type: 'text',
    default: '',
    description: 'group whose members may read metrics from the unix socket; empty: only root',
  },
  process_ancestry_metrics_textfile: {
    type: 'text',
    default: '',
    check: checkTextfilePath,
    description: "file for node_exporter's textfile collector, which ends in .prom; empty: none",
  },
  process_ancestry_metrics_textfile_interval: {
    type: 'integer',
    default: 15,
    min: 1,
    max: 3600,
    unit: 'seconds',
    description: 'how often that file is written',
  },
  process_ancestry_log_level: choice({
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    description: 'least severity that is logged to standard error; --verbose is debug',
  }),
  process_ancestry_log_format: choice({
    default: 'auto',
    choices: ['auto', 'text', 'json'],
    atStartOnly: true,
    description: 'how it is logged; auto: text on a terminal, JSON otherwise',
  }),
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof flags;

type ValueOf<F extends Flag> = F extends BooleanFlag
  ? boolean
  : F extends IntegerFlag
    ? number
    : F extends ChoiceFlag<infer Choice>
      ? Choice
      : string;

/** A value for every flag. */
export type FlagValues = { readonly [Name in FlagName]: ValueOf<(typeof flags)[Name]> };

export const flagNames = Object.keys(flags) as FlagName[];

/** A value that a flag does not take. The message names the flag, the value and what it takes. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

/** One that puts a flag's `whenRefused` in force. The message says so. */
export class UnsafeFlagError extends FlagError {}

/** What is in force instead of a refused value, where that is neither the value before nor the default. */
export function whenRefusedOf(name: FlagName): WhenRefused | undefined {
  const flag: Flag = flags[name];
  return flag.type === 'text' ? flag.whenRefused : undefined;
}

/** What a flag takes, in words: for help and for errors. */
export function boundsOf(flag: Flag): string {
  switch (flag.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `${flag.min} to ${flag.max}${flag.unit ? ` ${flag.unit}` : ''}`;
    case 'choice':
      return `one of ${flag.choices.join(', ')}`;
    case 'text':
      return 'text';
  }
}

/** Reads a value as text, as every source but the JSON file gives it. Throws FlagError. */
export function parseFlag<Name extends FlagName>(name: Name, text: string, source: string): FlagValues[Name] {
  const flag: Flag = flags[name];
  const refuse = (): never => {
    throw new FlagError(`${source}: ${name}=${JSON.stringify(text)} is not ${boundsOf(flag)}`);
  };
  const value = ((): boolean | number | string => {
    switch (flag.type) {
      case 'boolean':
        if (/^(true|1|yes|on)$/i.test(text)) return true;
        if (/^(false|0|no|off)$/i.test(text)) return false;
        return refuse();
      case 'integer': {
        const number = /^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
        return number >= flag.min && number <= flag.max ? number : refuse();
      }
      case 'choice':
        return flag.choices.includes(text) ? text : refuse();
      case 'text':
        try {
          flag.check?.(text);
        } catch (error) {
          const message = `${source}: ${messageOf(error)}`;
          throw flag.whenRefused
            ? new UnsafeFlagError(`${message}; ${flag.whenRefused.meaning}`)
            : new FlagError(message);
        }
        return text;
    }
  })();
  return value as FlagValues[Name];
}
