import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERSION } from '../../../src/program/version.ts';

test('the program prints the version of package.json', () => {
  const described = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as object;
  expect(described).toMatchObject({ version: VERSION });
});
