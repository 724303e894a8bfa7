/** The context of a row in the table: from stored facts, the same after a restart, and as ECS. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readHost } from '../../../src/linux/host.ts';
import { EventMerger } from '../../../src/process/merge.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { SharedFacts } from '../../../src/process/session_context.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { EventStore } from '../../../src/store/event_store.ts';
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

test('a creator’s command line is kept up to 32,768 characters, and stored once for all of its children', async () => {
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

/** All events of an ssh session. */
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
  test('every row’s document is ECS, and has its action', async () => {
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

test('siblings have the user name that their parent had at each time', async () => {
  const one = store();
  const exec = published();
  for (const user of ['', 'alice', 'alice']) {
    one.add({ ...exec, context: { ...exec.context, creator: recorded({ user }) } });
  }
  const users = (await rowsOf(one)).map(({ ecs }) => JSON.parse(String(ecs)).process.parent.user.name);
  expect(users).toEqual([undefined, 'alice', 'alice']);
});

test('a row keeps the host as it was, also after a boot that changes it', async () => {
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

test('a process has the name of its file, without the mark of a deleted one, and a kernel thread its own', async () => {
  const one = store();
  for (const path of ['/usr/bin/x', '/usr/sbin/nginx (deleted)', '/memfd:a b (deleted)', '']) {
    one.add(published({ details: { path, comm: 'kworker/0:1' } }));
  }
  const names = (await rowsOf(one)).map(({ ecs }) => JSON.parse(String(ecs)).process.name);
  expect(names).toEqual(['x', 'nginx', 'memfd:a b', 'kworker/0:1']);
});

test('a row has all related processes', async () => {
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
