/** SQL functions of osquery that queries on processes use. */
import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';

export function addOsqueryFunctions(database: DatabaseSync): void {
  for (const [name, implementation] of Object.entries(functions)) {
    const call = (...values: SQLOutputValue[]): SQLInputValue => {
      // All functions return NULL when an argument is NULL.
      const texts = values.map((value) => (value === null ? null : text(value)));
      return texts.every((value) => value !== null) ? implementation(...texts) : null;
    };
    // SQLite takes the arity from the number of parameters.
    Object.defineProperty(call, 'length', { value: implementation.length });
    database.function(name, { deterministic: true, useBigIntArguments: true }, call);
  }
}

export const functionNames = (): string[] => Object.keys(functions);

const functions: Readonly<Record<string, (...texts: string[]) => SQLInputValue>> = {
  regex_match: (value: string, pattern: string, index: string) =>
    new RegExp(pattern, 'u').exec(value)?.[Number(index)] ?? null,
  regex_split: (value: string, pattern: string, index: string) =>
    value.split(new RegExp(withoutGroups(pattern), 'u'))[Number(index)] ?? null,
  split: (value: string, separators: string, index: string) =>
    splitAtAny(value, separators)
      .filter((part) => part !== '')
      [Number(index)]?.trim() ?? null,
  to_base64: (value: string) => Buffer.from(value).toString('base64'),
  from_base64: (value: string) => (isBase64(value) ? Buffer.from(value, 'base64').toString() : null),
  conditional_to_base64: (value: string) => (isAscii(value) ? value : Buffer.from(value).toString('base64')),
  md5: (value: string) => hash('md5', value),
  sha1: (value: string) => hash('sha1', value),
  sha256: (value: string) => hash('sha256', value),
  inet_aton: (value: string) =>
    isIPv4(value) ? value.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) : null,
};

function text(value: NonNullable<SQLOutputValue>): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

function hash(algorithm: string, value: string): string {
  return createHash(algorithm).update(value).digest('hex');
}

function splitAtAny(value: string, separators: string): string[] {
  const parts = [''];
  for (const character of value) {
    if (separators.includes(character)) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** JavaScript's split also returns captured groups; osquery's does not. */
function withoutGroups(pattern: string): string {
  return pattern.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\((?!\?)/gsu, (part) => (part === '(' ? '(?:' : part));
}

function isAscii(value: string): boolean {
  return /^[\0-\x7f]*$/.test(value);
}

function isBase64(value: string): boolean {
  return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}
