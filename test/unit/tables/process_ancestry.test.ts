import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ForkEvent, Pid, ProcessEvent } from '../../../src/collect/event.ts';
import {
  type Answer,
  type Constraint,
  parseQueryContext,
  type QueryContext,
  routes,
  rowMatcher,
} from '../../../src/osquery/index.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { AncestryRow } from '../../../tables/ancestry_row.ts';
import { processAncestry } from '../../../tables/process_ancestry.ts';
import { recordedRoutes } from '../commands/shell/stand_in_extension.ts';
import { happening, play } from '../process/happenings.ts';
import { BOOT_UNIX_MS, KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';

type Constraints = Record<string, Constraint[]>;

const eq = (...texts: (string | number)[]): Constraint[] => texts.map((text) => ({ op: 'eq', expr: String(text) }));
const contextOf = (constraints: Constraints): QueryContext => ({
  constraints: new Map(Object.entries(constraints)),
  columnsUsed: undefined,
});

const nobody: Answer = { onDelivered: () => undefined };
const rowsOf = (rows: Iterable<AncestryRow | undefined>) => [...rows].flatMap((row) => row ?? []);
const tableOf = (harness: TreeHarness) => processAncestry(() => [harness.tree.processes]);

async function select(harness: TreeHarness, constraints: Constraints = {}): Promise<AncestryRow[]> {
  return rowsOf(await tableOf(harness).generate(contextOf(constraints), nobody));
}

function valuesOf(row: AncestryRow): Record<string, unknown> {
  return Object.fromEntries(processAncestry(() => []).columns.map((column) => [column.name, column.value(row)]));
}

/** Ancestors by depth: pid and program. */
async function chain(harness: TreeHarness, constraints: Constraints): Promise<string[]> {
  const rows = (await select(harness, constraints)).map(valuesOf);
  return rows
    .toSorted((a, b) => Number(a.depth) - Number(b.depth))
    .map(({ ancestor_pid, cmdline }) => `${ancestor_pid} ${cmdline}`);
}

describe('columns', () => {
  test('are those that osquery was recorded with, of the same types and options, in the same order', () => {
    // Columns that came later.
    const added = new Set(['at', 'tty', 'cgroup_path', 'container_id', 'sha256']);
    const ours = routes(processAncestry(() => [])).filter(({ name }) => !added.has(String(name)));
    expect(ours).toEqual(recordedRoutes().process_ancestry);
    expect(ours).toHaveLength(14);
  });

  test('every column has a description', () => {
    for (const { name, description } of processAncestry(() => []).columns) expect(description, name).not.toBe('');
  });
});

describe('a row', () => {
  test('has the process, and its ancestor as it was when it forked', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sh -c job');
    kernel.fork(10, 11);
    const harness = new TreeHarness().run(kernel);
    const [creator, init] = await select(harness, { pid: eq(11) });
    const ids = await select(harness, { ancestor_pid: eq(10) });
    expect(valuesOf(creator as AncestryRow)).toEqual({
      pid: 11,
      entity_id: expect.stringMatching(/^[\w-]+\.b\.\w+$/),
      ancestor_pid: 10,
      ancestor_entity_id: expect.stringMatching(/^[\w-]+\.a\.\w+$/),
      depth: 1,
      path: '/bin/sh',
      cmdline: 'sh -c job',
      cwd: '/',
      uid: 0,
      euid: 0,
      start_time: Math.floor((BOOT_UNIX_MS + 1_000_000) / 1000),
      state: 'running',
      exit_code: null,
      at: null,
      ...{ tty: null, cgroup_path: null, container_id: null, sha256: null },
    });
    expect(ids).toEqual([creator]);
    expect(valuesOf(init as AncestryRow)).toMatchObject({ ancestor_pid: 1, depth: 2, cmdline: 'init' });
  });

  test('has terminal, control group, container and hash of the ancestor where they are known', async () => {
    const container = 'c0ffee'.repeat(10).padEnd(64, '0');
    const cgroup = `/system.slice/docker-${container}.scope`;
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'bash', { tty: 'pts/3', cgroup });
    kernel.fork(10, 11);
    const harness = new TreeHarness().run(kernel);
    harness.row('bash').atFork.image.sha256 = 'ab'.repeat(32);
    const [bash] = await select(harness, { pid: eq(11) });
    expect(valuesOf(bash as AncestryRow)).toMatchObject({
      ...{ tty: 'pts/3', cgroup_path: cgroup, container_id: container, sha256: 'ab'.repeat(32) },
    });
  });

  test('of an ancestor that executed after forking has the image of the fork', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'before');
    kernel.fork(10, 11);
    kernel.exec(10, 'after');
    kernel.fork(10, 12);
    const harness = new TreeHarness().run(kernel);
    expect(await chain(harness, { pid: eq(11) })).toEqual(['10 before', '1 init']);
    expect(await chain(harness, { pid: eq(12) })).toEqual(['10 after', '1 init']);
    const below = (await select(harness, { ancestor_pid: eq(10) })).map(valuesOf);
    expect(below.map(({ pid, cmdline }) => [pid, cmdline])).toEqual([
      [11, 'before'],
      [12, 'after'],
    ]);
  });

  test('of an orphan is under its creators, not under the process that adopted it', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.exit(10);
    kernel.exec(11, 'orphan');
    expect(await chain(new TreeHarness().run(kernel), { pid: eq(11) })).toEqual(['10 shell', '1 init']);
  });

  test.each([
    ['that returned 3', 3 << 8, 3],
    ['that returned 255', 255 << 8, 255],
    ['that succeeded', 0, 0],
    ['that was killed', 9, 137],
    ['that was killed and dumped its memory', 11 | 0x80, 139],
  ])('of an ancestor %s has the code that a shell would show', async (_, status, code) => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    kernel.exit(10, status);
    const [row] = await select(new TreeHarness().run(kernel), { pid: eq(11) });
    expect(valuesOf(row as AncestryRow)).toMatchObject({ ancestor_pid: 10, state: 'exited', exit_code: code });
  });

  test('of an ancestor without a reported exit has no code', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    const harness = new TreeHarness().run(kernel);
    harness.tree.processes.adopt([], harness.tree.processes.withPid(10 as Pid));
    const [row] = await select(harness, { pid: eq(11) });
    expect(valuesOf(row as AncestryRow)).toMatchObject({ ancestor_pid: 10, state: 'exited', exit_code: null });
  });

  test('does not change after it was given', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    const harness = new TreeHarness().run(kernel);
    const [row] = await select(harness, { pid: eq(11) });
    kernel.exit(10, 9);
    harness.run(kernel);
    expect(valuesOf(row as AncestryRow)).toMatchObject({ ancestor_pid: 10, state: 'running', exit_code: null });
  });

  test('of a process whose other thread executed is running', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    kernel.leaderExit(10);
    kernel.exec(10, 'from a thread');
    const [row] = await select(new TreeHarness().run(kernel), { pid: eq(11) });
    expect(valuesOf(row as AncestryRow)).toMatchObject({ ancestor_pid: 10, state: 'running', exit_code: null });
  });
});

