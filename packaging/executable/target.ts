/** The machine for which the executable is made, with its Node, addon and tools. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const at = (...parts: string[]) => join(root, ...parts);

export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export interface Target {
  readonly architecture: Architecture;
  /** The npm package with Node's executable and headers. */
  readonly nodeHome: string;
  /** The native collector's file. */
  readonly addon: string;
  /** Path of the executable. */
  readonly output: string;
  /** Prefix of the names of binutils and the compiler. */
  readonly toolPrefix: string;
  /** The command that runs a program of the target here, before its path and arguments. */
  readonly runner: readonly string[];
}

/** Debian's names of the other architecture's tools (gcc-aarch64-linux-gnu), libraries (libc6-arm64-cross) and emulator. */
const CROSS_PREFIX = 'aarch64-linux-gnu-';
const CROSS_ROOT = '/usr/aarch64-linux-gnu';
const EMULATOR = 'qemu-aarch64-static';

/** Throws for anything but x64 and arm64. */
export function architectureNamed(name: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture === name);
  if (found === undefined) throw new Error(`--arch ${name} is none of ${ARCHITECTURES.join(', ')}`);
  return found;
}

/** Path of the executable for an architecture. */
export function outputFor(architecture: Architecture): string {
  return architecture === process.arch ? at('dist', 'package') : at('dist', 'package', architecture);
}

/** The command that runs programs for an architecture here. */
export function runnerFor(architecture: Architecture): readonly string[] {
  return architecture === process.arch ? [] : [EMULATOR, '-L', CROSS_ROOT];
}

/** Throws if this machine cannot make it. Downloads Node and builds the addon for another architecture. */
export function targetFor(architecture: Architecture): Target {
  const output = outputFor(architecture);
  const runner = runnerFor(architecture);
  if (architecture === process.arch) {
    const nodeHome = at('node_modules', `node-linux-${architecture}`);
    const addon = at('native', 'build', 'Release', 'process_ancestry.node');
    return { architecture, nodeHome, addon, output, toolPrefix: '', runner };
  }
  if (architecture !== 'arm64') throw new Error(`${architecture} is made on ${architecture} only`);
  const work = at('node_modules', '.cache', 'process-ancestry', architecture);
  const nodeHome = foreignNode(work, architecture);
  return { architecture, nodeHome, addon: foreignAddon(work, nodeHome), output, toolPrefix: CROSS_PREFIX, runner };
}

/** npm installs packages for this machine. These options name another one; the same lock file verifies them. */
function foreignNode(work: string, architecture: Architecture): string {
  const nodeHome = join(work, 'node_modules', `node-linux-${architecture}`);
  mkdirSync(work, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(at(file), join(work, file));
  const platform = ['--os=linux', `--cpu=${architecture}`];
  const flags = ['--no-save', '--omit=dev', '--include=optional', '--ignore-scripts', '--loglevel=error'];
  execFileSync('npm', ['install', '--prefix', work, ...platform, ...flags], { cwd: work, stdio: 'inherit' });
  if (!existsSync(join(nodeHome, 'bin', 'node'))) throw new Error(`npm has no Node for linux ${architecture}`);
  return nodeHome;
}

function foreignAddon(work: string, nodeHome: string): string {
  const native = join(work, 'native');
  rmSync(native, { recursive: true, force: true });
  cpSync(at('native'), native, { recursive: true, filter: (path) => path !== at('native', 'build') });
  const gyp = (command: string, ...args: string[]) =>
    execFileSync(at('node_modules', '.bin', 'node-gyp'), [command, ...args, '--directory', native], {
      cwd: native,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        // npm passes the user's configuration on, and node-gyp prefers it to its command line.
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))),
        CC: `${CROSS_PREFIX}gcc`,
        CXX: `${CROSS_PREFIX}g++`,
        AR: `${CROSS_PREFIX}ar`,
        npm_config_loglevel: 'error',
      },
    });
  gyp('configure', '--arch=arm64', `--nodedir=${nodeHome}`);
  // Without its tests, which run on this machine.
  gyp('build', 'process_ancestry');
  return join(native, 'build', 'Release', 'process_ancestry.node');
}
