/** The entries of processes and their later life, on the real kernel with real programs. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditSettings, canRecord, ExtensionUnderTest, PATIENT, type Row, until } from './extension_under_test.ts';
import { hasSshServer, SshServer } from './ssh_server.ts';

const COLUMNS = [
  ...['pid', 'cmdline', 'path', 'action', 'entity_id', 'sid', 'tty', 'interactive', 'exit_code', 'sha256', 'ecs'],
  ...['session_leader', 'entry_leader', 'entry_type', 'entry_source_ip', 'cgroup_path', 'container_id', 'ancestry'],
];
/** If it is missing, a message says so; CI installs it. */
const WITHOUT_SSHD = !hasSshServer() && !process.env.CI;
if (WITHOUT_SSHD)
  console.warn('skipped without /usr/sbin/sshd: apt-get install --no-install-recommends openssh-server');

interface EcsProcess {
  readonly entity_id: string;
  readonly interactive?: boolean;
  readonly command_line?: string;
  readonly tty?: { readonly char_device: { readonly major: number; readonly minor: number } };
  readonly entry_leader?: EcsProcess & { readonly entry_meta: { type: string; source?: { ip: string } } };
  readonly previous?: readonly { readonly executable?: string }[];
  readonly Ext: { readonly ancestry: readonly string[] };
}
interface EcsDocument {
  readonly event: { readonly type: string[]; readonly action: string };
  readonly process: EcsProcess;
  readonly host: { readonly ip?: readonly string[] };
}

