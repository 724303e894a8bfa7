/** Compares an ECS document with the fields of ECS: test/fixtures/ecs/fields.csv. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

interface Field {
  readonly type: string;
  readonly isArray: boolean;
}

const FIELDS = readFields(readFileSync(new URL('../../fixtures/ecs/fields.csv', import.meta.url), 'utf8'));
/** Names that have fields below them. */
const OBJECTS = new Set([...FIELDS.keys()].flatMap(prefixesOf));
/** Where ECS reuses a whole field set as an array; its list of fields shows only what each element has. */
const ARRAYS_OF_OBJECTS = new Set([
  'process.previous',
  ...['', 'parent.', 'group_leader.', 'session_leader.', 'entry_leader.'].map(
    (place) => `process.${place}supplemental_groups`,
  ),
]);
/** ECS does not define the fields below. */
const CUSTOM = 'process.Ext.';

/** The errors of a document, one sentence each: none if all fields are in ECS and have the right type. */
export function complaintsOf(document: unknown): string[] {
  const complaints: string[] = [];
  if (!isObject(document)) return ['the document is no object'];
  checkObject(document, '', complaints);
  for (const needed of ['@timestamp', 'ecs', 'event']) {
    if (!(needed in document)) complaints.push(`${needed} is missing`);
  }
  return complaints;
}

/** The same for JSON. Errors that parsing hides, such as a duplicate name in an object, are included. */
export function complaintsOfText(json: string): string[] {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    return [`it is no JSON: ${String(error)}`];
  }
  const complaints = complaintsOf(document);
  if (JSON.stringify(document) !== json) complaints.push('what was read is not what was written');
  return complaints;
}

/** Names and values of all leaves, objects flattened; an array is one leaf for each of its elements. */
export function leavesOf(value: unknown, path = ''): [name: string, value: unknown][] {
  if (Array.isArray(value)) return value.flatMap((element) => leavesOf(element, path));
  if (!isObject(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, member]) => leavesOf(member, path === '' ? name : `${path}.${name}`));
}

function checkObject(object: Record<string, unknown>, path: string, complaints: string[]): void {
  const members = Object.entries(object);
  if (members.length === 0) complaints.push(`${path || 'the document'} is empty`);
  for (const [name, value] of members) checkMember(path === '' ? name : `${path}.${name}`, value, complaints);
}

function checkMember(name: string, value: unknown, complaints: string[]): void {
  if (value === null || value === '') complaints.push(`${name} is ${value === null ? 'null' : 'empty'}`);
  else if (name.startsWith(CUSTOM)) return;
  else if (ARRAYS_OF_OBJECTS.has(name)) checkObjects(name, value, complaints);
  else if (isObject(value)) {
    if (!OBJECTS.has(name) && name !== CUSTOM.slice(0, -1)) complaints.push(`${name} is no object of ECS`);
    const type = FIELDS.get(name)?.type ?? 'object';
    if (type !== 'object' && type !== 'nested') complaints.push(`${name} is an object, not ${type}`);
    checkObject(value, name, complaints);
  } else checkField(name, value, complaints);
}

function checkObjects(name: string, value: unknown, complaints: string[]): void {
  if (!Array.isArray(value) || value.length === 0) {
    complaints.push(`${name} is no array of objects`);
    return;
  }
  for (const element of value) {
    if (isObject(element)) checkObject(element, name, complaints);
    else complaints.push(`${name} holds ${JSON.stringify(element)}, which is no object`);
  }
}

function checkField(name: string, value: unknown, complaints: string[]): void {
  const field = FIELDS.get(name);
  if (!field) {
    complaints.push(`${name} is no field of ECS`);
    return;
  }
  if (Array.isArray(value) !== field.isArray) {
    complaints.push(`${name} is ${field.isArray ? 'no' : 'an'} array`);
    return;
  }
  if (Array.isArray(value) && value.length === 0) complaints.push(`${name} is empty`);
  for (const one of Array.isArray(value) ? value : [value]) {
    if (!isOfType(one, field.type)) complaints.push(`${name} is ${JSON.stringify(one)}, not ${field.type}`);
  }
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'keyword':
    case 'wildcard':
    case 'match_only_text':
      return typeof value === 'string' && value.isWellFormed();
    case 'long':
      return Number.isSafeInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'date':
      return typeof value === 'string' && isDate(value);
    case 'ip':
      return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
    case 'float':
    case 'scaled_float':
      return typeof value === 'number';
    default:
      return false;
  }
}

/** ISO 8601 in UTC with the fraction in full: milliseconds or microseconds. */
function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z$/.test(text) && Number.isFinite(Date.parse(text));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function prefixesOf(name: string): string[] {
  const parts = name.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

function readFields(csv: string): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const [, , , name = '', type = '', , normalization] of records(csv).slice(1)) {
    if (name !== '') fields.set(name, { type, isArray: normalization === 'array' });
  }
  return fields;
}

/** RFC 4180: a quoted value may hold commas, line ends and doubled quotes. */
function records(csv: string): string[][] {
  const all: string[][] = [];
  let record: string[] = [];
  for (const [, quotedValue, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    record.push(quotedValue?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    all.push(record);
    record = [];
  }
  return all;
}
