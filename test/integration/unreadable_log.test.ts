/** The shell of the built program reports an unreadable log with its status, from every source of the log's name. Any user. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ranLauncher } from './launcher.ts';

const INTERPRETED = 'type=SYSCALL msg=audit(09/21/2026 14:13:20.010:101) : arch=x86_64 syscall=execve success=yes\n';
const SQL = 'SELECT count(*) AS rows FROM process_ancestry_events';

let directory: string;
let log: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-unreadable-'));
  log = join(directory, 'audit.log');
  writeFileSync(log, INTERPRETED);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const refused = { status: 1, stderr: expect.stringContaining('interpreted output') };

test('on the command line, or half in the environment', async () => {
  const flags = ['--collector', 'replay', '--replay-file', log];
  expect(await ranLauncher(['shell', '--embedded', ...flags, SQL])).toMatchObject(refused);
  const named = { PROCESS_ANCESTRY_REPLAY_FILE: log };
  expect(await ranLauncher(['shell', '--embedded', '--collector', 'replay', SQL], named)).toMatchObject(refused);
});

test('in the environment', async () => {
  const named = { PROCESS_ANCESTRY_COLLECTOR: 'replay', PROCESS_ANCESTRY_REPLAY_FILE: log };
  expect(await ranLauncher(['shell', '--embedded', SQL], named)).toMatchObject(refused);
});

test('in a configuration file', async () => {
  const file = join(directory, 'flags.json');
  writeFileSync(file, JSON.stringify({ process_ancestry_collector: 'replay', process_ancestry_replay_file: log }));
  expect(await ranLauncher(['shell', '--embedded', '--config_file', file, SQL])).toMatchObject(refused);
});

test('in a FIFO, once it has been read', async () => {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const flags = ['--collector', 'replay', '--replay-file', fifo];
  const ran = ranLauncher(['shell', ...flags, SQL]);
  await writeFile(fifo, INTERPRETED);
  expect(await ran).toMatchObject(refused);
});
