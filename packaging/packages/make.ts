/**
 * Makes the .deb and the .rpm of dist/package/process_ancestry.ext (npm run package), with Debian's dpkg-deb and rpmbuild,
 * and SHA256SUMS and the SBOM. The same sources, executable and SOURCE_DATE_EPOCH (or last commit) make the same bytes.
 *
 *   make.ts [--arch x64|arm64] [--only deb|rpm] [--revision N] [--output FOLDER]
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VERSION } from '../../src/program/version.ts';
import { BOUNDS, OLDEST_GCC } from '../executable/oldest_host.ts';
import { licenseOf, SBOM_FILE } from '../executable/sbom.ts';
import { architectureNamed, outputFor, runnerFor } from '../executable/target.ts';
import { bashCompletion } from './bash_completion.ts';
import { copyright } from './copyright.ts';
import { addDebian, everythingBelow, layOut, NAME, type Sources } from './installed_files.ts';
import { manPage } from './man_page.ts';

const MAINTAINER = 'osquery-process-ancestry maintainers <maintainers@osquery-process-ancestry.example>';
const SUMMARY = 'osquery extension that records every exec with its ancestors';
const DESCRIPTION = `Records every program execution on this host from the kernel as it happens, keeps the true family tree of processes, and serves it to osquery as SQL tables: one row an exec in process_ancestry_events, with the whole chain of ancestors as it was at that moment, also of those that lived for a millisecond.

It works with stock osquery 5, with osqueryd as with Fleet's Orbit, and comes with all that it needs.`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const at = (...parts: string[]) => join(root, ...parts);
const { values: given } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch },
    only: { type: 'string' },
    revision: { type: 'string', default: '1' },
    output: { type: 'string', default: at('dist', 'package') },
  },
});
const output = resolve(given.output);
/** The second packages of a version are newer than the first. */
const revision = Number(given.revision);
if (!Number.isSafeInteger(revision) || revision < 1) throw new Error(`--revision ${given.revision} is no whole number`);

const architecture = architectureNamed(given.arch);
const built = outputFor(architecture);
if (!existsSync(join(built, 'process_ancestry.ext')))
  throw new Error(
    `${relative(root, built)}/process_ancestry.ext does not exist: packaging/executable/make.ts makes it`,
  );
assertVersion();

const epoch =
  process.env.SOURCE_DATE_EPOCH ?? lastCommit() ?? String(Math.floor(statSync(at('CHANGELOG.md')).mtimeMs / 1000));
const date = new Date(Number(epoch) * 1000);
process.env.SOURCE_DATE_EPOCH = epoch;
/** Its names in dpkg-deb and rpm. */
const [debianArchitecture, rpmArchitecture] = architecture === 'arm64' ? ['arm64', 'aarch64'] : ['amd64', 'x86_64'];
const sbom = readFileSync(join(built, SBOM_FILE), 'utf8');
const license = licenseOf(sbom);
const debianVersion = revision === 1 ? VERSION : `${VERSION}+${revision}`;

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

const sources: Sources = {
  root,
  built,
  manPage: manPage({
    version: VERSION,
    date: date.toISOString().slice(0, 10),
    summary: SUMMARY,
    description: DESCRIPTION,
  }),
  bashCompletion: bashCompletion(),
  copyright: copyright(template('deb/copyright'), license, readFileSync(join(built, 'LICENSES.txt'), 'utf8')),
  debianChangelog: [
    `${NAME} (${debianVersion}) unstable; urgency=medium`,
    '',
    ...changes().flatMap((change) => wrapped(change).map((line, index) => `${index === 0 ? '  * ' : '    '}${line}`)),
    '',
    ` -- ${MAINTAINER}  ${date.toUTCString().replace('GMT', '+0000')}`,
    '',
  ].join('\n'),
};

