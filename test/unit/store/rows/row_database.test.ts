/** A database has the rows that were written and not dropped, and no part of a failed transaction. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { diskBudget } from '../../../../src/store/disk_budget.ts';
import type { EidRange } from '../../../../src/store/eid_range.ts';
import { type NumberedEvent, RowDatabase, type Search } from '../../../../src/store/rows/row_database.ts';
import type { StoredEvent } from '../../../../src/store/rows/stored_event.ts';
import type { Subscriber } from '../../../../src/store/subscribers.ts';
import { published, recorded } from '../../tables/published.ts';

let directory: string;
const opened: RowDatabase[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-rows-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const one of opened.splice(0)) one.close();
  rmSync(directory, { recursive: true, force: true });
});

const fileOf = (name: string) => join(directory, name);
function open(name = ':memory:'): RowDatabase {
  const db = new RowDatabase(name === ':memory:' ? name : fileOf(name));
  opened.push(db);
  return db;
}
function close(db: RowDatabase): void {
  opened.splice(opened.indexOf(db), 1);
  db.close();
}
/** The files that a killed process leaves. */
function copyOf(name: string): string {
  for (const end of ['', '-wal']) cpSync(fileOf(name + end), fileOf(`left ${name}${end}`));
  return `left ${name}`;
}

const WHOLE: EidRange = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const select = (db: RowDatabase, search: Search = {}, range = WHOLE): StoredEvent[] =>
  [...db.select(search, range)].filter((row) => row !== undefined);
const eids = (db: RowDatabase, search?: Search, range?: EidRange) => select(db, search, range).map(({ eid }) => eid);
const events = (from: number, count: number, what: Parameters<typeof published>[0] = {}): NumberedEvent[] =>
  Array.from({ length: count }, (_, n) => ({ eid: from + n, event: published({ pid: from + n, ...what }) }));
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);
function insertAll(db: RowDatabase, all: readonly NumberedEvent[]): void {
  for (let done = 0; done < all.length; ) done += db.insert(all.slice(done));
}
const within = (eid: number, { after, upTo }: EidRange) => eid > after && eid <= upTo;

const failure = () => Object.assign(new Error('disk I/O error'), { errcode: 10 });
/** The failure: the `nth` statement, or the end of the transaction. */
type Failure = { kind: 'run'; nth: number } | { kind: 'commit' };

/** Whether the work met the failure and threw it. */
function failing(kind: Failure, work: () => void): boolean {
  const { run } = StatementSync.prototype;
  const { exec } = DatabaseSync.prototype;
  let left = kind.kind === 'run' ? kind.nth : Number.POSITIVE_INFINITY;
  const spies = [
    vi.spyOn(StatementSync.prototype, 'run').mockImplementation(function (this: StatementSync, ...values) {
      if (left-- === 0) throw failure();
      return run.apply(this, values as Parameters<typeof run>);
    }),
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      if (sql === 'COMMIT' && kind.kind === 'commit') throw failure();
      return exec.call(this, sql);
    }),
  ];
  try {
    work();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ errcode: 10 });
    return true;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const number = (max: number) => fc.integer({ min: 0, max });
const failures: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({ kind: fc.constant('run' as const), nth: number(3) }),
  fc.constant({ kind: 'commit' as const }),
);

