/** Forgeries of an ordinary user do not become facts: programs with trusted names, environments, roots and mounts. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditSettings, canRecord, ExtensionUnderTest, type Row, until } from './extension_under_test.ts';

const COLUMNS = [
  ...['pid', 'path', 'cmdline', 'uid', 'root', 'ancestry', 'session_leader'],
  ...['entry_type', 'entry_source_ip', 'entry_leader', 'container_id'],
];
/** The uid of nobody on Debian. */
const USER = 65534;
const AS_USER = ['--reuid', `${USER}`, '--regid', `${USER}`, '--clear-groups'];
const NAMES = [
  ...['sshd', 'sshd-session', 'sshd-auth', 'amazon-ssm-agent', 'ssm-session-worker', 'ssm-document-worker'],
  ...['runc', 'crun', 'conmon', 'containerd-shim', 'containerd-shim-runc-v2', 'lxc-start', 'systemd-nspawn'],
  ...['docker-init', 'tini', 'catatonit', 'login'],
];
const FORGED_ADDRESS = 'SSH_CONNECTION="203.0.113.7 5 10.0.0.1 22" SSH_CLIENT="203.0.113.7 5 22"';

describe.skipIf(!canRecord())('an ordinary user', () => {
  let extension: ExtensionUnderTest;
  let directory: string;
  let before: ReturnType<typeof auditSettings>;
  const started: ChildProcess[] = [];
  beforeEach(async () => {
    before = auditSettings();
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'pa-forgeries-')));
    chmodSync(directory, 0o755);
    extension = await ExtensionUnderTest.start();
    execFileSync('/bin/true', ['by-the-test']);
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    await extension.stop();
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  /** A copy of bash with another name, made by the user. */
  function copyOfBash(path: string): string {
    mkdirSync(dirname(path), { recursive: true });
    execFileSync('chown', ['-R', `${USER}:${USER}`, directory]);
    execFileSync('setpriv', [...AS_USER, 'cp', '/bin/bash', path]);
    return path;
  }

  /** Starts a command as the user, and waits for it to say `ready`. It ends with the test. */
  async function startAsUser(command: readonly string[]): Promise<void> {
    const child = spawn('setpriv', [...AS_USER, ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
    started.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    await until('ready', () => {
      if (child.exitCode !== null) throw new Error(`it has ended: ${said}`);
      return said.includes('ready');
    });
  }

  async function rowsOf(...cmdlines: readonly string[]): Promise<Row[]> {
    await extension.settled();
    const rows = await extension.generate('process_ancestry_events', {}, COLUMNS);
    return cmdlines.map((cmdline) => {
      const found = rows.filter((row) => row.cmdline === cmdline);
      expect(found, cmdline).toHaveLength(1);
      return found[0] ?? {};
    });
  }

  const entryOf = ({ entry_type, entry_leader, entry_source_ip }: Row) => ({
    entry_type,
    entry_source_ip,
    entity_id: entry_leader === undefined ? undefined : JSON.parse(entry_leader).entity_id,
  });

  test('gets no entry from a program that only has the name of a login program', async () => {
    for (const name of NAMES) {
      const program = copyOfBash(join(directory, name));
      const inside = `/bin/true in-${name}; echo ready; read line; :`;
      await startAsUser([program, '-c', `${FORGED_ADDRESS} setsid sh -c '${inside}'; :`]);
    }
    const [own = {}, ...rows] = await rowsOf('/bin/true by-the-test', ...NAMES.map((name) => `/bin/true in-${name}`));
    for (const row of rows) {
      expect(entryOf(row), row.cmdline).toEqual(entryOf(own));
      expect(row, row.cmdline).not.toHaveProperty('entry_source_ip');
    }
  });

  test('does not become a service of init by adoption or CLONE_PARENT before the recording', async () => {
    await extension.stop();
    const go = join(directory, 'go');
    const wait = `while [ ! -e ${go} ]; do sleep .1; done; /bin/true`;
    // Creates a child whose parent is pid 1: CLONE_PARENT | SIGCHLD, by number on x86_64 and arm64.
    const sibling = join(directory, 'sibling.py');
    writeFileSync(
      sibling,
      `import ctypes, os, platform
call = ctypes.CDLL(None).syscall
number = 56 if platform.machine() == 'x86_64' else 220
while not os.path.exists('${go}'): __import__('time').sleep(.1)
if call(number, 0x8000 | 17, 0, 0, 0, 0) == 0:
    os.setsid()
    os.execv('/bin/sh', ['sh', '-c', '/bin/true by-sibling; :'])
__import__('time').sleep(5)
`,
    );
    const daemons = `(setsid sh -c '${wait} by-adopted; :' &); (setsid python3 ${sibling} &); (${wait} by-orphan; :) &`;
    const unset = `(${wait} by-service; :) & `;
    // A login sets audit's id, which only root can set again.
    const login = `${unset} echo ${USER} > /proc/self/loginuid; exec setpriv ${AS_USER.join(' ')} sh -c "${daemons}"`;
    execFileSync('sh', ['-c', login], { stdio: 'ignore' });
    extension = await ExtensionUnderTest.start();
    writeFileSync(go, '');
    const names = ['by-adopted', 'by-sibling', 'by-orphan', 'by-service'];
    await until('all have run', async () => {
      const rows = await extension.generate('process_ancestry_events', {}, COLUMNS);
      return names.every((name) => rows.some(({ cmdline }) => cmdline === `/bin/true ${name}`));
    });
    const rows = await rowsOf(...names.map((name) => `/bin/true ${name}`));
    const entries = rows.map(({ entry_type }) => entry_type);
    expect(entries).toEqual(['unknown', 'unknown', 'unknown', 'init']);
    for (const row of rows.slice(0, 3)) expect(JSON.parse(row.entry_leader ?? '')).toBeNull();
  });

  test('gets no entry from a program that it runs as root of its own namespace', async () => {
    const program = copyOfBash(join(directory, 'sshd'));
    const inside = '/bin/true in-namespace; echo ready; read line; :';
    await startAsUser(['unshare', '-Ur', program, '-c', `${FORGED_ADDRESS} setsid sh -c '${inside}'; :`]);
    const [own = {}, row = {}] = await rowsOf('/bin/true by-the-test', '/bin/true in-namespace');
    expect(entryOf(row)).toEqual(entryOf(own));
  });

  test('cannot pass a path in its own root for one of the host', async () => {
    const jail = join(directory, 'jail');
    const libraries = execFileSync('ldd', ['/bin/bash'], { encoding: 'utf8' }).match(/\/\S+(?= \()/g) ?? [];
    for (const library of libraries) {
      mkdirSync(join(jail, dirname(library)), { recursive: true });
      copyFileSync(library, join(jail, library));
    }
    copyOfBash(join(jail, 'usr/sbin/sshd'));
    await startAsUser(['unshare', '-Ur', 'chroot', jail, '/usr/sbin/sshd', '-c', 'echo ready; read line; :']);
    execFileSync('setpriv', [...AS_USER, 'unshare', '-Ur', 'chroot', jail, '/usr/sbin/sshd', '-c', ': gone at once']);
    const [lives = {}, gone = {}, own = {}] = await rowsOf(
      '/usr/sbin/sshd -c echo ready; read line; :',
      '/usr/sbin/sshd -c : gone at once',
      '/bin/true by-the-test',
    );
    expect(lives).toMatchObject({ path: '/usr/sbin/sshd', root: jail });
    expect(gone.path).toBe('/usr/sbin/sshd');
    expect([undefined, jail]).toContain(gone.root);
    expect(own.root).toBe('/');
  });

  test('cannot pass a path in its own mounts for one of the host', async () => {
    const program = copyOfBash(join(directory, 'sbin', 'sshd'));
    const run = '/usr/sbin/sshd -c "/bin/sh -c \\"/bin/true below-mount; :\\"; echo ready; read line; :"';
    const script = join(directory, 'script');
    writeFileSync(script, `mount --bind ${dirname(program)} /usr/sbin\n${run}\n`, { mode: 0o755 });
    await startAsUser(['unshare', '-Urm', 'sh', script]);
    const [below = {}] = await rowsOf('/bin/true below-mount');
    const forged = JSON.parse(below.ancestry ?? '[]').find(({ path }: { path: string }) => path === '/usr/sbin/sshd');
    expect(forged).toMatchObject({ root: expect.stringMatching(/^mnt:\[\d+\]$/), root_owned: false, uid: USER });
    expect(JSON.parse(below.ancestry ?? '[]')[0]).toMatchObject({ root: '/', root_owned: true });
  });
});
