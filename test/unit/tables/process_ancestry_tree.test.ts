import { expect, test } from 'vitest';
import { EVENT_COLUMNS, PROCESS_COLUMNS } from '../../../src/commands/tree/rows.ts';
import { type Answer, type Constraint, parseQueryContext } from '../../../src/osquery/index.ts';
import { columns as eventColumns } from '../../../tables/process_ancestry_events.ts';
import { columns, processAncestryTree } from '../../../tables/process_ancestry_tree.ts';
import { BOOT_UNIX_MS, KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';

const nobody: Answer = { onDelivered: () => undefined };
const eq = (expr: string | number): Constraint => ({ op: 'eq', expr: String(expr) });

async function rowsOf(harness: TreeHarness, constraints: Record<string, Constraint[]> = {}) {
  const table = processAncestryTree(() => [harness.tree.processes]);
  const context = { ...parseQueryContext('{}', columns), constraints: new Map(Object.entries(constraints)) };
  const rows = [];
  for (const row of await table.generate(context, nobody)) {
    if (row) rows.push(Object.fromEntries(columns.map((column) => [column.name, column.value(row)])));
  }
  return rows;
}

function family(): TreeHarness {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, 'sh -c ls');
  kernel.fork(10, 11);
  kernel.fork(10, 12);
  kernel.exec(12, 'ls -l');
  kernel.exit(12, 9);
  return new TreeHarness().run(kernel);
}

test('every known process has one row with its creator, also if it never executed', async () => {
  const rows = await rowsOf(family());
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  expect([...byPid.keys()].toSorted()).toEqual([1, 10, 11, 12]);
  expect(rows).toHaveLength(4);
  expect(byPid.get(11)).toMatchObject({
    parent: 10,
    parent_entity_id: byPid.get(10)?.entity_id,
    exec_time: null,
    state: 'running',
  });
  expect(byPid.get(11)?.args).toBe('["sh","-c","ls"]');
  expect(byPid.get(1)?.parent_entity_id).toBeNull();
});

test('shows how and when a process ended', async () => {
  const [row] = await rowsOf(family(), { pid: [eq(12)] });
  expect(row).toMatchObject({ state: 'exited', exit_code: 137, exit_signal: 9, args: '["ls","-l"]' });
  const seconds = Math.floor(BOOT_UNIX_MS / 1000);
  for (const time of [row?.start_time, row?.exec_time, row?.exit_time]) {
    expect(Number(time)).toBeGreaterThanOrEqual(seconds);
    expect(Number(time)).toBeLessThan(seconds + 100_000);
  }
});

test('is searched by identity without a look at the others', async () => {
  const harness = family();
  const [shell] = await rowsOf(harness, { pid: [eq(10)] });
  expect(await rowsOf(harness, { entity_id: [eq(String(shell?.entity_id))] })).toEqual([shell]);
  expect(await rowsOf(harness, { parent_entity_id: [eq(String(shell?.entity_id))] })).toHaveLength(2);
  expect(await rowsOf(harness, { pid: [eq(99)] })).toEqual([]);
});

test('every column has a description, and those that the command tree asks for are there', () => {
  for (const { name, description } of columns) expect(description, name).not.toBe('');
  expect(columns.map(({ name }) => name)).toEqual(expect.arrayContaining([...PROCESS_COLUMNS]));
  expect(eventColumns.map(({ name }) => name)).toEqual(expect.arrayContaining([...EVENT_COLUMNS]));
});
