/** Declares each flag: name, type, default, bounds and description. Help, parsing and docs/reference use this list. */

import { ECS_VOCABULARIES } from '../ecs/action.ts';
import { parseActions } from '../process/actions.ts';
import { parseEnvironmentNames } from '../process/environment.ts';
import { parseIgnoreRules } from '../process/ignore.ts';
import { parseRedactPatterns, REDACT_ALL } from '../process/redact.ts';
import { messageOf } from '../text/error_message.ts';
import { parseAllowRules } from './allow_rules.ts';
import { parseListenAddress } from './listen_address.ts';
import { checkTextfilePath } from './textfile_path.ts';

interface FlagBase {
  readonly description: string;
  /** The flag is read once, at the start. Other flags take effect when they change. */
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
  /** Its effect in words, for the error message and the problem. */
  readonly meaning: string;
}
interface TextFlag extends FlagBase {
  readonly type: 'text';
  readonly default: string;
  /** Throws for a text that is refused; the message says why. */
  readonly check?: (text: string) => void;
  /** Value in force while a text is refused, when neither the previous value nor the default is safe. */
  readonly whenRefused?: WhenRefused;
}
export type Flag = BooleanFlag | IntegerFlag | ChoiceFlag | TextFlag;

const choice = <const Choice extends string>(flag: Omit<ChoiceFlag<Choice>, 'type'>): ChoiceFlag<Choice> => ({
  type: 'choice',
  ...flag,
});

