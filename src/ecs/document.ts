/**
 * Builds the ECS document of an event with its session context (RFC 0030) from a stored row and shared fragments.
 * Fragments are joined as text and are not parsed.
 */
import { isIP } from 'node:net';
import type { CharDevice } from '../linux/terminal.ts';
import { type EcsAction, type EcsVocabulary, eventCategory } from './action.ts';
import { effectiveMembers } from './credentials.ts';
import { dateMember, isoDate } from './iso_date.ts';
import {
  booleanMember,
  idMember,
  integerMember,
  jsonMember,
  objectMember,
  textMember,
  withMembers,
} from './json_text.ts';
import { isFragmentOf } from './process_fragment.ts';
import { signalName } from './signal_name.ts';
import { ttyMember } from './terminal.ts';

/** One row. Unknown text is '', unknown numbers are undefined; the document omits both. */
export interface EcsEvent {
  /** Id of the row. */
  readonly eid: string;
  readonly sequence: number | undefined;
  readonly unixMs: number;
  /** Actions; more than one when events were merged. */
  readonly actions: readonly EcsAction[];
  readonly entityId: string;
  readonly pid: number;
  readonly startUnixMs: number | undefined;
  /** Set for events with an exit. */
  readonly endUnixMs: number | undefined;
  /** Exit code as in a shell: 128 + signal for a killed process. */
  readonly exitCode: number | undefined;
  /** The signal that ended it. */
  readonly signal: number | undefined;
  readonly path: string;
  /** The executable's file name. */
  readonly name: string;
  /** JSON array of strings, as in the column args. */
  readonly args: string;
  readonly argsCount: number | undefined;
  readonly cmdline: string;
  /** Recorded environment variables as a JSON array of NAME=value. */
  readonly envVars: string;
  readonly cwd: string;
  readonly interactive: boolean | undefined;
  readonly charDevice: CharDevice | undefined;
  readonly sha256: string;
  /** Used if `container` is ''. */
  readonly containerId: string;
  /** From containerMembers. */
  readonly container: string;
  /** Inode number of the pid namespace. */
  readonly pidNamespace: number | undefined;
  /** From credentialsFragment. */
  readonly credentials: string;
  /** From credentialsFragment, of the ids before a setid. */
  readonly credentialsBefore: string;
  /** From previousFragment. */
  readonly previous: string;
  /** Entity ids of its ancestors as a JSON array, nearest first. */
  readonly ancestorIds: string;
  /** From processFragment, by place. */
  readonly parent: string;
  readonly groupLeader: string;
  readonly sessionLeader: string;
  readonly entryLeader: string;
  readonly entryType: string;
  readonly entrySourceIp: string;
}

const ECS_VERSION = '9.5.0';
const NS_PER_MS = 1_000_000;

/** The document as JSON. `host` is from hostFragment; `vocabulary` is for event.action. */
export function ecsDocument(event: EcsEvent, host: string, vocabulary: EcsVocabulary = 'rfc0030'): string {
  const effective = effectiveMembers(event.credentials);
  return (
    `{"@timestamp":"${isoDate(event.unixMs) ?? isoDate(0)}","ecs":{"version":"${ECS_VERSION}"},` +
    `"event":${eventObject(event, vocabulary)}` +
    jsonMember('host', withMembers(host, idMember('pid_ns_ino', event.pidNamespace))) +
    `,"process":${processObject(event)}` +
    (event.container || objectMember('container', textMember('id', event.containerId))) +
    (effective === '' ? '' : `,${effective}`) +
    '}'
  );
}

function eventObject(event: EcsEvent, vocabulary: EcsVocabulary): string {
  const { types, action } = eventCategory(event.actions, vocabulary);
  // Rows exist only for successful system calls. An exit has no outcome.
  const succeeded = event.actions.some((one) => one !== 'exit' && one !== 'existing');
  return (
    '{"kind":"event","category":["process"]' +
    (types.length === 0 ? '' : `,"type":${JSON.stringify(types)}`) +
    textMember('action', action) +
    (succeeded ? ',"outcome":"success"' : '') +
    textMember('id', event.eid) +
    integerMember('sequence', event.sequence) +
    ',"module":"process_ancestry","dataset":"process_ancestry.events","provider":"kernel"' +
    life(event) +
    '}'
  );
}

/** event.start, event.end and event.duration, when both times are known. */
function life({ startUnixMs, endUnixMs }: EcsEvent): string {
  if (startUnixMs === undefined || endUnixMs === undefined) return '';
  // The start is rounded to kernel ticks, and can be later than the end of a short-lived process.
  const durationMs = Math.max(0, endUnixMs - startUnixMs);
  return (
    dateMember('start', startUnixMs) +
    dateMember('end', endUnixMs) +
    integerMember('duration', Math.round(durationMs * NS_PER_MS))
  );
}

function processObject(event: EcsEvent): string {
  const { entityId, credentials } = event;
  const signal = event.signal === undefined ? undefined : signalName(event.signal);
  const leader = (name: string, fragment: string, members = '') =>
    fragment === '' ? '' : `,"${name}":${withMembers(fragment, sameAs(fragment, entityId) + members)}`;
  const before = event.credentialsBefore === '' ? '' : `,"before":{${event.credentialsBefore}}`;
  const entryMeta = textMember('type', event.entryType) + objectMember('source', ipMember(event.entrySourceIp));
  return (
    `{"pid":${event.pid}` +
    textMember('entity_id', entityId) +
    dateMember('start', event.startUnixMs) +
    dateMember('end', event.endUnixMs) +
    integerMember('exit_code', event.exitCode) +
    textMember('executable', event.path) +
    textMember('name', event.name) +
    jsonMember('args', wellFormedJson(event.args)) +
    integerMember('args_count', event.argsCount) +
    textMember('command_line', event.cmdline) +
    jsonMember('env_vars', wellFormedJson(event.envVars)) +
    textMember('working_directory', event.cwd) +
    booleanMember('interactive', event.interactive) +
    ttyMember(event.charDevice) +
    objectMember('hash', textMember('sha256', event.sha256)) +
    (credentials === '' ? '' : `,${credentials}`) +
    jsonMember('previous', event.previous) +
    jsonMember('parent', event.parent) +
    leader('group_leader', event.groupLeader) +
    leader('session_leader', event.sessionLeader) +
    leader('entry_leader', event.entryLeader, objectMember('entry_meta', entryMeta)) +
    objectMember('Ext', jsonMember('ancestry', event.ancestorIds) + textMember('signal', signal) + before) +
    '}'
  );
}

function sameAs(leader: string, entityId: string): string {
  return booleanMember('same_as_process', isFragmentOf(leader, entityId));
}

/** An IP address without its zone, which Elasticsearch's type ip does not accept. Other text is omitted. */
function ipMember(address: string): string {
  const [ip = ''] = address.split('%', 1);
  return isIP(ip) === 0 ? '' : textMember('ip', ip);
}

/** Replaces lone surrogates: JSON.stringify writes them as escapes (\udXXX), which most parsers reject. */
function wellFormedJson(json: string): string {
  if (!json.includes('\\ud')) return json;
  return JSON.stringify(JSON.parse(json), (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
}
