/** SQLite answers `a = 1 OR b = 2` by one scan per side, and treats rows with the same rowid as the same row. */
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { TablePlugin } from '../../../src/osquery/index.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { processAncestry } from '../../../tables/process_ancestry.ts';
import { processAncestryAllow } from '../../../tables/process_ancestry_allow.ts';
import { processAncestryCacheStats } from '../../../tables/process_ancestry_cache_stats.ts';
import { processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { processAncestrySubscribers } from '../../../tables/process_ancestry_subscribers.ts';
import { processAncestryTree } from '../../../tables/process_ancestry_tree.ts';
import { stats } from '../metrics/cache_stats_row.ts';
import { cleanUp } from '../osquery/sandbox.ts';
import { serve } from '../osquery/serving.ts';
import { happening, play } from '../process/happenings.ts';
import { KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';
import { published } from './published.ts';

type Row = Readonly<Record<string, string>>;
interface Equality {
  readonly column: string;
  readonly expr: string;
}

const stores: EventStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await cleanUp();
});

/** All tables, with processes and rows of a kernel model. */
function tablesOf(happenings: Parameters<typeof play>[1]): TablePlugin<unknown>[] {
  const kernel = new KernelModel(7);
  play(kernel, happenings);
  const harness = new TreeHarness().run(kernel);
  // A process without a reference may be dropped between two queries.
  held.push([...harness.tree.processes.remembered()]);
  const limits = { maxRows: 5000, maxBytes: 1 << 30, expirySeconds: 3600, subscriberExpirySeconds: 100 };
  const store = new EventStore({ directory: ':memory:', ...limits }, { log: pino({ enabled: false }) });
  stores.push(store);
  for (const { who, pid, what } of happenings) {
    store.add(published({ pid, ppid: (who % 5) + 1, cmdline: `${what} ${who % 3}` }));
  }
  const cacheStats = stats();
  for (const name of ['a', 'b', 'c']) store.batchFor(name, { bytes: 1e6 });
  return [
    processAncestryEvents({ store, resultMaxBytes: () => 1e8 }),
    processAncestry(() => [harness.tree.processes]),
    processAncestryTree(() => [harness.tree.processes]),
    processAncestrySubscribers(store),
    processAncestryCacheStats(() => cacheStats),
    processAncestryAllow(() => happenings.map(({ pid }) => ({ detection: `d${pid % 3}`, uid: pid % 2 }))),
  ];
}
const held: unknown[] = [];

const contextOf = (equalities: readonly Equality[]) =>
  JSON.stringify({ constraints: equalities.map(({ column, expr }) => ({ name: column, list: [{ op: 2, expr }] })) });

/** Columns that differ from one answer to the next, or that choose another answer (lineage_at.test.ts). */
const CHANGING = new Set(['last_read_time', 'lag_rows', 'uptime_seconds', 'at']);

describe('an OR of two equalities, put together as SQLite does it, has all rows that either side has', () => {
  test.each([0, 1, 2, 3, 4, 5])('in table %i', async (at) => {
    const scenario = fc.record({
      happenings: fc.array(happening, { minLength: 8, maxLength: 40 }),
      picks: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), { minLength: 8, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ happenings, picks }) => {
        const { client } = await serve(tablesOf(happenings));
        const table = tablesOf([])[at] as TablePlugin<unknown>;
        const ask = async (equalities: readonly Equality[]): Promise<readonly Row[]> => {
          const { status, rows } = await client.call('table', table.name, {
            action: 'generate',
            context: contextOf(equalities),
          });
          expect(status.message).toBe('OK');
          return rows;
        };
        const all = await ask([]);
        // A table of pairs is empty if no process has an ancestor.
        fc.pre(all.length > 0);
        for (const { rowid = '' } of all) expect(BigInt.asIntN(64, BigInt(rowid))).toBe(BigInt(rowid));
        expect(new Set(all.map(({ rowid }) => rowid)).size).toBe(all.length);
        const columns = table.columns.map(({ name }) => name).filter((name) => !CHANGING.has(name));
        const equalityOf = (row: number, column: number): Equality => {
          const name = columns[column % columns.length] ?? '';
          return { column: name, expr: all[row % all.length]?.[name] ?? '' };
        };
        for (const [rowA, columnA, rowB, columnB] of picks) {
          const sides = [equalityOf(rowA, columnA), equalityOf(rowB, columnB)];
          const merged = new Map<string, Row>();
          for (const side of sides) {
            for (const row of (await ask([side])).filter((row) => row[side.column] === side.expr)) {
              if (!merged.has(row.rowid ?? '')) merged.set(row.rowid ?? '', row);
            }
          }
          const expected = all.filter((row) => sides.some(({ column, expr }) => row[column] === expr));
          expect(new Set(merged.keys())).toEqual(new Set(expected.map(({ rowid }) => rowid)));
        }
        await cleanUp();
      }),
      { numRuns: 15 },
    );
  });
});

test('a row keeps its id from one answer to the next, also when rows before it are gone', async () => {
  const tables = tablesOf(Array.from({ length: 20 }, (_, n) => ({ what: 'fork', who: n, pid: (n % 11) + 2 })));
  const { client } = await serve(tables);
  const idsBy = async (table: string, key: string, context: string) => {
    const { rows } = await client.call('table', table, { action: 'generate', context });
    return new Map(rows.map((row) => [`${row[key]} ${row.depth ?? ''}`, row.rowid]));
  };
  for (const [table, key] of [
    ['process_ancestry_events', 'eid'],
    ['process_ancestry', 'entity_id'],
    ['process_ancestry_tree', 'entity_id'],
    ['process_ancestry_subscribers', 'name'],
  ] as const) {
    const all = await idsBy(table, key, contextOf([]));
    expect(all.size).toBeGreaterThan(1);
    for (const [name, rowid] of [...all].reverse()) {
      const some = await idsBy(table, key, contextOf([{ column: key, expr: name.split(' ')[0] ?? '' }]));
      expect(some.get(name)).toBe(rowid);
    }
  }
});
