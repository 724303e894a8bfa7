/** Rows and files: losses by a kill, damage, other programs and a failing disk, and their report. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { describe, expect, test, vi } from 'vitest';
import type { EventStore } from '../../../src/store/event_store.ts';
import { eventually } from '../eventually.ts';
import { published } from '../tables/published.ts';
import {
  checkpointed,
  clock,
  copied,
  copiedFrom,
  directory,
  eids,
  endOfTurn,
  open,
  opened,
  pids,
  read,
  rowsIn,
  said,
  told,
  useStores,
  wherePid,
} from './stores.ts';

useStores();

const attemptAll = (work: () => void) => {
  try {
    work();
  } catch {
    // A query that meets the damage fails.
  }
};

describe('failures', () => {
  test('rows that a kill loses are counted, and no eid is used twice', async () => {
    const store = open();
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    expect(pids(store)).toHaveLength(3);
    for (let pid = 4; pid <= 6; pid++) store.add(published({ pid }));
    store.expect(2);
    await Promise.resolve();
    const after = open({ directory: copied('left') });
    expect(after.stats).toMatchObject({ rows: 3, lost: 5 });
    after.add(published({ pid: 7 }));
    expect(pids(after)).toEqual([1, 2, 3, 7]);
    expect(eids(after)).toEqual([1, 2, 3, 9]);
  });

  test('two extensions do not share a database: the second keeps its rows in memory and says why', () => {
    const first = open();
    const second = open();
    second.add(published({ pid: 5 }));
    expect(pids(second)).toEqual([5]);
    expect(pids(first)).toEqual([]);
    expect(second.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_in_use' }] });
    expect(second.stats.problems[0]?.message).toMatch(/another process_ancestry_database, or :memory:/);
  });

  test('a directory of another user is not used', () => {
    mkdirSync(directory);
    execFileSync('chown', ['65534', directory]);
    const store = open();
    store.add(published({ pid: 5 }));
    expect(pids(store)).toEqual([5]);
    expect(store.stats.problems).toMatchObject([{ code: 'database_unsafe' }]);
  });

  test('a directory that others can write is not used, and nothing in it is changed', () => {
    mkdirSync(directory);
    const victim = join(directory, '..', 'victim');
    writeFileSync(victim, 'precious', { mode: 0o644 });
    for (const name of ['last-eid', 'events.db', 'lock']) symlinkSync(victim, join(directory, name));
    chmodSync(directory, 0o777);
    expect(open().stats.problems).toMatchObject([{ code: 'database_unsafe' }]);
    // Nor a file placed before the directory was closed to others.
    chmodSync(directory, 0o700);
    const store = open();
    store.add(published({ pid: 5 }));
    expect(pids(store)).toEqual([5]);
    expect(store.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_failed' }] });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(statSync(victim).mode & 0o777).toBe(0o644);
  });

  test('a directory that cannot be made leaves rows in memory', () => {
    writeFileSync(directory, 'a file');
    const store = open();
    store.add(published({ pid: 5 }));
    expect(pids(store)).toEqual([5]);
    expect(store.stats.problems).toMatchObject([
      { code: 'database_failed', message: expect.stringContaining('EEXIST') },
    ]);
  });

  test('a file that is no database is moved aside, and a new one begun', () => {
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(
      join(directory, 'events.db'),
      'no database at all, but longer than a header of a hundred bytes'.repeat(20),
    );
    const store = open();
    store.add(published({ pid: 5 }));
    expect(pids(store)).toEqual([5]);
    expect(store.stats).toMatchObject({ database: directory, problems: [] });
    expect(readdirSync(directory).filter((name) => name.includes('corrupt'))).toHaveLength(1);
    expect(said.join()).toContain('a new one is begun');
  });

  const damage = (byte: number) => {
    const file = join(directory, 'events.db');
    const bytes = readFileSync(file);
    bytes.fill(byte, Math.floor(bytes.length * 0.3), Math.floor(bytes.length * 0.95));
    writeFileSync(file, bytes);
  };

  test('a database that was damaged before the start is moved aside, and its rows are counted', () => {
    const store = open({ maxRows: 10_000 });
    for (let pid = 1; pid <= 5000; pid++) store.add(published({ pid }));
    store.close();
    damage(0x5a);
    const after = open({ maxRows: 10_000 });
    expect(pids(after)).toEqual([]);
    expect(after.stats.lost).toBe(5000);
  });

  test('a damaged row that SQLite does not detect is detected', () => {
    const store = open();
    for (let pid = 1; pid <= 100; pid++) store.add(published({ pid }));
    store.close();
    const db = new DatabaseSync(join(directory, 'events.db'));
    db.exec("UPDATE segments SET lines = replace(lines, ',', ';')");
    db.close();
    const after = open();
    expect(() => pids(after)).toThrow('malformed');
    expect(pids(after)).toEqual([]);
    expect(after.stats).toMatchObject({ lost: 100, database: directory });
  });

  test('a database that is damaged while it is used is moved aside: a query fails, the next one works', () => {
    const store = open({ maxRows: 10_000 });
    for (let pid = 1; pid <= 5000; pid++) store.add(published({ pid }));
    read(store, 'fleet');
    store.close();
    const after = open({ maxRows: 10_000 });
    damage(0x5a);
    expect(() => pids(after)).toThrow('malformed');
    expect(pids(after)).toEqual([]);
    after.add(published({ pid: 7 }));
    expect(pids(after)).toEqual([7]);
    expect(after.stats.lost).toBe(5000);
    // The readers' positions are kept.
    expect(read(after, 'fleet')).toEqual([7]);
  });

  test('a database that is damaged costs a reader its unread rows', () => {
    const store = open({ maxRows: 10_000 });
    for (let pid = 1; pid <= 4000; pid++) store.add(published({ pid }));
    read(store, 'fleet');
    for (let pid = 4001; pid <= 5000; pid++) store.add(published({ pid }));
    store.close();
    const after = open({ maxRows: 10_000 });
    damage(0x5a);
    expect(() => pids(after)).toThrow('malformed');
    expect(after.subscribers()).toMatchObject([{ lagRows: 0, lostRows: 1000 }]);
    expect(after.stats.lost).toBe(5000);
  });

  test('a database that is removed while it is used: a new one is begun, and its rows are counted', async () => {
    const store = open();
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    read(store, 'fleet');
    store.add(published({ pid: 4 }));
    expect(pids(store)).toEqual([1, 2, 3, 4]);
    store.tidy();
    expect(pids(store)).toEqual([1, 2, 3, 4]);
    for (const name of readdirSync(directory)) if (name.startsWith('events.db')) rmSync(join(directory, name));
    store.tidy();
    expect(store.stats).toMatchObject({ database: directory, rows: 0, lost: 4, problems: [] });
    expect(store.subscribers()).toMatchObject([{ name: 'fleet', lastEid: 3, lagRows: 0, lostRows: 1 }]);
    expect(said.join()).toContain('was removed or replaced while it was used');
    store.add(published({ pid: 5 }));
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([5]);
    rmSync(directory, { recursive: true });
    store.add(published({ pid: 6 }));
    store.tidy();
    store.add(published({ pid: 7 }));
    store.close();
    const again = open();
    expect(eids(again)).toEqual([6, 7]);
    expect(again.stats.lost).toBe(0);
    expect(again.subscribers()).toMatchObject([{ name: 'fleet', lagRows: 2 }]);
  });

  test('a directory that was removed before the start is not counted as a loss: its content is unknown', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    store.close();
    rmSync(directory, { recursive: true });
    expect(open().stats).toMatchObject({ rows: 0, lost: 0 });
    expect(said.filter((line) => line.includes('missing'))).toEqual([]);
  });

  test('rows that a kill has lost are counted once', async () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(pids(store)).toHaveLength(1);
    store.add(published({ pid: 2 }));
    await Promise.resolve();
    const left = copied('left');
    const after = open({ directory: left });
    expect(after.stats.lost).toBe(1);
    after.close();
    expect(open({ directory: left }).stats.lost).toBe(0);
  });

  test('a database of another program is kept aside unchanged', () => {
    mkdirSync(directory, { mode: 0o700 });
    const db = new DatabaseSync(join(directory, 'events.db'));
    db.exec('CREATE TABLE events (what TEXT); PRAGMA user_version = 1');
    db.close();
    const store = open();
    store.add(published({ pid: 5 }));
    expect(pids(store)).toEqual([5]);
    expect(store.stats).toMatchObject({ database: directory, problems: [] });
    expect(readdirSync(directory).filter((name) => /^events\.db\.corrupt-\w+$/.test(name))).toHaveLength(1);
  });

  test('an impossible count is ignored', () => {
    mkdirSync(directory, { mode: 0o700 });
    for (const text of ['99999999999999999999', '\0\0\0\0', 'x']) {
      writeFileSync(join(directory, 'last-eid'), text);
      const store = open();
      store.add(published({ pid: 5 }));
      store.add(published({ pid: 5 }));
      expect(store.stats).toMatchObject({ lost: 0 });
      expect(eids(store).slice(-2)).toHaveLength(2);
      store.close();
    }
  });

  test('a bounded number of damaged databases is kept', () => {
    for (let n = 0; n < 4; n++) {
      clock.ms += 5000;
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'events.db'), `no database ${n}`.repeat(100));
      open().close();
    }
    expect(readdirSync(directory).filter((name) => name.includes('corrupt'))).toHaveLength(2);
  });

  test('a database of a later version is kept aside unchanged, the loss is counted, and numbers continue', () => {
    const later = open();
    for (const pid of [5, 6, 7]) later.add(published({ pid }));
    const [, , last] = eids(later);
    later.close();
    const db = new DatabaseSync(join(directory, 'events.db'));
    db.exec('PRAGMA user_version = 1000');
    db.close();
    const store = open();
    expect(store.stats).toMatchObject({ database: directory, problems: [], lost: 3 });
    store.add(published({ pid: 8 }));
    expect(pids(store)).toEqual([8]);
    expect(Number(eids(store)[0])).toBeGreaterThan(Number(last));
    const [aside = ''] = readdirSync(directory).filter((name) => /^events\.db\.newer-\w+$/.test(name));
    const kept = new DatabaseSync(join(directory, aside), { readOnly: true });
    expect(kept.prepare('SELECT first_eid, row_count FROM segments').all()).toEqual([{ first_eid: 1, row_count: 3 }]);
    kept.close();
  });

  test('a database that was kept aside can be put back for the later version, with its rows', () => {
    const later = open();
    later.add(published({ pid: 5 }));
    later.close();
    const database = join(directory, 'events.db');
    const setVersion = (version: number) => {
      const db = new DatabaseSync(database);
      const before = Number(db.prepare('PRAGMA user_version').get()?.user_version);
      db.exec(`PRAGMA user_version = ${version}`);
      db.close();
      return before;
    };
    const version = setVersion(1000);
    const earlier = open();
    earlier.add(published({ pid: 6 }));
    earlier.close();
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(database + suffix, { force: true });
      const [aside] = readdirSync(directory).filter(
        (name) => name.match(/^events\.db\.newer-\w+(.*)$/)?.[1] === suffix,
      );
      if (aside) renameSync(join(directory, aside), database + suffix);
    }
    setVersion(version);
    const again = open();
    again.add(published({ pid: 7 }));
    expect(pids(again)).toEqual([5, 7]);
    expect(new Set(eids(again)).size).toBe(2);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a full disk: new rows are in memory, queries see both, and all are on disk when there is room again',
    async () => {
      mkdirSync(directory);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', directory]);
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const store = open({ maxRows: 10_000 });
        for (let pid = 1; pid <= 200; pid++) store.add(published({ pid }));
        read(store, 'fleet');
        expect(store.stats.database).toBe(directory);
        const filler = join(directory, 'filler');
        try {
          writeFileSync(filler, Buffer.alloc(1 << 20));
        } catch {
          // Full is what it was to become.
        }
        for (let pid = 201; pid <= 3000; pid++) store.add(published({ pid }));
        expect(store.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_full' }] });
        const all = Array.from({ length: 3000 }, (_, i) => i + 1);
        expect(pids(store)).toEqual(all);
        expect(pids(store, wherePid(2999))).toEqual([2999]);
        clock.ms += 1000;
        expect(read(store, 'fleet')).toEqual(all.slice(200));
        execFileSync('mount', ['-o', 'remount,size=16m', directory]);
        rmSync(filler);
        await vi.advanceTimersByTimeAsync(30_000);
        await eventually(() => expect(store.stats.database).toBe(directory));
        expect(store.stats).toMatchObject({ rows: 3000, problems: [], lost: 0 });
        expect(pids(store)).toEqual(all);
        store.close();
        const again = open({ maxRows: 10_000 });
        expect(pids(again)).toEqual(all);
        expect(again.subscribers()).toMatchObject([{ name: 'fleet', lagRows: 0 }]);
        again.close();
      } finally {
        vi.useRealTimers();
        for (const store of opened.splice(0)) store.close();
        execFileSync('umount', [directory]);
      }
    },
  );

  test.each(['row', 'commit'])(
    'a disk that cannot be written for a moment, from a %s on: what is on it is not forgotten',
    async (from) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const store = open();
      store.add(published({ pid: 1 }));
      expect(pids(store)).toEqual([1]);
      const fail = () => {
        throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
      };
      const exec = DatabaseSync.prototype.exec;
      const spies = [
        from === 'row'
          ? vi.spyOn(StatementSync.prototype, 'run').mockImplementationOnce(fail)
          : vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
              if (sql !== 'COMMIT') return exec.call(this, sql);
              spies[0]?.mockRestore();
              return fail();
            }),
      ] as const;
      try {
        store.add(published({ pid: 2 }));
        expect(pids(store)).toEqual([1, 2]);
        expect(store.stats).toMatchObject({ lost: 0, problems: [{ code: 'database_failed' }] });
        await vi.advanceTimersByTimeAsync(1000);
        await eventually(() => expect(store.stats).toMatchObject({ database: directory, rows: 2 }));
        expect(pids(store)).toEqual([1, 2]);
      } finally {
        for (const spy of spies) spy.mockRestore();
        vi.useRealTimers();
      }
    },
  );

  test.skipIf(process.getuid?.() !== 0)('a directory that becomes read-only: rows go on in memory', () => {
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'tmpfs', directory]);
    try {
      execFileSync('mount', ['-o', 'remount,ro', directory]);
      const store = open();
      store.add(published({ pid: 1 }));
      expect(pids(store)).toEqual([1]);
      expect(store.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_read_only' }] });
      store.close();
    } finally {
      for (const store of opened.splice(0)) store.close();
      execFileSync('umount', [directory]);
    }
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a full disk: all rows go to another directory that is set, also those in memory, and subscribers continue',
    async () => {
      mkdirSync(directory);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', directory]);
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const store = open({ maxRows: 10_000 });
        for (let pid = 1; pid <= 3000; pid++) store.add(published({ pid }));
        expect(store.stats).toMatchObject({ database: ':memory:', problems: [{ code: 'database_full' }] });
        read(store, 'fleet');
        for (let pid = 3001; pid <= 3100; pid++) store.add(published({ pid }));
        const settings = { maxRows: 10_000, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 };
        const elsewhere = join(directory, '..', 'elsewhere');
        store.configure({ ...settings, directory: elsewhere });
        store.add(published({ pid: 3101 }));
        const left = Array.from({ length: 3101 }, (_, i) => 1 + i);
        expect(pids(store)).toEqual(left);
        await vi.advanceTimersByTimeAsync(2000);
        await eventually(() => expect(store.stats).toMatchObject({ database: elsewhere, lost: 0, rows: left.length }));
        expect(pids(store)).toEqual(left);
        clock.ms += 1000;
        expect(read(store, 'fleet')).toEqual(left.slice(-101));
      } finally {
        vi.useRealTimers();
        for (const store of opened.splice(0)) store.close();
        execFileSync('umount', [directory]);
      }
    },
  );

  test('another directory takes the rows along, and subscribers continue at their positions', () => {
    const store = open();
    const settings = { maxRows: 100, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 };
    for (const pid of [1, 2]) store.add(published({ pid }));
    expect(read(store, 'fleet')).toEqual([1, 2]);
    store.add(published({ pid: 3 }));
    const elsewhere = join(directory, '..', 'elsewhere');
    store.configure({ ...settings, directory: elsewhere });
    store.add(published({ pid: 4 }));
    expect(pids(store)).toEqual([1, 2, 3, 4]);
    expect(store.stats).toMatchObject({ database: elsewhere, lost: 0, rows: 4 });
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([3, 4]);
    expect(existsSync(join(directory, 'events.db'))).toBe(false);
    store.close();
    const again = open({ directory: elsewhere });
    expect(pids(again)).toEqual([1, 2, 3, 4]);
    expect(again.stats.lost).toBe(0);
  });

  test('a database that was in the other directory before is moved aside, not overwritten', () => {
    const elsewhere = join(directory, '..', 'elsewhere');
    const before = open({ directory: elsewhere });
    before.add(published({ pid: 7 }));
    before.close();
    const store = open();
    store.add(published({ pid: 1 }));
    const settings = { maxRows: 100, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 };
    store.configure({ ...settings, directory: elsewhere });
    expect(pids(store)).toEqual([1]);
    expect(readdirSync(elsewhere).filter((name) => name.startsWith('events.db.earlier-'))).not.toEqual([]);
  });

  test('rows stay where they were while another extension uses the other directory', () => {
    const elsewhere = join(directory, '..', 'elsewhere');
    const other = open({ directory: elsewhere });
    const store = open();
    store.add(published({ pid: 1 }));
    const settings = { maxRows: 100, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 };
    store.configure({ ...settings, directory: elsewhere });
    expect(store.stats.problems).toMatchObject([{ code: 'database_in_use' }]);
    expect(rowsIn(directory)).toBe(1);
    other.close();
  });

  test('changing the directory to memory continues there, and returns to the rows on disk', () => {
    const store = open();
    const settings = { maxRows: 100, maxBytes: 1 << 30, expirySeconds: 60, subscriberExpirySeconds: 60 };
    store.add(published({ pid: 1 }));
    store.configure({ ...settings, directory: ':memory:' });
    expect(pids(store)).toEqual([]);
    store.add(published({ pid: 2 }));
    expect(pids(store)).toEqual([2]);
    store.configure({ ...settings, directory });
    expect(pids(store)).toEqual([1]);
    expect(existsSync(join(directory, 'events.db'))).toBe(true);
  });
});

describe('rows lost with files are counted and logged', () => {
  const ADDED = 2400;
  const KEPT = 2000;
  const settings = { maxRows: KEPT };
  const fill = async (store: EventStore, count = ADDED) => {
    for (let pid = 1; pid <= count; pid++) store.add(published({ pid }));
    expect(pids(store).length).toBe(Math.min(count, KEPT));
    await endOfTurn();
  };
  const file = (where: string, name: string) => join(where, name);
  const zero = (path: string, bytes: number) => writeFileSync(path, Buffer.alloc(bytes), { flag: 'r+' });
  const noteOf = (...numbers: number[]) => numbers.map((number) => String(number).padStart(20, '0')).join(' ');
  const half = (path: string) => writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size / 2));

  describe.each<[says: string, damage: (where: string) => void]>([
    ['the database removed', (where) => rmSync(file(where, 'events.db'))],
    ['its log removed', (where) => rmSync(file(where, 'events.db-wal'))],
    ['64 KB of its log zeroed', (where) => zero(file(where, 'events.db-wal'), 65_536)],
    ['the second half of its log cut off', (where) => half(file(where, 'events.db-wal'))],
    ['both removed', (where) => execFileSync('sh', ['-c', 'rm "$1"/events.db*', 'sh', where])],
    [
      'another file in place of both',
      (where) => {
        rmSync(file(where, 'events.db-wal'));
        writeFileSync(file(where, 'events.db'), 'no database'.repeat(1000));
      },
    ],
  ])('after a kill with %s', (_, damage) => {
    test('rows that had made room are not among them, and no number is used again', async () => {
      await fill(open(settings));
      const left = copied('left');
      damage(left);
      const after = open({ ...settings, directory: left });
      const { rows, lost } = after.stats;
      // Rows dropped in the lost part of the log are back.
      const known = eids(after).filter((eid) => Number(eid) > ADDED - KEPT).length;
      expect(rows).toBeLessThan(KEPT);
      expect(lost).toBe(KEPT - known);
      expect(told('rows are missing')).toEqual([{ lost }]);
      after.add(published({ pid: 7 }));
      expect(eids(after).at(-1)).toBe(ADDED + 1);
      expect(open({ ...settings, directory: copiedFrom(left, 'again') }).stats.lost).toBe(0);
    });

    test('a subscriber gets every row that comes afterwards', async () => {
      const store = open(settings);
      await fill(store);
      read(store, 'fleet');
      const left = copied('left');
      damage(left);
      const after = open({ ...settings, directory: left });
      for (let pid = 10_001; pid <= 10_010; pid++) after.add(published({ pid }));
      const found = read(after, 'fleet').filter((pid) => Number(pid) > 10_000);
      expect(found).toHaveLength(10);
    });
  });

  test('after a clean end, too', async () => {
    const store = open(settings);
    await fill(store);
    store.close();
    rmSync(file(directory, 'events.db'));
    expect(open(settings).stats.lost).toBe(KEPT);
    expect(said.join()).toContain('the file of the database was removed or emptied');
  });

  test('an older copy is in the place of the database: later rows are lost, without those that made room', async () => {
    const store = open(settings);
    await fill(store, 1000);
    const before = copied('before');
    await fill(store);
    const left = copied('left');
    for (const end of ['', '-wal', '-shm']) {
      writeFileSync(file(left, `events.db${end}`), readFileSync(file(before, `events.db${end}`)));
    }
    const after = open({ ...settings, directory: left });
    // 3,400 numbers were given, and the last 2,000 of their rows kept.
    expect(after.stats).toMatchObject({ rows: 1000, lost: 2000 });
    after.add(published({ pid: 7 }));
    expect(eids(after).at(-1)).toBe(3401);
  });

  test.each<[says: string, spoil: (path: string) => void]>([
    ['gone', (path) => rmSync(path)],
    ['garbage', (path) => writeFileSync(path, 'x'.repeat(62))],
    ['beyond reason', (path) => writeFileSync(path, noteOf(2 ** 53 - 1, 0, 5))],
    ['at odds with itself', (path) => writeFileSync(path, noteOf(3000, 0, 4000))],
  ])('a note of what there was that is %s is told, and no number is used again', async (_, spoil) => {
    const store = open(settings);
    await fill(store);
    const left = copied('left');
    spoil(file(left, 'last-eid'));
    const after = open({ ...settings, directory: left });
    expect(after.stats).toMatchObject({ rows: KEPT, lost: 0 });
    expect(said.filter((line) => line.includes('last-eid cannot be read'))).toHaveLength(1);
    after.add(published({ pid: 7 }));
    expect(eids(after).at(-1)).toBe(ADDED + 1);
    after.close();
    // Without the database they are unknown: the next ones are above all possible ones.
    spoil(file(left, 'last-eid'));
    rmSync(file(left, 'events.db'));
    const anew = open({ ...settings, directory: left });
    anew.add(published({ pid: 8 }));
    expect(eids(anew)[0]).toBeGreaterThan(1e13);
  });

  test('rows that were just removed do not count as lost after a kill', async () => {
    const store = open(settings);
    await fill(store, 100);
    store.configure({ directory, maxRows: 30, maxBytes: 1 << 30, expirySeconds: 3600, subscriberExpirySeconds: 60 });
    // A kill comes before the turn of the event loop has ended.
    expect(open({ directory: copied('left') }).stats).toMatchObject({ rows: 30, lost: 0 });
  });

  test('a cursor beyond all rows does not hide new ones', async () => {
    const store = open(settings);
    await fill(store, 10);
    read(store, 'fleet');
    store.close();
    const db = new DatabaseSync(file(directory, 'events.db'));
    db.exec('UPDATE subscribers SET last_eid = 5000, confirmed_eid = 5000');
    db.close();
    rmSync(file(directory, 'last-eid'));
    const after = open(settings);
    after.add(published({ pid: 7 }));
    expect(read(after, 'fleet')).toEqual([7]);
    expect(eids(after).at(-1)).toBe(5001);
  });

  describe('while it runs', () => {
    const older = async () => {
      const store = open(settings);
      await fill(store, 100);
      read(store, 'fleet');
      const before = copied('before');
      for (let pid = 101; pid <= 150; pid++) store.add(published({ pid }));
      expect(pids(store)).toHaveLength(150);
      await endOfTurn();
      return { store, before };
    };
    const goesOn = (store: EventStore) => {
      store.add(published({ pid: 9000 }));
      clock.ms += 1000;
      expect(read(store, 'fleet').at(-1)).toBe(9000);
      expect(eids(store).at(-1)).toBe(151);
      expect(store.stats).toMatchObject({ database: directory, problems: [] });
      store.close();
      const after = open(settings);
      expect(pids(after).at(-1)).toBe(9000);
      expect(after.stats.lost).toBe(0);
    };

    test('the database removed', async () => {
      const { store } = await older();
      rmSync(file(directory, 'events.db'));
      store.tidy();
      expect(store.stats).toMatchObject({ rows: 0, lost: 150 });
      expect(store.subscribers()).toMatchObject([{ name: 'fleet', lostRows: 50 }]);
      goesOn(store);
    });

    test.each(['events.db-wal', 'last-eid'])('%s removed: nothing is lost', async (name) => {
      const { store } = await older();
      rmSync(file(directory, name));
      store.tidy();
      expect(store.stats).toMatchObject({ rows: 150, lost: 0 });
      expect(store.subscribers()).toMatchObject([{ name: 'fleet', lostRows: 0, lagRows: 50 }]);
      goesOn(store);
    });

    test('the directory replaced by an older copy', async () => {
      const { store, before } = await older();
      execFileSync('sh', ['-c', 'mv "$1" "$1.moved" && mv "$2" "$1"', 'sh', directory, before]);
      store.tidy();
      expect(store.stats).toMatchObject({ rows: 100, lost: 50 });
      expect(store.subscribers()).toMatchObject([{ name: 'fleet', lostRows: 50 }]);
      goesOn(store);
    });

    test('the database replaced by an older one', async () => {
      const { store, before } = await older();
      execFileSync('sh', ['-c', 'rm "$1"/events.db* && cp "$2"/events.db* "$1"', 'sh', directory, before]);
      store.tidy();
      expect(store.stats).toMatchObject({ rows: 100, lost: 50 });
      goesOn(store);
    });

    test('an older copy written over the files', async () => {
      const { store, before } = await older();
      execFileSync('sh', ['-c', 'cp "$2"/* "$1"', 'sh', directory, before]);
      store.tidy();
      const { rows, lost } = store.stats;
      expect(rows + lost).toBe(150);
      expect(rows).toBeLessThan(150);
      goesOn(store);
    });

    test.each<[says: string, damage: (path: string) => void]>([
      ['zeroed', (path) => zero(path, statSync(path).size)],
      ['emptied', (path) => writeFileSync(path, '')],
    ])('its log %s', async (_, damage) => {
      const { store } = await older();
      damage(file(directory, 'events.db-wal'));
      store.tidy();
      for (let n = 0; n < 3; n++) {
        store.add(published({ pid: 200 + n }));
        attemptAll(() => pids(store));
      }
      store.close();
      const after = open(settings);
      expect(after.stats.rows + after.stats.lost + store.stats.lost).toBeGreaterThanOrEqual(153);
      expect(told('rows are missing').length).toBeGreaterThan(0);
    });
  });
});

describe('a database that another program has locked', () => {
  const locked = (work: () => void) => {
    const other = new DatabaseSync(join(directory, 'events.db'));
    other.exec('BEGIN IMMEDIATE');
    work();
    other.exec('ROLLBACK');
    other.close();
  };

  test('makes rows wait; no subscriber skips them', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    expect(read(store, 'fleet')).toEqual([1]);
    clock.ms += 1000;
    locked(() => {
      store.add(published({ pid: 2 }));
      expect(read(store, 'fleet')).toEqual([]);
      expect(store.subscribers()).toMatchObject([{ lagRows: 1 }]);
    });
    clock.ms += 1000;
    expect(read(store, 'fleet')).toEqual([2]);
  });

  test('does not cost a wait for each row', () => {
    const store = open();
    const rows = 2400;
    const sleeps = () => process.resourceUsage().voluntaryContextSwitches;
    const before = sleeps();
    locked(() => {
      for (let pid = 1; pid <= rows; pid++) store.add(published({ pid }));
    });
    expect(sleeps() - before).toBeLessThan(rows / 2);
    expect(pids(store)).not.toEqual([]);
    expect(store.stats).toMatchObject({ lost: 0, problems: [] });
  });

  test('drops rows at once: they are deleted later, and do not come back', () => {
    const store = open({ expirySeconds: 60, subscriberExpirySeconds: 100 });
    read(store, 'fleet');
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid, unixMs: 1000 }));
    expect(pids(store)).toHaveLength(3);
    clock.ms += 100_000;
    locked(() => {
      store.expire(1e9);
      store.expire(1e9);
    });
    expect(store.subscribers()).toMatchObject([{ lagRows: 0, lostRows: 3 }]);
    store.expire(1e9);
    expect(store.subscribers()).toMatchObject([{ lagRows: 0, lostRows: 3 }]);
    expect(pids(store)).toEqual([]);
    store.close();
    expect(pids(open())).toEqual([]);
  });

  test('and is then found damaged: rows in memory go into the new one first, in order', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = open({ maxRows: 20_000 });
      // Not in the order of their keys, and all read: new ones need pages that are no longer in memory.
      const pidOf = (n: number) => (n * 7919) % 100_003;
      for (let n = 1; n <= 8000; n++) store.add(published({ pid: pidOf(n), cmdline: 'x'.repeat(500) }));
      expect(pids(store)).toHaveLength(8000);
      await checkpointed(store);
      locked(() => {
        for (let n = 8001; n <= 13_500; n++) store.add(published({ pid: pidOf(n) }));
      });
      expect(store.stats).toMatchObject({ database: ':memory:', lost: 0 });
      for (const name of ['events.db', 'events.db-wal']) {
        const file = join(directory, name);
        writeFileSync(file, Buffer.alloc(statSync(file).size, 0x5a), { flag: 'r+' });
      }
      expect(() => pids(store)).toThrow();
      await vi.advanceTimersByTimeAsync(1100);
      expect(store.stats).toMatchObject({ lost: 8000 });
      store.add(published({ pid: pidOf(13_501) }));
      const left = Array.from({ length: 5501 }, (_, i) => pidOf(8001 + i));
      expect(pids(store)).toEqual(left);
      await vi.advanceTimersByTimeAsync(30_000);
      await eventually(() => expect(store.stats.database).toBe(directory));
      store.add(published({ pid: 13_502 }));
      expect(pids(store)).toEqual([...left, 13_502]);
      expect(store.stats).toMatchObject({ rows: 5502, problems: [] });
    } finally {
      vi.useRealTimers();
    }
  });

  test('is waited for at the end for a bounded time: rows that could not be written are counted', () => {
    const store = open();
    store.add(published({ pid: 1 }));
    locked(() => store.close());
    expect(store.stats.lost).toBe(1);
  });
});
