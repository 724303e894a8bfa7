/** The Ansible role, run on a scratch host. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAUNCHER } from '../integration/extension_under_test.ts';
import { type Outcome, ScratchHost } from './scratch_host.ts';

const ANSIBLE = fileURLToPath(new URL('../../packaging/ansible', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../../dist/package', import.meta.url));
const EXECUTABLE = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
const PACKAGE = '/root/osquery-process-ancestry.deb';

const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

describe.skipIf(!has('ansible-lint') || !has('yamllint'))('the role as it is written', () => {
  test.each([
    ['ansible-lint', ['--offline', '-q', '--nocolor']],
    ['yamllint', ['--strict', '.']],
  ])('%s finds nothing to say of it', (tool, args) => {
    const { status, stdout, stderr } = spawnSync(tool, args, { cwd: ANSIBLE, encoding: 'utf8' });
    expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
  });
});

const canConverge = ScratchHost.isPossible() && has('ansible-playbook') && has('dpkg-deb');

describe.skipIf(!canConverge)('the role on a host', () => {
  let host: ScratchHost;
  let before: string[];
  /** The variables of the role in most tests. */
  const wanted = {
    osquery_process_ancestry_package_source: PACKAGE,
    osquery_process_ancestry_flags: { process_ancestry_cache_size: 5000, process_ancestry_redact: ['token=(\\S+)'] },
    osquery_process_ancestry_packs: ['/root/execs.conf'],
    osquery_process_ancestry_require: true,
  };
  const removed = { ...wanted, osquery_process_ancestry_state: 'absent' };

  beforeAll(async () => {
    host = await ScratchHost.start();
    const made = ['/etc/osquery', '/opt/orbit', '/var/osquery', '/var/log/osqueryd', '/var/lib/process_ancestry'];
    host.run('rm', ['-rf', ...made, '/etc/systemd/system/osqueryd.service.d']);
    before = named();
    const built = builtPackage();
    if (built) copyFileSync(built, host.path(PACKAGE));
    else makeStandIn(host.path(PACKAGE));
    writeFileSync(host.path('/root/execs.conf'), '{"queries": {}}\n');
    mkdirSync(host.path('/etc/osquery'));
    writeFileSync(host.path('/etc/osquery/extensions.load'), '/usr/lib/others/other.ext\n');
    writeFileSync(host.path('/etc/osquery/osquery.flags'), '--verbose\n--extensions_require=other\n');
    // A service of System V, because the host runs no systemd: it records its commands.
    const service = [
      '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: osqueryd\n### END INIT INFO',
      'case "$1" in\nstatus) echo runs ;;\n*) echo "$1" >>/var/log/osqueryd ;;\nesac\n',
    ].join('\n');
    writeFileSync(host.path('/etc/init.d/osqueryd'), service, { mode: 0o755 });
  });
  afterAll(() => host.stop());

  /** Files of the host with our name. This machine may have some itself. */
  const named = () => {
    const places = ['/etc', '/opt', '/usr/lib', '/usr/share', '/var/cache', '/var/lib', '/var/osquery'];
    return host
      .run('find', [...places, '-iname', '*process*ancestry*'])
      .stdout.split('\n')
      .toSorted();
  };
  const restarts = () => (host.has('/var/log/osqueryd') ? host.text('/var/log/osqueryd').split('start').length - 1 : 0);

  test('check mode on a host that has nothing yet says what would change, and changes nothing', () => {
    const listed = host.run('ls', ['-lR', '/etc', '/usr/lib', '/var/lib/dpkg']).stdout;
    const checked = play(host, wanted, 'install.yml', '--check', '--diff');
    expect(checked).toMatchObject({ failed: 0 });
    expect(checked.changed).toBeGreaterThan(3);
    expect(checked.said).toContain('"process_ancestry_cache_size": 5000');
    expect(host.run('ls', ['-lR', '/etc', '/usr/lib', '/var/lib/dpkg']).stdout).toBe(listed);
    expect(restarts()).toBe(0);
  });

  test('installs the package, writes flags and packs, keeps the lines of others, and restarts osqueryd once', () => {
    expect(play(host, wanted)).toMatchObject({ failed: 0 });
    expect(host.run(EXECUTABLE, ['--version']).stdout).toMatch(/^process_ancestry \d/);
    expect(host.text('/etc/osquery/extensions.load')).toBe(`/usr/lib/others/other.ext\n${EXECUTABLE}\n`);
    expect(JSON.parse(host.text('/etc/osquery/process_ancestry.json'))).toEqual(wanted.osquery_process_ancestry_flags);
    expect(statSync(host.path('/etc/osquery/process_ancestry.json')).mode & 0o777).toBe(0o600);
    expect(host.text('/etc/osquery/osquery.flags')).toBe('--verbose\n--extensions_require=other,process_ancestry\n');
    expect(JSON.parse(host.text('/etc/osquery/osquery.conf.d/process_ancestry.conf'))).toEqual({
      packs: { execs: '/etc/osquery/packs/execs.conf' },
    });
    expect(host.text('/etc/osquery/packs/execs.conf')).toBe('{"queries": {}}\n');
    expect(restarts()).toBe(1);
  });

  test('a second time nothing changes, and nothing is restarted', () => {
    expect(play(host, wanted)).toMatchObject({ failed: 0, changed: 0 });
    expect(restarts()).toBe(1);
  });

  test("leaves Orbit's list to Orbit, which empties it and restarts where it finds something in it", () => {
    mkdirSync(host.path('/opt/orbit'));
    writeFileSync(host.path('/opt/orbit/extensions.load'), '');
    expect(play(host, wanted)).toMatchObject({ failed: 0, changed: 0 });
    expect(host.text('/opt/orbit/extensions.load')).toBe('');
    host.run('rm', ['-r', '/opt/orbit']);
  });

  test.each([
    ['an unknown flag', { process_ancestry_cash_size: 1 }, /process_ancestry_cash_size/],
    ['a number out of bounds', { process_ancestry_cache_size: 15 }, /cache_size=15 is not 16 to 1000000/],
    ['another kind of value', { process_ancestry_hash: 'perhaps' }, /process_ancestry_hash.*bool/s],
  ])('refuses %s before it touches anything', (_what, flags, message) => {
    const refused = play(host, { ...wanted, osquery_process_ancestry_flags: flags });
    expect(refused).toMatchObject({ failed: 1, changed: 0 });
    expect(refused.said).toMatch(message);
  });

  test('refuses a package with another checksum, and one of another family', () => {
    const other = `sha256:${'0'.repeat(64)}`;
    const refused = play(host, { ...wanted, osquery_process_ancestry_package_checksum: other });
    expect(refused).toMatchObject({ failed: 1, changed: 0 });
    expect(refused.said).toMatch(/has sha256:[0-9a-f]{64}, not\s+sha256:0000/);
    const rpm = play(host, { ...wanted, osquery_process_ancestry_package_source: '/root/x.rpm' });
    expect(rpm).toMatchObject({ failed: 1, changed: 0 });
    expect(rpm.said).toContain('cannot install x.rpm');
  });

  test("verification fails with doctor's problems, except those that are to be ignored", () => {
    const verify = (ignored: readonly string[]) =>
      play(
        host,
        { osquery_process_ancestry_verify_retries: 0, osquery_process_ancestry_verify_ignore: ignored },
        'verify.yml',
      );
    const failed = verify([]);
    expect(failed).toMatchObject({ failed: 1, changed: 0 });
    expect(failed.said).toContain('/var/osquery/osquery.em does not exist');
    const { stdout } = host.run(EXECUTABLE, ['doctor', '--json']);
    const found = JSON.parse(stdout) as { id: string; status: string }[];
    const problems = found.filter(({ status }) => status === 'problem').map(({ id }) => id);
    expect(problems).toContain('socket');
    expect(verify(problems)).toMatchObject({ failed: 0, changed: 0 });
  });

  test('removes all of its own and nothing else, restarts osqueryd, and a second time changes nothing', () => {
    mkdirSync(host.path('/var/osquery/process_ancestry'), { recursive: true });
    expect(play(host, { ...removed, osquery_process_ancestry_purge: true })).toMatchObject({ failed: 0 });
    expect(restarts()).toBe(2);
    expect(host.text('/etc/osquery/extensions.load')).toBe('/usr/lib/others/other.ext\n');
    expect(host.text('/etc/osquery/osquery.flags')).toBe('--verbose\n--extensions_require=other\n');
    expect(named()).toEqual(before);
    expect(host.has('/etc/osquery/packs/execs.conf')).toBe(false);
    expect(play(host, { ...removed, osquery_process_ancestry_purge: true })).toMatchObject({ failed: 0, changed: 0 });
  });
});

