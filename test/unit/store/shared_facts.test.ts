/** What rows say of others is stored once, and there for as long as a row needs it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readHost } from '../../../src/linux/host.ts';
import type { Action } from '../../../src/process/execution.ts';
import { EventMerger } from '../../../src/process/merge.ts';
import type { RecordedLink } from '../../../src/process/recorded_link.ts';
import type { SharedFacts } from '../../../src/process/session_context.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { type NumberedEvent, RowDatabase } from '../../../src/store/rows/row_database.ts';
import type { StoredEvent } from '../../../src/store/rows/stored_event.ts';
import { ancestryText } from '../../../tables/lineage.ts';
import { columns, processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { complaintsOfText } from '../ecs/fields_check.ts';
import { KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';
import { published, recorded } from '../tables/published.ts';

let directory: string;
const opened: { close(): void }[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-documents-'));
});
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  rmSync(directory, { recursive: true, force: true });
});

function database(name = ':memory:'): RowDatabase {
  const db = new RowDatabase(name === ':memory:' ? name : join(directory, name));
  opened.push(db);
  return db;
}

function store(host?: () => SharedFacts): EventStore {
  const settings = {
    ...{ directory: join(directory, 'rows'), maxRows: 10_000, maxBytes: 1 << 30 },
    ...{ expirySeconds: 3600, subscriberExpirySeconds: 100 },
  };
  const one = new EventStore(settings, {
    ...{ log: pino({ enabled: false }), unixNow: () => 1_700_000_000_000 },
    ...(host ? { host } : {}),
  });
  opened.push(one);
  return one;
}

const FROM_START = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const stored = (db: RowDatabase) => [...db.select({}, FROM_START)].filter((row) => row !== undefined);
const leaders = (db: RowDatabase) => stored(db).map((row) => row.link('sessionLeader')?.facts.pid);
const factsIn = (name: string, kind: 'links' | 'documents') => {
  const db = new DatabaseSync(join(directory, name));
  const lines = db.prepare('SELECT lines FROM shared').all();
  db.close();
  const facts = lines.flatMap((row) => String(row.lines).split('\n'));
  return facts.filter((line) => line.includes('"entityId"') === (kind === 'links')).length;
};

/** So many execs of one session, from the eid on. */
function session(from: number, count: number, sessionLeader: RecordedLink): NumberedEvent[] {
  const exec = published();
  const credentials = { json: JSON.stringify({ userNames: { 0: sessionLeader.entityId } }) };
  return Array.from({ length: count }, (_, n) => ({
    eid: from + n,
    event: { ...exec, context: { ...exec.context, sessionLeader, credentials } },
  }));
}
const leader = (pid: number) => recorded({ pid, above: recorded({ pid: pid + 100 }) });

describe('what rows share', () => {
  test('is stored once for many rows', () => {
    const db = database('one.db');
    db.insert(session(1, 1000, leader(7)));
    expect(new Set(leaders(db))).toEqual(new Set([7]));
    expect(factsIn('one.db', 'links')).toBe(2);
    expect(factsIn('one.db', 'documents')).toBe(1);
  });

  test('is there as long as a row needs it, however many have gone, and goes then', () => {
    const db = database('long.db');
    const shared = leader(7);
    for (let eid = 1; eid < 20_000; eid += 1000) {
      db.insert(session(eid, 1000, shared));
      if (eid > 2000) {
        db.letGo(eid - 1500);
        db.deleteGone(false);
      }
      expect(leaders(db).every((pid) => pid === 7)).toBe(true);
    }
    db.letGo(19_999);
    db.deleteGone(true);
    while (db.dropUnneeded());
    expect(leaders(db)).toEqual([7]);
    expect(factsIn('long.db', 'links')).toBe(2);
    // Those of the last generations, at most as many of others, and the block that is written to.
    expect(factsIn('long.db', 'documents')).toBeLessThanOrEqual(2 * 10 + 32);
  });

  test('comes along when rows that were kept in memory go to the disk', () => {
    const [memory, disk] = [database(), database('disk.db')];
    memory.insert(session(1, 3000, leader(7)));
    memory.insert(session(3001, 3000, leader(8)));
    while (disk.takeOldest(memory, 700) > 0);
    expect(memory.rows).toBe(0);
    expect(leaders(disk)).toEqual([...Array(3000).fill(7), ...Array(3000).fill(8)]);
    disk.insert(session(6001, 1, leader(9)));
    expect(leaders(disk).at(-1)).toBe(9);
  });
});

