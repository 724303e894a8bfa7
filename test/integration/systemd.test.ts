/** The drop-in for osqueryd's unit, without systemd: its restrictions are applied with the means of systemd. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { canRecord, ExtensionUnderTest, LAUNCHER, PATIENT } from './extension_under_test.ts';

const DROP_IN = fileURLToPath(
  new URL('../../packaging/systemd/osqueryd.service.d/process-ancestry.conf', import.meta.url),
);
const README = fileURLToPath(new URL('../../packaging/systemd/README.md', import.meta.url));
const SECCOMP = fileURLToPath(new URL('seccomp.py', import.meta.url));

const settings = new Map(
  [...readFileSync(DROP_IN, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
);
/** Settings of the drop-in that seccomp.py can apply. */
const REFUSED = ['RestrictAddressFamilies', 'LockPersonality', 'RestrictNamespaces'];
/** ProtectSystem=full, ProtectControlGroups= and ProtectKernelTunables= (man 5 systemd.exec). */
const READ_ONLY = ['/usr', '/etc', '/boot', '/sys', '/sys/fs/cgroup', '/proc/sys'];

describe.skipIf(!canRecord())('osqueryd with the drop-in', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pa-unit-'));
  let extension: ExtensionUnderTest | undefined;
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** A program that makes some calls, and then executes the extension. */
  const program = (script: string) => {
    const path = join(directory, 'process_ancestry.ext');
    writeFileSync(path, `#!/bin/bash\nset -e\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const inMounts = (mounts: string, command: string) =>
    `exec unshare --mount bash -c '${mounts}; exec "$@"' bash ${command} ${LAUNCHER} "$@"`;

  test('it records, with the capabilities that the guide names as enough', async () => {
    const named = /^CapabilityBoundingSet=(.*)$/m.exec(readFileSync(README, 'utf8'))?.[1] ?? '';
    const capabilities = named.split(' ').map((name) => name.replace('CAP_', '+').toLowerCase());
    expect(capabilities).toContain('+audit_control');
    const readOnly = READ_ONLY.map(
      (path) => `[ ! -d ${path} ] || { mount --bind ${path} ${path}; mount -o remount,bind,ro ${path}; }`,
    );
    const refused = REFUSED.map((name) => `"${name}=${settings.get(name)}"`).join(' ');
    const withoutPrivileges = `setpriv --no-new-privs --bounding-set=-all,${capabilities.join(',')} --inh-caps=-all`;
    expect(settings.get('NoNewPrivileges')).toBe('yes');
    const command = `${withoutPrivileges} python3 ${SECCOMP} ${refused} --`;
    extension = await ExtensionUnderTest.start([], { program: program(inMounts(readOnly.join('; '), command)) });
    execFileSync('/bin/true', ['under-the-drop-in']);
    await extension.settled();
    const rows = await extension.generate('process_ancestry_events');
    expect(rows.find(({ cmdline }) => cmdline === '/bin/true under-the-drop-in')).toMatchObject({
      ancestry_complete: '1',
    });
    expect(await extension.stats()).toMatchObject({ collector: 'ebpf', problems: '[]', events_lost: '0' });
  });

  test('with PrivateTmp=yes or ProtectHome=yes a program that is gone at once has no hash, and without it has one', async () => {
    const there = { tmp: mkdtempSync('/tmp/pa-'), home: mkdtempSync(join(homedir(), '.pa-')) };
    const programs = Object.values(there).map((folder) => join(folder, 'true'));
    for (const path of programs) copyFileSync('/bin/true', path);
    const hashes = async (mounts: string) => {
      // Large files of other processes are hashed too.
      const flags = ['--hash', '--hash-max-rate', '17179869184', ...PATIENT];
      extension = await ExtensionUnderTest.start(flags, { program: program(inMounts(mounts, '')) });
      // They end before it receives their events.
      extension.child.kill('SIGSTOP');
      try {
        for (const path of programs) execFileSync(path, ['hashed']);
      } finally {
        extension.child.kill('SIGCONT');
      }
      await extension.settled();
      const rows = await extension.generate('process_ancestry_events', {}, ['path', 'sha256']);
      await extension.stop();
      extension = undefined;
      return programs.map((path) => (rows.find((row) => row.path === path)?.sha256 ?? '').length);
    };
    try {
      // The manager's socket is in /tmp, unlike osquery's: /tmp stays.
      const privateTmp = 'mkdir -p /run/pa-empty; mount --bind /run/pa-empty';
      expect(await hashes(programs.map((path) => `${privateTmp} ${join(path, '..')}`).join('; '))).toEqual([0, 0]);
      expect(settings.get('PrivateTmp')).toBe('no');
      expect(settings.get('ProtectHome')).toBe('no');
      expect(await hashes('true')).toEqual([64, 64]);
    } finally {
      for (const folder of Object.values(there)) rmSync(folder, { recursive: true });
      rmSync('/run/pa-empty', { recursive: true, force: true });
    }
  });

  test('with MemoryDenyWriteExecute=yes it ends at its start, and the drop-in says no', () => {
    expect(settings.get('MemoryDenyWriteExecute')).toBe('no');
    const run = (...refused: string[]) =>
      spawnSync('python3', [SECCOMP, ...refused, '--', LAUNCHER, '--version']).status;
    expect(run()).toBe(0);
    expect(run('MemoryDenyWriteExecute=yes')).not.toBe(0);
  });
});

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

test.skipIf(!hasAnalyze)('systemd-analyze accepts it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pa-unit-'));
  try {
    const unit = join(directory, 'osqueryd.service');
    writeFileSync(unit, `[Service]\nExecStart=/bin/true\n${readFileSync(DROP_IN, 'utf8')}`);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
