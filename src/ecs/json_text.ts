/**
 * Writes JSON as text, member by member. A member begins with a comma; a member without a value is ''. So members can be
 * concatenated, and missing values are omitted instead of null.
 */

/** Quotes text. Lone surrogates, which have no encoding, become U+FFFD. */
export function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

export function textMember(name: string, text: string | undefined): string {
  return text ? `,"${name}":${quoted(text)}` : '';
}

/** A safe integer; other values are omitted. */
export function integerMember(name: string, value: number | undefined): string {
  return Number.isSafeInteger(value) ? `,"${name}":${value}` : '';
}

/** An id, which ECS represents as text. */
export function idMember(name: string, value: number | undefined): string {
  return Number.isSafeInteger(value) ? `,"${name}":"${value}"` : '';
}

export function booleanMember(name: string, value: boolean | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}

/** A value that is already JSON; '', [] and {} are omitted. */
export function jsonMember(name: string, json: string): string {
  return json.length <= 2 ? '' : `,"${name}":${json}`;
}

/** Each of `members` has a leading comma. */
export function objectMember(name: string, members: string): string {
  return members === '' ? '' : `,"${name}":${objectOf(members)}`;
}

export function objectOf(members: string): string {
  return `{${members.slice(1)}}`;
}

/** Inserts `members` at the start of `object`. Neither is parsed. */
export function withMembers(object: string, members: string): string {
  if (members === '') return object;
  return object.length <= 2 ? objectOf(members) : `{${members.slice(1)},${object.slice(1)}`;
}
