/** The packages for arm64, made on x64 and run by qemu's emulation of that processor. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/program/version.ts';
import { ExtensionUnderTest, until } from '../integration/extension_under_test.ts';
import { makeArm64Executable } from './arm64_executable.ts';

const NAME = 'osquery-process-ancestry';
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const MAKE = at('packaging/packages/make.ts');
const tools = ['qemu-aarch64-static', 'aarch64-linux-gnu-g++', 'dpkg-deb', 'rpmbuild'];
const hasTools = tools.every((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0);

describe.skipIf(process.arch !== 'x64' || !hasTools)('the packages for arm64', () => {
  let folder: string;
  /** Runs the installed program: Linux itself runs only files for this machine's processor. */
  let emulated: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pa-arm64-'));
    await makeArm64Executable();
    await promisify(execFile)(process.execPath, [MAKE, '--arch', 'arm64', '--output', folder], { cwd: at('') });
    execFileSync('dpkg-deb', ['-x', join(folder, `${NAME}_${VERSION}_arm64.deb`), join(folder, 'root')]);
    emulated = join(folder, 'process_ancestry');
    const program = join(folder, 'root/usr/lib', NAME, 'process_ancestry.ext');
    writeFileSync(emulated, `#!/bin/sh\nexec qemu-aarch64-static -L /usr/aarch64-linux-gnu '${program}' "$@"\n`, {
      mode: 0o755,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('are both for that machine, and need nothing that a bare host lacks', () => {
    const query = (...args: string[]) => execFileSync('rpm', ['-qp', ...args], { encoding: 'utf8' });
    const rpm = join(folder, `${NAME}-${VERSION}-1.aarch64.rpm`);
    const field = (name: string) =>
      execFileSync('dpkg-deb', ['-f', join(folder, `${NAME}_${VERSION}_arm64.deb`), name], { encoding: 'utf8' }).trim();
    expect(field('Architecture')).toBe('arm64');
    expect(field('Depends')).toBe('libc6 (>= 2.28), libgcc-s1 (>= 7), libstdc++6 (>= 8)');
    expect(query('--qf', '%{ARCH}', rpm)).toBe('aarch64');
    expect(query('--requires', rpm)).not.toContain('libatomic');
    const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
    expect(sums.map((line) => line.slice(66))).toEqual([
      `${NAME}-${VERSION}-1.aarch64.rpm`,
      `${NAME}-${VERSION}.aarch64.cdx.json`,
      `${NAME}_${VERSION}_arm64.deb`,
    ]);
    expect(spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder }).status).toBe(0);
  });

  test('start, and draw the tree of the sample log', () => {
    expect(execFileSync(emulated, ['--version'], { encoding: 'utf8' })).toBe(`process_ancestry ${VERSION}\n`);
    expect(execFileSync(emulated, ['tree', '--replay-file', ':sample:', '951'], { encoding: 'utf8' })).toContain(
      'cat /etc/passwd',
    );
  });

  test('register with osquery, and answer with the same rows as on this machine', async () => {
    const rowsOf = async (program?: string) => {
      const replay = ['--collector', 'replay', '--replay-file', ':sample:'];
      const options = { recording: false, ...(program === undefined ? {} : { program }) };
      const extension = await ExtensionUnderTest.start(replay, options);
      try {
        await until('replayed', () => extension.stderr.includes('the recorded audit log has been read'));
        return await extension.generate('process_ancestry_events', {}, ['eid', 'pid', 'cmdline', 'ancestry']);
      } finally {
        await extension.stop();
      }
    };
    const rows = await rowsOf(emulated);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(await rowsOf());
  });
});
