/** As whom a process runs: ids as text, as ECS has them, with their names where those are known. */
import { idMember, objectMember, objectOf, textMember } from './json_text.ts';

export interface CredentialIds {
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly suid: number | undefined;
  readonly gid: number | undefined;
  readonly egid: number | undefined;
  readonly sgid: number | undefined;
  /** Undefined where nobody could tell. */
  readonly supplementalGroups?: readonly number[] | undefined;
}

export interface IdNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

/** The kernel allows 65,536 (man 2 setgroups); a document has the first of them. */
const SUPPLEMENTAL_GROUPS_MAX = 256;

/** The same for the same ids, and only for them. As long as no name changes, so is the fragment. */
export function credentialsKey(ids: CredentialIds): string {
  const { uid, euid, suid, gid, egid, sgid, supplementalGroups } = ids;
  const key = `${uid},${euid},${suid},${gid},${egid},${sgid}`;
  return supplementalGroups ? `${key};${supplementalGroups.slice(0, SUPPLEMENTAL_GROUPS_MAX).join()}` : key;
}

/** JSON members without braces, the effective ones first; '' when no id is known. */
export function credentialsFragment(ids: CredentialIds, names: IdNames): string {
  const user = (name: string, uid: number | undefined) => objectMember(name, userMembers(uid, names));
  const group = (name: string, gid: number | undefined) => objectMember(name, groupMembers(gid, names));
  return (
    user('user', ids.euid) +
    group('group', ids.egid) +
    user('real_user', ids.uid) +
    group('real_group', ids.gid) +
    user('saved_user', ids.suid) +
    group('saved_group', ids.sgid) +
    supplemental(ids.supplementalGroups, names)
  ).slice(1);
}

/** Of a fragment its user and group, which ECS also has at the top of a document. */
export function effectiveMembers(credentials: string): string {
  if (!credentials.startsWith('"user"') && !credentials.startsWith('"group"')) return '';
  // A quote within a name is escaped, so that this is a member's beginning and never part of a name.
  const end = credentials.search(/,"(?:real|saved|supplemental)_/);
  return end < 0 ? credentials : credentials.slice(0, end);
}

function supplemental(gids: readonly number[] | undefined, names: IdNames): string {
  if (!gids || gids.length === 0) return '';
  const groups = gids.slice(0, SUPPLEMENTAL_GROUPS_MAX).map((gid) => objectOf(groupMembers(gid, names)));
  return `,"supplemental_groups":[${groups.join(',')}]`;
}

function userMembers(uid: number | undefined, names: IdNames): string {
  return uid === undefined ? '' : idMember('id', uid) + textMember('name', names.user(uid));
}

function groupMembers(gid: number | undefined, names: IdNames): string {
  return gid === undefined ? '' : idMember('id', gid) + textMember('name', names.group(gid));
}