mkdirSync(output, { recursive: true });
// Beside the executable, because the packages' contents have a hard link to it.
const scratch = mkdtempSync(join(built, 'packing-'));
try {
  if (given.only !== 'rpm') report(makeDeb());
  if (given.only !== 'deb') report(makeRpm());
  copyFileSync(join(built, SBOM_FILE), join(output, `${NAME}-${VERSION}.${rpmArchitecture}.cdx.json`));
  writeSums();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function makeDeb(): string {
  const stage = join(scratch, 'deb');
  layOut(stage, sources);
  addDebian(stage, sources);
  const control = join(stage, 'DEBIAN');
  const files = everythingBelow(stage).filter((path) => lstatSync(join(stage, path)).isFile());
  mkdirSync(control);
  chmodSync(control, 0o755);
  const sums = files.map((path) => {
    const sum = createHash('md5')
      .update(readFileSync(join(stage, path)))
      .digest('hex');
    return `${sum}  ${path}\n`;
  });
  writeFileSync(join(control, 'md5sums'), sums.join(''));
  const kilobytes = files.reduce((sum, path) => sum + Math.ceil(lstatSync(join(stage, path)).size / 1024), 0);
  const fields = {
    VERSION: debianVersion,
    ARCHITECTURE: debianArchitecture,
    MAINTAINER,
    INSTALLED_SIZE: String(kilobytes),
    DEPENDS: debianDependencies().join(', '),
    SUMMARY,
    // Debian policy 5.6.13: lines begin with a space, and an empty one is a dot.
    DESCRIPTION: wrapped(DESCRIPTION)
      .map((line) => ` ${line || '.'}`)
      .join('\n'),
  };
  writeFileSync(join(control, 'control'), filled('deb/control', fields));
  for (const script of ['postinst', 'prerm', 'postrm']) {
    writeFileSync(
      join(control, script),
      template(`deb/${script}`).replace('#installation.sh#', () => installation()),
    );
    chmodSync(join(control, script), 0o755);
  }
  for (const file of ['md5sums', 'control']) chmodSync(join(control, file), 0o644);
  const file = `${NAME}_${debianVersion}_${debianArchitecture}.deb`;
  // xz -1: unpacked by every dpkg, made in 3 s on two cores; -6 takes 40 s more for a tenth less.
  run('dpkg-deb', '--root-owner-group', '-Zxz', '-z1', '--build', stage, join(scratch, file));
  return delivered(file);
}

function makeRpm(): string {
  const stage = join(scratch, 'rpm');
  layOut(stage, sources);
  const list = join(scratch, 'files');
  writeFileSync(list, rpmFiles(stage).join('\n'));
  const spec = join(scratch, `${NAME}.spec`);
  const fields = {
    VERSION,
    REVISION: String(revision),
    MAINTAINER,
    SUMMARY,
    LICENSE: license,
    REQUIRES: rpmRequirements()
      .map((what) => `Requires: ${what}`)
      .join('\n'),
    DESCRIPTION: wrapped(DESCRIPTION).join('\n'),
    INSTALLATION: installation(),
    CHANGELOG: [
      `* ${rpmDate()} ${MAINTAINER} - ${VERSION}-${revision}`,
      ...changes().map((change) => `- ${change}`),
    ].join('\n'),
  };
  const doubled = Object.entries(fields).map(([name, text]) => [name, text.replaceAll('%', '%%')]);
  writeFileSync(spec, filled(`rpm/${NAME}.spec`, Object.fromEntries(doubled) as Record<string, string>));
  const macros = {
    _topdir: join(scratch, 'rpmbuild'),
    _rpmdir: scratch,
    _build_name_fmt: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
    _buildhost: 'localhost',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    stage,
    list,
  };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  run('rpmbuild', '-bb', '--quiet', '--target', rpmArchitecture, ...defines, spec);
  return delivered(`${NAME}-${VERSION}-${revision}.${rpmArchitecture}.rpm`);
}

/** All files, and the folders that no other package has. */
function rpmFiles(stage: string): string[] {
  const isOwn = (path: string) => path.split('/').some((part) => part === NAME);
  return everythingBelow(stage).flatMap((path) => {
    if (!lstatSync(join(stage, path)).isDirectory()) return [`"/${path}"`];
    return isOwn(path) ? [`%dir "/${path}"`] : [];
  });
}

/** libstdc++6 has GCC's version. */
function debianDependencies(): string[] {
  return [`libc6 (>= ${BOUNDS.GLIBC})`, `libgcc-s1 (>= ${BOUNDS.GCC.split('.')[0]})`, `libstdc++6 (>= ${OLDEST_GCC})`];
}

/** Names as from rpm's own generators, which know only libraries of the machine on which they run. */
function rpmRequirements(): string[] {
  return [
    `libc.so.6(GLIBC_${BOUNDS.GLIBC})(64bit)`,
    `libgcc_s.so.1(GCC_${BOUNDS.GCC})(64bit)`,
    `libstdc++.so.6(GLIBCXX_${BOUNDS.GLIBCXX})(64bit)`,
    `libstdc++.so.6(CXXABI_${BOUNDS.CXXABI})(64bit)`,
  ];
}

function template(path: string): string {
  return readFileSync(at('packaging', 'packages', path), 'utf8');
}

/** Replaces @NAME@ by its value; throws for a name without a value. */
function filled(path: string, fields: Readonly<Record<string, string>>): string {
  return template(path).replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = fields[name];
    if (value === undefined) throw new Error(`packaging/${path}: @${name}@ is unknown`);
    return value;
  });
}

