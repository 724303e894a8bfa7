/** The .deb on the oldest supported Debian, with an older glibc and C++ library than those of the build. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/program/version.ts';
import { auditSettings, canRecord } from '../integration/extension_under_test.ts';
import { compare, forestBinary, runForest } from '../integration/forest.ts';
import { AutoloadedExtension } from './autoloaded_extension.ts';
import { CleanRoot } from './clean_root.ts';

const PACKAGED = fileURLToPath(new URL('../../dist/package/process_ancestry.ext', import.meta.url));
const MAKE = fileURLToPath(new URL('../../packaging/packages/make.ts', import.meta.url));
const hasTools = ['debootstrap', 'dpkg-deb'].every(
  (tool) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${tool}`]).status === 0,
);

describe.skipIf(!canRecord() || !hasTools || !existsSync(PACKAGED))('on Debian 11, the package', () => {
  let root: CleanRoot;
  let packages: string;

  beforeAll(async () => {
    forestBinary();
    packages = mkdtempSync(join(tmpdir(), 'pa-packages-'));
    execFileSync(process.execPath, [MAKE, '--output', packages, '--only', 'deb'], { stdio: 'ignore' });
    root = await CleanRoot.make('bullseye');
    mkdirSync(root.at('/var/osquery'), { mode: 0o755 });
  });
  afterAll(async () => {
    await root?.remove();
    rmSync(packages, { recursive: true, force: true });
  });

  test('installs: all that it depends on is there', async () => {
    execFileSync('sh', ['-c', 'cp --reflink=auto "$1"/*.deb "$2"', 'sh', packages, root.at('/tmp/package.deb')]);
    expect(await root.run('dpkg', ['--install', '/tmp/package.deb'])).toContain('Setting up');
  });

  test('replays the sample log, by the extension that its shell starts and registers', async () => {
    expect(await root.run('process_ancestry', ['--version'])).toBe(`process_ancestry ${VERSION}\n`);
    const replayed = ['shell', '--embedded', '--json', '--collector', 'replay', '--replay-file', ':sample:'];
    const counted = "SELECT cmdline FROM process_ancestry_events WHERE cmdline = 'id'";
    expect(JSON.parse(await root.run('process_ancestry', [...replayed, counted]))).toEqual([{ cmdline: 'id' }]);
  });

  test('sees every exec with its chain, as osqueryd autoloads it', async () => {
    const before = auditSettings();
    const extension = await AutoloadedExtension.start(root, '/etc/osquery/extensions.load');
    try {
      const run = await runForest({ rounds: 5, jobs: 2 });
      await extension.settled();
      const rows = await extension.forestRows();
      const comparison = compare(run, rows);
      run.remove();
      expect(comparison.right_percent, comparison.complaints).toBe(100);
      expect(comparison).toMatchObject({ seen_percent: 100, doubled: 0 });
    } finally {
      await extension.stop();
    }
    expect(auditSettings()).toEqual(before);
  });
});
