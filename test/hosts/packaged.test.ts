/** The single executable of `npm run package`, if it exists. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { cpuMicroseconds } from '../bench/process_cost.ts';
import { canRecord, ExtensionUnderTest, PATIENT, until } from '../integration/extension_under_test.ts';
import { compare, forestBinary, runForest } from '../integration/forest.ts';
import { overSocket } from '../integration/over_socket.ts';

const PACKAGED = fileURLToPath(new URL('../../dist/package/process_ancestry.ext', import.meta.url));
/** The registration takes at most the CPU time of this many starts of an idle Node: 9 were measured. */
const BARE_STARTS = 18;
const IDLE_RSS_KB = 100_000;
/** Directories in which it could leave files: first those that are empty at its start, then shared ones. */
const OWN_PLACES = ['/dev/shm', '/tmp', '/var/tmp'];
const SHARED_PLACES = ['/run', fileURLToPath(new URL('../../dist/package', import.meta.url))];
const SQL = "SELECT cmdline FROM process_ancestry_events WHERE cmdline = 'id'";
const REPLAY = ['shell', '--embedded', '--json', '--collector', 'replay', '--replay-file', ':sample:', SQL];

let extension: ExtensionUnderTest | undefined;
afterEach(async () => {
  await extension?.stop();
  extension = undefined;
});

/** Runs shell commands in other mounts than the host's, and then the executable. */
function runWithMounts(mounts: string, program: string, args: readonly string[]) {
  return spawnSync('unshare', ['--mount', 'sh', '-c', `set -e; ${mounts}; exec "$@"`, 'sh', program, ...args], {
    encoding: 'utf8',
  });
}

describe.skipIf(!existsSync(PACKAGED))('the single executable', () => {
  test('says what it is and what it takes', () => {
    expect(execFileSync(PACKAGED, ['--version'], { encoding: 'utf8' })).toMatch(/^process_ancestry \d+\.\d+\.\d+\n$/);
    expect(execFileSync(PACKAGED, ['--help'], { encoding: 'utf8' })).toContain('--process_ancestry_cache_size');
  });

  test('all users may run it and only its owner may write it, under any umask', () => {
    expect((statSync(PACKAGED).mode & 0o7777).toString(8)).toBe('755');
  });

  test('ends quietly when its output is closed', () => {
    const script = '{ "$0" --help; echo "exit $?" >&2; } | :';
    expect(spawnSync('sh', ['-c', script, PACKAGED], { encoding: 'utf8' }).stderr).toBe('exit 0\n');
  });

  test('its shell starts itself, and has the sample log in it', async () => {
    const { stdout, stderr } = await promisify(execFile)(PACKAGED, REPLAY, { cwd: '/' });
    expect(JSON.parse(stdout)).toEqual([{ cmdline: 'id' }]);
    expect(stderr).toBe('');
  });

  test('draws the tree of the sample log, and has the page in it', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'pa-')), 'tree.html');
    const drawn = execFileSync(PACKAGED, ['tree', '--replay-file', ':sample:', '951'], { encoding: 'utf8', cwd: '/' });
    expect(drawn).toContain('cat /etc/passwd');
    execFileSync(PACKAGED, ['tree', '--replay-file', ':sample:', '--html', file], { cwd: '/', stdio: 'ignore' });
    expect(readFileSync(file, 'utf8')).toMatch(/Content-Security-Policy.*"tree":\{"format":1/s);
    rmSync(dirname(file), { recursive: true });
  });

  test('no environment variable of Node changes what it runs', () => {
    const env = { ...process.env, NODE_OPTIONS: '--require /nowhere.js' };
    expect(execFileSync(PACKAGED, ['--version'], { encoding: 'utf8', env })).toContain('process_ancestry');
  });
});

/** Runs the executable with private directories for temporary files. A second process shows their content after its end. */
class OwnPlaces implements Disposable {
  readonly program: string;
  readonly #directory = mkdtempSync('/var/lib/pa-packaged-');
  readonly #tmpdir = process.env.TMPDIR;