function installation(): string {
  return template('installation.sh').trimEnd();
}

/** The entries of this version in CHANGELOG.md. */
function changes(): string[] {
  const [, section = ''] =
    new RegExp(`^## ${VERSION.replaceAll('.', '\\.')}.*\n([^]*?)(?=^## |(?![^]))`, 'm').exec(
      readFileSync(at('CHANGELOG.md'), 'utf8'),
    ) ?? [];
  const entries = section.split(/^- /m).map((entry) => entry.trim().replace(/\s+/g, ' '));
  if (entries.length < 2) throw new Error(`CHANGELOG.md has no entries for ${VERSION}`);
  return entries.filter(Boolean);
}

function wrapped(text: string, width = 76): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (const word of paragraph.split(' ')) {
      const line = lines.at(-1) ?? '';
      if (line.length + word.length >= width) lines.push(word);
      else lines[lines.length - 1] = line ? `${line} ${word}` : word;
    }
    return lines;
  });
}

/** Sat Nov 21 2026 */
function rpmDate(): string {
  const [, weekday, day, month, year] = /^(\w+), (\d+) (\w+) (\d+)/.exec(date.toUTCString()) ?? [];
  return `${weekday} ${month} ${day} ${year}`;
}

function lastCommit(): string | undefined {
  try {
    return execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

/** The executable may be older than the last change of the version. */
function assertVersion(): void {
  const program = join(built, 'process_ancestry.ext');
  const [command = program, ...rest] = [...runnerFor(architecture), program, '--version'];
  const says = execFileSync(command, rest, { encoding: 'utf8' }).trim();
  if (says !== `process_ancestry ${VERSION}`) throw new Error(`${program} is ${says}, not ${VERSION}: make it again`);
}

function delivered(file: string): string {
  const path = join(output, file);
  run('cp', '--reflink=auto', join(scratch, file), `${path}.new`);
  renameSync(`${path}.new`, path);
  return path;
}

/** SHA256SUMS of all existing packages and SBOMs, for sha256sum -c. */
function writeSums(): void {
  const files = readdirSync(output).filter((name) => name.startsWith(NAME) && /\.(deb|rpm|cdx\.json)$/.test(name));
  const sums = files.toSorted().map((name) => `${run('sha256sum', join(output, name)).slice(0, 64)}  ${name}\n`);
  writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
}

function report(path: string): void {
  process.stdout.write(`${relative(root, path)}: ${(statSync(path).size / 1e6).toFixed(1)} MB\n`);
}
