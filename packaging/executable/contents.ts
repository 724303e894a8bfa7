/** The parts of the single executable, with their licences. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Work {
  readonly name: string;
  /** Undefined for a part without its own version. */
  readonly version?: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Package URL (github.com/package-url/purl-spec). */
  readonly purl?: string;
  /** The part that contains this one. */
  readonly partOf?: string;
}

interface NodePart {
  readonly license: string;
  /** Its key in process.versions. */
  readonly version?: string;
}

/**
 * Parts of Node's LICENSE file and of process.versions, by the name in LICENSE or otherwise in process.versions; undefined
 * for a part that is not in the executable.
 */
const NODE_PARTS: Readonly<Record<string, NodePart | undefined>> = {
  Acorn: { license: 'MIT', version: 'acorn' },
  'c-ares': { license: 'MIT', version: 'ares' },
  merve: { license: 'MIT', version: 'merve' },
  ittapi: { license: 'BSD-3-Clause' },
  amaro: { license: 'MIT', version: 'amaro' },
  swc: { license: 'Apache-2.0' },
  ICU: { license: 'Unicode-3.0', version: 'icu' },
  libuv: { license: 'MIT', version: 'uv' },
  LIEF: { license: 'Apache-2.0', version: 'lief' },
  llhttp: { license: 'MIT', version: 'llhttp' },
  corepack: undefined,
  undici: { license: 'MIT', version: 'undici' },
  postject: undefined,
  OpenSSL: { license: 'Apache-2.0', version: 'openssl' },
  'Punycode.js': { license: 'MIT' },
  V8: { license: 'BSD-3-Clause', version: 'v8' },
  SipHash: { license: 'CC0-1.0' },
  zlib: { license: 'Zlib', version: 'zlib' },
  simdjson: { license: 'Apache-2.0', version: 'simdjson' },
  simdutf: { license: 'MIT', version: 'simdutf' },
  ada: { license: 'MIT', version: 'ada' },
  minimatch: { license: 'BlueOak-1.0.0' },
  npm: undefined,
  GYP: undefined,
  inspector_protocol: { license: 'BSD-3-Clause' },
  jinja2: undefined,
  markupsafe: undefined,
  'cpplint.py': undefined,
  'gypi_to_gn.py': undefined,
  gtest: undefined,
  nghttp2: { license: 'MIT', version: 'nghttp2' },
  caja: { license: 'Apache-2.0' },
  brotli: { license: 'MIT', version: 'brotli' },
  zstd: { license: 'BSD-3-Clause', version: 'zstd' },
  HdrHistogram: { license: 'BSD-2-Clause' },
  'node-heapdump': { license: 'ISC' },
  rimraf: { license: 'ISC' },
  uvwasi: { license: 'MIT', version: 'uvwasi' },
  ngtcp2: { license: 'MIT', version: 'ngtcp2' },
  nghttp3: { license: 'MIT', version: 'nghttp3' },
  'node-fs-extra': { license: 'MIT' },
  'on-exit-leak-free': { license: 'MIT' },
  'sonic-boom': { license: 'MIT' },
  // Not in LICENSE.
  libffi: { license: 'MIT', version: 'libffi' },
  nbytes: { license: 'MIT', version: 'nbytes' },
  ncrypto: { license: 'MIT', version: 'ncrypto' },
  sqlite: { license: 'blessing', version: 'sqlite' },
  cldr: { license: 'Unicode-3.0', version: 'cldr' },
  tz: { license: 'LicenseRef-Public-Domain', version: 'tz' },
  unicode: { license: 'Unicode-3.0', version: 'unicode' },
  // Versions of Node itself and of its interfaces.
  node: undefined,
  modules: undefined,
  napi: undefined,
};

/** The parts of Node. Throws for an unknown part, because its licence must be looked up first. */
export function nodeParts(licenseFile: string, versions: Readonly<Record<string, string>>): Work[] {
  const named = [...licenseFile.matchAll(/^- (.+), located at \S+, is licensed as follows:$/gm)].map(
    ([, name = '']) => name,
  );
  if (named.length === 0) throw new Error('Node’s LICENSE file names no parts');
  const versioned = new Set(Object.values(NODE_PARTS).flatMap((part) => part?.version ?? []));
  const unknown = [
    ...named.filter((name) => !Object.hasOwn(NODE_PARTS, name)),
    ...Object.keys(versions).filter((name) => !versioned.has(name) && !Object.hasOwn(NODE_PARTS, name)),
  ];
  if (unknown.length > 0)
    throw new Error(`Node has parts of unknown licence: ${unknown.join(', ')} (packaging/executable/contents.ts)`);
  return Object.entries(NODE_PARTS).flatMap(([name, part]) => {
    if (part === undefined || !(named.includes(name) || name in versions)) return [];
    const version = versions[part.version ?? ''];
    return [{ name, license: part.license, partOf: 'node', ...(version ? { version } : {}) }];
  });
}

/** The npm package in a folder, as its package.json describes it. */
export function npmPackage(folder: string): Work {
  const described = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { name, version, license } = described;
  if (typeof name !== 'string' || typeof version !== 'string' || typeof license !== 'string')
    throw new Error(`${folder}/package.json has no name, version or license`);
  return { name, version, license, purl: `pkg:npm/${name.replace(/^@/, '%40')}@${version}` };
}

/** Folders of the npm packages that files of a bundle come from. */
export function packageFolders(bundled: Iterable<string>): string[] {
  const folders = [...bundled].flatMap((path) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(folders)].toSorted();
}

/** All licences as one SPDX expression. */
export function licenseExpression(works: Iterable<Pick<Work, 'license'>>): string {
  const licenses = new Set([...works].map(({ license }) => (/ OR /.test(license) ? `(${license})` : license)));
  return [...licenses].toSorted().join(' AND ');
}

/** The licence texts of the packages in these folders, concatenated: most licences require that the text is included. */
export function licenseTexts(folders: readonly string[]): string {
  return folders
    .map((folder) => {
      const { name, version, license } = npmPackage(folder);
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file ? readFileSync(join(folder, file), 'utf8') : `License: ${license}\n`;
      return `${name} ${version}\n${'='.repeat(72)}\n${text}`;
    })
    .join('\n\n');
}