const documentOf = (row: Row | undefined) => JSON.parse(row?.ecs ?? '{}') as EcsDocument;
const jsonOf = (text: string | undefined) => JSON.parse(text || '{}') as Record<string, unknown>;
const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.skipIf(!canRecord())('entries and lives', () => {
  let extension: ExtensionUnderTest;
  let directory: string;
  let before: ReturnType<typeof auditSettings>;
  const started: ChildProcess[] = [];
  /** Living processes that others started. */
  const orphans = new Set<number>();
  let server: SshServer | undefined;
  beforeEach(() => {
    before = auditSettings();
    directory = mkdtempSync(join(tmpdir(), 'pa-entry-'));
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    for (const pid of orphans) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    orphans.clear();
    await server?.stop();
    server = undefined;
    await extension.stop();
    rmSync(directory, { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  async function allRows(): Promise<Row[]> {
    await extension.settled();
    return extension.generate('process_ancestry_events', {}, COLUMNS);
  }

  /** The rows of one process, in their order. */
  async function rowsOf(pid: number | string): Promise<Row[]> {
    await extension.settled();
    return extension.generate('process_ancestry_events', { pid: [{ op: 2, expr: String(pid) }] }, COLUMNS);
  }

  const execOf = (rows: Row[], cmdline: string) => {
    const found = rows.filter((row) => row.cmdline === cmdline && row.action?.includes('exec'));
    expect(found, cmdline).toHaveLength(1);
    return found[0] ?? {};
  };

  /** The entry of this test's own children. */
  const ownEntry = (rows: Row[]) => {
    const { entry_type, entry_leader } = execOf(rows, '/bin/true by-the-test');
    return { entry_type, entity_id: jsonOf(entry_leader).entity_id };
  };

  test.skipIf(WITHOUT_SSHD)(
    'commands over ssh have their session’s shell as entry and the client’s address, also after the session has ended',
    async () => {
      extension = await ExtensionUnderTest.start();
      server = await SshServer.start();
      execFileSync('/bin/true', ['by-the-test']);
      const shell = realpathSync(/^root:.*:(.*)$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[1] ?? '');
      const sessions: { name: string; command: string; pid: string; tty: string }[] = [];
      for (const [name, flags] of [
        ['plain', []],
        ['terminal', ['-tt']],
      ] as const) {
        const fifo = join(directory, name);
        execFileSync('mkfifo', [fifo]);
        // It outlives the session because it ignores its end.
        const ready = `${fifo}.ready`;
        const later = `nohup sh -c ': > ${ready}; read line < ${fifo}; /bin/true ${name}-later; :' </dev/null >/dev/null 2>&1 &`;
        const wait = `until [ -e ${ready} ]; do sleep 0.01; done`;
        const command = `echo $$ $(tty); ${later} echo $!; ${wait}; /bin/true ${name}-first; /bin/sh -c '/bin/true ${name}-below; :'; exit 0`;
        const [pid = '', ...said] = (await server.run(command, flags)).trim().split(/\s+/);
        const orphan = Number(said.at(-1));
        orphans.add(orphan);
        const tty = name === 'terminal' ? (said[0] ?? '').replace('/dev/', '') : '';
        sessions.push({ name, command, pid, tty });
        // Both ends, so that the open does not wait.
        const end = openSync(fifo, 'r+');
        writeSync(end, '\n');
        await until('ended', () => !existsSync(`/proc/${orphan}`));
        orphans.delete(orphan);
        closeSync(end);
      }
      const rows = await allRows();
      for (const { name, command, pid, tty } of sessions) {
        const leader = expect.objectContaining({
          pid: Number(pid),
          path: shell,
          cmdline: expect.stringMatching(/ -c /),
          uid: 0,
        });
        const shellRow = rows.find((row) => row.pid === pid && row.path === shell) ?? {};
        expect(shellRow.cmdline).toContain(command);
        if (name === 'terminal') expect(tty).toMatch(/^pts\/\d+$/);
        for (const cmdline of [`/bin/true ${name}-first`, `/bin/true ${name}-below`, `/bin/true ${name}-later`]) {
          const row = execOf(rows, cmdline);
          const isLater = cmdline.endsWith('-later');
          expect(row, cmdline).toMatchObject({ entry_type: 'sshd', entry_source_ip: '127.0.0.1', sid: pid });
          const entryLeader = jsonOf(row.entry_leader);
          expect(entryLeader).toEqual(leader);
          expect(entryLeader).toMatchObject({
            entity_id: shellRow.entity_id,
            same_as_process: false,
            entry_meta: { type: 'sshd', source: { ip: '127.0.0.1' } },
          });
          expect(jsonOf(row.session_leader)).toEqual(leader);
          // Processes that outlive a session's leader lose its terminal.
          if (isLater) continue;
          expect(row.tty ?? '').toBe(tty);
          expect(row.interactive).toBe(tty === '' ? '0' : '1');
          const document = documentOf(row).process;
          expect(document.interactive).toBe(tty !== '');
          expect(document.tty).toEqual(
            tty === '' ? undefined : { char_device: { major: 136, minor: Number(tty.replace('pts/', '')) } },
          );
          expect(document.entry_leader).toMatchObject({
            entity_id: shellRow.entity_id,
            entry_meta: { type: 'sshd', source: { ip: '127.0.0.1' } },
          });
        }
      }
      const groups = Map.groupBy(rows.map(documentOf), (document) => document.process.entry_leader?.entity_id);
      const groupsOf = (name: string) =>
        [...groups]
          .filter(([, documents]) =>
            documents.some((one) => one.process.command_line?.match(`^/bin/true ${name}(-first|-below|-later)?$`)),
          )
          .map(([entityId]) => entityId);
      const entities = ['plain', 'terminal', 'by-the-test'].map(groupsOf);
      expect(entities.map((all) => all.length)).toEqual([1, 1, 1]);
      expect(new Set(entities.flat()).size).toBe(3);
      const types = entities.flat().map((entity) => groups.get(entity)?.[0]?.process.entry_leader?.entry_meta.type);
      expect(types.slice(0, 2)).toEqual(['sshd', 'sshd']);
      expect(types[2]).toBe(ownEntry(rows).entry_type);
      // The server itself has the entry of its starter.
      const daemon = rows.find(({ path, cmdline }) => path === '/usr/sbin/sshd' && cmdline?.includes(' -D ')) ?? {};
      expect(jsonOf(daemon.entry_leader).entity_id).toBe(ownEntry(rows).entity_id);
    },
  );

  test.skipIf(WITHOUT_SSHD)(
    'a session that was open before the start has its client’s address from the connection, also that of an ordinary user',
    async () => {
      server = await SshServer.start();
      const fifo = join(directory, 'fifo');
      const opened = join(directory, 'opened');
      execFileSync('mkfifo', [fifo]);
      const session = server.run(`: > ${opened}; read line < ${fifo}; /bin/true in-old-session; :`);
      await until('opened', () => existsSync(opened));
      extension = await ExtensionUnderTest.start();
      const end = openSync(fifo, 'r+');
      writeSync(end, '\n');
      await session;
      closeSync(end);
      // Its shell is a program that accepts no command, and fails.
      await expect(server.run('x', [], 'sync')).rejects.toThrow();
      const rows = await allRows();
      const ofUser = rows.find(({ path, cmdline }) => path?.endsWith('/sync') && cmdline?.endsWith('-c x'));
      for (const row of [execOf(rows, '/bin/true in-old-session'), ofUser ?? {}]) {
        expect(row, row.cmdline).toMatchObject({ entry_type: 'sshd', entry_source_ip: '127.0.0.1', sid: row.sid });
      }
      expect(jsonOf(ofUser?.entry_leader)).toMatchObject({ pid: Number(ofUser?.pid), same_as_process: true });
    },
  );

  test('a terminal of `script` is a terminal in its own session, with the entry of the process that started it', async () => {
    extension = await ExtensionUnderTest.start();
    execFileSync('/bin/true', ['by-the-test']);
    const said = await promisify(execFile)('script', [
      '-qc',
      'echo $$ $(tty); /bin/true in-script; exit 0',
      '/dev/null',
    ]);
    const [pid, tty = ''] = said.stdout.trim().split(/\s+/);
    const rows = await allRows();
    const row = execOf(rows, '/bin/true in-script');
    expect(row).toMatchObject({ tty: tty.replace('/dev/', ''), interactive: '1', sid: pid });
    expect(row.tty).toMatch(/^pts\/\d+$/);
    expect(jsonOf(row.session_leader)).toMatchObject({ pid: Number(pid), same_as_process: false });
    expect({ entry_type: row.entry_type, entity_id: jsonOf(row.entry_leader).entity_id }).toEqual(ownEntry(rows));
    expect(documentOf(row).process.interactive).toBe(true);
  });

  test.skipIf(!existsSync('/usr/bin/tmux'))(
    'a window of tmux is a terminal in its own session, with the entry of the process that started it',
    async () => {
      extension = await ExtensionUnderTest.start();
      execFileSync('/bin/true', ['by-the-test']);
      const socket = join(directory, 'tmux');
      const done = join(directory, 'done');
      const command = `echo $$ $(tty) > ${done}.new; /bin/true in-tmux; mv ${done}.new ${done}; exit 0`;
      execFileSync('tmux', ['-S', socket, '-f', '/dev/null', 'new-session', '-d', command], { env: { TERM: 'xterm' } });
      await until('done', () => existsSync(done));
      const [pid, tty = ''] = readFileSync(done, 'utf8').trim().split(/\s+/);
      const rows = await allRows();
      const row = execOf(rows, '/bin/true in-tmux');
      expect(row).toMatchObject({ tty: tty.replace('/dev/', ''), interactive: '1', sid: pid });
      expect(row.tty).toMatch(/^pts\/\d+$/);
      expect({ entry_type: row.entry_type, entity_id: jsonOf(row.entry_leader).entity_id }).toEqual(ownEntry(rows));
    },
  );

  const ALL_ACTIONS = ['--events-actions', 'fork,exec,setsid,exit,existing'];

  test('forks, new sessions, ends and processes from before the start have their own rows', async () => {
    extension = await ExtensionUnderTest.start(ALL_ACTIONS);
    // The shell waits until the program has its own session before it kills it.
    const script = [
      '(exit 3)',
      'setsid /bin/sh -c ": > own; exec /bin/sleep 61" & echo $!',
      'while ! [ -e own ]; do :; done; kill -9 $!; wait',
    ].join('\n');
    const shell = spawn('/bin/sh', ['-c', script], { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
    const [said] = (await once(shell.stdout.setEncoding('utf8'), 'data')) as [string];
    const pid = said.trim();
    orphans.add(Number(pid));
    await once(shell, 'close');
    orphans.delete(Number(pid));
    const ofShell = await rowsOf(shell.pid ?? 0);
    const told = ({ action, exit_code, cmdline }: Row) => [action, exit_code, cmdline];
    const shellLine = `/bin/sh -c ${script}`;
    expect(ofShell.map(({ action }) => action)).toEqual(['fork', 'exec', 'exit']);
    expect(ofShell.at(-1)?.exit_code).toBe('0');

    const ofSleep = await rowsOf(pid);
    const sid = ofShell[0]?.sid ?? '';
    expect(sid).not.toBe(pid);
    expect(ofSleep.map(({ action, sid }) => [action, sid]).slice(0, 3)).toEqual([
      ['fork', sid],
      ['exec', sid],
      ['setsid', pid],
    ]);
    expect(ofSleep.slice(3, -1).every((row) => row.action === 'exec' && row.sid === pid)).toBe(true);
    expect(ofSleep[0]?.cmdline).toBe(shellLine);
    expect(ofSleep.at(-1)).toMatchObject({ action: 'exit', exit_code: '137', sid: pid });
    expect(new Set(ofSleep.map(({ entity_id }) => entity_id)).size).toBe(1);
    expect(documentOf(ofSleep.at(-1)).process).toMatchObject({ exit_code: 137, Ext: { signal: 'SIGKILL' } });
    expect(ofSleep.map(documentOf).map(({ event }) => [event.type, event.action])).toEqual([
      [['start'], 'fork'],
      [['change'], 'exec'],
      [['change'], 'setsid'],
      ...ofSleep.slice(3, -1).map(() => [['change'], 'exec']),
      [['end'], 'end'],
    ]);
    // The shell forked it, and setsid executed sleep: what it ran before is in each of its documents but the fork's.
    const before = ofSleep.map((row) => documentOf(row).process.previous?.map(({ executable }) => executable));
    const [shellPath, setsidPath] = [ofShell[1]?.path, ofSleep[1]?.path];
    expect(before.slice(0, 3)).toEqual([undefined, [shellPath], [shellPath]]);
    expect(before.at(-1)?.slice(0, 2)).toEqual([shellPath, setsidPath]);
    const { ancestry } = documentOf(ofSleep[1]).process.Ext;
    const ids = (JSON.parse(ofSleep[1]?.ancestry ?? '[]') as EcsProcess[]).map(({ entity_id }) => entity_id);
    expect(ancestry).toEqual(ids);
    expect(ancestry[0]).toBe(ofShell[0]?.entity_id);
    const { ip = [] } = documentOf(ofSleep[1]).host;
    const here = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    expect(ip.every((address) => here.some((one) => one.address === address && !one.internal))).toBe(true);

    const rows = await allRows();
    const subshell = rows.filter((row) => row.cmdline === shellLine && row.exit_code === '3');
    expect(subshell.map(told)).toEqual([['exit', '3', shellLine]]);
    expect((await rowsOf(subshell[0]?.pid ?? '')).map(({ action }) => action)).toEqual(['fork', 'exit']);

    const [init, ...others] = (await rowsOf(1)).filter(({ action }) => action === 'existing');
    expect(others).toEqual([]);
    expect(init).toMatchObject({ entry_type: 'init' });
    expect(init).not.toHaveProperty('exit_code');
    expect(documentOf(init).event).toMatchObject({ type: ['info'], action: 'existing_process' });
    const own = (await rowsOf(process.pid)).filter(({ action }) => action === 'existing');
    expect(own).toHaveLength(1);
  });

  test('a life within process_ancestry_aggregate_ms is one row; a longer one is two rows', async () => {
    extension = await ExtensionUnderTest.start([...ALL_ACTIONS, '--aggregate-ms', '2000']);
    // Its three events are received together, however slowly it lived.
    extension.child.kill('SIGSTOP');
    try {
      execFileSync('/bin/true', ['short-life']);
    } finally {
      extension.child.kill('SIGCONT');
    }
    const long = spawn('/bin/cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    await until('told of', async () => (await rowsOf(long.pid ?? 0)).length > 0);
    long.stdin.end();
    await once(long, 'exit');
    const rows = (await allRows()).filter(({ cmdline }) => cmdline === '/bin/true short-life');
    expect(rows.map(({ action, exit_code }) => [action, exit_code])).toEqual([['fork,exec,exit', '0']]);
    const { event } = documentOf(rows[0]);
    expect(event).toMatchObject({ type: ['start', 'change', 'end'], action: 'exec' });
    const ofLong = await rowsOf(long.pid ?? 0);
    expect(ofLong.map(({ action }) => action)).toEqual(['fork,exec', 'exit']);
    expect(ofLong.map((row) => documentOf(row).event.action)).toEqual(['exec', 'end']);
  });

  test('the hash is of the executed file, of the interpreter for a script, and never of a file that replaced it', async () => {
    // Large files of other processes are hashed too.
    extension = await ExtensionUnderTest.start(['--hash', '--hash-max-rate', '17179869184', ...PATIENT]);
    const script = join(directory, 'script');
    writeFileSync(script, '#!/bin/sh\nexit 0\n');
    chmodSync(script, 0o755);
    const replaced = join(directory, 'replaced');
    copyFileSync('/bin/sleep', replaced);
    copyFileSync('/bin/true', `${replaced}.new`);
    const short = join(directory, 'short');
    copyFileSync('/bin/true', short);
    execFileSync('/bin/true', ['hashed']);
    execFileSync(script);
    await extension.settled();
    // All of this happens before the extension can read it.
    extension.child.kill('SIGSTOP');
    try {
      started.push(spawn(replaced, ['60'], { stdio: 'ignore' }));
      renameSync(`${replaced}.new`, replaced);
      execFileSync(short);
      rmSync(short);
    } finally {
      extension.child.kill('SIGCONT');
    }
    const rows = await allRows();
    expect(execOf(rows, '/bin/true hashed').sha256).toBe(sha256Of('/bin/true'));
    expect(execOf(rows, `/bin/sh ${script}`).sha256).toBe(sha256Of('/bin/sh'));
    expect(execOf(rows, `${replaced} 60`).sha256).toBe(sha256Of('/bin/sleep'));
    expect(documentOf(execOf(rows, `${replaced} 60`)).process).toMatchObject({
      hash: { sha256: sha256Of('/bin/sleep') },
    });
    expect(execOf(rows, short)).not.toHaveProperty('sha256');
    const counted = async () => {
      const { hashed, hash_missed } = await extension.stats();
      const reasons = jsonOf(hash_missed) as Record<string, number>;
      const missed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
      return { hashed: Number(hashed), missed, gone: reasons.gone };
    };
    // Other processes of the machine continue: the counts before and after are bounds.
    const countedBefore = await counted();
    const all = await extension.generate('process_ancestry_events', {}, ['path', 'sha256']);
    const countedAfter = await counted();
    const have = all.filter(({ sha256 }) => sha256).length;
    const without = all.filter(({ path, sha256 }) => path && !sha256).length;
    expect(countedBefore.gone).toBeGreaterThan(0);
    expect(have).toBeGreaterThanOrEqual(countedBefore.hashed);
    expect(have).toBeLessThanOrEqual(countedAfter.hashed);
    expect(without).toBeGreaterThanOrEqual(countedBefore.missed);
    expect(without).toBeLessThanOrEqual(countedAfter.missed);
  });

  test('a process in a container’s control group under a runtime has the container and its entry, and so have its children', async () => {
    const id = createHash('sha256').update(directory).digest('hex');
    // As deep as in Kubernetes: with several hierarchies the deepest group is recorded.
    const name = `kubepods.slice/kubepods-pod1.slice/docker-${id}.scope`;
    const hierarchy = ['unified', 'systemd', '.'].find((one) =>
      existsSync(join('/sys/fs/cgroup', one, 'cgroup.procs')),
    );
    const group = join('/sys/fs/cgroup', hierarchy ?? '.', name);
    mkdirSync(group, { recursive: true });
    try {
      extension = await ExtensionUnderTest.start();
      const runtime = join(directory, 'containerd-shim-runc-v2');
      copyFileSync('/bin/sh', runtime);
      const inside = '/bin/true in-container; /bin/sh -c "/bin/true deeper; :"; echo done; read line; :';
      const script = `echo $$ > ${group}/cgroup.procs; /bin/sh -c '${inside}'; :`;
      execFileSync('/bin/true', ['by-the-test']);
      const container = spawn(runtime, ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
      started.push(container);
      await once(container.stdout, 'data');
      const rows = await allRows();
      container.stdin.end();
      await once(container, 'exit');
      const shim = execOf(rows, `${runtime} -c ${script}`);
      expect(shim).not.toHaveProperty('container_id');
      expect({ entry_type: shim.entry_type, entity_id: jsonOf(shim.entry_leader).entity_id }).toEqual(ownEntry(rows));
      const top = execOf(rows, `/bin/sh -c ${inside}`);
      expect(jsonOf(top.entry_leader)).toMatchObject({ pid: Number(top.pid), same_as_process: true });
      for (const cmdline of [`/bin/sh -c ${inside}`, '/bin/true in-container', '/bin/true deeper']) {
        const row = execOf(rows, cmdline);
        expect(row, cmdline).toMatchObject({ cgroup_path: `/${name}`, container_id: id, entry_type: 'container' });
        expect(jsonOf(row.entry_leader).entity_id).toBe(top.entity_id);
        expect(documentOf(row)).toMatchObject({ container: { id } });
      }
      expect(execOf(rows, '/bin/true by-the-test')).not.toHaveProperty('container_id');
    } finally {
      for (let one = group; one.includes('kubepods'); one = dirname(one)) rmdirSync(one);
    }
  });
});
