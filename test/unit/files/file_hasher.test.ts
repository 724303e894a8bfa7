import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { Procfs } from '../../../src/collect/procfs.ts';
import { type Executed, ExecutedFiles } from '../../../src/files/executed_file.ts';
import { FileHasher, type FileHasherOptions, type HashMiss } from '../../../src/files/file_hasher.ts';
import { HashThread } from '../../../src/files/hash_thread.ts';
import { cpuMs, leastCpuMs } from '../cpu_time.ts';

const DAY_MS = 86_400_000;
const procfs = new Procfs();
let directory: string;
let children: ChildProcess[];
let hashers: FileHasher[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'executed-files-'));
  children = [];
  hashers = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const hasher of hashers) await hasher.stop();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);
const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** A program that lives until it is stopped, with a unique file. */
function program(name: string, more = ''): string {
  copyFileSync('/bin/sleep', at(name));
  appendFileSync(at(name), more);
  chmodSync(at(name), 0o755);
  return at(name);
}

async function run(path: string, ...args: string[]): Promise<Pid> {
  const child = spawn(path, args.length > 0 ? args : ['60']);
  children.push(child);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return child.pid as Pid;
}

/** An exec of the file at this path, as it is now. The file counts as old unless a time is given. */
function executed(path: string, pid: number, more: Partial<Executed> = {}): Executed {
  const { mode, uid, gid, mtimeMs, ctimeMs, birthtimeMs } = statSync(path);
  return {
    pid: pid as Pid,
    unixMs: ctimeMs + DAY_MS,
    startTicks: undefined,
    details: {
      fromProcfs: true,
      path,
      mode,
      ownerUid: uid,
      ownerGid: gid,
      mtime: Math.floor(mtimeMs / 1000),
      ctime: Math.floor(ctimeMs / 1000),
      btime: birthtimeMs > 0 ? Math.floor(birthtimeMs / 1000) : undefined,
    },
    ...more,
  };
}

const unknownTimes = (path: string): Executed['details'] => ({
  fromProcfs: true,
  path,
  mode: undefined,
  ownerUid: undefined,
  ownerGid: undefined,
  mtime: undefined,
  ctime: undefined,
  btime: undefined,
});

/** Files of a test are new: the clock is a day later, so that hashes may be cached. */
function hasherWith(more: Partial<FileHasherOptions> = {}): FileHasher {
  const hasher = new FileHasher({
    files: new ExecutedFiles({ startTicks: (pid) => procfs.startTicks(pid) }),
    maxBytes: 1 << 28,
    bytesPerSecond: 1 << 28,
    waitMs: 10_000,
    unixNow: () => Date.now() + DAY_MS,
    ...more,
  });
  hashers.push(hasher);
  return hasher;
}

const GONE = 4_194_305 as Pid;
const missed = (hasher: FileHasher) =>
  Object.entries(hasher.stats.missed)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => [reason as HashMiss, count]);
const openDescriptors = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
    } catch {
      return false;
    }
  });