describe('a transaction that fails', () => {
  const change = fc.record({
    work: fc.constantFrom('insert' as const, 'letGo' as const, 'subscribers' as const, 'take' as const),
    count: fc.integer({ min: 1, max: 80 }),
    fails: fc.option(failures, { nil: undefined }),
  });
  const all = (db: RowDatabase) => ({
    rows: select(db).map((row) => [row.eid, row.number('pid'), row.ancestorRecord('creator')?.facts.pid]),
    ...{ count: db.rows, lastEid: db.lastEid, cut: db.cutRows, subscribers: db.subscribers() },
  });

  test('leaves memory and file as they were, and the next one works', () => {
    let n = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 15 }), (changes) => {
        const name = `${n++}.db`;
        const db = open(name);
        const memory = open();
        const [shared, other] = [recorded({ pid: 7, above: recorded({ pid: 1 }) }), recorded({ pid: 8 })];
        let eid = 0;
        let wanted: number[] = [];
        for (const { work, count, fails } of changes) {
          const creator = count % 2 ? shared : other;
          const rows = numbers(eid + 1, count).map((one): NumberedEvent => {
            const event = published({ pid: one });
            return { eid: one, event: { ...event, context: { ...event.context, creator } } };
          });
          const subscribers = [subscriber(`fleet ${count}`)];
          if (work === 'take') {
            insertAll(memory, rows);
            eid += count;
          }
          const change = () => {
            if (work === 'insert') db.insert(rows);
            else if (work === 'take') db.takeOldest(memory, count);
            else if (work === 'subscribers') db.replaceSubscribers(subscribers);
            else db.deleteGone(true);
          };
          if (work === 'letGo') {
            const upTo = wanted[Math.min(wanted.length - 1, count)] ?? 0;
            db.letGo(upTo);
            wanted = wanted.filter((one) => one > upTo);
          }
          const before = all(db);
          const hasFailed = fails !== undefined && failing(fails, change);
          if (hasFailed) expect(all(db)).toEqual(before);
          if (hasFailed || fails === undefined) change();
          if (work === 'insert') eid += count;
          if (work === 'insert' || work === 'take') wanted.push(...rows.map((row) => row.eid));
          expect(eids(db)).toEqual(wanted);
          for (const row of select(db)) expect([7, 8]).toContain(row.ancestorRecord('creator')?.facts.pid);
        }
        expect(memory.rows).toBe(0);
        const { discardedEid } = db;
        const after = open(copyOf(name));
        after.letGo(discardedEid);
        expect(all(after)).toEqual({ ...all(db), cut: 0 });
        close(after);
        close(db);
        close(memory);
      }),
      { numRuns: 60 },
    );
  });

  test('counts no row that it cut', () => {
    const db = open('cut.db');
    const budget = diskBudget(1 << 20);
    db.budget = budget;
    const large = events(1, 1, { cmdline: 'x'.repeat(2 * budget.rowBytes) });
    expect(failing({ kind: 'commit' }, () => db.insert(large))).toBe(true);
    expect(db.cutRows).toBe(0);
    db.insert(large);
    expect(db.cutRows).toBe(1);
  });

  test('leaves unused facts to the next one', () => {
    const db = open('facts.db');
    for (let eid = 1; eid < 20_000; eid += 5000) {
      const event = published();
      db.insert([{ eid, event: { ...event, context: { ...event.context, creator: recorded({ pid: eid }) } } }]);
    }
    db.letGo(15_000);
    db.deleteGone(true);
    const facts = () => {
      const file = new DatabaseSync(fileOf('facts.db'), { readOnly: true });
      const count = file
        .prepare("SELECT sum(1 + length(lines) - length(replace(lines, char(10), ''))) AS n FROM shared")
        .get()?.n;
      file.close();
      return count;
    };
    expect(failing({ kind: 'commit' }, () => db.dropUnneeded())).toBe(true);
    expect(facts()).toBe(4);
    while (db.dropUnneeded());
    expect(facts()).toBe(2);
  });
});

