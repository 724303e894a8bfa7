/** Rows on disk, and their readers, through kills and restarts. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GIVEN_AGAIN_MS } from '../../src/store/subscribers.ts';
import {
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  type Row,
  TAKES_NODE_OPTIONS,
  until,
} from './extension_under_test.ts';

const subscriber = (name: string) => ({ subscriber: [{ op: 2, expr: name }] });
/** After which the next query of a subscriber is another one. */
const aPause = () => new Promise((resolve) => setTimeout(resolve, GIVEN_AGAIN_MS.pause + 20));

describe.skipIf(!canRecord())('rows on disk', () => {
  let directory: string;
  let extension: ExtensionUnderTest | undefined;
  let before: ReturnType<typeof auditSettings>;
  const flags = (...more: string[]) => ['--database', directory, ...more];
  const events = (constraints = {}, columns = ['eid', 'pid', 'cmdline', 'entity_id', 'ancestry']): Promise<Row[]> =>
    extension?.generate('process_ancestry_events', constraints, columns) ?? Promise.resolve([]);
  const rowsOf = (argument: string) => events({ cmdline: [{ op: 2, expr: `/bin/true ${argument}` }] }, ['eid']);
  const stats = async () => (await extension?.stats()) ?? {};

  beforeEach(() => {
    before = auditSettings();
    directory = join(mkdtempSync(join(tmpdir(), 'pa-rows-')), 'rows');
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    rmSync(join(directory, '..'), { recursive: true, force: true });
    expect(auditSettings()).toEqual(before);
  });

  test('are the same after a restart, and only root can read them', async () => {
    extension = await ExtensionUnderTest.start(flags());
    for (let n = 0; n < 5; n++) execFileSync('/bin/true', [`kept-${n}`]);
    await extension.settled();
    const rows = await events();
    expect(rows.filter(({ cmdline }) => cmdline?.startsWith('/bin/true kept-'))).toHaveLength(5);
    expect((await stats()).database).toBe(directory);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    await extension.stop();
    extension = await ExtensionUnderTest.start(flags());
    const after = await events();
    expect(after.slice(0, rows.length)).toEqual(rows);
    expect((await stats()).store_lost).toBe('0');
  });

  test('a kill costs no more than what came in the last 100 ms, which is counted', async () => {
    extension = await ExtensionUnderTest.start(flags());
    const program = 'i=0; while [ $i -lt 400 ]; do /bin/true kill-$i; i=$((i+1)); done';
    const storm = spawn('/bin/sh', ['-c', program], { stdio: 'ignore' });
    await until('under way', async () => Number((await stats()).events_published) > 100);
    const killedMs = Date.now();
    extension.child.kill('SIGKILL');
    await until('killed', () => extension?.exited);
    await until('ended', () => storm.exitCode !== null);
    await extension.stop();
    extension = await ExtensionUnderTest.start(flags());
    const rows = await events({}, ['cmdline', 'time', 'eid']);
    const own = rows.filter(({ cmdline }) => cmdline?.startsWith('/bin/true kill-'));
    // All from the first on, up to the last that was written.
    expect(own.map(({ cmdline }) => cmdline)).toEqual(own.map((_, i) => `/bin/true kill-${i}`));
    expect(own.length).toBeGreaterThan(20);
    expect(killedMs / 1000 - Number(own.at(-1)?.time)).toBeLessThan(1.2);
    const lost = Number((await stats()).store_lost);
    execFileSync('/bin/true', ['after']);
    await extension.settled();
    const next = (await events({ cmdline: [{ op: 2, expr: '/bin/true after' }] }))[0];
    // No eid is used twice: what was lost has left a gap of its size.
    expect(Number(next?.eid)).toBeGreaterThan(Number(own.at(-1)?.eid) + lost);
    expect(extension.stderr.includes('rows are missing')).toBe(lost > 0);
  });

  test.each([
    ['the database removed', (where: string) => rmSync(join(where, 'events.db'))],
    [
      '64 KB of its log zeroed',
      (where: string) => writeFileSync(join(where, 'events.db-wal'), Buffer.alloc(65_536), { flag: 'r+' }),
    ],
  ])('what a kill with %s takes is counted and logged', async (_, damage) => {
    extension = await ExtensionUnderTest.start(flags());
    execFileSync('/bin/sh', ['-c', 'i=0; while [ $i -lt 300 ]; do /bin/true gone-$i; i=$((i+1)); done']);
    await until('recorded', async () => (await rowsOf('gone-299')).length > 0);
    const had = Number((await stats()).store_rows);
    expect(had).toBeGreaterThanOrEqual(300);
    const newest = Number((await events({}, ['eid'])).at(-1)?.eid);
    extension.child.kill('SIGKILL');
    await until('killed', () => extension?.exited);
    await extension.stop();
    damage(directory);
    extension = await ExtensionUnderTest.start(flags());
    const left = (await events({}, ['eid', 'cmdline'])).filter(({ eid }) => Number(eid) <= newest);
    expect(left.length).toBeLessThan(300);
    // Programs of others may run meanwhile.
    expect(Number((await stats()).store_lost)).toBeGreaterThanOrEqual(had - left.length);
    expect(extension.stderr).toContain('rows are missing');
    execFileSync('/bin/true', ['afterwards']);
    const next = await until('recorded', async () => (await rowsOf('afterwards'))[0]);
    expect(Number(next.eid)).toBeGreaterThan(newest);
  });

  test('a subscriber gets every row once and in order, over restarts and kills', async () => {
    extension = await ExtensionUnderTest.start(flags());
    const seen: string[] = [];
    const read = async () => {
      const rows = await events(subscriber('execs'));
      seen.push(...rows.flatMap(({ cmdline }) => /^\/bin\/true once-(\d+)$/.exec(cmdline ?? '')?.[1] ?? []));
      return rows;
    };
    let made = 0;
    const make = async (count: number) => {
      for (let n = 0; n < count; n++) execFileSync('/bin/true', [`once-${made++}`]);
      await extension?.settled();
    };
    await make(10);
    const first = await read();
    expect(await events(subscriber('execs'))).toEqual(first);
    await aPause();
    await make(5);
    await extension.stop();
    extension = await ExtensionUnderTest.start(flags());
    await make(5);
    await read();
    await aPause();
    await make(3);
    await extension.killAndRespawn();
    await read();
    expect(seen).toEqual(Array.from({ length: made }, (_, i) => String(i)));
    const [row] = await extension.generate('process_ancestry_subscribers');
    expect(row).toMatchObject({ name: 'execs', lost_rows: '0' });
    expect(Math.abs(Number(row?.last_read_time) - Date.now() / 1000)).toBeLessThan(3);
  });

  test('an answer that its reader did not take is given again', async () => {
    extension = await ExtensionUnderTest.start(flags());
    execFileSync('/bin/sh', ['-c', 'i=0; while [ $i -lt 300 ]; do /bin/true $(printf %04000d $i); i=$((i+1)); done']);
    await extension.settled();
    const program = fileURLToPath(new URL('leaving_process.ts', import.meta.url));
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, extension.socketPath, 'execs']);
    await aPause();
    // What is given again comes in smaller portions.
    let again = 0;
    for (;;) {
      const rows = await events(subscriber('execs'), ['cmdline']);
      if (rows.length === 0) break;
      again += rows.filter(({ cmdline }) => /^\/bin\/true 0{3997}/.test(cmdline ?? '')).length;
      await aPause();
    }
    expect(again).toBe(300);
  });

  test.skipIf(!TAKES_NODE_OPTIONS)(
    'a stall of the JavaScript side of 1 s or more, over what 3,000 execs a second are in one, loses nothing',
    async () => {
      const { seen, stats: after } = await stalled({ ms: 1000, forks: 3000 }, []);
      expect(seen.forks).toBeGreaterThanOrEqual(3000);
      expect(after).toMatchObject({ events_lost: '0', details_missing: '0', resyncs: '0' });
      expect(seen.missing).toBe(0);
    },
    60_000,
  );

  test.skipIf(!TAKES_NODE_OPTIONS)(
    'a stall that is too long for the buffers is counted as lost, and made good from /proc',
    async () => {
      const small = ['--queue-max-bytes', '1048576', '--socket-buffer-bytes', '65536'];
      const { seen, stats: after } = await stalled({ ms: 3000, forks: 0 }, small);
      expect(seen.missing).toBeGreaterThan(0);
      expect(Number(after.events_lost)).toBeGreaterThan(0);
      await until('read again', async () => Number((await stats()).resyncs) > 0);
      const complete = await until('whole again', async () => {
        const cmdline = `/bin/true after-the-loss at ${performance.now()}`;
        execFileSync('/bin/true', cmdline.split(' ').slice(1));
        await extension?.settled();
        const [row] = await events({ cmdline: [{ op: 2, expr: cmdline }] }, ['ancestry_complete', 'ancestry']);
        return row?.ancestry_complete === '1' && row;
      });
      expect(complete.ancestry).toContain(`"pid":${process.pid},`);
    },
    60_000,
  );

  /** Runs execs as fast as two workers can, while the extension's event loop stands still: so long, over so many of them. */
  async function stalled({ ms, forks }: { ms: number; forks: number }, more: string[]) {
    const stall = fileURLToPath(new URL('stall.mjs', import.meta.url));
    extension = await ExtensionUnderTest.start(flags('--events-max', '100000', ...more), {
      env: { NODE_OPTIONS: `--import ${stall}`, STALL_MS: String(ms), STALL_FORKS: String(forks) },
    });
    const { runForest } = await import('./forest.ts');
    const running = runForest({ rounds: 450, jobs: 2, programs: ['short_lived'] });
    await until('under way', async () => Number((await stats()).events_published) > 500);
    extension.child.kill('SIGUSR2');
    const forest = await running;
    const [, execs = '0', rate = '0'] = /(\d+) execs, [\d.]+ s, (\d+) execs\/s/.exec(forest.summary) ?? [];
    forest.remove();
    await extension.settled();
    const rows = await events({}, ['cmdline']);
    const own = rows.filter(({ cmdline }) => /forest/.test(cmdline ?? '')).length;
    const [said = '', over = '0'] = /stalled for \d+ ms and (\d+) forks/.exec(extension.stderr) ?? [];
    console.log(`${execs} execs at ${rate}/s, ${said}: ${own} rows`);
    return { seen: { missing: Math.max(0, Number(execs) - own), forks: Number(over) }, stats: await stats() };
  }
});