/** The result of a run of a playbook. */
function play(host: ScratchHost, variables: object, playbook = 'install.yml', ...flags: string[]) {
  const given = ['-e', JSON.stringify({ ...variables, ansible_become: false })];
  const args = ['-i', 'localhost,', '-c', 'local', ...given, ...flags, join(ANSIBLE, playbook)];
  const env = {
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_PIPELINING: '1',
    ANSIBLE_LOCALHOST_WARNING: 'False',
    LC_ALL: 'C.UTF-8',
    HOME: '/root',
  };
  const { stdout, stderr }: Outcome = host.run('ansible-playbook', args, env);
  const said = `${stdout}${stderr}`;
  const recap = /^localhost\s*: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)/m.exec(stdout);
  if (!recap) throw new Error(`no recap: ${said}`);
  return { changed: Number(recap[1]), failed: Number(recap[2]), said };
}

/** The released package, if it has been built. */
function builtPackage(): string | undefined {
  try {
    const name = readdirSync(PACKAGES).find((file) => file.endsWith('.deb'));
    return name && join(PACKAGES, name);
  } catch {
    return undefined;
  }
}

/** A package with the same name, paths and effect of the scripts as the real one. It starts the built program. */
function makeStandIn(file: string): void {
  const directory = mkdtempSync(join(tmpdir(), 'pa-deb-'));
  try {
    const put = (path: string, text: string, mode = 0o644) => {
      mkdirSync(join(directory, 'root', path, '..'), { recursive: true });
      writeFileSync(join(directory, 'root', path), text);
      chmodSync(join(directory, 'root', path), mode);
    };
    const list = '/etc/osquery/extensions.load';
    put(EXECUTABLE, `#!/bin/sh\nexec ${LAUNCHER} "$@"\n`, 0o755);
    put(
      'DEBIAN/control',
      'Package: osquery-process-ancestry\nVersion: 0\nArchitecture: all\nMaintainer: a <a@localhost>\nDescription: a\n',
    );
    put('DEBIAN/postinst', `#!/bin/sh\ngrep -qx ${EXECUTABLE} ${list} || echo ${EXECUTABLE} >>${list}\n`, 0o755);
    put('DEBIAN/prerm', `#!/bin/sh\nsed -i '\\,^${EXECUTABLE}$,d' ${list}\n`, 0o755);
    execFileSync('dpkg-deb', ['--root-owner-group', '-b', join(directory, 'root'), file], { stdio: 'ignore' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
