/** The command tree: with processes of the real kernel, with a recorded log, and without osquery. */
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { lastImage, type TreeDocument } from '../../src/commands/tree/document.ts';
import { canRecord, ExtensionUnderTest, LAUNCHER } from './extension_under_test.ts';
import { GrownTree } from './grown_tree.ts';
import { ranLauncher } from './launcher.ts';

const UTF8 = { LANG: 'C.UTF-8', LC_ALL: '', TZ: 'UTC' };
const TREE: Readonly<Record<string, string>> = {
  'top.sh': "sh mid.sh '\x1b[31mred' '<b>'\necho top $$\nexec sleep 60 >/dev/null",
  'mid.sh': 'sh failing.sh\nsh killed.sh\n(sleep 60 >/dev/null & echo orphan $!)\necho mid $$\nexec sh -c "exit 4"',
  'failing.sh': 'echo failing $$\nexit 3',
  'killed.sh': 'echo killed $$\nkill -9 $$',
};

let extension: ExtensionUnderTest | undefined;
let directory: string | undefined;
let grown: GrownTree | undefined;
afterEach(async () => {
  grown?.remove();
  grown = undefined;
  await extension?.stop();
  extension = undefined;
  if (directory) rmSync(directory, { recursive: true, force: true });
  directory = undefined;
});

async function growTree(): Promise<Readonly<Record<string, number>>> {
  grown = await GrownTree.grow(TREE, ['top', 'orphan']);
  return grown.pids;
}

/** Lines of the tree by pid, without columns that change between runs. */
function linesOf(stdout: string): Map<number, string> {
  const line = /^(?:▶| ) *(\d+) \S+ +\d\d:\d\d:\d\d +(.*)$/gm;
  return new Map([...stdout.matchAll(line)].map(([, pid, rest = '']) => [Number(pid), rest.replace(/ +/, ' ')]));
}

