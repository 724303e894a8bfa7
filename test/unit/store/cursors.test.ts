/** Positions of readers are in memory at once, and in the database as often as is cheap. */
import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { Cursors } from '../../../src/store/cursors.ts';
import type { RowDatabase } from '../../../src/store/rows/row_database.ts';
import { SUBSCRIBERS_MAX, type Subscriber } from '../../../src/store/subscribers.ts';

const IDLE_MS = 100_000;
let clockMs: number;
/** By which Unix time is ahead. */
let aheadMs: number;
let lines: Record<string, unknown>[];
/** The content of a database, and the names in each write. */
let stored: Map<string, Subscriber>;
let writes: string[][];
let isWritable: boolean;

beforeEach(() => {
  clockMs = 0;
  aheadMs = 0;
  lines = [];
  stored = new Map();
  writes = [];
  isWritable = true;
});

function cursors(): Cursors {
  const database = {
    putSubscribers: (all: Iterable<Subscriber>) => {
      writes.push([...all].map(({ name }) => name));
      for (const one of all) stored.set(one.name, { ...one });
    },
    removeSubscriber: (name: string) => stored.delete(name),
  };
  return new Cursors({
    log: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
    now: () => clockMs,
    unixNow: () => 1_700_000_000_000 + clockMs + aheadMs,
    write: (work) => {
      if (isWritable) work(database as unknown as RowDatabase);
    },
  });
}

/** A name requests new rows up to an eid, and gets them. */
function read(one: Cursors, name: string, upTo = 10): Subscriber {
  const subscriber = one.get(name, IDLE_MS);
  const batch = one.subscribers.handOut(subscriber, upTo, 1000);
  one.keep([subscriber]);
  one.delivered(batch);
  return subscriber;
}

describe('a cursor', () => {
  test('is stored up to the last given row, and confirmed when its reader has lived on', () => {
    const one = cursors();
    read(one, 'fleet');
    expect(stored.get('fleet')).toMatchObject({ lastEid: 10, confirmedEid: 0 });
    clockMs += 29_999;
    one.confirm();
    expect(stored.get('fleet')?.confirmedEid).toBe(0);
    clockMs += 1;
    one.confirm();
    expect(stored.get('fleet')?.confirmedEid).toBe(10);
  });

  test('goes back if its answer was not read to the end', () => {
    const one = cursors();
    const subscriber = one.get('fleet', IDLE_MS);
    const batch = one.subscribers.handOut(subscriber, 10, 1000);
    one.delivered(batch);
    one.unread(batch);
    expect(stored.get('fleet')?.lastEid).toBe(0);
  });

  test('that did not change is not stored', () => {
    const one = cursors();
    one.confirm();
    one.keep([]);
    one.tidy();
    expect(writes).toEqual([]);
  });

  test('goes on in memory while there is no database', () => {
    const one = cursors();
    isWritable = false;
    read(one, 'fleet');
    expect(stored.size).toBe(0);
    isWritable = true;
    one.keepAll();
    expect(stored.get('fleet')?.lastEid).toBe(10);
  });
});

describe('subscribers that lost rows', () => {
  test('are stored at most once a second, each once, and at the next tidying at the latest', () => {
    const one = cursors();
    const [a, b] = [read(one, 'a'), read(one, 'b')];
    writes.length = 0;
    one.lost([a]);
    expect(writes).toEqual([['a']]);
    for (let n = 0; n < 9; n++) {
      clockMs += 100;
      one.lost([a, b]);
    }
    expect(writes).toEqual([['a']]);
    clockMs += 100;
    one.lost([a]);
    expect(writes).toEqual([['a'], ['a', 'b']]);
    one.lost([b]);
    one.tidy();
    expect(writes).toEqual([['a'], ['a', 'b'], ['b']]);
    one.tidy();
    expect(writes).toHaveLength(3);
  });

  test('are stored the next time if the database is locked', () => {
    const one = cursors();
    const subscriber = read(one, 'fleet');
    isWritable = false;
    subscriber.lostRows = 5;
    one.lost([subscriber]);
    isWritable = true;
    one.tidy();
    expect(stored.get('fleet')?.lostRows).toBe(5);
  });

  test('are not stored again once they are forgotten', () => {
    const one = cursors();
    const first = read(one, 'first');
    one.lost([first]);
    one.lost([first]);
    for (let n = 0; n < SUBSCRIBERS_MAX; n++) read(one, `name ${n}`);
    expect(stored.has('first')).toBe(false);
    one.tidy();
    expect(stored.has('first')).toBe(false);
    expect(stored.size).toBe(SUBSCRIBERS_MAX);
  });
});

