/** What execs were like, their environment, and changes of ids, on real programs, by each sensor as far as it can tell. */
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { complaintsOfText } from '../unit/ecs/fields_check.ts';
import { auditSettings, canRecord, ExtensionUnderTest, type Row } from './extension_under_test.ts';

const NOBODY = 65534;
/** `exec`s a program by descriptor: one without a name, or one whose name is removed. */
const BY_DESCRIPTOR = `import os, sys
path, word = sys.argv[1:3]
if word == 'memfd':
    fd = os.memfd_create('fileless')
    os.write(fd, open(path, 'rb').read())
else:
    fd = os.open(path, os.O_RDONLY)
    os.unlink(path)
os.execve(fd, [path, word], {})`;

describe.skipIf(!canRecord())('what an exec was like', () => {
  let directory: string;
  let extension: ExtensionUnderTest | undefined;
  let before: ReturnType<typeof auditSettings>;
  beforeEach(() => {
    before = auditSettings();
    directory = mkdtempSync(join(tmpdir(), 'pa-'));
    chmodSync(directory, 0o755);
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  /** A copy of `true` with a name and a mode. */
  function program(name: string, mode = 0o755): string {
    const path = join(directory, name);
    copyFileSync('/bin/true', path);
    chmodSync(path, mode);
    return path;
  }

  /** Executes a program for each trait. Returns the name of each with the command line of its row. */
  function executeAll(): Record<string, string> {
    const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'ignore'] };
    const run = (command: string, args: string[] = [], more: ExecFileSyncOptions = {}) => {
      execFileSync(command, args, { ...quiet, ...more });
      return [command, ...args].join(' ');
    };
    const script = join(directory, 'script');
    writeFileSync(script, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const capable = program('capable');
    execFileSync('setcap', ['cap_net_raw+ep', capable]);
    const fileless = program('fileless');
    const removed = program('removed');
    run('python3', ['-c', BY_DESCRIPTOR, fileless, 'memfd']);
    run('python3', ['-c', BY_DESCRIPTOR, removed, 'removed']);
    const unshared = program('unshared');
    run('unshare', ['-m', '-U', unshared]);
    const child = program('child');
    run('unshare', ['-p', '--fork', child]);
    const setuid = program('setuid', 0o4755);
    return {
      plain: run(program('plain')),
      terminal: run('script', ['-qec', program('terminal'), '/dev/null']) && join(directory, 'terminal'),
      script: run(script) && `/bin/sh ${script}`,
      writable: run(program('writable', 0o757)),
      setuid: run(setuid, [], { uid: NOBODY, gid: NOBODY }),
      setgid: run(program('setgid', 0o2755), [], { uid: NOBODY, gid: NOBODY }),
      capable: run(capable),
      capableUser: run(capable, ['user'], { uid: NOBODY, gid: NOBODY }),
      memfd: `${fileless} memfd`,
      removed: `${removed} removed`,
      unshared,
      child,
    };
  }

  async function traitsOf(cmdlines: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    await extension?.settled();
    const rows = (await extension?.generate('process_ancestry_events', {}, ['cmdline', 'exec_traits'])) ?? [];
    const found = (cmdline: string) => rows.find((row) => row.cmdline === cmdline)?.exec_traits ?? '"no row"';
    return Object.fromEntries(Object.entries(cmdlines).map(([name, cmdline]) => [name, JSON.parse(found(cmdline))]));
  }

  test('eBPF tells all of it', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'ebpf']);
    const traits = await traitsOf(executeAll());
    const [stdin, stdout, stderr] = ['null', 'pipe', 'null'];
    const quiet = { stdin, stdout: traits.plain && (traits.plain as Row).stdout, stderr };
    expect([stdout, 'socket']).toContain(quiet.stdout);
    expect(traits).toEqual({
      plain: quiet,
      terminal: { stdin: 'tty', stdout: 'tty', stderr: 'tty' },
      script: { ...quiet, script: true },
      writable: { ...quiet, writable_by_others: true },
      setuid: { ...quiet, setuid: true, gained_privileges: true },
      setgid: { ...quiet, setgid: true, gained_privileges: true },
      // Root has the capability already.
      capable: { ...quiet, file_capabilities: true },
      capableUser: { ...quiet, file_capabilities: true, gained_privileges: true },
      memfd: { ...quiet, memfd: true, deleted: true },
      removed: { ...quiet, deleted: true },
      unshared: { ...quiet, new_namespaces: ['mnt', 'user'] },
      child: { ...quiet, new_namespaces: ['pid'] },
    });
  });

  test('audit tells what is in its records', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'audit']);
    expect(await traitsOf(executeAll())).toMatchObject({
      plain: {},
      terminal: {},
      script: { script: true },
      writable: { writable_by_others: true },
      setuid: { setuid: true, gained_privileges: true },
      setgid: { setgid: true, gained_privileges: true },
      capable: { file_capabilities: true },
      capableUser: { file_capabilities: true },
      memfd: {},
      removed: {},
      unshared: {},
      child: {},
    });
  });

  test('the named variables are recorded by eBPF, with secrets redacted, and no other variables', async () => {
    const redact = ['--redact', 'token=(\\S+)'];
    extension = await ExtensionUnderTest.start(['--collector', 'ebpf', ...redact]);
    const env = { LD_LIBRARY_PATH: '/tmp/x', PASSWORD: 'hunter2', PROMPT_COMMAND: 'curl token=secret' };
    execFileSync(program('plain'), [], { env });
    const long = { BULK: 'x'.repeat(100_000), LD_AUDIT: '/y' };
    execFileSync(program('long'), [], { env: long });
    await extension.settled();
    const columns = ['cmdline', 'env', 'env_count', 'env_size', 'overflows', 'ecs'];
    const rows = await extension.generate('process_ancestry_events', {}, columns);
    const sizeOf = (variables: object) =>
      Object.entries(variables).reduce((sum, [name, value]) => sum + name.length + value.length + 2, 0);
    const plain = rows.find(({ cmdline }) => cmdline === join(directory, 'plain'));
    expect(plain).toMatchObject({
      env: 'LD_LIBRARY_PATH=/tmp/x PROMPT_COMMAND=curl token=***',
      env_count: '3',
      env_size: String(sizeOf(env)),
    });
    expect(complaintsOfText(plain?.ecs ?? '')).toEqual([]);
    expect(JSON.stringify(rows)).not.toMatch(/hunter2|token=secret/);
    expect(rows.find(({ cmdline }) => cmdline === join(directory, 'long'))).toMatchObject({
      ...{ env_count: '2', env_size: String(sizeOf(long)), overflows: 'environment' },
    });
  });

  test('each change of ids is a row of eBPF with the ids before and after it', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'ebpf', '--events-actions', 'exec,setid']);
    const changes = `import ctypes, os, platform, threading
os.setuid(0)
os.setresgid(7, 8, 9)
call = 117 if platform.machine() == 'x86_64' else 147
thread = threading.Thread(target=lambda: ctypes.CDLL(None).syscall(call, -1, 55, -1))
thread.start()
thread.join()
# glibc aborts if a thread that still ends cannot follow the next change.
while len(os.listdir('/proc/self/task')) > 1: pass
os.setresuid(1, 2, 3)
try: os.setuid(77)
except PermissionError: pass
os.setreuid(-1, 3)`;
    execFileSync('python3', ['-c', changes, 'changes-ids']);
    await extension.settled();
    const columns = ['cmdline', 'action', 'uid', 'euid', 'suid', 'gid', 'egid', 'sgid', 'ecs'];
    const all = await extension.generate('process_ancestry_events', {}, columns);
    const rows = all.filter(({ action, cmdline }) => action === 'setid' && cmdline?.endsWith('changes-ids'));
    const ids = (...numbers: string[]) =>
      Object.fromEntries(['uid', 'euid', 'suid', 'gid', 'egid', 'sgid'].map((name, at) => [name, numbers[at]]));
    // Neither calls that change nothing or fail, nor one of another thread than the leader.
    expect(rows.map(({ ecs, cmdline, rowid, ...row }) => row)).toEqual([
      { action: 'setid', ...ids('0', '0', '0', '7', '8', '9') },
      { action: 'setid', ...ids('1', '2', '3', '7', '8', '9') },
      { action: 'setid', ...ids('1', '3', '3', '7', '8', '9') },
    ]);
    const documents = rows.map(({ ecs = '' }) => JSON.parse(ecs).process);
    expect(documents.map(({ user, Ext }) => [Ext.before.user.id, user.id])).toEqual([
      ['0', '0'],
      ['0', '2'],
      ['2', '3'],
    ]);
    expect(documents.map(({ Ext }) => Ext.before.group.id)).toEqual(['0', '8', '8']);
    expect(rows.flatMap(({ ecs = '' }) => complaintsOfText(ecs))).toEqual([]);
  });
});