/** A chain of so many, each the creator of the one before. */
function chain(length: number): RecordedLink {
  let link = recorded({ pid: 1000 });
  for (let pid = 1001; pid < 1000 + length; pid++) link = recorded({ pid, above: link });
  return link;
}

describe('a chain', () => {
  const under = (eid: number, creator: RecordedLink, depth: number) => {
    const exec = published();
    const ancestry = { ...exec.ancestry, depth };
    return { eid, event: { ...exec, ancestry, context: { ...exec.context, creator } } };
  };
  const ancestryOf = (row: StoredEvent) =>
    (JSON.parse(ancestryText(row.link('creator'), Number(row.number('depth')))) as { pid: number }[]).map(
      ({ pid }) => pid,
    );

  test('is stored once, and each row tells as much of it as it did', () => {
    const db = database('chain.db');
    const top = chain(500);
    db.insert([under(1, top, 32)]);
    expect(factsIn('chain.db', 'links')).toBe(500);
    const below = recorded({ pid: 1500, above: top });
    db.insert([under(2, below, 3), under(3, below, 40)]);
    expect(factsIn('chain.db', 'links')).toBe(501);
    const [first, second, third] = stored(db).map(ancestryOf);
    expect(first).toEqual(Array.from({ length: 32 }, (_, n) => 1499 - n));
    expect(second).toHaveLength(3);
    expect(third?.at(-1)).toBe(1461);
  });

  test('whose links are gone before a query reads them is an error, not a row without ancestors', () => {
    const db = database();
    // More than a block takes: one that is written to stays.
    db.insert(Array.from({ length: 20 }, (_, n) => under(n + 1, chain(3), 3)));
    const [first] = stored(db);
    // Two generations on, the rows of the first have gone.
    for (let eid = 5000; eid < 15_000; eid += 5000) db.insert([under(eid, chain(3), 3)]);
    db.letGo(14_999);
    db.deleteGone(true);
    while (db.dropUnneeded());
    expect(() => first && ancestryOf(first)).toThrow('ask again');
  });
});

test('a creator’s command line is told up to 32,768 characters, and stored once for all of its children', async () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, `sh ${'x'.repeat(20_000)}`);
  kernel.fork(10, 11);
  kernel.exec(11, 'ls');
  const harness = new TreeHarness().run(kernel);
  const one = store();
  for (const event of harness.published) one.add(event);
  const [, ls] = await rowsOf(one);
  expect(String(ls?.parent_cmdline)).toHaveLength(20_003);
  expect(JSON.parse(String(ls?.ancestry))[0].cmdline).toHaveLength(4097);
});

const ACTIONS: readonly Action[] = ['exec', 'fork', 'setsid', 'exit', 'existing'];

/** All that happens in a session by ssh. */
function events(windowMs: number): PublishedEvent[] {
  const kernel = new KernelModel();
  const harness = new TreeHarness({ actions: new Set(ACTIONS) });
  harness.tree.publishExisting({ bootMs: 999_000, unixMs: 1_700_000_999_000 });
  kernel.login(7, '192.0.2.7');
  kernel.fork(1, 10);
  kernel.exec(10, 'sshd -D');
  kernel.fork(10, 11);
  kernel.setsid(11);
  kernel.exec(11, 'bash -l', { tty: 'pts/0', ses: 7 });
  kernel.fork(11, 12);
  kernel.setpgid(12, 12);
  kernel.exec(12, 'env "quoted"\\ \u0001\t🌲', { tty: 'pts/0', ses: 7 });
  kernel.exec(12, 'ls', { tty: 'pts/0', ses: 7 });
  kernel.exit(12, 9);
  kernel.exit(11, 256);
  harness.run(kernel).tree.flush('all');
  const merger = new EventMerger(windowMs);
  return [...harness.published.flatMap((event) => merger.add(event, 0)), ...merger.all()];
}

