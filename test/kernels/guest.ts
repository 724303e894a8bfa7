/**
 * A machine of qemu that boots a Debian kernel, with only the single executable, the forest and a shell in memory. It
 * records the forest once, and outputs the rows. The processor is emulated: this machine's kernel and audit are not
 * involved.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Architecture, outputFor } from '../../packaging/executable/target.ts';
import type { Row } from '../integration/extension_under_test.ts';
import type { ForestRun } from '../integration/forest.ts';
import { fileOfPackage } from './debian_package.ts';
import { writeInitramfs } from './initramfs.ts';

/** Only a safety net, below the tests' own limit: to show the console of a guest that does not end. */
const PATIENCE_MS = 500_000;
const MEMORY_MB = 768;
const INIT = fileURLToPath(new URL('guest_init.sh', import.meta.url));
const FOREST = fileURLToPath(new URL('../fixtures/forest/forest.c', import.meta.url));
/** Libraries of the single executable: see packaging/executable/make.ts. */
const LIBRARIES = ['libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6'];

interface Machine {
  readonly debianName: string;
  readonly compiler: string;
  /** Path of the dynamic linker. */
  readonly loader: string;
  readonly emulator: string;
  readonly options: readonly string[];
  readonly console: string;
}
const MACHINES: Readonly<Record<Architecture, Machine>> = {
  x64: {
    debianName: 'amd64',
    compiler: 'gcc',
    loader: 'lib64/ld-linux-x86-64.so.2',
    emulator: 'qemu-system-x86_64',
    options: ['-cpu', 'max'],
    console: 'ttyS0',
  },
  arm64: {
    debianName: 'arm64',
    compiler: 'aarch64-linux-gnu-gcc',
    loader: 'lib/ld-linux-aarch64.so.1',
    emulator: 'qemu-system-aarch64',
    options: ['-machine', 'virt', '-cpu', 'cortex-a72'],
    console: 'ttyAMA0',
  },
};

/** Whether this machine can make and run such a guest. */
export function hasEmulator(architecture: Architecture): boolean {
  const { emulator, compiler } = MACHINES[architecture];
  return [emulator, compiler].every((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0);
}

export interface GuestOptions {
  readonly architecture: Architecture;
  /** Debian's codename: the newest kernel of that release is booted. */
  readonly release: string;
  /** The value of the flag. */
  readonly collector: string;
  readonly rounds: number;
  /** More for the kernel's command line. */
  readonly parameters?: readonly string[];
}

export interface Recorded {
  /** `uname -r`. */
  readonly kernel: string;
  /** Seconds after the kernel's start at which each part of the work was reached. */
  readonly reached: Readonly<Record<string, number>>;
  readonly forest: ForestRun;
  /** Rows of process_ancestry_events. */
  readonly rows: readonly Row[];
  readonly stats: Row;
  /** Row of process_ancestry_cache_stats. */
  readonly log: string;
}

/** Boots it, and waits until it has powered off. The caller removes the forest of the result. */
export async function recordInGuest(options: GuestOptions): Promise<Recorded> {
  const folder = mkdtempSync(join(tmpdir(), 'pa-guest-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const initramfs = join(folder, 'initramfs');
    await writeInitramfs(initramfs, await contents(options.architecture, folder));
    const console = join(folder, 'console');
    await boot(options, initramfs, console);
    unpack(console, folder);
    return { ...readRecorded(folder), forest: forestRun(folder, remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

async function contents(architecture: Architecture, folder: string): Promise<Map<string, Buffer>> {
  const { compiler, debianName, loader } = MACHINES[architecture];
  const forest = join(folder, 'forest');
  execFileSync(compiler, ['-O2', '-static', '-pthread', '-o', forest, FOREST]);
  const busybox = { release: 'bookworm', architecture: debianName, package: 'busybox-static', file: './bin/busybox' };
  const library = (name: string) =>
    readFileSync(execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim());
  return new Map([
    ['init', readFileSync(INIT)],
    ['bin/busybox', readFileSync(await fileOfPackage(busybox))],
    ['bin/forest', readFileSync(forest)],
    ['bin/process_ancestry.ext', readFileSync(join(outputFor(architecture), 'process_ancestry.ext'))],
    [loader, library(loader.replace(/.*\//, ''))],
    ...LIBRARIES.map((name): [string, Buffer] => [`lib/${name}`, library(name)]),
  ]);
}

/** Returns when it is off. The console goes to a file: a pipe that is read late would lose output. */
async function boot(options: GuestOptions, initramfs: string, consoleFile: string): Promise<void> {
  const { debianName, console, emulator, options: machineOptions } = MACHINES[options.architecture];
  const { release, collector, rounds, parameters = [] } = options;
  const image = { package: `linux-image-${debianName}`, file: './boot/vmlinuz-*' };
  const kernel = await fileOfPackage({ release, architecture: debianName, ...image });
  // Unknown parameters become init's environment. A panic ends the guest: -1 means reboot at once.
  const own = [`console=${console}`, 'quiet', 'loglevel=3', 'panic=-1', `collector=${collector}`, `rounds=${rounds}`];
  const bare = ['-display', 'none', '-monitor', 'none', '-nic', 'none', '-no-reboot', '-serial', `file:${consoleFile}`];
  const args = [
    ...machineOptions,
    ...bare,
    ...['-accel', 'tcg,thread=multi', '-smp', '2', '-m', String(MEMORY_MB)],
    ...['-kernel', kernel, '-initrd', initramfs, '-append', [...own, ...parameters].join(' ')],
  ];
  await promisify(execFile)(emulator, args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' }).catch((error: Error) => {
    throw new Error(`${error.message}; the guest's console: ${lastOf(consoleFile)}`);
  });
}

/** The end of a text, for a message. */
const lastOf = (file: string) => readFileSync(file, 'utf8').slice(-5_000);

function unpack(consoleFile: string, folder: string): void {
  const [, packed] = /^begin-base64 \d+ guest\r?\n(.*?)^====/ms.exec(readFileSync(consoleFile, 'utf8')) ?? [];
  if (packed === undefined) throw new Error(`the guest handed nothing out; its console: ${lastOf(consoleFile)}`);
  execFileSync('tar', ['-C', folder, '-xz'], { input: Buffer.from(packed, 'base64') });
}

function readRecorded(folder: string): Omit<Recorded, 'forest'> {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const outcome = text('outcome').trim();
  const log = text('log');
  if (outcome !== 'done') throw new Error(`${outcome}: ${log}\n${lastOf(join(folder, 'dmesg'))}`);
  const reached = text('reached')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([what = '', ms]) => [what, Number(ms) / 1000]);
  // One array for each statement.
  const answers = text('answers').split(/(?<=^\]\n)/m);
  const rows = answers.flatMap((answer) => JSON.parse(answer) as Row[]);
  const stats = rows.find((row) => 'events_received' in row);
  if (stats === undefined) throw new Error('no statistics');
  const [, kernel = ''] = /Linux version (\S+)/.exec(text('dmesg')) ?? [];
  return { kernel, reached: Object.fromEntries(reached), rows: rows.filter((row) => 'action' in row), stats, log };
}

function forestRun(folder: string, remove: () => void): ForestRun {
  const summary = readFileSync(join(folder, 'forest.log'), 'utf8').trim().split('\n').at(-1) ?? '';
  return { truthFile: join(folder, 'truth.jsonl'), seed: 'guest', summary, remove };
}
