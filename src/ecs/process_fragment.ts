/**
 * Formats a process as a part of other documents: as parent, or as leader of the group, session or entry. The JSON is
 * made once and shared by many documents. ecsDocument adds the members that depend on the document (same_as_process,
 * entry_meta).
 */
import type { CharDevice } from '../linux/terminal.ts';
import { type Arguments, argumentMembers } from './arguments.ts';
import { dateMember } from './iso_date.ts';
import { booleanMember, integerMember, quoted, textMember } from './json_text.ts';
import { ttyMember } from './terminal.ts';

/** Relation to the process of the document. */
export type Place = 'parent' | 'group_leader' | 'session_leader' | 'entry_leader';

export interface EcsProcessRef {
  readonly entityId: string;
  readonly pid: number;
  readonly startUnixMs: number;
}

export interface EcsProcess extends EcsProcessRef, Arguments {
  readonly path: string;
  readonly cwd: string;
  /** The executable's file name. */
  readonly name: string;
  readonly interactive: boolean | undefined;
  readonly charDevice: CharDevice | undefined;
  /** Members from credentialsFragment; '' when unknown. */
  readonly credentials: string;
  /** Parent process, which ECS has for session and entry leaders. */
  readonly parent: (EcsProcessRef & { readonly sessionLeader: EcsProcessRef | undefined }) | undefined;
  /** Group leader, which ECS has for parents. */
  readonly groupLeader: EcsProcessRef | undefined;
}

/** Maximum number of characters of arguments in a fragment. A document contains up to four fragments. */
export const FRAGMENT_ARGS_MAX = 4096;

/** A JSON object; entity_id is the first member. */
export function processFragment(process: EcsProcess, place: Place, argsMax = FRAGMENT_ARGS_MAX): string {
  const { credentials } = process;
  const { list, commandLine } = argumentMembers(process, argsMax);
  return (
    identity(process) +
    textMember('executable', process.path) +
    textMember('name', process.name) +
    list +
    commandLine +
    textMember('working_directory', process.cwd) +
    booleanMember('interactive', process.interactive) +
    ttyMember(process.charDevice) +
    (credentials === '' ? '' : `,${credentials}`) +
    relatives(process, place) +
    '}'
  );
}

/** Whether a fragment describes the process with this entity id. Does not parse it. */
export function isFragmentOf(fragment: string, entityId: string): boolean {
  return fragment.startsWith(`{"entity_id":${quoted(entityId)}`);
}

/** Relatives that ECS has in this place. RFC 0030 calls them anemic: only id, pid and start. */
function relatives({ parent, groupLeader }: EcsProcess, place: Place): string {
  switch (place) {
    case 'parent':
      return groupLeader ? `,"group_leader":${identity(groupLeader)}}` : '';
    case 'session_leader':
    case 'entry_leader': {
      if (!parent) return '';
      const { sessionLeader } = parent;
      const session = sessionLeader ? `,"session_leader":${identity(sessionLeader)}}` : '';
      return `,"parent":${identity(parent)}${session}}`;
    }
    case 'group_leader':
      return '';
  }
}

/** An object without its closing brace. */
function identity({ entityId, pid, startUnixMs }: EcsProcessRef): string {
  return `{"entity_id":${quoted(entityId)}${integerMember('pid', pid)}${dateMember('start', startUnixMs)}`;
}