describe('a search', () => {
  const pid = fc.oneof(number(6), fc.constantFrom(2 ** 31, 2 ** 32 + 1, 2 ** 31 - 1));
  const set = <T>(of: fc.Arbitrary<T>) =>
    fc.option(
      fc.array(of, { maxLength: 4 }).map((list) => new Set(list)),
      { nil: undefined },
    );
  const searches = fc.record({
    eids: set(number(400)),
    ...{ pids: set(pid), parents: set(pid) },
    times: fc.option(
      fc.tuple(number(1000), number(1000)).map(([minMs, length]) => ({ minMs, maxMs: minMs + length })),
      { nil: undefined },
    ),
  });
  const batches = fc.array(
    fc.record({ gap: number(40), rows: fc.array(fc.tuple(pid, pid, number(1500)), { maxLength: 50 }) }),
    { maxLength: 8 },
  );

  test('finds the same rows as a scan of all, in the order of their eids', () => {
    fc.assert(
      fc.property(batches, number(100), searches, number(400), number(400), (all, floor, search, after, length) => {
        const db = open();
        const rows: { eid: number; pid: number; parent: number; timeMs: number }[] = [];
        for (const { gap, rows: batch } of all) {
          const from = (rows.at(-1)?.eid ?? 0) + gap + 1;
          const added = batch.map(([one, parent, timeMs], n) => ({ eid: from + n, pid: one, parent, timeMs }));
          rows.push(...added);
          insertAll(
            db,
            added.map((row) => ({
              eid: row.eid,
              event: published({ pid: row.pid, ppid: row.parent, unixMs: row.timeMs }),
            })),
          );
        }
        db.letGo(floor);
        const range = { after, upTo: after + length };
        const { eids: wantedEids, pids, parents, times } = search;
        const wanted = rows.filter(
          (row) =>
            row.eid > floor &&
            within(row.eid, range) &&
            (wantedEids?.has(row.eid) ?? true) &&
            (pids?.has(row.pid) ?? true) &&
            (parents?.has(row.parent) ?? true) &&
            (!times || (row.timeMs >= times.minMs && row.timeMs <= times.maxMs)),
        );
        const found = select(db, search, range);
        const foundEids = found.map(({ eid }) => eid);
        expect(foundEids).toEqual(expect.arrayContaining(wanted.map(({ eid }) => eid)));
        expect(foundEids).toEqual([...new Set(foundEids)].toSorted((a, b) => a - b));
        expect(foundEids.every((eid) => eid > floor && within(eid, range))).toBe(true);
        for (const row of found) {
          const { eid, ...its } = rows.find((one) => one.eid === row.eid) ?? {};
          expect({ pid: row.number('pid'), parent: row.number('parent'), timeMs: row.number('timeMs') }).toEqual(its);
        }
        close(db);
      }),
      { numRuns: 150 },
    );
  });

  test('that has begun gives no later rows, and goes on if some are dropped', () => {
    const db = open();
    insertAll(db, events(1, 100));
    const search = db.select({}, { after: 0, upTo: db.lastEid });
    expect(search.next().value?.eid).toBe(1);
    db.letGo(80);
    db.deleteGone(true);
    insertAll(db, events(101, 100));
    const rest = [...search].flatMap((row) => row?.eid ?? []);
    expect(rest).toEqual([...numbers(2, 31), ...numbers(81, 20)]);
  });

  test('reads the segments of its times only', () => {
    const db = open();
    for (let n = 1; n <= 10; n++) insertAll(db, events(32 * n, 32, { unixMs: 1000 * n }));
    expect(eids(db, { times: { minMs: 3000, maxMs: 4999 } })).toEqual(numbers(96, 64));
  });
});

describe('the eid', () => {
  test('to drop up to is exact by number, and that of a whole segment by bytes', () => {
    const db = open();
    insertAll(db, events(1, 100));
    expect(db.eidToDrop(5, 0, 1000)).toBe(5);
    expect(db.eidToDrop(0, 1, 1000)).toBe(32);
    expect(db.eidToDrop(0, 0, 1000)).toBeUndefined();
    db.letGo(10);
    expect(db.eidToDrop(5, 0, 1000)).toBe(15);
    expect(db.eidToDrop(500, 0, 40)).toBe(64);
  });

  test('up to which rows are old ignores rows from a clock that was ahead', () => {
    const db = open();
    const times = [100, 900_000, 200, 300, 400];
    times.forEach((unixMs, n) => {
      insertAll(db, events(n + 1, 1, { unixMs }));
    });
    expect(db.eidBefore(100, 1000, 1000)).toBeUndefined();
    expect(db.eidBefore(250, 1000, 1000)).toBe(3);
    expect(db.eidBefore(500, 1000, 1000)).toBe(5);
  });
});

describe('rows that are removed', () => {
  test('are not found after they are deleted, even if the process is killed', () => {
    const db = open('deleted.db');
    insertAll(db, events(1, 1000));
    expect(db.letGo(700)).toBe(700);
    db.deleteGone(true);
    expect(eids(open(copyOf('deleted.db')))).toEqual(numbers(701, 300));
    db.letGo(750);
    close(db);
    expect(open('deleted.db')).toMatchObject({ rows: 250, discardedEid: 750 });
  });

  test('are deleted many segments at a time, or at once where room is needed', () => {
    const db = open('lazy.db');
    insertAll(db, events(1, 1024));
    const stored = () => {
      const file = new DatabaseSync(fileOf('lazy.db'), { readOnly: true });
      const count = file.prepare('SELECT count(*) AS n FROM segments').get()?.n;
      file.close();
      return count;
    };
    db.letGo(10 * 32);
    db.deleteGone(false);
    expect(stored()).toBe(32);
    db.letGo(16 * 32);
    db.deleteGone(false);
    expect(stored()).toBe(16);
    db.letGo(17 * 32);
    db.deleteGone(true);
    expect(stored()).toBe(15);
  });

  test('do not come back once that is noted, also before they are deleted, and are counted once', () => {
    const db = open('noted.db');
    insertAll(db, events(1, 320));
    db.letGo(100);
    db.replaceSubscribers([]);
    const after = open(copyOf('noted.db'));
    expect(after).toMatchObject({ rows: 220, discardedEid: 100 });
    expect(eids(after)).toEqual(numbers(101, 220));
    expect(after.letGo(130)).toBe(30);
    expect(after.rows).toBe(190);
  });

  test('do not come back without their shared facts', () => {
    const db = open('facts.db');
    db.budget = { ...diskBudget(1 << 30), generationBytes: 1 };
    const rows = numbers(1, 200).map((eid): NumberedEvent => {
      const event = published({ pid: eid });
      return { eid, event: { ...event, context: { ...event.context, creator: recorded({ pid: eid }) } } };
    });
    insertAll(db, rows);
    db.letGo(150);
    db.deleteGone(false);
    while (db.dropUnneeded());
    const after = open(copyOf('facts.db'));
    expect(select(after).map((row) => row.ancestorRecord('creator')?.facts.pid)).toEqual(numbers(151, 50));
  });
});

