/** The .deb and the .rpm in a minimal root: their files, the running extension, and a removal without leftovers. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/program/version.ts';
import { auditSettings, canRecord, hasOurRules, until } from '../integration/extension_under_test.ts';
import { compare, forestBinary, runForest } from '../integration/forest.ts';
import { AutoloadedExtension } from './autoloaded_extension.ts';
import { CleanRoot } from './clean_root.ts';

const NAME = 'osquery-process-ancestry';
const [DEBIAN, RPM] = process.arch === 'arm64' ? ['arm64', 'aarch64'] : ['amd64', 'x86_64'];
const EXTENSION = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
const LIST = '/etc/osquery/extensions.load';
const CONFIG_FILE = '/etc/osquery/process_ancestry.json';
const RECORD_BY_AUDIT = '{"process_ancestry_collector": "audit"}';
const ORBIT_LIST = '/opt/orbit/extensions.load';
const ANOTHER = '# kept as it is\n/opt/orbit/bin/another.ext\n';
const PACKAGED = fileURLToPath(new URL('../../dist/package/process_ancestry.ext', import.meta.url));
const ROUNDS = 20;

interface Linted {
  readonly stdout: string;
  readonly code?: number;
}

const hasTools = ['debootstrap', 'dpkg-deb', 'rpmbuild', 'lintian'].every(
  (tool) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${tool}`]).status === 0,
);

describe.skipIf(!canRecord() || !hasTools || !existsSync(PACKAGED))('the packages', () => {
  let root: CleanRoot;
  let packages: string;
  let extension: AutoloadedExtension | undefined;
  let auditBefore: ReturnType<typeof auditSettings>;
  let before: Map<string, string>;
  let linted: Promise<Linted>;

  const deb = (version = VERSION) => join(packages, `${NAME}_${version}_${DEBIAN}.deb`);
  const rpm = (revision = 1) => join(packages, `${NAME}-${VERSION}-${revision}.${RPM}.rpm`);
  const make = (...args: string[]) => {
    const program = fileURLToPath(new URL('../../packaging/packages/make.ts', import.meta.url));
    execFileSync(process.execPath, [program, '--output', packages, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  const install = async (file: string, env: NodeJS.ProcessEnv = {}) => {
    // A place that the root can read, and that is not compared.
    execFileSync('cp', ['--reflink=auto', file, root.at('/tmp/package')]);
    return root.run('dpkg', ['--install', '/tmp/package'], env);
  };
  const linesOf = (list: string) =>
    root
      .text(list)
      .split('\n')
      .filter((line) => line === EXTENSION);

  beforeAll(async () => {
    forestBinary();
    packages = mkdtempSync(join(tmpdir(), 'pa-packages-'));
    const making = CleanRoot.make();
    try {
      make();
      linted = promisify(execFile)('lintian', ['--fail-on', 'error,warning', '--allow-root', deb()]).catch(
        (failed: Linted) => failed,
      );
      make('--revision', '2');
    } finally {
      // Everything is removed, also after a failure.
      root = await making;
    }
    // As Orbit leaves it; osquery itself is not installed.
    mkdirSync(root.at('/opt/orbit'), { mode: 0o755 });
    writeFileSync(root.at(ORBIT_LIST), ANOTHER);
    mkdirSync(root.at('/var/osquery'), { mode: 0o755 });
    auditBefore = auditSettings();
    before = root.listing();
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    expect(auditSettings()).toEqual(auditBefore);
  });
  afterAll(async () => {
    await root?.remove();
    rmSync(packages, { recursive: true, force: true });
  });

  test('are as Debian and rpm want them, and are made of the same bytes again', async () => {
    const { stdout, code } = await linted;
    expect(stdout).toBe('');
    expect(code).toBeUndefined();
    expect(execFileSync('rpm', ['-K', rpm()], { encoding: 'utf8' })).toContain('digests OK');
    const first = readFileSync(deb());
    make('--only', 'deb');
    expect(readFileSync(deb()).equals(first)).toBe(true);
  });

  test('the .deb is installed, loaded as osqueryd autoloads it, sees all, and is upgraded, rolled back, killed and purged without a trace', async () => {
    const told = await install(deb());
    expect(told).toContain('systemctl restart osqueryd');
    expect(linesOf(LIST)).toHaveLength(1);
    expect(root.text(ORBIT_LIST)).toBe(`${ANOTHER}${EXTENSION}\n`);
    expect(modeOf(LIST)).toBe('100644 0:0');
    expect(modeOf(EXTENSION)).toBe('100755 0:0');
    expect(modeOf('/usr/lib/osquery-process-ancestry')).toBe('40755 0:0');
    expect(readlinkSync(root.at('/usr/bin/process_ancestry'))).toBe(`../lib/${NAME}/process_ancestry.ext`);
    expect(await root.run('process_ancestry', ['--version'])).toBe(`process_ancestry ${VERSION}\n`);
    const replayed = ['shell', '--embedded', '--json', '--collector', 'replay', '--replay-file', ':sample:'];
    const counted = "SELECT cmdline FROM process_ancestry_events WHERE cmdline = 'id'";
    expect(JSON.parse(await root.run('process_ancestry', [...replayed, counted]))).toEqual([{ cmdline: 'id' }]);

    extension = await AutoloadedExtension.start(root, LIST);
    const run = await runForest({ rounds: ROUNDS, jobs: 2 });
    await extension.settled();
    const rows = await extension.forestRows();
    const comparison = compare(run, rows);
    run.remove();
    const { execs, seen_percent, right_percent, doubled } = comparison;
    console.log(
      `forest, ${ROUNDS} rounds: ${execs} execs, ${seen_percent} % seen, ${right_percent} % right, ${doubled} double`,
    );
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    expect(comparison).toMatchObject({ execs: 2720, seen_percent: 100, doubled: 0 });
    expect(await extension.stats()).toMatchObject({ collector: 'ebpf', events_lost: '0' });

    const findings = await doctor();
    expect(findings.get('file_permissions')).toEqual(['ok']);
    expect(findings.get('autoload')).toEqual(['ok', 'ok']);
    expect(findings.get('registration')).toEqual(['ok']);

    const { pid } = extension;
    const upgraded = await install(deb(`${VERSION}+2`));
    expect(upgraded).not.toContain('systemctl');
    await extension.replaced(pid);
    expect(root.processes()).toEqual([extension.pid]);
    expect(linesOf(LIST)).toHaveLength(1);
    expect(linesOf(ORBIT_LIST)).toHaveLength(1);
    const kept = await extension.query('SELECT count(*) AS rows FROM process_ancestry_events');
    expect(Number(kept[0]?.rows)).toBeGreaterThanOrEqual(execs);

    const { pid: newer } = extension;
    await install(deb());
    await extension.replaced(newer);
    const afterRollBack = await extension.query('SELECT count(*) AS rows FROM process_ancestry_events');
    expect(Number(afterRollBack[0]?.rows)).toBeGreaterThanOrEqual(Number(kept[0]?.rows));
    expect(await extension.stats()).toMatchObject({ store_lost: '0' });

    // A kill leaves only audit settings in the kernel.
    writeFileSync(root.at(CONFIG_FILE), RECORD_BY_AUDIT);
    await until('recording by audit', hasOurRules);
    await extension.kill();
    await extension.stop();
    expect(hasOurRules()).toBe(true);
    writeFileSync(root.at(CONFIG_FILE), '{"process_ancestry_database": "/srv/rows"}');
    const removed = await root.run('dpkg', ['--purge', NAME]);
    expect(removed).toMatch(/removed \d+ audit rules, restored the original audit settings/);
    expect(removed).toContain('rows are kept in /srv/rows');
    nothingIsLeft();
  });

  test('removal ends an extension that osqueryd keeps restarting; rows stay until purge', async () => {
    await install(deb());
    extension = await AutoloadedExtension.start(root, LIST);
    expect(await root.run('dpkg', ['--remove', NAME])).toContain('until it is started again: systemctl restart');
    expect(root.processes()).toEqual([]);
    expect(auditSettings()).toEqual(auditBefore);
    await extension.stop();
    extension = undefined;
    expect(changes()).toEqual([
      'new: var/osquery/process_ancestry',
      ...['events.db', 'last-eid', 'lock'].map((name) => `new: var/osquery/process_ancestry/${name}`),
    ]);
    // dpkg takes this for an upgrade, but no osqueryd has the extension now.
    expect(await install(deb())).toContain('when it is started next: systemctl restart');
    await root.run('dpkg', ['--remove', NAME]);
    // Files of others, and a directory that is a link, must stay.
    writeFileSync(root.at('/var/osquery/process_ancestry/of-somebody'), '');
    mkdirSync(root.at('/srv/elsewhere'));
    writeFileSync(root.at('/srv/elsewhere/events.db'), '');
    symlinkSync('/srv/elsewhere', root.at('/opt/orbit/process_ancestry'));
    expect(await root.run('dpkg', ['--purge', NAME])).toContain('it has other files');
    expect(changes()).toEqual([
      'new: opt/orbit/process_ancestry',
      'new: srv/elsewhere',
      'new: srv/elsewhere/events.db',
      'new: var/osquery/process_ancestry',
      'new: var/osquery/process_ancestry/of-somebody',
    ]);
    rmSync(root.at('/srv/elsewhere'), { recursive: true });
    rmSync(root.at('/opt/orbit/process_ancestry'));
    rmSync(root.at('/var/osquery/process_ancestry'), { recursive: true });
    nothingIsLeft();
  });

  test('the .rpm installs the same files, is upgraded and erased by the same steps', async () => {
    const database = ['--root', root.path, '--define', '_dbpath /var/lib/rpm'];
    const withRpm = (...args: string[]) => root.runOutside('rpm', [...database, '--nodeps', ...args], asked);
    const asked = { PROCESS_ANCESTRY_RESTART_OSQUERY: 'yes' };
    await install(deb());
    const fromDeb = installed();
    await root.run('dpkg', ['--purge', NAME]);
    expect(await withRpm('--install', rpm())).toContain('needs systemd: restart osquery by hand');
    const fromRpm = installed();
    const debOnly = [`usr/share/doc/${NAME}/copyright`, `usr/share/doc/${NAME}/changelog.gz`, 'usr/share/lintian'];
    for (const [path] of fromDeb) if (debOnly.some((start) => path.startsWith(start))) fromDeb.delete(path);
    expect(fromRpm).toEqual(fromDeb);
    const verified = await withRpm('--verify', NAME);
    expect(verified).toBe('');

    extension = await AutoloadedExtension.start(root, LIST);
    const { pid } = extension;
    await withRpm('--upgrade', rpm(2));
    await extension.replaced(pid);
    expect(linesOf(LIST)).toHaveLength(1);
    writeFileSync(root.at(CONFIG_FILE), RECORD_BY_AUDIT);
    await until('recording by audit', hasOurRules);
    await extension.kill();
    await extension.stop();
    rmSync(root.at(CONFIG_FILE));
    expect(await withRpm('--erase', NAME)).toContain('audit rules');
    expect(changes().filter((change) => !change.startsWith('new: var/osquery/process_ancestry'))).toEqual([]);
    rmSync(root.at('/var/osquery/process_ancestry'), { recursive: true });
    nothingIsLeft();
  });

  test('other services are restarted only when asked for, and later', async () => {
    const log = root.at('/tmp/asked');
    mkdirSync(root.at('/tmp/programs'));
    for (const program of ['systemctl', 'systemd-run'])
      writeFileSync(root.at(`/tmp/programs/${program}`), `#!/bin/sh\necho ${program} "$@" >>/tmp/asked\n`, {
        mode: 0o755,
      });
    mkdirSync(root.at('/run/systemd/system'), { recursive: true });
    const env = { PATH: '/tmp/programs:/usr/sbin:/usr/bin:/sbin:/bin' };
    await install(deb(), env);
    await root.run('dpkg', ['--purge', NAME], env);
    expect(spawnSync('cat', [log]).status).toBe(1);
    await install(deb(), { ...env, PROCESS_ANCESTRY_RESTART_OSQUERY: 'yes' });
    await root.run('dpkg', ['--purge', NAME], env);
    const asked = readFileSync(log, 'utf8').trim().split('\n');
    expect(asked).toHaveLength(4);
    expect(asked[1]).toMatch(/^systemd-run .*--on-active=10 .* systemctl restart osqueryd.service$/);
    expect(asked[3]).toMatch(/^systemd-run .*--on-active=10 .* systemctl restart orbit.service$/);
    rmSync(root.at('/run/systemd'), { recursive: true });
    nothingIsLeft();
  });

  function modeOf(path: string): string {
    const { mode, uid, gid } = lstatSync(root.at(path));
    return `${mode.toString(8)} ${uid}:${gid}`;
  }

  /** The new, missing and changed files of the root. */
  function changes(): string[] {
    const now = root.listing();
    // osqueryd removes those of extensions that were killed when it starts (osquery/extensions/interface.cpp,
    // removeStalePaths).
    for (const path of now.keys()) if (/^var\/osquery\/osquery\.em\.\d+$/.test(path)) now.delete(path);
    return [
      ...[...now].flatMap(([path, what]) => {
        const was = before.get(path);
        if (was === undefined) return [`new: ${path}`];
        return was === what || path === 'opt/orbit/extensions.load' ? [] : [`changed: ${path}: ${was}, now ${what}`];
      }),
      ...[...before.keys()].filter((path) => !now.has(path)).map((path) => `gone: ${path}`),
    ];
  }

  function nothingIsLeft(): void {
    expect(changes()).toEqual([]);
    expect(root.text(ORBIT_LIST)).toBe(ANOTHER);
    expect(modeOf(ORBIT_LIST)).toBe('100644 0:0');
    expect(root.processes()).toEqual([]);
    expect(auditSettings()).toEqual(auditBefore);
  }

  /** Every file that was installed, with its owner, mode and content. */
  function installed(): Map<string, string> {
    const paths = [...root.listing().keys()].filter((path) => path.startsWith('usr/') && !before.has(path));
    return new Map(
      paths.map((path) => {
        const found = lstatSync(root.at(path));
        const content = found.isFile()
          ? execFileSync('sha256sum', [root.at(path)], { encoding: 'utf8' }).slice(0, 64)
          : '';
        return [path, `${modeOf(path)} ${content}${found.isSymbolicLink() ? readlinkSync(root.at(path)) : ''}`];
      }),
    );
  }

  /** The statuses of each check. */
  async function doctor(): Promise<Map<string, string[]>> {
    const [command, ...entrance] = root.entrance;
    // Its exit status depends on this host too, and the manager must answer meanwhile.
    const asked = promisify(execFile)(command, [...entrance, 'process_ancestry', 'doctor', '--json']);
    const { stdout } = await asked.catch((failed: { stdout: string }) => failed);
    const statuses = new Map<string, string[]>();
    for (const { id, status } of JSON.parse(stdout) as { id: string; status: string }[])
      statuses.set(id, [...(statuses.get(id) ?? []), status]);
    return statuses;
  }
});