  constructor() {
    // The socket is outside of these directories.
    process.env.TMPDIR = this.#directory;
    this.program = join(this.#directory, 'process_ancestry.ext');
    const packaged = join(this.#directory, 'package');
    mkdirSync(packaged);
    // The checkout may be in one of these directories.
    const script = `mount --bind "${dirname(PACKAGED)}" "${packaged}" || exit 1
      for place in ${OWN_PLACES.join(' ')}; do mount -t tmpfs tmpfs $place || exit 1; done
      sleep 600 </dev/null >/dev/null 2>&1 & echo $! >"${this.#directory}/witness"; exec "$@"`;
    writeFileSync(
      this.program,
      `#!/bin/sh\nexec unshare --mount sh -c '${script}' sh "${join(packaged, basename(PACKAGED))}" "$@"\n`,
      {
        mode: 0o755,
      },
    );
  }

  files(): string[] {
    return OWN_PLACES.flatMap((place) => readdirSync(`/proc/${this.#witness}/root${place}`));
  }

  get #witness(): number {
    return Number(readFileSync(join(this.#directory, 'witness'), 'utf8'));
  }

  [Symbol.dispose](): void {
    process.kill(this.#witness);
    if (this.#tmpdir === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = this.#tmpdir;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function bareStartCpuMs(): number {
  const program = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)';
  return Number(execFileSync(process.execPath, ['--eval', program], { encoding: 'utf8' }));
}

describe.skipIf(!existsSync(PACKAGED) || !canRecord())('the single executable, as root', () => {
  test('registers at little cost, is small when idle, and leaves no file after a kill', async () => {
    const shared = () => SHARED_PLACES.map((place) => readdirSync(place).filter((name) => !name.startsWith('pa-')));
    const before = shared();
    using places = new OwnPlaces();
    const bareMs = bareStartCpuMs();
    extension = await ExtensionUnderTest.start([], { program: places.program, recording: false });
    const startMs = cpuMicroseconds(extension.child.pid ?? 0) / 1000;
    await until('recording', () => extension?.stderr.includes('"recording"'));
    const collector = readFileSync(`/proc/${extension.child.pid}/maps`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('/dev/shm/#'));
    expect(collector.length).toBeGreaterThan(0);
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${extension.child.pid}/status`, 'utf8'))?.[1]);
    console.log(
      `packaged: registered after ${startMs.toFixed(0)} ms of CPU (bare Node: ${bareMs.toFixed(0)}), ${rss} kB`,
    );
    expect(startMs / bareMs).toBeLessThan(BARE_STARTS);
    expect(rss).toBeLessThan(IDLE_RSS_KB);
    extension.child.kill('SIGKILL');
    await until('killed', () => extension?.exited);
    expect(places.files()).toEqual([]);
    const left = shared().map((names, index) => names.filter((name) => !before[index]?.includes(name)));
    expect(left.flat().filter((name) => name.includes('ancestry'))).toEqual(
      before[0]?.includes('process_ancestry') ? [] : ['process_ancestry'],
    );
    // Restores the kernel settings from before the killed one.
    await extension.stop();
    extension = await ExtensionUnderTest.start([], { program: PACKAGED });
  });

  test('sees every exec of the forest with its chain, also after it was killed and started again', async () => {
    forestBinary();
    extension = await ExtensionUnderTest.start([], { program: PACKAGED });
    await extension.killAndRespawn();
    const run = await runForest({ rounds: 20, jobs: 2 });
    await extension.settled();
    const rows = await extension.forestRows();
    const comparison = compare(run, rows);
    run.remove();
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    expect(comparison).toMatchObject({ execs: 2720, seen_percent: 100, doubled: 0 });
  });

  test('contains all that metrics need', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pa-metrics-'));
    const path = join(directory, 'metrics.sock');
    extension = await ExtensionUnderTest.start(['--metrics-listen', path], { program: PACKAGED });
    const text = await until('served', () => existsSync(path) && overSocket(path));
    expect(text).toMatch(/^process_ancestry_build_info\{.*packaged="true"\} 1$/m);
    rmSync(directory, { recursive: true });
  });

  test('its threads work: files are hashed', async () => {
    extension = await ExtensionUnderTest.start(
      // Large files of other processes are hashed too.
      ['--hash', '--hash-max-rate', '17179869184', ...PATIENT],
      { program: PACKAGED },
    );
    execFileSync('/bin/true', ['to-be-hashed']);
    const expected = execFileSync('sha256sum', ['/bin/true'], { encoding: 'utf8' }).slice(0, 64);
    await extension.settled();
    const wanted = { cmdline: [{ op: 2, expr: '/bin/true to-be-hashed' }] };
    expect(await extension.generate('process_ancestry_events', wanted)).toMatchObject([{ sha256: expected }]);
  });

  test('runs where there is no libatomic, which its Node alone would need', () => {
    const library = execFileSync('sh', ['-c', "ldconfig -p | sed -n 's/.*libatomic.so.1 .*=> //p' | head -n 1"], {
      encoding: 'utf8',
    }).trim();
    const without = `mount --bind /dev/null "$(readlink -f ${library})"`;
    expect(runWithMounts(without, process.execPath, ['--version']).stderr).toContain('libatomic');
    expect(runWithMounts(without, PACKAGED, REPLAY)).toMatchObject({ status: 0, stderr: '' });
  });

  test('prints its version, and says why it cannot record, when every directory is read-only or noexec', () => {
    // The clone itself may lie below /tmp.
    const folder = mkdtempSync(join(homedir(), '.pa-read-only-'));
    const program = join(folder, basename(PACKAGED));
    copyFileSync(PACKAGED, program);
    const mounts = [
      'for at in /dev/shm /run /var/tmp /tmp; do mount -t tmpfs -o noexec tmpfs $at; done',
      `mount --bind '${folder}' '${folder}'`,
      `mount -o remount,bind,ro '${folder}'`,
    ].join('; ');
    expect(runWithMounts(mounts, program, ['--version'])).toMatchObject({ status: 0, stderr: '' });
    expect(runWithMounts(mounts, program, ['--help'])).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout, stderr } = runWithMounts(mounts, program, ['doctor', '--json']);
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    const findings = JSON.parse(stdout) as { id: string; status: string; message: string; advice: string }[];
    expect(findings.find(({ id }) => id === 'native_collector')).toMatchObject({
      status: 'problem',
      message: expect.stringMatching(/\/dev\/shm: .*failed to map segment.*; \/run: .*; \/tmp: /),
      advice: expect.stringContaining('remount,exec'),
    });
    const replayed = runWithMounts(mounts, program, ['tree', '--replay-file', ':sample:']);
    expect(replayed).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('cannot be loaded') });
    rmSync(folder, { recursive: true });
  });

  test('runs where /dev/shm and /run are mounted noexec', () => {
    const noexec = 'for at in /dev/shm /run; do mount -t tmpfs -o noexec tmpfs $at; done';
    expect(runWithMounts(noexec, PACKAGED, REPLAY)).toMatchObject({ status: 0, stderr: '' });
  });
});