test.each([1e16, -1e17, 1e300, Number.NaN, Number.POSITIVE_INFINITY])(
  'a row with the time %d, possible in a recorded log, is stored and the database can be opened',
  (unixMs) => {
    const db = open('times.db');
    insertAll(db, [...events(1, 1), ...events(2, 1, { unixMs }), ...events(3, 1)]);
    close(db);
    const again = open('times.db');
    expect(eids(again)).toEqual([1, 2, 3]);
    expect(eids(again, { times: { minMs: 1_699_999_999_000, maxMs: 1_700_000_001_000 } })).toEqual([1, 2, 3]);
    expect(select(again)[1]?.number('timeMs')).toBeUndefined();
  },
);

describe('rows of another database', () => {
  test('are taken over as they are, in steps, with what they share stored once', () => {
    const [memory, disk] = [open(), open('disk.db')];
    const creator = recorded({ pid: 7, above: recorded({ pid: 6 }) });
    const container = { json: '{"id":"1"}' };
    const rows = events(1, 1000).map(
      ({ eid, event }): NumberedEvent => ({
        eid,
        event: { ...event, context: { ...event.context, creator }, container },
      }),
    );
    insertAll(memory, rows);
    const before = select(memory).map(({ facts }) => facts);
    while (disk.takeOldest(memory, 100) > 0);
    expect(memory.rows).toBe(0);
    expect(disk).toMatchObject({ rows: 1000, lastEid: 1000 });
    expect(select(disk).map(({ facts }) => facts)).toEqual(before);
    const file = new DatabaseSync(fileOf('disk.db'), { readOnly: true });
    expect(
      file.prepare("SELECT sum(1 + length(lines) - length(replace(lines, char(10), ''))) AS n FROM shared").get()?.n,
    ).toBe(3);
    expect(select(disk).at(-1)?.container).toEqual({ id: '1' });
    file.close();
  });

  test('are taken over from one database after another, although each has its own ids', () => {
    const disk = open();
    for (const pid of [7, 8]) {
      const memory = open();
      const event = published();
      const eid = pid * 10;
      const credentialsBefore = { json: JSON.stringify({ uid: pid }) };
      const context = { ...event.context, creator: recorded({ pid }), credentialsBefore };
      memory.insert([{ eid, event: { ...event, context } }]);
      expect(disk.takeOldest(memory, 10)).toBe(1);
    }
    expect(select(disk).map((row) => row.ancestorRecord('creator')?.facts.pid)).toEqual([7, 8]);
    expect(select(disk).map((row) => row.credentialsBefore?.uid)).toEqual([7, 8]);
  });
});

function subscriber(name: string, more: Partial<Subscriber> = {}): Subscriber {
  const none = { lastEid: 0, confirmedEid: 0, reader: '', firstReadMs: 1, lastReadMs: 2, lostRows: 0 };
  return { name, ...none, ...more };
}

describe('subscribers', () => {
  test('are kept as they were stored, replaced together, and removed by name', () => {
    const db = open('subscribers.db');
    const [one, other] = [subscriber('one', { lastEid: 5, reader: 'a' }), subscriber('other', { lostRows: 3 })];
    db.putSubscribers([one, other]);
    db.putSubscribers([{ ...one, lastEid: 6 }]);
    expect(new Set(db.subscribers())).toEqual(new Set([{ ...one, lastEid: 6 }, other]));
    db.removeSubscriber('one');
    close(db);
    const again = open('subscribers.db');
    expect(again.subscribers()).toEqual([other]);
    again.replaceSubscribers([one]);
    expect(again.subscribers()).toEqual([one]);
  });
});
