/**
 * Makes dist/package/process_ancestry.ext: one executable with Node, the program, the native collector and the sample log in
 * it, for hosts without any of them. The same commit and compiler make the same bytes.
 *
 *   make.ts [--arch x64|arm64]    for another machine than this one: into dist/package/ARCH
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { licenseTexts, nodeParts, npmPackage, packageFolders, type Work } from './contents.ts';
import { BOUNDS } from './oldest_host.ts';
import { SBOM_FILE, sbomText } from './sbom.ts';
import { architectureNamed, targetFor } from './target.ts';
import { readCode, withoutLibatomic } from './without_libatomic.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const at = (...parts: string[]) => join(root, ...parts);
const { values: given } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } });
const {
  architecture,
  nodeHome,
  addon: builtAddon,
  output,
  toolPrefix,
  runner,
} = targetFor(architectureNamed(given.arch));

/** Each option, with its reason. */
const V8_OPTIONS = Object.keys(JSON.parse(readFileSync(at('packaging', 'v8_options.json'), 'utf8')) as object);
/** node:sea is experimental. */
const QUIET = ['--disable-warning=ExperimentalWarning'];
/** Libraries that every host has. */
const LIBRARIES = /^(ld-linux.*|lib(c|m|dl|pthread)|libstdc\+\+|libgcc_s)\.so\.\d+$/;

const nodeBinary = join(nodeHome, 'bin', 'node');
const GCC_RUNTIME = 'GPL-3.0-or-later WITH GCC-exception-3.1';
const LIBSTDCXX_NOTICE = `libstdc++
${'='.repeat(72)}
Parts of the GNU C++ library are linked into the native collector, under ${GCC_RUNTIME}:
https://www.gnu.org/licenses/gcc-exception-3.1.html
`;

const runIn = (cwd: string, command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
const run = (command: string, ...args: string[]) => runIn(root, command, ...args);
/** binutils, or the compiler, of the target. */
const tool = (name: string, ...args: string[]) => run(`${toolPrefix}${name}`, ...args);
/** Runs a program of the target. */
function runTarget(program: string, ...args: string[]): string {
  const [command = program, ...rest] = [...runner, program, ...args];
  return runIn(scratch, command, ...rest);
}

mkdirSync(output, { recursive: true });
const scratch = mkdtempSync(join(output, 'making-'));
try {
  const bundle = join(scratch, 'process_ancestry.cjs');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: `node${process.versions.node}`,
    // Code cache is available only for CommonJS.
    format: 'cjs',
    // It is used only to find files beside the program. There are none.
    define: { 'import.meta.url': '"file:///process_ancestry"' },
    metafile: true,
    logLevel: 'warning',
  });

  const addon = join(scratch, 'process_ancestry.node');
  tool('strip', '--strip-unneeded', '-o', addon, builtAddon);
  const node = join(scratch, 'node');
  tool('strip', '-o', node, nodeBinary);
  takeOutLibatomic(node);
  checkRunsEverywhere(node, BOUNDS);
  // Its C++ library is linked statically: only Node needs the host's.
  checkRunsEverywhere(addon, { GLIBC: BOUNDS.GLIBC, GCC: BOUNDS.GCC });

  const executable = join(scratch, 'process_ancestry.ext');
  writeFileSync(
    join(scratch, 'sea.json'),
    JSON.stringify({
      // This path becomes part of the file.
      main: basename(bundle),
      output: executable,
      executable: node,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      execArgv: [...V8_OPTIONS, ...QUIET],
      // NODE_OPTIONS is for developers. Users who can set osquery's environment must not change what root runs.
      execArgvExtension: 'none',
      assets: {
        'process_ancestry.node': addon,
        'audit.log': at('packaging', 'sample', 'audit.log'),
        'tree.html': at('dist', 'page', 'tree.html'),
      },
    }),
  );
  // V8 accepts a code cache only with the options that made it, except the seed. With this seed the cache is the same each
  // time.
  runTarget(nodeBinary, ...V8_OPTIONS, '--random-seed=1', '--build-sea', 'sea.json');
  chmodSync(executable, 0o755);
  assert.match(runTarget(executable, '--version'), /^process_ancestry \d/);
  const bundled = packageFolders(Object.keys(metafile.inputs));
  writeFileSync(join(output, SBOM_FILE), sbomText(npmPackage(at()), works(bundled), architecture));
  const texts = licenseTexts([at(), nodeHome, ...bundled.map((folder) => at(folder))]);
  writeFileSync(join(output, 'LICENSES.txt'), `${texts}\n\n${LIBSTDCXX_NOTICE}`);
  // Copied in small pieces, as by an installation. After one large write, Linux caches the file in large pieces, and counts
  // 40 MB more as resident than are used.
  run('cp', '--reflink=never', executable, `${executable}.copy`);
  // osquery loads an extension only if no other user can write the file or its folder. All users can read it, with any
  // umask: packages contain it with this mode.
  chmodSync(`${executable}.copy`, 0o755);
  chmodSync(output, 0o755);
  renameSync(`${executable}.copy`, join(output, 'process_ancestry.ext'));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const { size } = statSync(join(output, 'process_ancestry.ext'));
