import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { licenseExpression, nodeParts, npmPackage, packageFolders } from '../../../packaging/executable/contents.ts';
import { licenseOf, sbomText } from '../../../packaging/executable/sbom.ts';
import { copyright } from '../../../packaging/packages/copyright.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const licenseFile = readFileSync(join(root, 'node_modules', `node-linux-${process.arch}`, 'LICENSE'), 'utf8');
const versions = process.versions as Readonly<Record<string, string>>;

describe('the parts of Node', () => {
  test('have the versions that Node reports, without parts that are not in its executable', () => {
    const parts = nodeParts(licenseFile, versions);
    expect(parts).toContainEqual({ name: 'V8', version: versions.v8, license: 'BSD-3-Clause', partOf: 'node' });
    expect(parts).toContainEqual({ name: 'sqlite', version: versions.sqlite, license: 'blessing', partOf: 'node' });
    expect(parts.map(({ name }) => name)).not.toContain('npm');
  });

  test('of unknown licence are refused, by either list', () => {
    const more = `${licenseFile}\n- newcomer, located at deps/newcomer, is licensed as follows:\n`;
    expect(() => nodeParts(more, versions)).toThrow('newcomer');
    expect(() => nodeParts(licenseFile, { ...versions, another: '1' })).toThrow('another');
    expect(() => nodeParts('', versions)).toThrow('names no parts');
  });
});

test('packages of a bundle are found by the paths of its files', () => {
  const files = ['src/main.ts', 'node_modules/a/x.js', 'node_modules/a/y.js', 'node_modules/@s/b/c/z.js'];
  expect(packageFolders(files)).toEqual(['node_modules/@s/b', 'node_modules/a']);
  expect(npmPackage(join(root, 'node_modules/lru-cache'))).toMatchObject({
    name: 'lru-cache',
    license: 'BlueOak-1.0.0',
  });
});

test('licences become one expression, each once', () => {
  const licenses = ['MIT', 'ISC OR MIT', 'Apache-2.0', 'MIT'].map((license) => ({ license }));
  expect(licenseExpression(licenses)).toBe('(ISC OR MIT) AND Apache-2.0 AND MIT');
});

test('the bill of materials is the same for the same parts, and has their dependencies', () => {
  const program = { name: 'program', version: '1.0.0', license: 'Apache-2.0' };
  const node = { name: 'node', version: '26.0.0', license: 'MIT' };
  const part = { name: 'zlib', license: 'Zlib', partOf: 'node' };
  const text = sbomText(program, [node, part], 'x64');
  expect(sbomText(program, [node, part], 'x64')).toBe(text);
  const bom = JSON.parse(text);
  expect(bom).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: { component: { name: 'program' } },
  });
  expect(bom.dependencies).toContainEqual({ ref: 'node@26.0.0', dependsOn: ['zlib'] });
  expect(bom.dependencies).toContainEqual({ ref: 'program@1.0.0', dependsOn: ['node@26.0.0'] });
  expect(text).not.toMatch(/timestamp|serialNumber/);
  expect(licenseOf(text)).toBe('Apache-2.0 AND MIT AND Zlib');
  expect(() => sbomText(program, [part], 'x64')).toThrow('not listed');
});

test('Debian’s copyright file has every text, in the form of a paragraph', () => {
  const file = copyright('Files: *\n', 'MIT AND LicenseRef-Public-Domain', 'first\n\n. second\n');
  expect(file).toContain('License: MIT and public-domain\n first\n .\n . second\n');
});
