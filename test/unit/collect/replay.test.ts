import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProcessEvent } from '../../../src/collect/event.ts';
import { loadNative } from '../../../src/collect/native.ts';
import { ReplayError, type ReplayProgress, ReplaySource } from '../../../src/collect/replay.ts';

const sample = new URL('../../../packaging/sample/audit.log', import.meta.url).pathname;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function replay(
  file: string,
): Promise<{ events: ProcessEvent[]; progress: ReplayProgress; error: ReplayError | undefined }> {
  const events: ProcessEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<ReplayError | undefined>();
  const source = new ReplaySource(loadNative(), { file, argsMaxBytes: 1 << 20 }, resolve);
  await source.start((some) => events.push(...some));
  const error = await promise;
  return { events, progress: source.progress, error };
}
const write = (name: string, content: string | Buffer) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

describe('replay of a recorded audit log', () => {
  test('plain, gzip and ENRICHED logs give the same events', async () => {
    const log = readFileSync(sample, 'utf8');
    const plain = await replay(sample);
    expect(plain.events.filter(({ kind }) => kind === 'exec').length).toBeGreaterThan(15);
    expect(plain.events.filter(({ kind }) => kind === 'fork').length).toBeGreaterThan(15);
    const gzip = await replay(write('audit.log.gz', gzipSync(log)));
    expect(gzip.events).toEqual(plain.events);
    const enriched = log
      .replaceAll(/^(type=SYSCALL .*)$/gm, '$1\x1dARCH=x86_64 SYSCALL=execve AUID="unset" UID="root" pid=1')
      .replaceAll(/^type=/gm, 'node=web1 type=');
    expect((await replay(write('enriched.log', enriched))).events).toEqual(plain.events);
  });

  test('a FIFO is read as it is written, to the end', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const read = replay(fifo);
    await writeFile(fifo, readFileSync(sample));
    expect((await read).events).toEqual((await replay(sample)).events);
  });

  test('what a FIFO has delivered is recorded although its writer is silent afterwards', async () => {
    const fifo = join(directory, 'silent');
    execFileSync('mkfifo', [fifo]);
    const { promise: ended, resolve } = Promise.withResolvers<ReplayError | undefined>();
    const source = new ReplaySource(loadNative(), { file: fifo, argsMaxBytes: 1 << 20 }, resolve);
    const events: ProcessEvent[] = [];
    await source.start((some) => events.push(...some));
    const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    const log = readFileSync(sample);
    writeSync(writer, log);
    const whole = (await replay(sample)).events.length;
    await expect.poll(() => events.length, { timeout: 10_000 }).toBe(whole);
    closeSync(writer);
    expect(await ended).toBeUndefined();
  });

  test.each(['nobody has opened', 'its writer has opened and not written to'])(
    'a FIFO that %s is let go of at once when it is stopped',
    async (state) => {
      const fifo = join(directory, `fifo ${state}`);
      execFileSync('mkfifo', [fifo]);
      const { promise: ended, resolve } = Promise.withResolvers<ReplayError | undefined>();
      const source = new ReplaySource(loadNative(), { file: fifo, argsMaxBytes: 1 << 20 }, resolve);
      await source.start(() => undefined);
      // Without a reader this would fail: the FIFO is open already.
      const writer = state.startsWith('its') ? openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK) : undefined;
      source.stop();
      expect(await ended).toBeUndefined();
      if (writer !== undefined) closeSync(writer);
    },
  );

  test('sessions, groups and logins are reported', async () => {
    const record = (type: string, serial: number, text: string) =>
      `type=${type} msg=audit(1600000000.000:${serial}): ${text}\n`;
    const call = (syscall: number, a0: string, a1: string) =>
      `arch=c00000b7 syscall=${syscall} success=yes exit=0 a0=${a0} a1=${a1} items=0 ppid=50 pid=60 comm="sh" exe="/bin/sh" key="k"`;
    const log = record('SYSCALL', 1, call(154, '0', '28')) + record('SYSCALL', 2, call(157, '0', '0'));
    const logins = readFileSync(new URL('../../fixtures/audit-logs/audit-rhel7.log', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => /^type=USER_(START|LOGIN) /.test(line));
    const { events } = await replay(write('sessions.log', `${log}${logins.join('\n')}\n`));
    const from = { pid: 1298, ses: 1, address: '96.241.146.97', exe: '/usr/sbin/sshd' };
    expect(events).toMatchObject([
      { kind: 'setpgid', pid: 60, pgid: 40, serial: 1 },
      { kind: 'setsid', origin: 'audit', pid: 60 },
      { kind: 'login', ...from, terminal: 'ssh' },
      { kind: 'login', ...from, terminal: 'pts/0' },
    ]);
  });

  test('malformed lines are skipped and counted', async () => {
    const log = `garbage\n\0\xff\ntype=SYSCALL msg=audit(broken\n${readFileSync(sample, 'utf8')}type=SYSCALL msg=audit(1.0:`;
    const { events, progress } = await replay(write('malformed.log', log));
    expect(events).toEqual((await replay(sample)).events);
    expect(progress.malformed).toBeGreaterThanOrEqual(3);
  });

  test('a gzip file that ends too soon gives what it holds, and an error', async () => {
    const whole = gzipSync(readFileSync(sample).toString().repeat(50));
    const { events, error } = await replay(write('cut.gz', whole.subarray(0, whole.length / 2)));
    expect(error).toBeInstanceOf(ReplayError);
    expect(error?.message).toContain('cut.gz');
    expect(events.length).toBeGreaterThan(0);
  });

  test('a file that is not there is an error that names it and the flag', async () => {
    await expect(replay(join(directory, 'missing.log'))).rejects.toThrow(/missing\.log cannot be read.*--replay-file/);
  });

  test.each(['audit-rhel7.log', 'audit-ubuntu16.log'])(
    'records of another distribution are understood: %s',
    async (name) => {
      const { progress } = await replay(new URL(`../../fixtures/audit-logs/${name}`, import.meta.url).pathname);
      expect(progress.lines).toBeGreaterThan(2);
    },
  );
});
