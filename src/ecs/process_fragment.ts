/**
 * A process as others' documents hold it: their parent, or the leader of their group, session or entry. It is rendered
 * once as JSON, and many documents share the text. What depends on the document (same_as_process, entry_meta) is added
 * when a document is put together.
 */
import type { CharDevice } from '../linux/terminal.ts';
import { type Arguments, argumentMembers } from './arguments.ts';
import { dateMember } from './iso_date.ts';
import { booleanMember, integerMember, quoted, textMember } from './json_text.ts';
import { ttyMember } from './terminal.ts';

/** What a process is to the document's own. */
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
  /** Members, from credentialsFragment; '' where they are unknown. */
  readonly credentials: string;
  /** Who created it. ECS has it of session and entry leaders. */
  readonly parent: (EcsProcessRef & { readonly sessionLeader: EcsProcessRef | undefined }) | undefined;
  /** ECS has it of parents. */
  readonly groupLeader: EcsProcessRef | undefined;
}

/** Characters of arguments that a fragment holds: up to four of them are in every document. */
export const FRAGMENT_ARGS_MAX = 4096;

/** A JSON object that begins with its entity_id. */
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

/** Whether a fragment is of the process with this entity id. Fragments are not parsed for it. */
export function isFragmentOf(fragment: string, entityId: string): boolean {
  return fragment.startsWith(`{"entity_id":${quoted(entityId)}`);
}

/** The relatives that ECS has in this place: they are anemic (RFC 0030), an id, a pid and a start. */
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

/** An object that is not closed yet. */
function identity({ entityId, pid, startUnixMs }: EcsProcessRef): string {
  return `{"entity_id":${quoted(entityId)}${integerMember('pid', pid)}${dateMember('start', startUnixMs)}`;
}
