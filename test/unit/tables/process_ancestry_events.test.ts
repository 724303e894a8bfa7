import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { routes } from '../../../src/osquery/column.ts';
import { rowMatcher } from '../../../src/osquery/constraint.ts';
import { type Constraint, parseQueryContext, type QueryContext } from '../../../src/osquery/query_context.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { lookupOf, processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { published } from './published.ts';

const newStore = () => new EventStore({ maxRows: 1000, maxBytes: 1 << 30, expirySeconds: 3600 });
const wire = new URL('../../fixtures/osquery-wire/', import.meta.url);

function row(exec: Parameters<typeof published>[0]): Record<string, unknown> {
  const store = newStore();
  const table = processAncestryEvents(store);
  const stored = store.add(published(exec));
  return Object.fromEntries(table.columns.map((column) => [column.name, column.value(stored)]));
}

describe('columns', () => {
  test('are those that osquery was recorded with, of the same types and options, in the same order', () => {
    const registration = JSON.parse(readFileSync(new URL('frames.jsonl', wire), 'utf8').split('\n')[0] as string) as {
      hex: string;
    };
    const sent = Buffer.from(registration.hex, 'hex').toString('latin1');
    const at = sent.indexOf('process_ancestry_events');
    const recorded = [
      ...sent
        .slice(at, sent.indexOf('attributes', at))
        .matchAll(/name\0\0\0.([a-z0-9_]+)\0\0\0.type\0\0\0.([A-Z]+)\0\0\0.op\0\0\0.(\d+)/gs),
    ];
    expect(recorded).toHaveLength(59);
    const ours = routes(processAncestryEvents(newStore())).slice(0, -1);
    expect(ours.map(({ name, type, op }) => [name, type, op])).toEqual(recorded.map(([, ...column]) => column));
  });

  test('every column has a description', () => {
    for (const { name, description } of processAncestryEvents(newStore()).columns)
      expect(description, name).not.toBe('');
  });
});

describe('values', () => {
  test('are what process_events would say', () => {
    expect(row({ pid: 7, ppid: 5, cmdline: 'ls -l /tmp' })).toMatchObject({
      pid: 7,
      path: '/bin/ls',
      mode: '0100755',
      cmdline: 'ls -l /tmp',
      cmdline_size: 10,
      env: '',
      env_count: 0,
      env_size: 0,
      cwd: '/',
      auid: 1000,
      uid: 0,
      parent: 5,
      time: 1_700_000_000,
      uptime: 5,
      eid: '0000000001',
      syscall: 'execve',
      overflows: '',
    });
  });

  test('and more', () => {
    expect(row({ cmdline: 'ls -l' })).toMatchObject({
      ancestry: '[]',
      ancestry_depth: 0,
      ancestry_truncated: 0,
      ancestry_complete: 1,
      action: 'exec',
      args: '["ls","-l"]',
      args_count: 2,
      pid_namespace: 4_026_531_836,
      start_time: 1_699_999_999,
      exit_code: '',
      ecs: '',
    });
  });

  test('arguments that were cut are marked, and their size is the whole one', () => {
    const cut = row({ details: { argsCut: true, argsBytes: 5_000_000, argsCount: 9 } });
    expect(cut).toMatchObject({ overflows: 'cmdline', cmdline_size: 5_000_000, args_count: 9 });
  });

  test('an audit user id that was never set is what audit writes for it', () => {
    expect(row({ details: { auid: undefined } })).toMatchObject({ auid: 4294967295 });
  });

  test('an empty argument is an argument, and no arguments are none', () => {
    expect(row({ details: { args: '', argsCount: 1 } })).toMatchObject({ args: '[""]' });
    expect(row({ details: { args: '', argsCount: 0 } })).toMatchObject({ args: '[]' });
  });
});

describe('queries', () => {
  const store = newStore();
  for (let n = 0; n < 60; n++)
    store.add(published({ pid: n % 7, ppid: n % 5, entityId: `E.${n % 11}`, cmdline: `job ${n}` }));
  const table = processAncestryEvents(store);
  const generate = async (context: QueryContext) => [...(await table.generate(context))];
  const contextOf = (constraints: Record<string, Constraint[]>): QueryContext => ({
    constraints: new Map(Object.entries(constraints)),
    columnsUsed: undefined,
  });

  test('an index finds exactly the rows that a scan of all would', async () => {
    const expr = fc.oneof(
      fc.integer({ min: -1, max: 12 }).map(String),
      fc.constantFrom(' 3 ', '+3', '3.0', 'abc', '', '0000000003', 'E.3', 'e.3', 'E.4 '),
    );
    const equal = fc.array(
      expr.map((text): Constraint => ({ op: 'eq', expr: text })),
      { minLength: 1, maxLength: 3 },
    );
    const keys = fc.dictionary(fc.constantFrom('pid', 'parent', 'entity_id', 'eid'), equal, { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(keys, async (constraints) => {
        const context = contextOf(constraints);
        const admits = rowMatcher(table.columns, context);
        const scanned = [...store.select({})].filter((stored) => !admits || admits(stored));
        expect((await generate(context)).toSorted((a, b) => a.eid - b.eid)).toEqual(scanned);
      }),
      { numRuns: 2000 },
    );
  });

  test('a join’s point look-up uses an index', () => {
    const eq = (text: string): Constraint[] => [{ op: 'eq', expr: text }];
    expect(lookupOf(contextOf({ pid: eq('3'), time: [{ op: 'gt', expr: '0' }] }))).toEqual({ pid: [3] });
    expect(lookupOf(contextOf({ parent: eq('3') }))).toEqual({ ppid: [3] });
    expect(lookupOf(contextOf({ entity_id: eq('x') }))).toEqual({ entityId: ['x'] });
    expect(lookupOf(contextOf({ eid: eq('0000000007') }))).toEqual({ eid: [7] });
    expect(lookupOf(contextOf({ path: eq('/bin/ls') }))).toEqual({});
  });

  test.each(['queries.jsonl', 'queries-no-default-index.jsonl'])('every context of %s is answered', async (file) => {
    const lines = readFileSync(new URL(file, wire), 'utf8').trim().split('\n');
    let answered = 0;
    for (const line of lines) {
      const { calls } = JSON.parse(line) as { calls: { item: string; request: { context?: string } }[] };
      for (const { item, request } of calls) {
        if (item !== table.name || request.context === undefined) continue;
        expect((await generate(parseQueryContext(request.context, table.columns))).length).toBeLessThanOrEqual(60);
        answered++;
      }
    }
    expect(answered).toBeGreaterThan(50);
  });

  test('LIMIT and OFFSET do not end the scan: SQLite may still sort or filter', async () => {
    const context = parseQueryContext(
      JSON.stringify({
        constraints: [
          {
            name: 'pid',
            list: [
              { op: 73, expr: '1' },
              { op: 74, expr: '1' },
            ],
            affinity: 'BIGINT',
          },
        ],
        colsUsed: ['pid'],
      }),
      table.columns,
    );
    expect(await generate(context)).toHaveLength(60);
  });
});
