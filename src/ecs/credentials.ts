/** Formats the users and groups of a process: ids as text, with known names. */
import type { CredentialFacts } from '../process/facts.ts';
import { idMember, objectMember, objectOf, textMember } from './json_text.ts';

/** JSON members without braces, effective ids first; '' when no id is known. */
export function credentialsFragment(facts: CredentialFacts): string {
  const user = (name: string, uid: number | undefined) => objectMember(name, members(uid, facts.userNames));
  const group = (name: string, gid: number | undefined) => objectMember(name, members(gid, facts.groupNames));
  return (
    user('user', facts.euid) +
    group('group', facts.egid) +
    user('real_user', facts.uid) +
    group('real_group', facts.gid) +
    user('saved_user', facts.suid) +
    group('saved_group', facts.sgid) +
    supplemental(facts)
  ).slice(1);
}

/** The user and group members of a fragment, which ECS repeats at the top of a document. */
export function effectiveMembers(credentials: string): string {
  if (!credentials.startsWith('"user"') && !credentials.startsWith('"group"')) return '';
  // Quotes in names are escaped, so this text matches only the start of a member.
  const end = credentials.search(/,"(?:real|saved|supplemental)_/);
  return end < 0 ? credentials : credentials.slice(0, end);
}

function supplemental({ groups, groupNames }: CredentialFacts): string {
  if (!groups || groups.length === 0) return '';
  return `,"supplemental_groups":[${groups.map((gid) => objectOf(members(gid, groupNames))).join(',')}]`;
}

function members(id: number | undefined, names: CredentialFacts['userNames']): string {
  return id === undefined ? '' : idMember('id', id) + textMember('name', names?.[id]);
}
