import type { BigIntStats } from 'node:fs';
import { expect, test } from 'vitest';
import { identityOf } from '../../../src/files/file_identity.ts';

const FILE = { dev: 64769n, ino: 17n, size: 4096n, mtimeNs: 1_700_000_000_123_456_789n, ctimeNs: 1_700_000_001n };
const identity = (changed: Partial<typeof FILE> = {}) => identityOf({ ...FILE, ...changed } as BigIntStats);

test.each(Object.keys(FILE) as (keyof typeof FILE)[])('a file with another %s is another', (name) => {
  expect(identity()).toBe(identity());
  expect(identity({ [name]: FILE[name] + 1n })).not.toBe(identity());
});

test('an inode number beyond what a double holds is told from the next', () => {
  expect(identity({ ino: 2n ** 62n })).not.toBe(identity({ ino: 2n ** 62n + 1n }));
});