describe('a process that lives', () => {
  test('gets the hash of its file, and the next one at once', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const pid = await run(path);
    const first = hasher.hash(executed(path, pid));
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toBe(sha256Of(path));
    expect(hasher.hash(executed(path, pid))).toBe(sha256Of(path));
    const size = statSync(path).size;
    expect(hasher.stats).toMatchObject({ known: 1, computed: 1, filesRead: 1, bytesRead: size, cacheSize: 1 });
    expect(openDescriptors()).toEqual([]);
  });

  test.each([
    ['was replaced', (path: string) => renameSync(program('b', 'other'), path)],
    ['was deleted', (path: string) => unlinkSync(path)],
    [
      'was replaced by a FIFO',
      (path: string) => {
        unlinkSync(path);
        execFileSync('mkfifo', [path]);
      },
    ],
  ])('gets that of its own file when that %s', async (_, change) => {
    const path = program('a');
    const own = sha256Of(path);
    const pid = await run(path);
    const about = { ...executed(path, pid), startTicks: ticksOf(pid) };
    // Unlinking changes the ctime: it then differs from that of audit and the collector.
    const { ctime = 0 } = about.details;
    await expect.poll(() => Date.now(), { interval: 20 }).toBeGreaterThan((ctime + 1) * 1000 + 20);
    change(path);
    expect(await hasherWith().hash(about)).toBe(own);
    const hasher = hasherWith();
    expect(await hasher.hash({ ...about, startTicks: [1, 2] })).toBeUndefined();
    expect(hasher.stats.missed.replaced + hasher.stats.missed.not_regular + hasher.stats.missed.gone).toBe(1);
  });

  test('of a file that has no name gets its hash', async () => {
    const source = `
import os, sys
fd = os.memfd_create('nameless', 0)
os.write(fd, open('/bin/sleep', 'rb').read() + b'nameless')
os.execve(fd, ['nameless', '60'], {})`;
    const pid = await run('python3', '-c', source);
    await expect.poll(() => readlinkSync(`/proc/${pid}/exe`), { interval: 20 }).toBe('/memfd:nameless (deleted)');
    const about = {
      pid,
      unixMs: Date.now(),
      startTicks: ticksOf(pid),
      details: unknownTimes('/memfd:nameless (deleted)'),
    };
    const expected = createHash('sha256').update(readFileSync('/bin/sleep')).update('nameless').digest('hex');
    expect(await hasherWith().hash(about)).toBe(expected);
  });

  test('that runs another image now does not count, although both files have the same times and owner', async () => {
    const hasher = hasherWith();
    const [first, second] = [program('a'), program('b', 'other')];
    for (const path of [first, second]) utimesSync(path, 1_000_000, 1_000_000);
    const pid = await run(second);
    const told = executed(first, pid);
    const seen = executed(second, pid).details;
    unlinkSync(first);
    expect(await hasher.hash({ ...told, details: { ...seen, path: first } })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 1]]);
  });

  test('gets none from a file that was written and executed again since, with any times', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const pid = await run(path);
    const about = { ...executed(path, pid), inode: statSync(path).ino };
    const { ctimeMs } = statSync(path);
    // Written while it did not run: the same file with a later time.
    expect(await hasher.hash({ ...about, unixMs: ctimeMs - 1000 })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 1]]);
    // A user can set mtime back, but not ctime.
    utimesSync(path, 1_000_000, 1_000_000);
    const details = { ...executed(path, pid).details };
    const before = { ...about, details, unixMs: ctimeMs - 1000 };
    expect(await hasher.hash({ ...before, stillRuns: () => false })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 2]]);
    expect(await hasher.hash({ ...before, stillRuns: () => true })).toBe(sha256Of(path));
    // A write cannot give a time in the future.
    utimesSync(path, 9_000_000_000, 9_000_000_000);
    const future = { ...about, details: executed(path, pid).details, unixMs: ctimeMs - 1000 };
    expect(await hasher.hash({ ...future, stillRuns: () => true })).toBe(sha256Of(path));
  });

  test('gets the hash of a file from before the clock was set back', async () => {
    const path = program('a');
    const pid = await run(path);
    const { ino, ctimeMs } = statSync(path);
    const about = { ...executed(path, pid), inode: ino, unixMs: ctimeMs - DAY_MS };
    expect(await hasherWith().hash(about)).toBeUndefined();
    const files = new ExecutedFiles({ startTicks: () => undefined, unixNow: () => ctimeMs - DAY_MS + 10 });
    expect(await hasherWith({ files }).hash(about)).toBe(sha256Of(path));
    expect(await hasherWith({ files }).hash({ ...about, stillRuns: () => false })).toBeUndefined();
  });

  test('gets no hash from a file that it stopped running while the file was opened', async () => {
    const path = program('a');
    const pid = await run(path);
    const proc = at('proc');
    const exe = join(proc, String(pid), 'exe');
    mkdirSync(join(proc, String(pid)), { recursive: true });
    symlinkSync(path, exe);
    const { ino, ctimeMs } = statSync(path);
    const about = { ...executed(path, pid), inode: ino, unixMs: ctimeMs };
    const remote = { has: () => false };
    const hasher = hasherWith({ files: new ExecutedFiles({ startTicks: () => undefined, proc, remote }) });
    expect(await hasher.hash({ ...about, stillRuns: () => true })).toBe(sha256Of(path));
    let looks = 0;
    const stillRuns = () => {
      // It has executed another program, which is not reported yet.
      if (++looks === 2) unlinkSync(exe);
      return true;
    };
    expect(
      await hasherWith({ files: new ExecutedFiles({ startTicks: () => undefined, proc, remote }) }).hash({
        ...about,
        stillRuns,
      }),
    ).toBeUndefined();
    expect(looks).toBe(2);
  });

  test('is distinguished from another one by its inode number alone', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const pid = await run(path);
    linkSync(path, at('linked'));
    const about = executed(path, pid);
    const { ino } = statSync(path);
    // By another name of the same file.
    const details = { ...about.details, path: at('elsewhere') };
    expect(await hasher.hash({ ...about, details })).toBeUndefined();
    expect(await hasher.hash({ ...about, details, inode: ino })).toBe(sha256Of(path));
    expect(await hasher.hash({ ...about, inode: ino + 1 })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 2]]);
  });

  test('is not the one that had its pid before', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const pid = await run(path);
    const [ticks] = ticksOf(pid);
    const about = { ...executed(path, pid), details: unknownTimes(path) };
    expect(await hasher.hash({ ...about, startTicks: [ticks - 9, ticks - 1] })).toBeUndefined();
    expect(await hasher.hash({ ...about, startTicks: undefined })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 2]]);
    expect(await hasher.hash({ ...about, startTicks: [ticks - 1, ticks + 1] })).toBe(sha256Of(path));
  });
});