describe('subscribers of too many names', () => {
  const told = () => lines.map(({ evicted, subscribers }) => ({ evicted, subscribers }));
  const makeUp = (one: Cursors, count: number, prefix = 'made up') => {
    for (let n = 0; n < count; n++) read(one, `${prefix} ${n}`);
  };
  const names = (one: Cursors) => [...one.subscribers].map(({ name }) => name);

  test('are forgotten, first those that were read once: those in use stay, and new ones are accepted', () => {
    const one = cursors();
    for (let n = 0; n < 2; n++) {
      for (const name of ['fleet', 'siem']) read(one, name);
      clockMs += 10_000;
    }
    makeUp(one, 3000);
    read(one, 'new');
    expect(names(one)).toHaveLength(SUBSCRIBERS_MAX);
    expect(names(one)).toEqual(expect.arrayContaining(['fleet', 'siem', 'new']));
    expect(one.evicted).toBe(3000 + 3 - SUBSCRIBERS_MAX);
    expect(new Set(stored.keys())).toEqual(new Set(names(one)));
  });

  test('and invented by a query again and again do not evict those in use', () => {
    const one = cursors();
    for (let n = 0; n < 5; n++) {
      clockMs += 60_000;
      read(one, 'fleet');
    }
    for (let n = 0; n < 4; n++) {
      clockMs += 1000;
      makeUp(one, 1000);
      makeUp(one, 1000, `again ${n}`);
    }
    expect(names(one)).toContain('fleet');
    expect(names(one)).toHaveLength(SUBSCRIBERS_MAX);
  });

  test('are forgotten first when they are no longer asked for', () => {
    const one = cursors();
    for (let n = 0; n < 2; n++) {
      read(one, 'given up');
      clockMs += 30_000;
    }
    clockMs += IDLE_MS;
    makeUp(one, SUBSCRIBERS_MAX);
    expect(names(one)).not.toContain('given up');
  });

  test('do not count as new if they were first read while the clock was ahead', () => {
    const one = cursors();
    aheadMs = 1e9;
    read(one, 'fleet');
    aheadMs = 0;
    for (let n = 0; n < 2; n++) {
      clockMs += 60_000;
      read(one, 'fleet');
    }
    clockMs += 60_000;
    makeUp(one, 2000);
    expect(names(one)).toContain('fleet');
  });

  test('are logged together once a minute, with the names of the first twenty that were in use', () => {
    const one = cursors();
    for (let n = 0; n < 2; n++) {
      makeUp(one, SUBSCRIBERS_MAX, 'real');
      clockMs += 1000;
    }
    read(one, 'one more');
    one.tidy();
    expect(told()).toEqual([{ evicted: 1, subscribers: ['real 0'] }]);
    read(one, 'another one');
    one.tidy();
    clockMs += 59_999;
    one.tidy();
    expect(told()).toHaveLength(1);
    clockMs += 1;
    one.tidy();
    expect(told()).toEqual([
      { evicted: 1, subscribers: ['real 0'] },
      { evicted: 1, subscribers: undefined },
    ]);
    makeUp(one, SUBSCRIBERS_MAX, 'once');
    for (let n = 0; n < 2; n++) {
      clockMs += 60_000;
      makeUp(one, SUBSCRIBERS_MAX, 'twice');
    }
    makeUp(one, SUBSCRIBERS_MAX, 'thrice');
    clockMs += IDLE_MS;
    makeUp(one, 100, 'last');
    one.logEvictions();
    expect(told().at(-1)?.subscribers).toHaveLength(20);
    one.logEvictions();
    expect(told()).toHaveLength(3);
  });

  test('are not accepted if a name is too long', () => {
    expect(() => read(cursors(), 'x'.repeat(257))).toThrow('256 characters');
  });
});