/** The project's own flags. */
export const flags = {
  process_ancestry_enable: { type: 'boolean', default: true, description: 'record process events' },
  process_ancestry_collector: choice({
    default: 'auto',
    choices: ['auto', 'ebpf', 'audit', 'proc_events', 'replay'],
    atStartOnly: true,
    description:
      'event source; auto: eBPF if it works on this host, otherwise audit; audit: kernel audit with the proc connector; proc_events: the proc connector alone; replay: an audit log',
  }),
  process_ancestry_replay_file: {
    type: 'text',
    default: '',
    atStartOnly: true,
    description:
      'audit log that the collector replay reads: raw or ENRICHED, with or without a syslog prefix, plain or gzip; :sample: is the bundled sample log',
  },
  process_ancestry_fallback_replay_file: {
    type: 'text',
    default: '',
    atStartOnly: true,
    description: 'audit log to read when kernel audit is not available',
  },
  process_ancestry_cache_size: {
    type: 'integer',
    default: 5000,
    min: 16,
    max: 1_000_000,
    unit: 'processes',
    description: 'maximum number of processes in the cache; the least recently used is removed first',
  },
  process_ancestry_max_depth: {
    type: 'integer',
    default: 32,
    min: 1,
    max: 1000,
    unit: 'ancestors',
    description: 'maximum number of ancestors in a row',
  },
  process_ancestry_cache_ttl: {
    type: 'integer',
    default: 300,
    min: 0,
    max: 604_800,
    unit: 'seconds',
    description: 'how long a process stays in the cache after its exit',
  },
  process_ancestry_events_actions: {
    type: 'text',
    default: 'exec',
    check: parseActions,
    description:
      'events that become rows of process_ancestry_events: a comma-separated list of exec, fork, setsid, setid (a change of user or group ids; only with eBPF), exit and existing (a process that ran before the recording started); setsid and setid slow every system call of the host a little',
  },
  process_ancestry_ignore: {
    type: 'text',
    default: '',
    check: parseIgnoreRules,
    whenRefused: { value: '', meaning: 'no event is ignored until it is changed' },
    description:
      'rules for events that become no rows, as a JSON array; the fields of a rule (path, cmdline, cwd, parent_path, ancestor_path, cgroup_path, container_image and pod_namespace as GLOB patterns, uid, entry_type) must all match; with "descendants": true it also ignores all descendants of what it matches',
  },
  process_ancestry_aggregate_ms: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 60_000,
    unit: 'milliseconds',
    description: 'a fork, exec and exit of one process within this time become one row; 0: never',
  },
  process_ancestry_ecs_actions: choice({
    default: 'rfc0030',
    choices: ECS_VOCABULARIES,
    description:
      'vocabulary of event.action in the column ecs: rfc0030 (fork, exec, end, setsid) or auditbeat (process_started, process_ran, …); applies to stored rows too',
  }),
  process_ancestry_hash: {
    type: 'boolean',
    default: false,
    description: 'compute the hash of each executed file for the column sha256',
  },
  process_ancestry_hash_max_size: {
    type: 'integer',
    default: 268_435_456,
    min: 1,
    max: 17_179_869_184,
    unit: 'bytes',
    description: 'maximum size of a file that is hashed',
  },
  process_ancestry_hash_max_rate: {
    type: 'integer',
    default: 67_108_864,
    min: 65_536,
    max: 17_179_869_184,
    unit: 'bytes per second',
    description: 'maximum read rate for hashing',
  },
  process_ancestry_database: {
    type: 'text',
    default: 'auto',
    description:
      "directory of the row database, or :memory:; this user must own the directory; auto: process_ancestry beside osquery's database, or memory for a replayed log",
  },
  process_ancestry_events_max: {
    type: 'integer',
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: 'rows',
    description: 'maximum number of stored rows of process_ancestry_events',
  },
  process_ancestry_events_expiry: {
    type: 'integer',
    default: 3600,
    min: 1,
    max: 31_536_000,
    unit: 'seconds',
    description: 'how long a row is stored; rows that a subscriber has not read are stored longer',
  },
  process_ancestry_events_max_bytes: {
    type: 'integer',
    default: 134_217_728,
    min: 1_048_576,
    max: 17_179_869_184,
    unit: 'bytes',
    description:
      'maximum size of stored rows; the database with its log takes up to 1.1 times as much on disk; the oldest rows are deleted first',
  },
  process_ancestry_subscriber_expiry: {
    type: 'integer',
    default: 604_800,
    min: 1,
    max: 31_536_000,
    unit: 'seconds',
    description: 'how long rows are stored for a subscriber that sends no query',
  },
  process_ancestry_result_max_bytes: {
    type: 'integer',
    default: 33_554_432,
    min: 1_048_576,
    max: 1_073_741_824,
    unit: 'bytes',
    description:
      'maximum size of an answer to a query; a query with a larger answer fails, and the error says which constraint to add',
  },
  process_ancestry_publish_wait_ms: {
    type: 'integer',
    default: 100,
    min: 0,
    max: 10_000,
    unit: 'milliseconds',
    description: 'how long an exec waits for missing details before it becomes a row',
  },
  process_ancestry_args_max_bytes: {
    type: 'integer',
    default: 2_097_152,
    min: 256,
    max: 16_777_216,
    unit: 'bytes',
    atStartOnly: true,
    description:
      'maximum size of the stored arguments of one exec; longer ones are truncated, and the column overflows says so',
  },
  process_ancestry_ebpf_args_max_bytes: {
    type: 'integer',
    default: 131_072,
    min: 256,
    max: 2_097_152,
    unit: 'bytes',
    atStartOnly: true,
    description:
      'the same limit for the collector ebpf, if it is lower: the kernel copies arguments with preemption disabled',
  },
  process_ancestry_ancestor_cmdline_max: {
    type: 'integer',
    default: 4096,
    min: 16,
    max: 32_768,
    unit: 'characters',
    description:
      'maximum length of the command line of an ancestor in the column ancestry; a longer one is truncated and ends in …',
  },
  process_ancestry_redact: {
    type: 'text',
    default: '',
    check: parseRedactPatterns,
    whenRefused: { value: REDACT_ALL, meaning: 'all arguments are redacted until it is changed' },
    description:
      'regular expressions for parts of arguments that are not stored, as a JSON array or a single expression; each match, or each group of it, is replaced by ***; syntax of RE2: no lookbehind, lookahead or backreference',
  },
  process_ancestry_env: {
    type: 'text',
    default: 'LD_PRELOAD,LD_AUDIT,LD_LIBRARY_PATH,GLIBC_TUNABLES,BASH_ENV,PROMPT_COMMAND',
    check: parseEnvironmentNames,
    description:
      'names of the environment variables that are recorded at an exec, for the column env; nothing else of the environment is recorded; only with eBPF; empty: none',
  },
  process_ancestry_allow: {
    type: 'text',
    default: '',
    check: parseAllowRules,
    description:
      'rows that the detections leave out: a JSON array of rules with the fields detection (required), path, parent_path, ancestor_path, uid, entry_type, cgroup_path, cmdline and cwd, which all must match; texts are GLOBs',
  },
  process_ancestry_queue_max_bytes: {
    type: 'integer',
    default: 8_388_608,
    min: 1_048_576,
    max: 1_073_741_824,
    unit: 'bytes',
    atStartOnly: true,
    description: 'maximum size of the queue between the collector thread and the process tree',
  },
  process_ancestry_socket_buffer_bytes: {
    type: 'integer',
    default: 33_554_432,
    min: 65_536,
    max: 1_073_741_824,
    unit: 'bytes',
    atStartOnly: true,
    description: 'size of the receive buffer of each of the two kernel sockets',
  },
  process_ancestry_state_file: {
    type: 'text',
    default: '/run/process_ancestry/audit-state',
    atStartOnly: true,
    description: 'file for the original audit settings, which are restored from it after a crash; empty: none',
  },
  process_ancestry_metrics_listen: {
    type: 'text',
    default: '',
    check: parseListenAddress,
    description:
      'address that serves metrics for Prometheus: a loopback address with a port (127.0.0.1:9777, [::1]:9777, localhost:9777), or unix:/PATH of a socket; empty: none',
  },
  process_ancestry_metrics_socket_group: {
    type: 'text',
    default: '',
    description: 'group that may read metrics from the unix socket; empty: only root',
  },
  process_ancestry_metrics_textfile: {
    type: 'text',
    default: '',
    check: checkTextfilePath,
    description: "metrics file for node_exporter's textfile collector; the name ends in .prom; empty: none",
  },
  process_ancestry_metrics_textfile_interval: {
    type: 'integer',
    default: 15,
    min: 1,
    max: 3600,
    unit: 'seconds',
    description: 'how often the metrics file is written',
  },
  process_ancestry_log_level: choice({
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    description: 'minimum severity of messages on standard error; --verbose sets debug',
  }),
  process_ancestry_log_format: choice({
    default: 'auto',
    choices: ['auto', 'text', 'json'],
    atStartOnly: true,
    description: 'format of log messages; auto: text on a terminal, JSON otherwise',
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

export type FlagValues = { readonly [Name in FlagName]: ValueOf<(typeof flags)[Name]> };

export const flagNames = Object.keys(flags) as FlagName[];

/** A refused value. The message names the flag, the value and the accepted values. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

/** A refused value that puts the flag's `whenRefused` in force. The message says so. */
export class UnsafeFlagError extends FlagError {}

/** The value in force instead of a refused one, when it is neither the previous value nor the default. */
export function whenRefusedOf(name: FlagName): WhenRefused | undefined {
  const flag: Flag = flags[name];
  return flag.type === 'text' ? flag.whenRefused : undefined;
}

/** The accepted values of a flag, for help and errors. */
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

/**
 * Parses a value. Only the JSON file has values that are not text.
 *
 * @throws {FlagError}
 */
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