process.stdout.write(`${relative(root, join(output, 'process_ancestry.ext'))}: ${(size / 1e6).toFixed(1)} MB\n`);

function takeOutLibatomic(node: string): void {
  const object = join(scratch, 'compare_exchange.o');
  const code = join(scratch, 'compare_exchange.bin');
  const flags = ['-O2', '-fno-pic', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables'];
  const own = { x64: ['-fcf-protection=none'], arm64: ['-mno-outline-atomics', '-mbranch-protection=none'] };
  const source = at('packaging', 'executable', 'atomic_compare_exchange.c');
  tool('gcc', ...flags, ...own[architecture], '-c', source, '-o', object);
  assert.doesNotMatch(
    tool('objdump', '-r', object),
    /R_(X86_64|AARCH64)_/,
    'code that refers to nothing outside itself',
  );
  tool('objcopy', '-O', 'binary', '-j', '.text.only', object, code);
  const elf = readFileSync(node);
  if (withoutLibatomic(elf, readCode(code))) writeFileSync(node, elf);
}

/** Fails if it needs a library that a bare host lacks, or a newer version than in `bounds`. */
function checkRunsEverywhere(file: string, bounds: Readonly<Record<string, string>>): void {
  const needed = [...tool('objdump', '-p', file).matchAll(/NEEDED\s+(\S+)/g)].map(([, name = '']) => name);
  const missing = needed.filter((name) => !LIBRARIES.test(name));
  if (missing.length > 0) throw new Error(`${file} needs ${missing.join(', ')}, which a bare host lacks`);
  const newest = new Map<string, string>();
  for (const [, library = '', version = ''] of tool('objdump', '-T', file).matchAll(
    /\((GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)/g,
  )) {
    if (byVersion(version, newest.get(library) ?? '0') > 0) newest.set(library, version);
  }
  for (const [library, version] of newest) {
    if (byVersion(version, bounds[library] ?? '0') <= 0) continue;
    throw new Error(`${file} needs ${library}_${version}: at most ${library}_${bounds[library] ?? 'none'} is allowed`);
  }
  const what = [...newest].map(([library, version]) => `${library}_${version}`).join(', ');
  process.stdout.write(`${basename(file)} needs ${what || 'nothing'}\n`);
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The parts of the executable other than the program. */
function works(bundled: readonly string[]): Work[] {
  const versions = JSON.parse(runTarget(nodeBinary, '-p', 'JSON.stringify(process.versions)')) as Record<
    string,
    string
  >;
  const { version } = npmPackage(nodeHome);
  return [
    { name: 'node', license: 'MIT', purl: `pkg:github/nodejs/node@v${version}`, ...(version ? { version } : {}) },
    ...nodeParts(readFileSync(join(nodeHome, 'LICENSE'), 'utf8'), versions),
    ...bundled.map((folder) => npmPackage(at(folder))),
    // Linked into the native collector.
    { name: 'libstdc++', version: tool('gcc', '-dumpfullversion').trim(), license: GCC_RUNTIME },
  ];
}