function ticksOf(pid: Pid): [number, number] {
  const ticks = procfs.startTicks(pid) ?? 0;
  return [ticks, ticks];
}

describe('a process that is gone', () => {
  test("gets the hash of its path's file", async () => {
    const hasher = hasherWith();
    const path = program('a');
    expect(await hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
    expect(hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
  });

  test.each<[string, (path: string) => Partial<Executed['details']>]>([
    ['written', (path) => ({ mtime: Math.floor(statSync(path).mtimeMs / 1000) - 1 })],
    ['changed otherwise', (path) => ({ ctime: Math.floor(statSync(path).ctimeMs / 1000) - 1 })],
    ['given to another owner', () => ({ ownerUid: 4711 })],
    ['given to another group', () => ({ ownerGid: 4711 })],
    ['given other permissions', () => ({ mode: 0o100700 })],
  ])('gets none from a file that was %s since', async (_, change) => {
    const hasher = hasherWith();
    const path = program('a');
    const about = executed(path, GONE);
    expect(await hasher.hash({ ...about, details: { ...about.details, ...change(path) } })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 1]]);
  });

  test('gets none from a file that is newer than the exec, however similar it is', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const about = executed(path, GONE);
    expect(await hasher.hash({ ...about, unixMs: statSync(path).ctimeMs - 1 })).toBeUndefined();
    expect(await hasher.hash({ ...about, unixMs: statSync(path).ctimeMs + 5 })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 2]]);
  });

  test('gets the hash of a file that was made a moment before, if audit reports the time', async () => {
    const hasher = hasherWith();
    const path = program('a');
    const about = executed(path, GONE);
    const details = { ...about.details, fromProcfs: false } as const;
    const { ctimeMs } = statSync(path);
    expect(await hasher.hash({ ...about, details, unixMs: Math.floor(ctimeMs) })).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 1]]);
    expect(await hasher.hash({ ...about, details, unixMs: Math.floor(ctimeMs) + 1 })).toBe(sha256Of(path));
  });

  test('gets none from a file that is being emptied, which has its old times until that is done', async () => {
    const hasher = hasherWith();
    const path = program('a');
    truncateSync(path, 0);
    expect(await hasher.hash(executed(path, GONE))).toBeUndefined();
    expect(missed(hasher)).toEqual([['replaced', 1]]);
  });

  test('gets none by a path only: it may be a path in a container', async () => {
    const hasher = hasherWith();
    const path = program('a');
    expect(await hasher.hash({ ...executed(path, GONE), details: unknownTimes(path) })).toBeUndefined();
    expect(missed(hasher)).toEqual([['gone', 1]]);
  });

  test.each<[string, HashMiss, (path: string) => void]>([
    ['nothing', 'gone', () => {}],
    ['a FIFO', 'not_regular', (path) => void execFileSync('mkfifo', [path])],
    ['a folder', 'not_regular', (path) => mkdirSync(path)],
    ['a link to it', 'not_regular', (path) => symlinkSync(at('moved'), path)],
  ])('gets none when %s is in place of its file', async (_, reason, change) => {
    const hasher = hasherWith();
    const path = program('a');
    const about = executed(path, GONE);
    renameSync(path, at('moved'));
    change(path);
    expect(await hasher.hash(about)).toBeUndefined();
    expect(missed(hasher)).toEqual([[reason, 1]]);
  });
});

