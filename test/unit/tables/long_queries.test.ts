/** Long or expensive queries run in pieces, and find the same as short ones. */
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Answer, Constraint, QueryContext, TablePlugin } from '../../../src/osquery/index.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { processAncestry } from '../../../tables/process_ancestry.ts';
import { processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { processAncestryTree } from '../../../tables/process_ancestry_tree.ts';
import { KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';
import { entityId, published } from './published.ts';

const nobody: Answer = { onDelivered: () => undefined };
const opened: EventStore[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

function storeOf(...events: Parameters<typeof published>[0][]): EventStore {
  const limits = { maxRows: 5000, maxBytes: 1 << 30, expirySeconds: 3600, subscriberExpirySeconds: 100 };
  const store = new EventStore({ directory: ':memory:', ...limits }, { log: pino({ enabled: false }) });
  opened.push(store);
  for (const event of events) store.add(published(event));
  return store;
}

const contextOf = (constraints: Record<string, readonly Constraint[]>): QueryContext => ({
  constraints: new Map(Object.entries(constraints)),
  columnsUsed: undefined,
});
const listOf = (op: Constraint['op'], count: number, expr: (i: number) => string): Constraint[] =>
  Array.from({ length: count }, (_, i) => ({ op, expr: expr(i) }));
const fillers = (count: number) => listOf('eq', count, (i) => String(1_000_000 + i));

/** The cost of a query: rows, pauses before the first row or the end, and all pauses. */
async function run(table: TablePlugin<never>, constraints: Record<string, readonly Constraint[]>) {
  let [pauses, pausesBefore] = [0, 0];
  const rows: unknown[] = [];
  for (const row of await table.generate(contextOf(constraints), nobody)) {
    if (row !== undefined) rows.push(row);
    else {
      pauses++;
      if (rows.length === 0) pausesBefore++;
    }
  }
  return { rows, pauses, pausesBefore };
}
const events = (store: EventStore) =>
  processAncestryEvents({ store, resultMaxBytes: () => 1 << 26 }) as TablePlugin<never>;

describe('a list that is too long for a statement', () => {
  const store = () =>
    storeOf(
      { pid: 10, ppid: 1, cmdline: 'one', unixMs: 1_700_000_001_000 },
      { pid: 11, ppid: 10, cmdline: 'Two', unixMs: 1_700_000_002_000 },
      { pid: 12, ppid: 10, cmdline: '3', unixMs: 1_700_000_003_000, details: { uid: undefined } },
    );

  test.each<[column: string, ...wanted: string[]]>([
    ['pid', '11', '12'],
    ['parent', '10'],
    ['entity_id', entityId(11)],
    ['eid', '0000000002', '3'],
    ['time', '1700000001'],
    ['cmdline', 'two ', '3.0'],
    ['cmdline_size', '3'],
    ['interactive', '0', '1'],
    ['uid', '0'],
    ['uid', '1.5'],
    ['path', ''],
    ['parent_path', ''],
    ['session_leader', 'null'],
  ])('of %s finds what a short one finds', async (column, ...wanted) => {
    const table = events(store());
    const short = wanted.map((expr): Constraint => ({ op: 'eq', expr }));
    const long = [...fillers(400), ...short, ...fillers(400)];
    const { rows } = await run(table, { [column]: short });
    expect((await run(table, { [column]: long })).rows).toEqual(rows);
    const more: Constraint[] = [{ op: 'gt', expr: '0' }, ...long];
    expect((await run(table, { [column]: more })).rows).toEqual(
      (await run(table, { [column]: [{ op: 'gt', expr: '0' }, ...short] })).rows,
    );
  });

  test('is put into a set in pieces', async () => {
    for (const column of ['pid', 'entity_id', 'eid', 'time', 'path', 'cmdline']) {
      const list = fillers(30_000);
      expect((await run(events(store()), { [column]: list })).pausesBefore, column).toBeGreaterThan(28);
    }
  });

  test('admits all if one of its values is unknown', async () => {
    const list = [...fillers(1000), { op: 'eq', expr: 'a\ufffd' } as const];
    expect((await run(events(store()), { path: list })).rows).toHaveLength(3);
  });
});

test('of single constraints only the first are checked here: SQLite checks the others', async () => {
  const store = storeOf({ pid: 10, cmdline: 'one' }, { pid: 11, cmdline: 'two' });
  const different = listOf('ne', 100_000, (i) => (i === 0 ? 'one' : `x${i}`));
  expect((await run(events(store), { cmdline: different })).rows).toHaveLength(1);
});

test('a pattern that is expensive on a long text is left to osquery, which gets the rows', async () => {
  const store = storeOf({ pid: 10, cmdline: 'a'.repeat(1_900_000) });
  const dear = `%${'a'.repeat(400)}b%`;
  const began = process.cpuUsage();
  expect((await run(events(store), { cmdline: [{ op: 'like', expr: dear }] })).rows).toHaveLength(1);
  const plain = process.cpuUsage(began);
  const again = process.cpuUsage();
  expect((await run(events(store), { cmdline: [{ op: 'like', expr: '%b%' }] })).rows).toHaveLength(0);
  const cheap = process.cpuUsage(again);
  // All of it would take hundreds of times as long.
  expect(plain.user + plain.system).toBeLessThan(30 * (cheap.user + cheap.system));
});

test('a search through long rows pauses after every few megabytes, at any place in a block', async () => {
  const long = (pid: number) => ({ pid, cmdline: 'x'.repeat(1_500_000) });
  const store = storeOf({ pid: 1 }, ...[2, 3, 4, 5].map(long), ...Array.from({ length: 300 }, () => ({ pid: 9 })));
  const { rows, pauses } = await run(events(store), { cmdline: [{ op: 'like', expr: '%nothing%' }] });
  expect(rows).toEqual([]);
  expect(pauses).toBeGreaterThanOrEqual(5);
});

describe.each(['process_ancestry', 'process_ancestry_tree'])('%s', (name) => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, 'sh -c ls');
  kernel.fork(10, 11);
  const { processes } = new TreeHarness().run(kernel).tree;
  const make = name === 'process_ancestry' ? processAncestry : processAncestryTree;
  const table = make(() => [processes]) as TablePlugin<never>;

  test.each([
    ['pid', '11'],
    ['entity_id', 'none'],
  ])('a list of 30,000 values of %s finds what a short one finds, in pieces', async (column, wanted) => {
    const short = [{ op: 'eq', expr: wanted } as const];
    const { rows } = await run(table, { [column]: short });
    const long = await run(table, { [column]: [...fillers(30_000), ...short] });
    expect(long.rows).toEqual(rows);
    expect(long.pausesBefore).toBeGreaterThan(28);
  });
});