async function rowsOf(from: EventStore): Promise<Record<string, unknown>[]> {
  const table = processAncestryEvents({ store: from, resultMaxBytes: () => 1 << 26 });
  const rows = await table.generate(
    { constraints: new Map(), columnsUsed: undefined },
    { onDelivered: () => undefined },
  );
  return [...rows].flatMap((row) =>
    row ? [Object.fromEntries(columns.map((column) => [column.name, column.value(row)]))] : [],
  );
}

describe.each([0, 1000])('with a window of %i ms', (windowMs) => {
  test('every row’s document is ECS, and says what happened', async () => {
    const one = store();
    for (const event of events(windowMs)) one.add(event);
    const rows = await rowsOf(one);
    for (const { ecs, action } of rows) expect(complaintsOfText(String(ecs)), String(action)).toEqual([]);
    const told = new Set(rows.flatMap(({ action }) => String(action).split(',')));
    expect(told).toEqual(new Set(ACTIONS));
    expect(rows.some(({ action }) => String(action).includes(','))).toBe(windowMs > 0);
  });

  test('rows are the same after a restart', async () => {
    const one = store();
    for (const event of events(windowMs)) one.add(event);
    const before = await rowsOf(one);
    one.close();
    expect(await rowsOf(store())).toEqual(before);
  });
});

test('siblings of which the parent’s user got a name in between have each what was known then', async () => {
  const one = store();
  const exec = published();
  for (const user of ['', 'alice', 'alice']) {
    one.add({ ...exec, context: { ...exec.context, creator: recorded({ user }) } });
  }
  const users = (await rowsOf(one)).map(({ ecs }) => JSON.parse(String(ecs)).process.parent.user.name);
  expect(users).toEqual([undefined, 'alice', 'alice']);
});

test('a row keeps the host as it was, over a boot that makes it another', async () => {
  const hostOf = (rows: Record<string, unknown>[]) => rows.map(({ ecs }) => JSON.parse(String(ecs)).host.boot?.id);
  const booted = (id: string) => {
    const host = { json: JSON.stringify({ ...readHost(), bootId: id }) };
    return () => host;
  };
  const one = store(booted('first'));
  one.add(published());
  one.add(published());
  expect(hostOf(await rowsOf(one))).toEqual(['first', 'first']);
  one.close();
  const other = store(booted('second'));
  other.add(published());
  expect(hostOf(await rowsOf(other))).toEqual(['first', 'first', 'second']);
});

test('a process goes by the name of its file, without the mark of one that is gone, and a kernel thread by its own', async () => {
  const one = store();
  for (const path of ['/usr/bin/x', '/usr/sbin/nginx (deleted)', '/memfd:a b (deleted)', '']) {
    one.add(published({ details: { path, comm: 'kworker/0:1' } }));
  }
  const names = (await rowsOf(one)).map(({ ecs }) => JSON.parse(String(ecs)).process.name);
  expect(names).toEqual(['x', 'nginx', 'memfd:a b', 'kworker/0:1']);
});

test('a row tells of all who are around it', async () => {
  const one = store();
  for (const event of events(0)) one.add(event);
  const rows = await rowsOf(one);
  const ls = rows.find(({ cmdline, action }) => cmdline === 'ls' && action === 'exec');
  expect(ls).toMatchObject({ sid: 11, pgid: 12, tty: 'pts/0', interactive: 1, entry_type: 'sshd' });
  expect(ls).toMatchObject({ entry_source_ip: '192.0.2.7' });
  expect(JSON.parse(String(ls?.session_leader))).toMatchObject({ pid: 11, cmdline: 'bash -l', same_as_process: false });
  expect(JSON.parse(String(ls?.group_leader))).toMatchObject({ pid: 12, same_as_process: true });
  const entryMeta = { type: 'sshd', source: { ip: '192.0.2.7' } };
  expect(JSON.parse(String(ls?.entry_leader))).toMatchObject({
    pid: 11,
    same_as_process: false,
    entry_meta: entryMeta,
  });
  expect(rows.filter(({ action }) => action === 'exit').map(({ exit_code: code }) => code)).toEqual([137, 1]);
});
