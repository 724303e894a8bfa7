/**
 * Makes dist/package/process_ancestry.ext: one executable with Node, the program, the native collector and the sample log in
 * it, for hosts that have nothing of that. The Node that runs this becomes part of it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { BOUNDS, NEEDS_LIBATOMIC } from './oldest_host.ts';
import { readCode, withoutLibatomic } from './without_libatomic.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const at = (...parts: string[]) => join(root, ...parts);
const nodeHome = at('node_modules', `node-linux-${process.arch}`);
const output = at('dist', 'package');

/** Each is a key, with its reason. */
const V8_OPTIONS = Object.keys(JSON.parse(readFileSync(at('packaging', 'v8_options.json'), 'utf8')) as object);
/** node:sea is experimental; the Thrift library calls Buffer(), which Node forgives only below node_modules. */
const QUIET = ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0005'];
/** By the names that objdump has for them. */
const bounds: Readonly<Record<string, string>> = BOUNDS;
/** What every such host has. */
const LIBRARIES = /^(ld-linux.*|lib(c|m|dl|pthread)|libstdc\+\+|libgcc_s)\.so\.\d+$/;

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });

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
    // Code cache is for CommonJS alone.
    format: 'cjs',
    // Only files beside the program are looked for by it, of which there are none.
    define: { 'import.meta.url': '"file:///process_ancestry"' },
    metafile: true,
    logLevel: 'warning',
    // The Thrift compiler writes them.
    logOverride: { 'duplicate-case': 'silent' },
  });

  const addon = join(scratch, 'process_ancestry.node');
  run('strip', '--strip-unneeded', '-o', addon, at('native', 'build', 'Release', 'process_ancestry.node'));
  const node = join(scratch, 'node');
  run('strip', '-o', node, join(nodeHome, 'bin', 'node'));
  takeOutLibatomic(node);
  for (const file of [node, addon]) checkRunsEverywhere(file);

  const executable = join(scratch, 'process_ancestry.ext');
  const config = join(scratch, 'sea.json');
  writeFileSync(
    config,
    JSON.stringify({
      main: bundle,
      output: executable,
      executable: node,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
      execArgv: [...V8_OPTIONS, ...QUIET],
      // NODE_OPTIONS is for developers: whoever can set osquery's environment has no say in what root runs.
      execArgvExtension: 'none',
      assets: {
        'process_ancestry.node': addon,
        'audit.log': at('packaging', 'sample', 'audit.log'),
        'tree.html': at('dist', 'page', 'tree.html'),
      },
    }),
  );
  // V8 takes a code cache only when it runs with the options with which it was made.
  run(process.execPath, ...V8_OPTIONS, '--build-sea', config);
  chmodSync(executable, 0o755);
  assert.match(run(executable, '--version'), /^process_ancestry \d/);
  writeFileSync(join(output, 'LICENSES.txt'), licenses(metafile));
  // Copied in small pieces, as an installation does: Linux keeps what one large write made in large pieces of its cache,
  // and counts 40 MB more of them as ours than are used.
  run('cp', '--reflink=never', executable, `${executable}.copy`);
  // osquery loads an extension only when nobody but its owner can write it, nor its folder. Everybody may read it, whatever
  // the umask: packages take it as it is.
  chmodSync(`${executable}.copy`, 0o755);
  chmodSync(output, 0o755);
  renameSync(`${executable}.copy`, join(output, 'process_ancestry.ext'));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const { size } = statSync(join(output, 'process_ancestry.ext'));
process.stdout.write(`dist/package/process_ancestry.ext: ${(size / 1e6).toFixed(1)} MB\n`);

function takeOutLibatomic(node: string): void {
  if (process.arch !== 'x64') return;
  const object = join(scratch, 'compare_exchange.o');
  const code = join(scratch, 'compare_exchange.bin');
  const flags = ['-O2', '-fno-pic', '-fcf-protection=none', '-fno-stack-protector', '-fno-asynchronous-unwind-tables'];
  run('cc', ...flags, '-c', at('packaging', 'executable', 'atomic_compare_exchange.c'), '-o', object);
  assert.doesNotMatch(run('objdump', '-r', object), /R_X86_64/, 'code that refers to nothing outside itself');
  run('objcopy', '-O', 'binary', '-j', '.text.only', object, code);
  const elf = readFileSync(node);
  if (withoutLibatomic(elf, readCode(code))) writeFileSync(node, elf);
}

/** Fails where it needs a library that a bare host lacks, or a newer one than the oldest has. */
function checkRunsEverywhere(file: string): void {
  const needed = [...run('objdump', '-p', file).matchAll(/NEEDED\s+(\S+)/g)].map(([, name = '']) => name);
  const missing = needed.filter((name) => !LIBRARIES.test(name) && !(NEEDS_LIBATOMIC && name === 'libatomic.so.1'));
  if (missing.length > 0) throw new Error(`${file} needs ${missing.join(', ')}, which a bare host lacks`);
  const newest = new Map<string, string>();
  for (const [, library = '', version = ''] of run('objdump', '-T', file).matchAll(
    /\((GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)/g,
  )) {
    if (byVersion(version, newest.get(library) ?? '0') > 0) newest.set(library, version);
  }
  for (const [library, version] of newest) {
    if (byVersion(version, bounds[library] ?? '0') <= 0) continue;
    throw new Error(`${file} needs ${library}_${version}: RHEL 9 has ${library}_${bounds[library]}`);
  }
  const what = [...newest].map(([library, version]) => `${library}_${version}`).join(', ');
  process.stdout.write(`${file.slice(scratch.length + 1)} needs ${what || 'nothing'}\n`);
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Node's, and those of the packages of which something is in the bundle: their terms are that they come with it. */
function licenses({ inputs }: Metafile): string {
  const packages = Object.keys(inputs).flatMap((path) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  const folders = [at(), nodeHome, ...[...new Set(packages)].toSorted().map((folder) => at(folder))];
  return folders
    .map((folder) => {
      const described = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
      const { name, version, license } = described;
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file ? readFileSync(join(folder, file), 'utf8') : `License: ${license}\n`;
      return `${name} ${version}\n${'='.repeat(72)}\n${text}`;
    })
    .join('\n\n');
}
