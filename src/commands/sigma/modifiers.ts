/** Sigma's modifiers: what a value of a field demands (sigma-specification, Sigma_Modifiers). */
import { isIPv4 } from 'node:net';
import { columnOf } from './fields.ts';
import {
  beginningWith,
  containing,
  endingWith,
  type Pattern,
  parsePattern,
  plainPattern,
  plainText,
  withDashes,
} from './pattern.ts';
import { translateRegex } from './regex.ts';
import type { Test } from './test_sql.ts';
import { UnsupportedError } from './unsupported.ts';
import type { Scalar } from './yaml_documents.ts';

/** Modifiers that may follow or precede the one that names the kind of test; `all` concerns the whole list. */
const COMPANIONS: Readonly<Record<string, readonly string[]>> = {
  exists: [],
  re: ['i', 'm', 's'],
  cidr: [],
  fieldref: ['cased', 'contains', 'startswith', 'endswith'],
  lt: [],
  lte: [],
  gt: [],
  gte: [],
};
const OPERATORS: Readonly<Record<string, '<' | '<=' | '>' | '>='>> = { lt: '<', lte: '<=', gt: '>', gte: '>=' };
const OF_TEXTS = [
  'contains',
  'startswith',
  'endswith',
  'cased',
  'windash',
  'base64',
  'base64offset',
  'wide',
  'utf16',
  'utf16le',
  'utf16be',
];

/** The tests of which a column must pass one. */
export function testsOf(value: Scalar, modifiers: readonly string[]): Test[] {
  const given = modifiers.filter((name) => name !== 'all');
  const kind = given.find((name) => Object.hasOwn(COMPANIONS, name));
  const known = kind === undefined ? OF_TEXTS : [kind, ...(COMPANIONS[kind] ?? [])];
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new UnsupportedError(
      `the modifier ${unknown}${kind === undefined ? '' : ` beside ${kind}`} cannot be expressed`,
    );
  if (value === null) {
    if (given.some((name) => name !== 'cased')) throw new UnsupportedError(`null has no modifier ${given[0]}`);
    return [{ kind: 'exists', is: false }];
  }
  const text = String(value);
  const isCased = given.includes('cased');
  switch (kind) {
    case undefined:
      return patternsOf(text, given).map((pattern) => ({ kind: 'pattern', pattern, isCased }));
    case 'exists':
      if (typeof value !== 'boolean')
        throw new UnsupportedError(`exists is true or false, not ${JSON.stringify(text)}`);
      return [{ kind, is: value }];
    case 're': {
      const flags = { i: given.includes('i'), m: given.includes('m'), s: given.includes('s') };
      return [{ kind: 'regex', ...translateRegex(text, flags) }];
    }
    case 'cidr':
      return [{ kind: 'network', ...networkOf(text) }];
    case 'fieldref': {
      const places = [
        ['contains', 'inside'],
        ['startswith', 'start'],
        ['endswith', 'end'],
      ] as const;
      const place = places.find(([name]) => given.includes(name))?.[1] ?? 'whole';
      return [{ kind: 'column', other: columnOf(text), place, isCased }];
    }
    default:
      return [{ kind: 'number', operator: OPERATORS[kind] ?? '<', value: text }];
  }
}

/** A text, or the bytes that an encoding made of it. */
type Encoded = Pattern | Buffer;

function patternsOf(text: string, modifiers: readonly string[]): Pattern[] {
  let values: Encoded[] = [parsePattern(text)];
  for (const name of modifiers) values = values.flatMap((value) => modified(value, name));
  return values.map((value) => {
    if (!Buffer.isBuffer(value)) return value;
    throw new UnsupportedError('UTF-16 without base64 after it: no argument contains NUL');
  });
}

function modified(value: Encoded, name: string): Encoded[] {
  switch (name) {
    case 'wide':
    case 'utf16le':
      return [Buffer.from(plain(value, name), 'utf16le')];
    case 'utf16be':
      return [Buffer.from(plain(value, name), 'utf16le').swap16()];
    case 'utf16':
      return [Buffer.from(`\ufeff${plain(value, name)}`, 'utf16le')];
    case 'base64':
      return [plainPattern(bytesOf(value, name).toString('base64'))];
    case 'base64offset':
      return [0, 1, 2].map((offset) => plainPattern(base64At(bytesOf(value, name), offset)));
  }
  if (Buffer.isBuffer(value)) return [value];
  switch (name) {
    case 'windash':
      return [withDashes(value)];
    case 'contains':
      return [containing(value)];
    case 'startswith':
      return [beginningWith(value)];
    case 'endswith':
      return [endingWith(value)];
  }
  return [value];
}

function plain(value: Encoded, modifier: string): string {
  const text = Buffer.isBuffer(value) ? undefined : plainText(value);
  if (text === undefined) throw new UnsupportedError(`${modifier} encodes neither wildcards nor encoded text`);
  return text;
}

const bytesOf = (value: Encoded, modifier: string) =>
  Buffer.isBuffer(value) ? value : Buffer.from(plain(value, modifier));

/** The characters of a base64 text that these bytes determine when `offset` bytes, modulo 3, precede them. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function networkOf(text: string): { first: number; last: number } {
  const [address = '', length = '32', ...rest] = text.split('/');
  const bits = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (rest.length > 0 || !isIPv4(address) || bits > 32)
    throw new UnsupportedError(`${JSON.stringify(text)} is not a network of IPv4, which alone inet_aton reads`);
  const size = 2 ** (32 - bits);
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}
