/** The extension beside osquery: restarts, kills, and what stays behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExtensionClient, ManagerClient } from '../../src/osquery/index.ts';
import {
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  hasOurRules,
  LAUNCHER,
  type Row,
  until,
} from './extension_under_test.ts';

const STATE_FILE = '/run/process_ancestry/audit-state';
const managerProgram = fileURLToPath(new URL('manager_process.ts', import.meta.url));

let directory: string;
let socket: string;
const started: ChildProcess[] = [];
let before: ReturnType<typeof auditSettings>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-'));
  socket = join(directory, 'em');
  if (canRecord()) before = auditSettings();
});
afterEach(async () => {
  for (const child of started.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await until('gone', () => child.exitCode !== null || child.signalCode !== null).catch(() => child.kill('SIGKILL'));
  }
  rmSync(directory, { recursive: true, force: true });
  if (canRecord()) expect(auditSettings()).toEqual(before);
});

async function startManager(): Promise<ChildProcess> {
  const manager = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', managerProgram, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(manager);
  let said = '';
  manager.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('listening', () => said.includes('listening'));
  return manager;
}

const database = () => join(directory, 'rows');

function startExtension(flags: string[] = []): ChildProcess & { log: () => string } {
  const child = spawn(
    LAUNCHER,
    ['--socket', socket, '--timeout', '120', '--interval', '1', '--database', database(), ...flags],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  started.push(child);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  return Object.assign(child, { log: () => log });
}

/** The uuid of the extension in osquery, once it answers; undefined before. */
async function registered(): Promise<string | undefined> {
  const client = new ManagerClient(socket);
  try {
    const extensions = await client.extensions();
    const uuid = [...extensions].find(([, { name }]) => name === 'process_ancestry')?.[0];
    if (uuid !== undefined) await new ExtensionClient(`${socket}.${uuid}`).ping();
    return uuid;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

async function rows(uuid: string): Promise<Row[]> {
  const { rows } = await new ExtensionClient(`${socket}.${uuid}`).call('table', 'process_ancestry_events', {
    action: 'generate',
    context: JSON.stringify({ constraints: [], colsUsed: ['pid', 'cmdline', 'eid'] }),
  });
  return rows as Row[];
}

/** The pids that a watcher's shell prints, and the shell. */
async function startUnderWatcher(): Promise<{ watcher: ChildProcess; pid: number }> {
  // A killed shell does not notify its child: only the parent pid changes.
  const start = `exec "${LAUNCHER}" --socket "${socket}" --timeout 120 --interval 1 --database "${database()}" --collector audit`;
  // osquery passes its own pid to an extension that it starts (process/posix/process.cpp, launchExtension).
  const script = `sh -c 'export OSQUERY_EXTENSION=$$; ${start}' & echo $!; wait`;
  const watcher = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  started.push(watcher);
  let said = '';
  watcher.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('started', () => /^\d+\n/.test(said));
  return { watcher, pid: Number.parseInt(said, 10) };
}

const lives = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\sZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe.skipIf(!canRecord())('beside osquery', () => {
  test('a killed worker is replaced on the same socket: the tables answer again, and no event between is missing', async () => {
    const first = await startManager();
    const extension = startExtension();
    await until('recording', () => extension.log().includes('"recording"'));
    const uuid = await until('registered', registered);
    execFileSync('/bin/true', ['before-the-kill']);
    first.kill('SIGKILL');
    await until('killed', () => first.signalCode !== null);
    execFileSync('/bin/true', ['between']);
    await startManager();
    const again = await until('registered again', registered);
    const seen = await until('all there', async () => {
      const cmdlines = (await rows(again)).map(({ cmdline }) => cmdline);
      return cmdlines.includes('/bin/true between') && cmdlines;
    });
    expect(seen).toContain('/bin/true before-the-kill');
    expect(existsSync(`${socket}.${uuid}`) && uuid !== again).toBe(false);
    expect(extension.exitCode).toBeNull();
  });

  test('a worker that restarts asks the extension to end: it records on while the watcher lives, and nothing is missing', async () => {
    const first = await startManager();
    const { watcher, pid } = await startUnderWatcher();
    const uuid = await until('registered', registered);
    await until('recording', async () => hasOurRules() && (await rows(uuid)));
    await new ExtensionClient(`${socket}.${uuid}`).shutdown();
    first.kill('SIGKILL');
    await until('killed', () => first.signalCode !== null);
    execFileSync('/bin/true', ['between-two-workers']);
    expect(lives(pid)).toBe(true);
    await startManager();
    const again = await until('registered again', registered);
    await until('there', async () =>
      (await rows(again)).some(({ cmdline }) => cmdline === '/bin/true between-two-workers'),
    );
    watcher.kill('SIGKILL');
    await until('gone', () => !lives(pid));
  });

  test('it ends with its watcher, and audit is as before', async () => {
    await startManager();
    const { watcher, pid } = await startUnderWatcher();
    await until('registered', registered);
    await until('recording', () => hasOurRules());
    watcher.kill('SIGKILL');
    await until('gone', () => !lives(pid));
    expect(auditSettings()).toEqual(before);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends it, and audit is as before', async (signal) => {
    await startManager();
    const extension = startExtension(['--collector', 'audit']);
    await until('recording', () => extension.log().includes('"recording"'));
    const uuid = await until('registered', registered);
    expect(auditSettings()).not.toEqual(before);
    extension.kill(signal);
    await until('gone', () => extension.exitCode === 0);
    expect(auditSettings()).toEqual(before);
    expect(existsSync(`${socket}.${uuid}`)).toBe(false);
    expect(await registered()).toBeUndefined();
  });

  test.each(['without a writer', 'with a silent writer'])(
    'SIGTERM ends it while it replays a FIFO %s',
    async (state) => {
      await startManager();
      const fifo = join(directory, 'fifo');
      execFileSync('mkfifo', [fifo]);
      const child = startExtension(['--collector', 'replay', '--replay-file', fifo]);
      await registered();
      await until('replaying', () => child.log().includes('replaying a recorded audit log'));
      const writer =
        state === 'with a silent writer' ? openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK) : undefined;
      child.kill('SIGTERM');
      await until('gone', () => child.exitCode !== null);
      expect(child.exitCode).toBe(0);
      if (writer !== undefined) closeSync(writer);
    },
  );

  test('shutdown ends it, and is answered', async () => {
    await startManager();
    const extension = startExtension();
    const uuid = await until('registered', registered);
    await new ExtensionClient(`${socket}.${uuid}`).shutdown();
    await until('gone', () => extension.exitCode === 0);
    expect(auditSettings()).toEqual(before);
  });

  test('after a crash the next start restores audit as it was before the first', async () => {
    await startManager();
    const crashing = startExtension(['--collector', 'audit']);
    await until('recording', () => crashing.log().includes('"recording"'));
    crashing.kill('SIGKILL');
    await until('killed', () => crashing.signalCode !== null);
    expect(hasOurRules()).toBe(true);
    expect(statSync(STATE_FILE).mode & 0o777).toBe(0o600);
    const next = startExtension(['--collector', 'audit']);
    await until('recording', () => next.log().includes('"recording"'));
    // For two architectures, one for execs and one for process groups.
    expect(auditSettings().rules.length).toBeLessThanOrEqual(4);
    next.kill('SIGTERM');
    await until('gone', () => next.exitCode === 0);
    expect(auditSettings()).toEqual(before);
    expect(existsSync(STATE_FILE)).toBe(false);
  });

  test('two extensions on one host: the second reads audit beside the first, and both see all', async () => {
    const audit = ['--collector', 'audit'];
    const first = await ExtensionUnderTest.start(audit);
    const second = await ExtensionUnderTest.start([...audit, '--state-file', join(directory, 'state')]);
    try {
      expect(second.stderr).toContain('audit_unicast_taken');
      await expectBothToSeeAll(first, second);
    } finally {
      await second.stop();
      await first.stop();
    }
  });

  test('two extensions on one host record by eBPF beside each other, and leave audit alone', async () => {
    const first = await ExtensionUnderTest.start();
    const second = await ExtensionUnderTest.start();
    try {
      expect(auditSettings()).toEqual(before);
      await expectBothToSeeAll(first, second);
      expect(await second.stats()).toMatchObject({ collector: 'ebpf', problems: '[]' });
    } finally {
      await second.stop();
      await first.stop();
    }
  });

  async function expectBothToSeeAll(first: ExtensionUnderTest, second: ExtensionUnderTest): Promise<void> {
    for (let n = 0; n < 20; n++) execFileSync('/bin/true', [`both-${n}`]);
    for (const one of [first, second]) {
      await one.settled();
      const cmdlines = (await one.generate('process_ancestry_events')).map(({ cmdline }) => cmdline);
      for (let n = 0; n < 20; n++)
        expect(cmdlines.filter((cmdline) => cmdline === `/bin/true both-${n}`)).toHaveLength(1);
    }
  }

  test('osquery’s custom_ options change flags while it runs; a bad one changes nothing and says why', async () => {
    const extension = await ExtensionUnderTest.start();
    try {
      const set = (name: string, value: string) =>
        extension.manager.options.set(name, { value, default_value: '', type: 'string' });
      set('custom_process_ancestry_cache_size', '222');
      await until('changed', async () => (await extension.stats()).cache_capacity === '222');
      set('custom_process_ancestry_cache_size', 'huge');
      await until('refused', () =>
        extension.stderr.includes('process_ancestry_cache_size=\\"huge\\" is not 16 to 1000000'),
      );
      expect((await extension.stats()).cache_capacity).toBe('222');
      set('custom_process_ancestry_collector', 'proc_events');
      await until('restarted', async () => (await extension.stats()).collector === 'proc_events');
      expect(auditSettings()).toEqual(before);
    } finally {
      await extension.stop();
    }
  });
});

describe('an error says what to do', () => {
  const run = async (args: string[]) => {
    const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
    started.push(child);
    await until('ended', () => child.exitCode !== null);
    return { status: child.exitCode, said };
  };

  test('no --socket', async () => {
    const { status, said } = await run([]);
    expect(said).toMatch(/--socket is missing.*process_ancestry\.ext shell/);
    expect(status).toBe(2);
  });

  test('a limit of open files that is too low', async () => {
    const manager = await startManager();
    const program = `ulimit -n 30; exec ${LAUNCHER} --socket ${socket} --timeout 5 --collector replay --replay-file :sample:`;
    const child = spawn('sh', ['-c', program], { stdio: ['ignore', 'ignore', 'pipe'] });
    started.push(child);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('ended', () => child.exitCode !== null);
    expect(said).toMatch(/"code":"few_descriptors".*at most 30 files can be open.*raise LimitNOFILE/);
    expect(said).not.toContain('registered with osquery');
    expect(child.exitCode).toBe(1);
    expect(manager.exitCode).toBeNull();
  });

  test('no process at the socket', async () => {
    const { status, said } = await run([
      '--socket',
      socket,
      '--timeout',
      '1',
      '--collector',
      'replay',
      '--replay-file',
      '/dev/null',
    ]);
    expect(said).toContain(socket);
    expect(status).toBe(1);
  });

  test('a socket path that leaves no room for the UUID', async () => {
    const long = `/tmp/${'x'.repeat(100)}`;
    const { status, said } = await run([
      '--socket',
      long,
      '--timeout',
      '1',
      '--collector',
      'replay',
      '--replay-file',
      '/dev/null',
    ]);
    expect(said).toContain('97');
    expect(said).toContain(long);
    expect(status).toBe(1);
  });
});
