/**
 * JSON written as text, member by member. A member begins with a comma, and one without a value is ''; so members are
 * joined by writing them one after the other, and what has none is left out rather than null.
 */

/** Lone surrogates, which no encoding can carry, become U+FFFD; JSON.stringify escapes the rest. */
export function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

export function textMember(name: string, text: string | undefined): string {
  return text ? `,"${name}":${quoted(text)}` : '';
}

/** A whole number; anything else is left out. */
export function integerMember(name: string, value: number | undefined): string {
  return Number.isSafeInteger(value) ? `,"${name}":${value}` : '';
}

/** An id: ECS has them as text. */
export function idMember(name: string, value: number | undefined): string {
  return Number.isSafeInteger(value) ? `,"${name}":"${value}"` : '';
}

export function booleanMember(name: string, value: boolean | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}

/** What is JSON already; '', [] and {} are left out. */
export function jsonMember(name: string, json: string): string {
  return json.length <= 2 ? '' : `,"${name}":${json}`;
}

/** `members` each with its leading comma. */
export function objectMember(name: string, members: string): string {
  return members === '' ? '' : `,"${name}":${objectOf(members)}`;
}

export function objectOf(members: string): string {
  return `{${members.slice(1)}}`;
}

/** `object` with `members` before its own. Neither is parsed. */
export function withMembers(object: string, members: string): string {
  if (members === '') return object;
  return object.length <= 2 ? objectOf(members) : `{${members.slice(1)},${object.slice(1)}`;
}
