/** The program without a usable native collector: a build with a damaged addon. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/program/version.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('without its native collector, the program', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pa-broken-'));
    for (const part of ['src', 'tables', 'sample', 'native'])
      cpSync(join(root, 'dist', part), join(folder, 'dist', part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'dist', 'native', 'process_ancestry.node'), 'no shared object');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(folder, 'dist/src/main.js'), ...args], {
      encoding: 'utf8',
    });

  test('prints its version and its flags', () => {
    expect(run('--version')).toMatchObject({ status: 0, stdout: `process_ancestry ${VERSION}\n`, stderr: '' });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('usage:'), stderr: '' });
  });

  test('doctor reports this, and makes its other checks', () => {
    const { status, stdout, stderr } = run('doctor', '--json', '--socket', join(folder, 'no-socket'));
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    const findings = JSON.parse(stdout) as { id: string; status: string; message: string; advice: string }[];
    expect(findings.find(({ id }) => id === 'native_collector')).toMatchObject({
      status: 'problem',
      message: expect.stringMatching(/cannot be loaded: .*process_ancestry\.node: (file too short|invalid ELF header)/),
      advice: expect.stringContaining('install the package'),
    });
    expect(findings.find(({ id }) => id === 'kernel_audit')?.status).toBe('skipped');
    expect(findings.find(({ id }) => id === 'database')).toBeDefined();
  });

  test.each([['cleanup'], ['tree', '--replay-file', ':sample:']])('says that %s cannot be done, and why', (...args) => {
    const { status, stdout, stderr } = run(...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^process_ancestry: the native collector cannot be loaded: /m);
    // A stack trace is of no use.
    expect(stderr).not.toMatch(/ at \S+ \(/);
  });
});