test('a file on a network file system is not opened', async () => {
  const files = new ExecutedFiles({ startTicks: () => undefined, remote: { has: () => true } });
  const hasher = hasherWith({ files });
  const path = program('a');
  expect(hasher.hash(executed(path, GONE))).toBeUndefined();
  expect(hasher.hash(executed(path, await run(path)))).toBeUndefined();
  expect(missed(hasher)).toEqual([['served', 2]]);
});

describe('a file that changes while it is read', () => {
  /** Does something to the file between the first byte and the last. */
  function changing(change: () => void) {
    const thread = new HashThread();
    return {
      sha256: (fd: number, size: number) => {
        change();
        return thread.sha256(fd, size);
      },
      stop: () => thread.stop(),
    };
  }

  test.each([
    ['grows', (path: string) => appendFileSync(path, 'more')],
    ['shrinks', (path: string) => truncateSync(path, 100)],
    ['gets other permissions', (path: string) => chmodSync(path, 0o700)],
  ])('is neither given nor remembered when it %s', async (_, change) => {
    const path = program('a');
    const hasher = hasherWith({ thread: changing(() => change(path)) });
    expect(await hasher.hash(executed(path, GONE))).toBeUndefined();
    expect(missed(hasher)).toEqual([['changed', 1]]);
    expect(hasher.stats).toMatchObject({ cacheSize: 0, filesRead: 0 });
    expect(openDescriptors()).toEqual([]);
  });

  test('is not cached while its time stamps would not show a change', async () => {
    const path = program('a');
    const hasher = hasherWith({ unixNow: () => statSync(path).ctimeMs + 5 });
    expect(await hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
    expect(hasher.stats.cacheSize).toBe(0);
  });

  test('is another file afterwards', async () => {
    const hasher = hasherWith();
    const path = program('a');
    await hasher.hash(executed(path, GONE));
    appendFileSync(path, 'more');
    expect(await hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
    expect(hasher.stats).toMatchObject({ known: 0, computed: 2 });
  });
});

describe('bounds', () => {
  test('a file that is too large is not opened', async () => {
    const path = program('a');
    const { size } = statSync(path);
    const hasher = hasherWith({ maxBytes: size - 1 });
    expect(hasher.hash(executed(path, GONE))).toBeUndefined();
    expect(missed(hasher)).toEqual([['too_large', 1]]);
    hasher.configure({ maxBytes: size, bytesPerSecond: 1 << 28, waitMs: 10_000 });
    expect(await hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
  });

  test('no more is read per second than allowed, and what is known costs nothing', async () => {
    const clock = { ms: 0 };
    const paths = ['a', 'b', 'c'].map((name) => program(name, name));
    const [first = '', second = '', third = ''] = paths;
    const { size } = statSync(first);
    const hasher = hasherWith({ bytesPerSecond: size / 2, now: () => clock.ms });
    expect(await hasher.hash(executed(first, GONE))).toBe(sha256Of(first));
    expect(await hasher.hash(executed(second, GONE))).toBeUndefined();
    expect(await hasher.hash(executed(first, GONE))).toBe(sha256Of(first));
    clock.ms = 900;
    expect(await hasher.hash(executed(second, GONE))).toBeUndefined();
    clock.ms = 1100;
    expect(await hasher.hash(executed(second, GONE))).toBe(sha256Of(second));
    expect(await hasher.hash(executed(third, GONE))).toBeUndefined();
    expect(missed(hasher)).toEqual([['over_rate', 3]]);
    expect(openDescriptors()).toEqual([]);
  });

  test('requests for one file share one reading; a request beyond the bound is refused', async () => {
    const [first, second] = [program('a'), program('b', 'other')];
    const hasher = hasherWith({ queueMax: 1 });
    const both = [hasher.hash(executed(first, GONE)), hasher.hash(executed(first, GONE))];
    expect(hasher.stats.queueDepth).toBe(1);
    expect(hasher.hash(executed(second, GONE))).toBeUndefined();
    expect(await Promise.all(both)).toEqual([sha256Of(first), sha256Of(first)]);
    expect(missed(hasher)).toEqual([['queue_full', 1]]);
    expect(hasher.stats).toMatchObject({ computed: 2, filesRead: 1, queueDepth: 0 });
  });

  test('a hash that comes too late is missed, and known the next time', async () => {
    const path = program('a');
    const thread = new HashThread();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const held = {
      sha256: (fd: number, size: number) => released.then(() => thread.sha256(fd, size)),
      stop: () => thread.stop(),
    };
    const hasher = hasherWith({ waitMs: 1, thread: held });
    expect(await hasher.hash(executed(path, GONE))).toBeUndefined();
    expect(missed(hasher)).toEqual([['late', 1]]);
    release();
    await expect.poll(() => hasher.stats.filesRead).toBe(1);
    expect(hasher.hash(executed(path, GONE))).toBe(sha256Of(path));
  });

  test('no more hashes are kept than fit', async () => {
    const hasher = hasherWith({ cacheSize: 2 });
    for (const name of ['a', 'b', 'c']) await hasher.hash(executed(program(name, name), GONE));
    expect(hasher.stats.cacheSize).toBe(2);
  });

  test('a hash that is being read at the stop is missed, and its file closed', async () => {
    const path = program('a');
    truncateSync(path, 200_000_000);
    const hasher = hasherWith();
    const reading = hasher.hash(executed(path, GONE));
    await hasher.stop();
    expect(await reading).toBeUndefined();
    expect(missed(hasher)).toEqual([['failed', 1]]);
    expect(openDescriptors()).toEqual([]);
  });
});

test('hashing 100 MB does not hold up the event loop', async () => {
  const path = at('large');
  writeFileSync(path, Buffer.alloc(100 << 20, 7), { mode: 0o755 });
  const expected = sha256Of(path);
  const hasher = hasherWith();
  const hashing = leastCpuMs(() => void createHash('sha256').update(readFileSync(path)).digest());
  const before = cpuMs();
  expect(await hasher.hash(executed(path, GONE))).toBe(expected);
  expect(cpuMs() - before).toBeLessThan(hashing / 2);
});

test('a hundred processes that live for a millisecond get the hash of their file', async () => {
  const path = at('true');
  copyFileSync('/bin/true', path);
  const hasher = hasherWith();
  const hashes = [];
  for (let i = 0; i < 100; i++) hashes.push(await hasher.hash(executed(path, spawnSync(path).pid)));
  expect(new Set(hashes)).toEqual(new Set([sha256Of('/bin/true')]));
  expect(hasher.stats).toMatchObject({ known: 99, computed: 1 });
});
