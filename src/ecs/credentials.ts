/** As whom a process runs: ids as text, as ECS has them, with their names where those are known. */
import type { CredentialFacts } from '../process/facts.ts';
import { idMember, objectMember, objectOf, textMember } from './json_text.ts';

/** JSON members without braces, the effective ones first; '' when no id is known. */
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

/** Of a fragment its user and group, which ECS also has at the top of a document. */
export function effectiveMembers(credentials: string): string {
  if (!credentials.startsWith('"user"') && !credentials.startsWith('"group"')) return '';
  // A quote within a name is escaped, so that this is a member's beginning and never part of a name.
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