describe('look-ups', () => {
  test('by a reused pid find both processes, each with its own ancestors', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'first');
    kernel.fork(10, 50);
    kernel.fork(50, 51);
    kernel.exit(50);
    kernel.fork(1, 50);
    kernel.fork(50, 52);
    const harness = new TreeHarness().run(kernel);
    const rows = (await select(harness, { pid: eq(50) })).map(valuesOf);
    const ids = [...new Set(rows.map(({ entity_id }) => String(entity_id)))];
    expect(ids).toHaveLength(2);
    expect(await chain(harness, { entity_id: eq(ids[0] as string) })).toEqual(['1 init']);
    expect(await chain(harness, { entity_id: eq(ids[1] as string) })).toEqual(['10 first', '1 init']);
    const below = (await select(harness, { ancestor_pid: eq(50) })).map(valuesOf);
    expect(below.map(({ pid, ancestor_entity_id, state }) => [pid, ancestor_entity_id, state]).toSorted()).toEqual([
      [51, ids[1], 'exited'],
      [52, ids[0], 'running'],
    ]);
    const belowOld = await select(harness, { ancestor_entity_id: eq(ids[1] as string) });
    expect(belowOld.map(({ pid }) => pid)).toEqual([51]);
  });

  test('of a list are answered in one call, and duplicates once', async () => {
    const kernel = new KernelModel();
    for (const pid of [10, 11, 12]) kernel.fork(1, pid);
    const harness = new TreeHarness().run(kernel);
    const rows = await select(harness, { pid: eq(10, 12, 10, 99) });
    expect(rows.map(({ pid }) => pid)).toEqual([10, 12]);
    const ids = rows.map(({ entityId }) => entityId);
    expect(await select(harness, { entity_id: eq(...ids, 'x', 'a.b.c') })).toEqual(rows);
    expect(await select(harness, { ancestor_pid: eq(1, 10) })).toHaveLength(3);
  });

  test('by an identity admit what COLLATE NOCASE and RTRIM would', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.fork(10, 11);
    const harness = new TreeHarness().run(kernel);
    const [row] = await select(harness, { pid: eq(11) });
    const { entityId, ancestorEntityId } = row as AncestryRow;
    expect(await select(harness, { entity_id: eq(`${entityId.toUpperCase()}  `) })).toHaveLength(2);
    expect(await select(harness, { ancestor_entity_id: eq(ancestorEntityId.toUpperCase()) })).toEqual([row]);
  });

  test('find evicted processes: living ones, and dead ones that are ancestors of others', async () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'service');
    kernel.fork(10, 11);
    kernel.fork(11, 12);
    kernel.exit(11, 3 << 8);
    const harness = new TreeHarness({ cacheSize: 16, cacheTtlSeconds: 60 }).run(kernel);
    for (let pid = 100; pid < 200; pid++) {
      kernel.fork(1, pid);
      kernel.exit(pid);
    }
    harness.run(kernel);
    harness.nowMs += 61_000;
    harness.tree.processes.sweep();
    expect(harness.tree.stats.size).toBeLessThan(16);
    expect(await chain(harness, { pid: eq(12) })).toEqual(['11 service', '10 service', '1 init']);
    expect(await chain(harness, { pid: eq(11) })).toEqual(['10 service', '1 init']);
    const below = await select(harness, { ancestor_pid: eq(10) });
    expect(below.map(({ pid }) => pid).toSorted()).toEqual([11, 12]);
  });

  test('change nothing in the statistics', async () => {
    const kernel = new KernelModel();
    for (let pid = 10; pid < 40; pid++) kernel.fork(pid === 10 ? 1 : pid - 1, pid);
    const harness = new TreeHarness({ cacheSize: 16 }).run(kernel);
    const { stats } = harness.tree;
    await select(harness);
    await select(harness, { pid: eq(12, 39, 4000) });
    await select(harness, { ancestor_pid: eq(12) });
    expect(harness.tree.stats).toEqual(stats);
  });

  test('by ancestor do not create a process that is not known', async () => {
    const harness = new TreeHarness();
    expect(await select(harness, { ancestor_pid: eq(4242) })).toEqual([]);
    expect(await select(harness, { entity_id: eq('nonsense') })).toEqual([]);
    expect(await select(harness)).toEqual([]);
  });
});