describe.skipIf(!canRecord())('tree beside an extension that records', () => {
  test('draws the descendants of a process, living and dead, and how each ended', async () => {
    extension = await ExtensionUnderTest.start();
    const pids = await growTree();
    await extension.settled();
    const { top = 0, mid = 0, failing = 0, killed = 0, orphan = 0 } = pids;
    const socket = ['--socket', extension.manager.socketPath];
    const { status, stdout, stderr } = await ranLauncher(['tree', String(top), ...socket], UTF8);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = linesOf(stdout);
    expect(lines.get(top)).toMatch(/^running .*└?├?─ (dash|bash|sh) → sleep 60$/);
    expect(lines.get(mid)).toMatch(/^exit 4 .*─ (dash|bash|sh) → sh -c exit 4$/);
    expect(lines.get(failing)).toMatch(/^exit 3 .*├─ sh failing\.sh$/);
    expect(lines.get(killed)).toMatch(/^SIGKILL .*├─ sh killed\.sh$/);
    expect(lines.get(orphan)).toMatch(/^running .*─ sleep 60$/);
    expect(stdout).toMatch(new RegExp(`^▶ +${top} `, 'm'));
    expect(stdout).not.toContain('\x1b');

    const whole = await ranLauncher(['tree', '--json', ...socket]);
    const tree = JSON.parse(whole.stdout) as TreeDocument;
    expect(tree).toMatchObject({ format: 1, source: 'extension', host: hostname() });
    const found = tree.processes.find(({ pid, state }) => pid === mid && state === 'exited');
    expect(found).toMatchObject({ exit_code: 4, exit_signal: '', user: userInfo().username });
    expect(found?.images.map(({ args }) => args.slice(1))).toEqual([
      ['mid.sh', '\x1b[31mred', '<b>'],
      ['-c', 'exit 4'],
    ]);
    expect(found?.images[0]?.cwd).toBe(grown?.directory);
    // Its creator is dead, and another process has adopted it: in the tree it is below its creator.
    const above = new Map(tree.processes.map((process) => [process.entity_id, process]));
    const lost = tree.processes.findLast(({ pid }) => pid === orphan);
    const creator = above.get(lost?.parent_entity_id ?? '');
    expect(creator).toMatchObject({ state: 'exited', parent_entity_id: found?.entity_id });
    const ours = tree.processes.findIndex(({ pid }) => pid === extension?.child.pid);
    expect(tree.processes[ours]).toMatchObject({ state: 'running' });
    // Every parent exists, and comes before its children.
    const seen = new Set(['']);
    for (const { entity_id, parent_entity_id } of tree.processes) {
      expect(seen.has(parent_entity_id), parent_entity_id).toBe(true);
      seen.add(entity_id);
    }
  });

  test('says so when no process with that pid is known', async () => {
    extension = await ExtensionUnderTest.start();
    const { status, stdout, stderr } = await ranLauncher(['tree', '4194303', '--socket', extension.manager.socketPath]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('no process 4194303');
  });
});

describe('tree of a recorded log', () => {
  const sample = ['tree', '--replay-file', ':sample:'];

  test('draws it without osquery, as any user', async () => {
    const { status, stdout, stderr } = await ranLauncher([...sample, '4061'], UTF8);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.replace(/^(.{10}).*? {5,}/, '$1 '))).toEqual([
      expect.stringContaining('STARTED (2026-11-01 UTC) STATE COMMAND'),
      '     1 roo /sbin/init',
      '   812 roo └─ /usr/sbin/sshd -D',
      '  4021 roo └─ /usr/sbin/sshd -D -R',
      '  4035 roo └─ (forked) /usr/sbin/sshd -D -R',
      '  4036 100 └─ -bash',
      '▶ 4061 100 └─ sh',
      '  4062 100 ├─ uname -m',
      '  4063 100 ├─ chmod +x /tmp/.x/kworkerd',
      '  4064 100 └─ (forked) sh',
      '  4065 100 └─ /tmp/.x/kworkerd -o 198.51.100.7:3333 --coin x',
      '',
    ]);
  });

  test('has every exec of the log', async () => {
    const { stdout } = await ranLauncher([...sample, '--json']);
    const { processes, source } = JSON.parse(stdout) as TreeDocument;
    expect(source).toBe('log');
    expect(processes.flatMap(({ images }) => images).filter(({ time }) => time !== null)).toHaveLength(21);
    expect(processes.filter((process) => lastImage(process).inherited).map(({ pid }) => pid)).toContain(951);
  });

  test('a failed write is an error; a reader that closes the pipe is not', () => {
    const into = (shell: string) =>
      spawnSync('bash', ['-c', shell, LAUNCHER, ...sample, '--json'], { encoding: 'utf8' });
    expect(into('"$0" "$@" >/dev/full')).toMatchObject({ status: 1, stderr: expect.stringMatching(/ENOSPC/) });
    // The reader of the pipe exits before the first byte.
    expect(into('exec 3> >(exec true); wait $!; "$0" "$@" >&3')).toMatchObject({ status: 0, stderr: '' });
  });

  test('a page replaces a link and does not follow it', async () => {
    directory = mkdtempSync(join(tmpdir(), 'pa-tree-'));
    const [link, other] = [join(directory, 'link.html'), join(directory, 'other')];
    writeFileSync(other, 'precious');
    symlinkSync(other, link);
    const { status } = await ranLauncher([...sample, '--html', link]);
    expect(status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(false);
    expect(lstatSync(link).mode & 0o777).toBe(0o600);
    expect(readFileSync(other, 'utf8')).toBe('precious');
  });

  test('a page replaces nothing but a file', async () => {
    directory = mkdtempSync(join(tmpdir(), 'pa-tree-'));
    const [pipe, link] = [join(directory, 'pipe'), join(directory, 'link')];
    execFileSync('mkfifo', [pipe]);
    symlinkSync('/dev/null', link);
    for (const path of [pipe, link, directory]) {
      const { status, stderr } = await ranLauncher([...sample, '--html', path]);
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(`${path} is not a file`) });
    }
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(directory)).toEqual(['link', 'pipe']);
  });

  test('says so when a log has no execs', async () => {
    const { status, stdout, stderr } = await ranLauncher(['tree', '--replay-file', '/etc/passwd']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/\/etc\/passwd.*nothing can be read of it/);
  });

  test('a page is printed when its file is called -', async () => {
    const { status, stdout, stderr } = await ranLauncher([...sample, '--html', '-']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^<!doctype html>.*<script type="application\/json" id="data">.*<\/html>\s*$/s);
  });

  test.each([
    [['5'], 1, 'no process 5 in :sample:'],
    [['--since', 'noon'], 2, '--since="noon" is not a time'],
    [['--replay-file', '/nowhere/audit.log'], 1, '/nowhere/audit.log'],
    [['--html', '/nowhere/tree.html'], 1, '/nowhere/tree.html'],
    [['1', '2'], 2, 'one pid or entity id'],
    [['--depth', 'deep'], 2, '--depth="deep" is not a number'],
  ])('says what is wrong with %j', async (args, status, message) => {
    const ran = await ranLauncher([...sample, ...args]);
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status, stdout: '' });
    expect(ran.stderr).toContain(message);
  });
});

test('without osquery, tree says so and draws the living processes', async () => {
  const nowhere = ['--socket', '/nowhere/osquery.em'];
  const { status, stdout, stderr } = await ranLauncher(['tree', String(process.pid), ...nowhere, '--json']);
  expect(status).toBe(0);
  expect(stderr).toMatch(/\/nowhere\/osquery\.em.*The tree shows \/proc instead/);
  const { source, processes } = JSON.parse(stdout) as TreeDocument;
  expect(source).toBe('proc');
  const own = processes.find(({ pid }) => pid === process.pid);
  expect(own).toMatchObject({ state: 'running', user: userInfo().username });
  expect(
    processes.some(({ parent_entity_id, pid }) => parent_entity_id === own?.entity_id && pid !== process.pid),
  ).toBe(true);
});
