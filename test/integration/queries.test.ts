/** Answers: whole, many at a time, and without blocking. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ColumnOption, ExtensionClient } from '../../src/osquery/index.ts';
import { columns } from '../../tables/process_ancestry_events.ts';
import { memoryMegabytes, resetPeak } from '../bench/process_cost.ts';
import { canRecord, ExtensionUnderTest, type Row, until } from './extension_under_test.ts';
import { logOfExecs } from './log_of_execs.ts';

const readingProgram = fileURLToPath(new URL('reading_process.ts', import.meta.url));
let extension: ExtensionUnderTest | undefined;
afterEach(async () => {
  await extension?.stop();
  extension = undefined;
});

describe.skipIf(!canRecord())('an exec', () => {
  test('is visible to SQL, whole', async () => {
    extension = await ExtensionUnderTest.start();
    for (let n = 0; n < 25; n++) {
      const cmdline = [{ op: 2, expr: `/bin/true visible-${n}` }];
      execFileSync('/bin/true', [`visible-${n}`]);
      const rows = await until('visible', async () => {
        const found = await extension?.generate('process_ancestry_events', { cmdline }, ['ancestry_complete']);
        return found?.length ? found : undefined;
      });
      expect(rows).toMatchObject([{ ancestry_complete: '1' }]);
    }
  });

  test('tells its user, terminal, directory and start as /proc does', async () => {
    extension = await ExtensionUnderTest.start();
    const beganSeconds = Date.now() / 1000;
    const script = 'cat /proc/$$/stat; readlink /proc/$$/ns/pid; read line';
    const command = `cd /usr && exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '${script}' who`;
    // It lives until its rows exist: some facts are read from /proc.
    const shownBy = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'] });
    let text = '';
    shownBy.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    await until('shown', () => text.split('\n').length > 2);
    await extension.settled();
    shownBy.stdin.end();
    const [stat = '', namespace = ''] = text.split('\n');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rows = await extension.generate('process_ancestry_events', {
      pid: [{ op: 2, expr: stat.split(' ')[0] ?? '' }],
    });
    const shell = rows.at(-1);
    expect(rows.map(({ path }) => path?.split('/').at(-1))).toEqual(['dash', 'setpriv', 'dash']);
    expect(shell).toMatchObject({
      uid: '65534',
      euid: '65534',
      gid: '65534',
      cwd: '/usr',
      syscall: 'execve',
      parent: fields[1],
      action: 'exec',
    });
    expect(shell?.pid_namespace).toBe(/\d+/.exec(namespace)?.[0]);
    expect(new Set(rows.map(({ entity_id }) => entity_id)).size).toBe(1);
    expect(shell?.entity_id?.split('.')[2]).toBe(Number(fields[19]).toString(36));
    expect(shell?.args).toBe(JSON.stringify(['sh', '-c', script, 'who']));
    expect(shell?.mtime).toMatch(/^\d{9,}$/);
    // Clock ticks and the time of boot are rounded.
    expect(Number(shell?.start_time)).toBeGreaterThanOrEqual(beganSeconds - 2);
    expect(Number(shell?.start_time)).toBeLessThanOrEqual(Date.now() / 1000 + 2);
  });

  test('has the same entity id after the extension was restarted', async () => {
    extension = await ExtensionUnderTest.start();
    const idOfOurs = async () => {
      execFileSync('/bin/true', ['child']);
      await extension?.settled();
      const rows = await extension?.generate(
        'process_ancestry_events',
        { cmdline: [{ op: 2, expr: '/bin/true child' }] },
        ['parent_entity_id'],
      );
      return rows?.at(-1)?.parent_entity_id;
    };
    const first = await idOfOurs();
    await extension.stop();
    extension = await ExtensionUnderTest.start();
    expect(await idOfOurs()).toBe(first);
  });
});

describe('50,000 rows', () => {
  let directory: string;
  let log: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pa-log-'));
    log = join(directory, 'audit.log');
    writeFileSync(log, logOfExecs(50_000));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('are refused by default, with their number and what to ask instead; a subscriber gets them all', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log], { recording: false });
    const refusal = await extension.generate('process_ancestry_events').catch((error: Error) => error.message);
    expect(refusal).toMatch(
      /^process_ancestry_events: the answer would be 50,000 rows and [1-9]\d\d\.\d MB, more than process_ancestry_result_max_bytes allows \(33\.6 MB\): select only new rows \(WHERE subscriber = /,
    );
    expect(await extension.generate('process_ancestry_events', {}, ['pid'])).toHaveLength(50_000);
    const seen: string[] = [];
    for (let n = 0; n < 20 && seen.length < 50_000; n++) {
      // As SELECT * has them, and their number.
      const shown = [
        ...columns.filter(({ options }) => !(options & ColumnOption.hidden)).map(({ name }) => name),
        'eid',
      ];
      const all = { subscriber: [{ op: 2, expr: 'all' }] };
      const rows = await extension.generate('process_ancestry_events', all, shown);
      seen.push(...rows.map(({ eid = '' }) => eid));
      await extension.nextStatement();
    }
    expect(seen).toEqual(Array.from({ length: 50_000 }, (_, i) => String(i + 1).padStart(10, '0')));
  });

  test('are read whole while pings are answered and 50 others ask at the same time', async () => {
    const flags = ['--collector', 'replay', '--replay-file', log, '--result-max-bytes', '1073741824'];
    extension = await ExtensionUnderTest.start(flags, { recording: false });
    const { socketPath } = extension;
    await until('replayed', async () => (await extension?.stats())?.store_rows === '50000');
    let reading = true;
    // In its own process, so that its work does not delay the pings here.
    const whole = promisify(execFile)(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      readingProgram,
      socketPath,
      'process_ancestry_events',
    ]).finally(() => {
      reading = false;
    });
    let pings = 0;
    const point = {
      action: 'generate',
      context: JSON.stringify({
        constraints: [{ name: 'eid', list: [{ op: 2, expr: '0000012345' }], affinity: 'TEXT' }],
        colsUsed: ['pid', 'eid'],
      }),
    };
    const others = Promise.all(
      Array.from({ length: 50 }, async () => {
        const { rows } = await new ExtensionClient(socketPath).call('table', 'process_ancestry_events', point);
        return rows.length;
      }),
    );
    while (reading) {
      await new ExtensionClient(socketPath).ping();
      if (reading) pings++;
    }
    const answer = JSON.parse((await whole).stdout) as { code: number; rows: number; columns: number; last: Row };
    expect(answer).toMatchObject({ code: 0, rows: 50_000 });
    // A fact that a recorded log lacks is no key of a row.
    expect(answer.columns).toBeGreaterThan(30);
    expect(answer.last).toMatchObject({ ancestry_depth: '8', eid: '0000050000' });
    expect(await others).toEqual(Array(50).fill(1));
    console.log(`${pings} pings meanwhile`);
    // The answer is made and sent in many pieces of the event loop.
    expect(pings).toBeGreaterThan(20);
  });

  test('leave nothing in memory, read or refused', async () => {
    extension = await ExtensionUnderTest.start(['--collector', 'replay', '--replay-file', log], { recording: false });
    const pid = extension.child.pid ?? 0;
    await until('replayed', async () => (await extension?.stats())?.store_rows === '50000');
    // First the memory of reading the log is released.
    await until('at rest', () => memoryMegabytes(pid).now < memoryMegabytes(pid).peak - 5);
    const atRest = memoryMegabytes(pid).now;
    resetPeak(pid);
    await expect(extension.generate('process_ancestry_events')).rejects.toThrow('the answer would be 50,000 rows');
    await extension.generate('process_ancestry_events', {}, ['pid', 'cmdline', 'path', 'args', 'parent_cmdline']);
    expect(memoryMegabytes(pid).peak).toBeGreaterThan(atRest + 20);
    await until('given back', () => memoryMegabytes(pid).now < atRest + 15);
  });
});