test('between two recordings there are no rows, and a log is waited for', async () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  const harness = new TreeHarness().run(kernel);
  const { promise, resolve } = Promise.withResolvers<void>();
  let processes: readonly TreeHarness['tree']['processes'][] = [];
  const answer = processAncestry(
    () => processes,
    () => promise,
  ).generate(contextOf({}), nobody);
  expect([...(await tableOf(harness).generate(contextOf({}), nobody))]).toHaveLength(1);
  expect([...(await processAncestry(() => []).generate(contextOf({}), nobody))]).toEqual([]);
  processes = [harness.tree.processes];
  resolve();
  expect([...(await answer)]).toHaveLength(1);
});

const key = ({ entityId, ancestorEntityId }: AncestryRow) => `${entityId} ${ancestorEntityId}`;
const byKey = (a: AncestryRow, b: AncestryRow) => (key(a) < key(b) ? -1 : 1);

describe('after any events', () => {
  const batches = fc.array(
    fc.record({
      happenings: fc.array(happening, { maxLength: 40 }),
      passMs: fc.constantFrom(0, 0, 2_000, 12_000),
      sweep: fc.boolean(),
      cacheSize: fc.constantFrom(16, 16, 20),
    }),
    { maxLength: 5 },
  );
  type Batches = typeof batches extends fc.Arbitrary<infer T> ? T : never;

  function played(all: Batches): { kernel: KernelModel; harness: TreeHarness } {
    const kernel = new KernelModel(7);
    const settings = {
      cacheSize: 16,
      cacheTtlSeconds: 10,
      maxDepth: 32,
      ancestorCmdlineMax: 4096,
      publishWaitMs: 100,
      actions: new Set<Action>(['exec']),
      ignore: undefined,
    };
    const harness = new TreeHarness(settings);
    for (const { happenings, passMs, sweep, cacheSize } of all) {
      play(kernel, happenings);
      harness.run(kernel);
      harness.nowMs += passMs;
      if (sweep) harness.tree.processes.sweep();
      harness.tree.configure({ ...settings, cacheSize });
    }
    return { kernel, harness };
  }

  test('every living process is there with its true ancestors, and no pair twice', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const { kernel, harness } = played(all);
        const rows = await select(harness);
        expect(new Set(rows.map(key)).size).toBe(rows.length);
        for (const { pid, creator, alive } of kernel.processes.values()) {
          if (!alive) continue;
          const living = harness.tree.processes.withPid(pid as Pid).find(({ exit }) => !exit);
          const ofIt = rows.filter(({ entityId }) => entityId === living?.entityId).map(valuesOf);
          const ancestors = ofIt.toSorted((a, b) => Number(a.depth) - Number(b.depth));
          expect(ancestors.map(({ ancestor_pid, cmdline }) => ({ pid: ancestor_pid, cmdline }))).toEqual(creator);
          expect(ancestors.map(({ depth }) => depth)).toEqual(creator.map((_, index) => index + 1));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a look-up finds exactly the rows that a scan of all would', async () => {
    const value = fc.oneof(
      fc.integer({ min: 0, max: 13 }).map((pid) => () => String(pid)),
      fc.constantFrom(' 3 ', '+3', '3.0', 'abc', '', '0000000003', '99').map((text) => () => text),
      fc.tuple(fc.nat(), fc.constantFrom('', '  '), fc.boolean()).map(([n, trail, upper]) => (ids: string[]) => {
        const id = `${ids[n % Math.max(1, ids.length)] ?? ''}${trail}`;
        return upper ? id.toUpperCase() : id;
      }),
    );
    const name = fc.constantFrom('pid', 'entity_id', 'ancestor_pid', 'ancestor_entity_id', 'depth');
    const keys = fc.dictionary(name, fc.array(value, { minLength: 1, maxLength: 3 }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(batches, fc.array(keys, { minLength: 1, maxLength: 8 }), async (all, queries) => {
        const { harness } = played(all);
        // So that no process is dropped between two queries.
        const held = [...harness.tree.processes.remembered()];
        const { columns } = tableOf(harness);
        const rows = await select(harness);
        const ids = [...new Set(rows.flatMap(({ entityId, ancestorEntityId }) => [entityId, ancestorEntityId]))];
        for (const query of queries) {
          const constraints = Object.fromEntries(
            Object.entries(query).map(([column, values]) => [column, eq(...values.map((make) => make(ids)))]),
          );
          const admits = rowMatcher(columns, contextOf(constraints));
          const scanned = rows.filter((row) => !admits || admits(row));
          expect((await select(harness, constraints)).toSorted(byKey)).toEqual(scanned.toSorted(byKey));
        }
        expect(held.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

test.each(['queries.jsonl', 'queries-no-default-index.jsonl'])('every context of %s is answered', async (file) => {
  const kernel = new KernelModel();
  kernel.fork(1, 100);
  kernel.fork(100, 101);
  const harness = new TreeHarness().run(kernel);
  const table = tableOf(harness);
  const wire = new URL(`../../fixtures/osquery-wire/${file}`, import.meta.url);
  const answers: string[][] = [];
  for (const line of readFileSync(wire, 'utf8').trim().split('\n')) {
    const { calls } = JSON.parse(line) as { calls: { item: string; request: { context?: string } }[] };
    for (const { item, request } of calls) {
      if (item !== table.name || request.context === undefined) continue;
      const rows = rowsOf(await table.generate(parseQueryContext(request.context, table.columns), nobody));
      answers.push(rows.map(({ pid, ancestorPid }) => `${pid} < ${ancestorPid}`).toSorted());
    }
  }
  const all = ['100 < 1', '101 < 1', '101 < 100'];
  const of101 = ['101 < 1', '101 < 100'];
  expect(answers).toEqual([all, ['100 < 1'], ['101 < 100'], ['100 < 1'], of101, [], []].map((rows) => rows.toSorted()));
});

test('a log without boot times has identities and ancestors as well', async () => {
  const harness = new TreeHarness({ bootId: 'replay', bootToUnixMs: 0, proc: undefined });
  const fork = (parent: number, pid: number): ForkEvent => ({
    kind: 'fork',
    isCoarse: true,
    pid: pid as Pid,
    parent: parent as Pid,
    bootMs: BOOT_UNIX_MS,
    unixMs: BOOT_UNIX_MS,
    imageFrom: undefined,
  });
  const events: ProcessEvent[] = [fork(1, 10), fork(10, 11)];
  harness.tree.apply(events);
  const [row] = await select(harness, { pid: eq(11) });
  const { entityId, ancestorEntityId } = row as AncestryRow;
  expect(await select(harness, { entity_id: eq(entityId) })).toHaveLength(2);
  expect((await select(harness, { ancestor_entity_id: eq(ancestorEntityId) })).map(({ pid }) => pid)).toEqual([11]);
});
