/** Rows on disk, and their readers, through kills and restarts. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  auditControl,
  auditSettings,
  canRecord,
  ExtensionUnderTest,
  type Row,
  TAKES_NODE_OPTIONS,
  until,
} from './extension_under_test.ts';

const subscriber = (name: string) => ({ subscriber: [{ op: 2, expr: name }] });

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

  test('a kill loses no row on disk, and the rows that it loses are counted', async () => {
    extension = await ExtensionUnderTest.start(flags());
    const stop = join(directory, '..', 'stop');
    const program = 'i=0; while ! [ -e "$0" ]; do /bin/true kill-$i; i=$((i+1)); done';
    const storm = spawn('/bin/sh', ['-c', program, stop], { stdio: 'ignore' });
    const own = async () =>
      (await events({}, ['cmdline', 'eid'])).filter(({ cmdline }) => cmdline?.startsWith('/bin/true kill-'));
    const seen = await until('under way', async () => {
      const rows = await own();
      return rows.length > 100 && rows;
    });
    const lastSeen = Number(seen.at(-1)?.eid);
    await until('written', () => lastOnDisk() >= lastSeen);
    extension.child.kill('SIGKILL');
    await until('killed', () => extension?.exited);
    writeFileSync(stop, '');
    await until('ended', () => storm.exitCode !== null);
    const onDisk = lastOnDisk();
    await extension.stop();
    extension = await ExtensionUnderTest.start(flags());
    const kept = await own();
    // All from the first on, up to the last that was written.
    expect(kept.map(({ cmdline }) => cmdline)).toEqual(kept.map((_, i) => `/bin/true kill-${i}`));
    expect(kept.slice(0, seen.length)).toEqual(seen);
    const lost = Number((await stats()).store_lost);
    execFileSync('/bin/true', ['after']);
    await extension.settled();
    const next = (await events({ cmdline: [{ op: 2, expr: '/bin/true after' }] }))[0];
    // No eid is used twice: lost rows leave a gap of their number.
    expect(Number(next?.eid)).toBeGreaterThan(onDisk + lost);
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
    const newest = Number((await events({}, ['eid'])).at(-1)?.eid);
    extension.child.kill('SIGKILL');
    await until('killed', () => extension?.exited);
    await extension.stop();
    damage(directory);
    extension = await ExtensionUnderTest.start(flags());
    const left = (await events({}, ['eid', 'cmdline'])).filter(({ cmdline }) => cmdline?.startsWith('/bin/true gone-'));
    expect(left.length).toBeLessThan(300);
    expect(Number((await stats()).store_lost)).toBeGreaterThanOrEqual(300 - left.length);
    expect(extension.stderr).toContain('rows are missing');
    execFileSync('/bin/true', ['afterwards']);
    const next = await until('recorded', async () => (await rowsOf('afterwards'))[0]);
    expect(Number(next.eid)).toBeGreaterThan(newest);
  });

  test('a subscriber gets every row once and in order, over restarts and kills', async () => {
    const beganSeconds = Math.floor(Date.now() / 1000);
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
    await read();
    await extension.nextStatement();
    await make(5);
    await extension.stop();
    extension = await ExtensionUnderTest.start(flags());
    await make(5);
    await read();
    await extension.nextStatement();
    await make(3);
    await extension.killAndRespawn();
    await read();
    expect(seen).toEqual(Array.from({ length: made }, (_, i) => String(i)));
    const [row] = await extension.generate('process_ancestry_subscribers');
    expect(row).toMatchObject({ name: 'execs', lost_rows: '0' });
    expect(Number(row?.last_read_time)).toBeGreaterThanOrEqual(beganSeconds);
    expect(Number(row?.last_read_time)).toBeLessThanOrEqual(Date.now() / 1000);
  });

  test('an answer that its reader did not take is given again', async () => {
    extension = await ExtensionUnderTest.start(flags());
    execFileSync('/bin/sh', ['-c', 'i=0; while [ $i -lt 300 ]; do /bin/true $(printf %04000d $i); i=$((i+1)); done']);
    await extension.settled();
    const program = fileURLToPath(new URL('leaving_process.ts', import.meta.url));
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, extension.socketPath, 'execs']);
    await extension.nextStatement();
    // Repeated rows come in smaller parts.
    let again = 0;
    for (;;) {
      const rows = await events(subscriber('execs'), ['cmdline']);
      if (rows.length === 0) break;
      again += rows.filter(({ cmdline }) => /^\/bin\/true 0{3997}/.test(cmdline ?? '')).length;
      await extension.nextStatement();
    }
    expect(again).toBe(300);
  });

  test.skipIf(!TAKES_NODE_OPTIONS)('a stall of the JavaScript side over 3,000 execs loses nothing', async () => {
    const own = await overAStall({ execs: 3000, bytes: 10 }, []);
    expect(own).toBe(3000);
    expect(await stats()).toMatchObject({ events_lost: '0', details_missing: '0', resyncs: '0' });
  });

  test.skipIf(!TAKES_NODE_OPTIONS)(
    'a stall that is too long for the buffers is counted as lost, and made good from /proc',
    async () => {
      const queueBytes = 1 << 20;
      const small = ['--queue-max-bytes', String(queueBytes), '--socket-buffer-bytes', '65536'];
      // Their arguments alone are eight times the size of the queue.
      const bytes = 8192;
      const execs = (8 * queueBytes) / bytes;
      const own = await overAStall({ execs, bytes }, small);
      expect(own).toBeLessThan(execs);
      expect(Number((await stats()).events_lost)).toBeGreaterThan(0);
      await until('read again', async () => Number((await stats()).resyncs) > 0);
      let tries = 0;
      const complete = await until('whole again', async () => {
        const cmdline = `/bin/true after-the-loss ${tries++}`;
        execFileSync('/bin/true', cmdline.split(' ').slice(1));
        await extension?.settled();
        const [row] = await events({ cmdline: [{ op: 2, expr: cmdline }] }, ['ancestry_complete', 'ancestry']);
        return row?.ancestry_complete === '1' && row;
      });
      expect(complete.ancestry).toContain(`"pid":${process.pid},`);
    },
  );

  /** The newest row that a kill cannot lose. */
  function lastOnDisk(): number {
    const db = new DatabaseSync(join(directory, 'events.db'), { readOnly: true, timeout: 10_000 });
    try {
      return Number(db.prepare('SELECT max(first_eid + row_count - 1) AS last FROM segments').get()?.last ?? 0);
    } finally {
      db.close();
    }
  }

  /** Executes programs with `bytes` of arguments while the extension's event loop is blocked; returns the number of their rows. */
  async function overAStall({ execs, bytes }: { execs: number; bytes: number }, more: string[]): Promise<number> {
    const goOn = join(directory, '..', 'go-on');
    const stall = fileURLToPath(new URL('stall.mjs', import.meta.url));
    extension = await ExtensionUnderTest.start(flags('--events-max', '100000', ...more), {
      env: { NODE_OPTIONS: `--import ${stall}`, STALL_UNTIL: goOn },
    });
    extension.child.kill('SIGUSR2');
    await until('stalled', () => extension?.stderr.includes('stands still'));
    const program = 'i=$0; while [ $i -lt $1 ]; do /bin/true stalled-$i $2; i=$((i+1)); done';
    const argument = 'x'.repeat(bytes);
    // The collector's thread continues: each batch fits into the kernel's queue, also if the thread is slow.
    const PORTION = 250;
    for (let n = 0; n < execs; n += PORTION) {
      const end = Math.min(execs, n + PORTION);
      execFileSync('/bin/sh', ['-c', program, String(n), String(end), argument]);
      await until('read by the collector', () => Number(auditControl('backlog')) < 1000);
    }
    writeFileSync(goOn, '');
    await extension.settled();
    const rows = await events({}, ['cmdline']);
    return rows.filter(({ cmdline }) => cmdline?.startsWith('/bin/true stalled-')).length;
  }
});
