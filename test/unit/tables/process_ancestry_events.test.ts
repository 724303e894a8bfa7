import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { ContainerFacts } from '../../../src/containers/facts.ts';
import type { EcsVocabulary } from '../../../src/ecs/action.ts';
import {
  type Answer,
  ColumnOption,
  type Constraint,
  parseQueryContext,
  type QueryContext,
  routes,
  runToEnd,
} from '../../../src/osquery/index.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import {
  columns,
  type EventRow,
  processAncestryEvents,
  searchInPieces,
} from '../../../tables/process_ancestry_events.ts';
import {
  type Condition,
  numberConditions,
  numberText,
  oracle,
  textConditions,
  whereClauses,
  word,
} from '../osquery/sqlite_oracle.ts';
import { entityId, published } from './published.ts';

interface OsqueryColumn {
  name: string;
  type: string;
  hidden: boolean;
  aliases: string[];
}

const processEvents = new URL('../../fixtures/osquery-schema/process_events.json', import.meta.url);
const wire = new URL('../../fixtures/osquery-wire/', import.meta.url);
const opened: EventStore[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

let clockMs = 0;
function newStore(): EventStore {
  const settings = {
    directory: ':memory:',
    maxRows: 5000,
    maxBytes: 1 << 30,
    expirySeconds: 3600,
    subscriberExpirySeconds: 100,
  };
  const store = new EventStore(settings, { log: pino({ enabled: false }), now: () => clockMs });
  opened.push(store);
  return store;
}

const contextOf = (constraints: Record<string, readonly Constraint[]> = {}, limit?: number): QueryContext => ({
  constraints: new Map(Object.entries(constraints)),
  columnsUsed: undefined,
  ...(limit === undefined ? {} : { limit }),
});
const eq = (...texts: string[]): Constraint[] => texts.map((expr) => ({ op: 'eq', expr }));

/** The rows of a query, by the names of the columns, and whether its answer arrives. */
async function ask(
  store: EventStore,
  context: QueryContext,
  arrives = true,
  resultMaxBytes = 1 << 26,
): Promise<Record<string, unknown>[]> {
  const listeners: (() => void)[] = [];
  let bytes = 0;
  const answer: Answer = { onDelivered: (listener) => void listeners.push(listener), byteCount: () => bytes };
  const table = processAncestryEvents({ store, resultMaxBytes: () => resultMaxBytes });
  const rows: EventRow[] = [];
  for (const row of await table.generate(context, answer)) {
    if (!row) continue;
    rows.push(row as EventRow);
    for (const column of columns) {
      if (context.columnsUsed?.has(column.name) ?? true) bytes += String(column.value(row) ?? '').length;
    }
  }
  if (arrives) for (const listener of listeners) listener();
  return rows.map((row) => Object.fromEntries(columns.map((column) => [column.name, column.value(row)])));
}

async function row(exec: Parameters<typeof published>[0]): Promise<Record<string, unknown>> {
  const store = newStore();
  store.add(published(exec));
  return (await ask(store, contextOf()))[0] ?? {};
}

test('a document has the words of the present flag, not of the flag when the row was recorded', async () => {
  const store = newStore();
  store.add({ ...published({ pid: 7 }), actions: ['fork', 'exec', 'exit'] });
  let vocabulary: EcsVocabulary = 'rfc0030';
  const table = processAncestryEvents({ store, resultMaxBytes: () => 1e8, ecsVocabulary: () => vocabulary });
  const ecs = columns.find(({ name }) => name === 'ecs');
  const words = async () => {
    const rows = await table.generate(
      { constraints: new Map(), columnsUsed: new Set(['ecs']) },
      { onDelivered: () => {} },
    );
    return [...(rows as Iterable<EventRow | undefined>)].flatMap((row) =>
      row ? [JSON.parse(String(ecs?.value(row))).event.action] : [],
    );
  };
  expect(await words()).toEqual(['exec']);
  vocabulary = 'auditbeat';
  expect(await words()).toEqual(['process_ran']);
});

describe('columns', () => {
  test('are those that osquery was recorded with, of the same types and options', () => {
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
    // Columns that came later.
    const added = new Set(['status', 'root', 'exec_traits', 'container']);
    const ours = routes({ columns }).filter(({ id, name }) => id === 'column' && !added.has(String(name)));
    const sorted = (rows: (string | undefined)[][]) => rows.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));
    expect(sorted(ours.map(({ name, type, op }) => [name, type, op]))).toEqual(
      sorted(recorded.map(([, ...column]) => column)),
    );
  });

  test('are a superset of process_events: names, types, what is hidden, aliases, order', () => {
    const { columns: theirs } = JSON.parse(readFileSync(processEvents, 'utf8')) as { columns: OsqueryColumn[] };
    const names = new Set(theirs.map(({ name }) => name));
    const ours = columns.filter(({ name }) => names.has(name));
    const isHidden = (options: number) => (options & ColumnOption.hidden) !== 0;
    expect(
      ours.map(({ name, type, options, aliases = [] }) => ({ name, type, hidden: isHidden(options), aliases })),
    ).toEqual(theirs);
  });

  test('an alias, a document and a subscriber have positions at which osquery reports their use', () => {
    const places = routes({ columns });
    expect(places.length).toBeGreaterThan(64);
    for (const name of [...columns.flatMap(({ aliases = [] }) => aliases), 'ecs', 'subscriber', 'ancestry', 'args']) {
      expect(places.findIndex((place) => place.name === name)).toBeLessThan(63);
    }
  });

  test('every column has a description', () => {
    for (const { name, description } of columns) expect(description, name).not.toBe('');
  });
});

describe('values', () => {
  test('are those that process_events has', async () => {
    expect(await row({ pid: 7, ppid: 5, cmdline: 'ls -l /tmp' })).toMatchObject({
      pid: 7,
      path: '/bin/ls',
      mode: '0100755',
      cmdline: 'ls -l /tmp',
      cmdline_size: 10,
      env: null,
      env_count: null,
      env_size: null,
      status: null,
      cwd: '/',
      auid: 1000,
      uid: 0,
      parent: 5,
      time: 1_700_000_000,
      uptime: 5,
      eid: '0000000001',
      syscall: 'execve',
      overflows: null,
    });
  });

  test('have a system call only for an exec', async () => {
    const store = newStore();
    for (const actions of [['fork'], ['fork', 'exec', 'exit'], ['exit']] as const) {
      store.add({ ...published(), action: actions[0], actions });
    }
    const rows = await ask(store, contextOf());
    expect(rows.map(({ syscall }) => syscall)).toEqual([null, 'execve', null]);
  });

  test('and more', async () => {
    expect(await row({ cmdline: 'ls -l' })).toMatchObject({
      ancestry: '[]',
      ancestry_depth: 0,
      ancestry_truncated: 0,
      ancestry_complete: 1,
      action: 'exec',
      args: '["ls","-l"]',
      args_count: 2,
      pid_namespace: 4_026_531_836,
      start_time: 1_699_999_999,
      exit_code: null,
      interactive: 0,
      sid: 40,
      pgid: 41,
      session_leader: 'null',
      entry_type: 'unknown',
      cgroup_path: '/user.slice',
      container_id: null,
      container: 'null',
      sha256: null,
      exec_traits: '{}',
    });
  });

  test('a container has the facts of its runtime, in ecs too; a claimed one has its id there only', async () => {
    const store = newStore();
    const [id, cgroup] = ['c'.repeat(64), `/docker/${'c'.repeat(64)}`];
    const facts: ContainerFacts = { id, runtime: 'docker', name: 'web', pod: { name: 'web-0' } };
    for (const container of [facts, { ...facts, claimed: true }, undefined]) {
      store.add({ ...published(), cgroup, container: container && { json: JSON.stringify(container) } });
    }
    const rows = await ask(store, contextOf());
    expect(rows.map(({ container }) => JSON.parse(String(container)) as unknown)).toEqual([
      facts,
      { ...facts, claimed: true },
      null,
    ]);
    const documents = rows.map(({ ecs }) => JSON.parse(String(ecs)) as Record<string, unknown>);
    expect(documents.map(({ container }) => container)).toEqual([
      { id, name: 'web', runtime: 'docker' },
      { id },
      { id },
    ]);
    expect(documents.map(({ orchestrator }) => orchestrator !== undefined)).toEqual([true, false, false]);
  });

  test('cut arguments are marked, and have their whole size', async () => {
    const cut = await row({ details: { argsCut: true, argsBytes: 5_000_000, argsCount: 9 } });
    expect(cut).toMatchObject({ overflows: 'cmdline', cmdline_size: 5_000_000, args_count: 9 });
  });

  test('tell what an exec was like, and null for other actions and for an exec without details', async () => {
    const details = { isScript: true, stdinKind: 'tty', mode: 0o104755, uid: 1000, euid: 0, newNamespaces: 4 };
    const store = newStore();
    for (const actions of [['exec'], ['fork', 'exec'], ['exit']] as const) {
      store.add({ ...published({ details }), action: actions[0], actions });
    }
    store.add({ ...published(), details: undefined });
    const [one, merged, exit, unknown] = (await ask(store, contextOf())).map(({ exec_traits }) =>
      JSON.parse(String(exec_traits)),
    );
    expect(one).toEqual({
      ...{ script: true, gained_privileges: true, setuid: true, stdin: 'tty', new_namespaces: ['net'] },
    });
    expect([merged, exit, unknown]).toEqual([one, null, null]);
  });

  test('have the recorded environment of an exec, and say what is missing of it', async () => {
    const details = { environment: 'LD_PRELOAD=/x.so\0BASH_ENV=a b', envCount: 20, envBytes: 900 };
    const shown = await row({ details });
    expect(shown).toMatchObject({
      env: 'LD_PRELOAD=/x.so BASH_ENV=a b',
      env_count: 20,
      env_size: 900,
      overflows: null,
    });
    expect(JSON.parse(String(shown.ecs)).process.env_vars).toEqual(['LD_PRELOAD=/x.so', 'BASH_ENV=a b']);
    const cut = await row({ details: { environmentCut: true, argsCut: true } });
    expect(cut).toMatchObject({ env: null, overflows: 'cmdline, environment' });
    expect(JSON.parse(String(cut.ecs)).process).not.toHaveProperty('env_vars');
    const store = newStore();
    store.add({ ...published({ details }), action: 'exit', actions: ['exit'] });
    expect((await ask(store, contextOf()))[0]).toMatchObject({ env: null, env_count: null, env_size: null });
  });

  test('of a change of ids are those after it, and the document has those before it too', async () => {
    const store = newStore();
    const exec = published({ details: { uid: 1000, euid: 1000 } });
    const context = {
      ...exec.context,
      credentials: { json: JSON.stringify({ uid: 1000, euid: 1000, userNames: { 1000: 'ada' } }) },
      credentialsBefore: { json: JSON.stringify({ uid: 0, euid: 0, userNames: { 0: 'root' } }) },
    };
    store.add({ ...exec, action: 'setid', actions: ['setid'], context });
    const [shown] = await ask(store, contextOf());
    expect(shown).toMatchObject({ action: 'setid', uid: 1000, euid: 1000 });
    const ecs = JSON.parse(String(shown?.ecs));
    expect(ecs.event).toMatchObject({ action: 'setid', type: ['change'], outcome: 'success' });
    expect(ecs.process.user).toEqual({ id: '1000', name: 'ada' });
    expect(ecs.process.Ext.before).toEqual({
      user: { id: '0', name: 'root' },
      real_user: { id: '0', name: 'root' },
    });
  });

  test('an audit user id that was never set is the value that audit writes', async () => {
    expect(await row({ details: { auid: undefined } })).toMatchObject({ auid: 4294967295 });
  });

  test('an empty argument is an argument, and no arguments are none', async () => {
    expect(await row({ details: { args: '', argsCount: 1 } })).toMatchObject({ args: '[""]' });
    expect(await row({ details: { args: '', argsCount: 0 } })).toMatchObject({ args: '[]' });
  });

  test('of an exec without details are NULL, and null where they are JSON', async () => {
    const store = newStore();
    store.add({ ...published({}), details: undefined });
    expect((await ask(store, contextOf()))[0]).toMatchObject({
      ...{ path: null, cmdline: null, auid: null, uid: null, mode: null, args: 'null' },
    });
  });
});

describe('queries', () => {
  const texts = fc.oneof(word, numberText, fc.constantFrom('/bin/ls', 'E.1', 'e.1 ', 'pts/0'));
  const entityIds = fc.oneof(
    fc.integer({ min: 0, max: 8 }).map((pid) => entityId(pid)),
    fc.constantFrom(`${entityId(3).toUpperCase()} `, ` ${entityId(3)}`, entityId(36), entityId(3, '2'), 'x', ''),
  );
  const anExec = fc.record({
    pid: fc.integer({ min: 0, max: 6 }),
    ppid: fc.integer({ min: 0, max: 4 }),
    cmdline: texts,
    unixMs: fc.integer({ min: 0, max: 5000 }),
    details: fc.record({
      path: texts,
      uid: fc.option(fc.integer({ min: 0, max: 4294967295 }), { nil: undefined }),
      mtime: fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined }),
      argsCount: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    }),
  });
  const numbersOf = (low: number, high: number) =>
    fc.array(
      fc.record({
        op: fc.constantFrom<Condition['op']>('eq', 'ne', 'lt', 'le', 'gt', 'ge'),
        expressions: fc.integer({ min: low, max: high }).map((n) => [{ literal: String(n) }]),
      }),
      { minLength: 1, maxLength: 2 },
    );
  const asked = columns.filter(({ name }) => name !== 'subscriber');
  /** Columns that differ between rows: half of the queries use them. */
  const VARIED = 'pid parent entity_id eid time path cmdline cmdline_size args args_count uid mtime'.split(' ');
  const varied = asked.filter(({ name }) => VARIED.includes(name));
  const anyConditions = fc
    .uniqueArray(fc.oneof(fc.constantFrom(...varied), fc.constantFrom(...asked)), {
      maxLength: 4,
      selector: ({ name }) => name,
    })
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((column) => {
          const conditions =
            column.type === 'TEXT'
              ? textConditions(
                  column.name === 'entity_id'
                    ? entityIds
                    : column.name === 'eid'
                      ? fc.integer({ min: 0, max: 9 }).map((n) => String(n).padStart(10, '0'))
                      : texts,
                )
              : fc.oneof(numberConditions, numbersOf(-1, 6));
          // An IN list comes one value at a time, except for an OPTIMIZED column.
          const whole = column.options & ColumnOption.optimized;
          const shortened = (one: Condition) => (whole ? one : { ...one, expressions: one.expressions.slice(0, 1) });
          return conditions.map((list) => ({ column, list: list.map(shortened) }));
        }),
      ),
    );

  test('for random rows and conditions have all rows that SQLite keeps of a full scan', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anExec, { maxLength: 12 }), anyConditions, async (execs, asked) => {
        const store = newStore();
        for (const exec of execs) store.add(published(exec));
        const context = contextOf(
          Object.fromEntries(asked.map(({ column, list }) => [column.name, oracle.constraints(list)])),
        );
        const where = asked.flatMap(({ column, list }) => whereClauses(column.name, list));
        const left = filteredBySqlite(await ask(store, context), where);
        expect(left).toEqual(filteredBySqlite(await ask(store, contextOf()), where));
        store.close();
        opened.length = 0;
      }),
      { numRuns: 600 },
    );
  });

  /** The result of osquery's SQLite: the eids that a WHERE keeps. */
  function filteredBySqlite(rows: readonly Record<string, unknown>[], where: readonly string[]): unknown[] {
    const db = new DatabaseSync(':memory:');
    db.exec(`CREATE TABLE t (${columns.map(({ name, type }) => `${name} ${type}`).join(', ')})`);
    const insert = db.prepare(`INSERT INTO t VALUES (${columns.map(() => '?').join(', ')})`);
    for (const row of rows) {
      insert.run(
        // osquery converts a missing text to ''.
        ...columns.map(({ name, type }) => (row[name] ?? (type === 'TEXT' ? '' : null)) as string | null),
      );
    }
    const sql = `SELECT eid FROM t ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY eid`;
    const left = db.prepare(sql).all();
    db.close();
    return left.map(({ eid }) => eid);
  }

  test('a join’s point look-up uses an index', () => {
    const keyed = (constraints: Record<string, readonly Constraint[]>) => {
      const { eids, pids, parents } = runToEnd(searchInPieces(contextOf(constraints)));
      return [eids, pids, parents].map((keys) => keys && [...keys]);
    };
    const none = undefined;
    expect(keyed({ pid: eq('3'), time: [{ op: 'gt', expr: '0' }] })).toEqual([none, [3], none]);
    expect(keyed({ pid: eq('3', '5.0', ' 7') })).toEqual([none, [3, 5, 7], none]);
    expect(keyed({ pid: eq('3', 'x') })).toEqual([none, none, none]);
    expect(keyed({ parent: eq('3') })).toEqual([none, none, [3]]);
    expect(keyed({ entity_id: eq('x', entityId(9)) })).toEqual([none, [9], none]);
    expect(keyed({ entity_id: eq(entityId(9), entityId(8)), pid: eq('8', '7') })).toEqual([none, [8], none]);
    expect(keyed({ eid: eq('0000000007') })).toEqual([[7], none, none]);
    expect(keyed({ path: eq('/bin/ls') })).toEqual([none, none, none]);
    expect(keyed({ pid: [{ op: 'gt', expr: '3' }] })).toEqual([none, none, none]);
  });

  test('a time restricts the search to all segments that have rows of it', async () => {
    const store = newStore();
    for (let n = 0; n < 2000; n++) store.add(published({ pid: n, unixMs: n * 10 + 9 }));
    const table = processAncestryEvents({ store, resultMaxBytes: () => 1 << 26 });
    const nobody: Answer = { onDelivered: () => undefined };
    const found = async (...time: Constraint[]) => {
      const got = [...(await table.generate(contextOf({ time }), nobody))];
      const times = got.flatMap((row) => (row ? [Math.floor(Number(row.event.number('timeMs')) / 1000)] : []));
      return {
        segments: got.filter((row) => row === undefined).length,
        times: [...new Set(times)],
        rows: times.length,
      };
    };
    const all = await found();
    expect(all).toMatchObject({ rows: 2000 });
    expect(await found(...eq('7'))).toEqual({ segments: 4, times: [7], rows: 100 });
    expect(await found({ op: 'gt', expr: '17' })).toEqual({ segments: 7, times: [18, 19], rows: 200 });
    expect(await found({ op: 'lt', expr: '1' })).toEqual({ segments: 4, times: [0], rows: 100 });
    expect(await found({ op: 'ge', expr: '20' })).toEqual({ segments: 0, times: [], rows: 0 });
    // For a segment with rows only in the last milliseconds of a second.
    const late = newStore();
    late.add(published({ pid: 1, unixMs: 3999 }));
    for (const time of [eq('3'), [{ op: 'le', expr: '3' }], [{ op: 'lt', expr: '4' }]] as const) {
      expect(await ask(late, contextOf({ time })), JSON.stringify(time)).toHaveLength(1);
    }
  });

  test('rows come in the order of their eids, with any index', async () => {
    const store = newStore();
    for (let n = 0; n < 12; n++) store.add(published({ pid: 9 - (n % 4), ppid: n % 2 }));
    const lists = [
      { pid: eq('9', '8', '7') },
      { parent: eq('1', '0') },
      { entity_id: eq(...[9, 8, 7, 6].map((pid) => entityId(pid))) },
      { eid: eq('0000000009', '0000000003', '0000000005') },
      { pid: eq('7', '8'), subscriber: eq('fleet') },
    ];
    for (const list of lists) {
      const eids = (await ask(store, contextOf(list))).map(({ eid }) => String(eid));
      expect(eids.length).toBeGreaterThan(2);
      expect(eids).toEqual(eids.toSorted());
    }
  });

  test('a key that most rows have is searched in pieces, with a pause after each', async () => {
    const store = newStore();
    for (let n = 0; n < 3000; n++) store.add(published({ pid: 1, ppid: n % 2, cmdline: `job ${n}` }));
    const table = processAncestryEvents({ store, resultMaxBytes: () => 1 << 26 });
    const nobody: Answer = { onDelivered: () => undefined };
    const got = [...(await table.generate(contextOf({ pid: eq('1'), cmdline: eq('none') }), nobody))];
    expect(got.length).toBeGreaterThan(5);
    expect(got.every((one) => one === undefined)).toBe(true);
    expect(await ask(store, contextOf({ parent: eq('1') }))).toHaveLength(1500);
    expect(await ask(store, contextOf({ pid: eq('1'), cmdline: eq('job 77') }))).toMatchObject([{ cmdline: 'job 77' }]);
  });

  test.each(['queries.jsonl', 'queries-no-default-index.jsonl'])('every context of %s is answered', async (file) => {
    const store = newStore();
    for (let n = 0; n < 60; n++) store.add(published({ pid: n % 7, ppid: n % 5, cmdline: `job ${n}` }));
    const lines = readFileSync(new URL(file, wire), 'utf8').trim().split('\n');
    let answered = 0;
    for (const line of lines) {
      const { calls } = JSON.parse(line) as { calls: { item: string; request: { context?: string } }[] };
      for (const { item, request } of calls) {
        if (item !== 'process_ancestry_events' || request.context === undefined) continue;
        clockMs += 1000;
        expect((await ask(store, parseQueryContext(request.context, columns))).length).toBeLessThanOrEqual(60);
        answered++;
      }
    }
    expect(answered).toBeGreaterThan(50);
  });

  test('LIMIT and OFFSET do not end the scan: SQLite may still sort or filter', async () => {
    const store = newStore();
    for (let n = 0; n < 60; n++) store.add(published({ pid: n }));
    const list = [
      { op: 73, expr: '1' },
      { op: 74, expr: '1' },
    ];
    const json = JSON.stringify({ constraints: [{ name: 'pid', list, affinity: 'BIGINT' }], colsUsed: ['pid'] });
    expect(await ask(store, parseQueryContext(json, columns))).toHaveLength(60);
  });
});

describe('a subscriber', () => {
  const pids = (rows: Record<string, unknown>[]) => rows.map(({ pid }) => pid);
  const subscriber = (name: string, more: Record<string, readonly Constraint[]> = {}, limit?: number) =>
    contextOf({ subscriber: eq(name), ...more }, limit);

  test('gets what is new, under its name', async () => {
    const store = newStore();
    store.add(published({ pid: 1 }));
    expect(await ask(store, subscriber('fleet'))).toMatchObject([{ pid: 1, subscriber: 'fleet' }]);
    clockMs += 1000;
    store.add(published({ pid: 2 }));
    expect(pids(await ask(store, subscriber('fleet')))).toEqual([2]);
    expect(pids(await ask(store, contextOf()))).toEqual([1, 2]);
  });

  test('gets it again when the answer did not arrive', async () => {
    const store = newStore();
    store.add(published({ pid: 1 }));
    expect(pids(await ask(store, subscriber('fleet'), false))).toEqual([1]);
    clockMs += 60_000;
    expect(pids(await ask(store, subscriber('fleet')))).toEqual([1]);
    clockMs += 60_000;
    expect(pids(await ask(store, subscriber('fleet')))).toEqual([]);
  });

  test('has also seen the rows that its other conditions leave out', async () => {
    const store = newStore();
    for (let pid = 1; pid <= 3; pid++) store.add(published({ pid }));
    expect(pids(await ask(store, subscriber('fleet', { pid: eq('2') })))).toEqual([2]);
    clockMs += 1000;
    expect(pids(await ask(store, subscriber('fleet')))).toEqual([]);
  });

  test('that asks for a few at a time loses none', async () => {
    const store = newStore();
    for (let pid = 1; pid <= 5; pid++) store.add(published({ pid }));
    const got: unknown[][] = [];
    for (let n = 0; n < 4; n++) {
      got.push(pids(await ask(store, subscriber('fleet', {}, 2))));
      clockMs += 1000;
    }
    expect(got).toEqual([[1, 2], [3, 4], [5], []]);
  });

  test('gets many rows in batches without a loss, and a larger row alone', async () => {
    const store = newStore();
    for (let pid = 1; pid <= 10; pid++) store.add(published({ pid, cmdline: 'x'.repeat(pid === 4 ? 50_000 : 500) }));
    const got: unknown[][] = [];
    for (let n = 0; n < 5; n++) {
      const onlyCmdline = { ...subscriber('fleet'), columnsUsed: new Set(['pid', 'cmdline']) };
      got.push(pids(await ask(store, onlyCmdline, true, 3000)));
      clockMs += 1000;
    }
    expect(got).toEqual([[1, 2, 3], [4], [5, 6, 7], [8, 9, 10], []]);
  });

  test('that asks for few columns, or finds little, gets more rows instead', async () => {
    const store = newStore();
    for (let n = 0; n < 4000; n++) store.add(published({ pid: n, cmdline: 'x'.repeat(500) }));
    const fewColumns = { ...subscriber('fleet'), columnsUsed: new Set(['pid']) };
    expect(await ask(store, fewColumns, true, 1 << 20)).toHaveLength(4000);
    const findsLittle = subscriber('detection', { path: eq('/nowhere'), pid: [{ op: 'gt', expr: '3990' }] });
    expect(await ask(store, findsLittle, true, 1 << 20)).toEqual([]);
    expect((await ask(store, subscriber('all'), true, 1 << 20)).length).toBeLessThan(1000);
    expect(store.subscribers().map(({ name, lagRows }) => [name, lagRows > 0])).toEqual([
      ['fleet', false],
      ['detection', false],
      ['all', true],
    ]);
  });

  test('whose join asks again gets all rows again: a part that is too large is refused, and given later', async () => {
    const store = newStore();
    for (let n = 1; n <= 40; n++) store.add(published({ pid: n > 1 ? 2 : 1, cmdline: 'x'.repeat(500) }));
    expect(await ask(store, subscriber('fleet', { pid: eq('1') }), true, 20_000)).toHaveLength(1);
    expect(await ask(store, subscriber('fleet', { pid: eq('2') }), false, 20_000)).toHaveLength(39);
    clockMs += 5000;
    const less = await ask(store, subscriber('fleet'), true, 20_000);
    expect(less[0]).toMatchObject({ pid: 1 });
    expect(less.length).toBeLessThan(10);
  });

  test('whose reader ended gets 4 MiB of the answer again, and then the rest', async () => {
    const store = newStore();
    store.readBy('worker 1');
    for (let n = 0; n < 2000; n++) store.add(published({ pid: n, cmdline: 'x'.repeat(5000) }));
    const texts = { ...subscriber('fleet'), columnsUsed: new Set(['cmdline']) };
    expect(await ask(store, texts, true, 1 << 26)).toHaveLength(2000);
    store.readBy('worker 2');
    const { length } = await ask(store, texts, true, 1 << 26);
    expect(Math.round((length * 5000) / 2 ** 20)).toBe(4);
    clockMs += 1000;
    expect(await ask(store, texts, true, 1 << 26)).toHaveLength(2000 - length);
  });

  test('that asks for fewer of its given rows has still been given all', async () => {
    const store = newStore();
    for (let pid = 1; pid <= 5; pid++) store.add(published({ pid }));
    expect(await ask(store, subscriber('fleet'))).toHaveLength(5);
    clockMs += 100;
    expect(pids(await ask(store, subscriber('fleet', {}, 2)))).toEqual([1, 2]);
    clockMs += 100;
    expect(await ask(store, subscriber('fleet', {}, 0))).toEqual([]);
    clockMs += 1000;
    expect(await ask(store, subscriber('fleet'))).toEqual([]);
  });

  test('that skips some also gets the rows that SQLite skips, and one that asks for none has seen none', async () => {
    const store = newStore();
    for (let pid = 1; pid <= 5; pid++) store.add(published({ pid }));
    expect(await ask(store, subscriber('fleet', {}, 0))).toEqual([]);
    clockMs += 1000;
    expect(pids(await ask(store, { ...subscriber('fleet', {}, 2), offset: 1 }))).toEqual([1, 2, 3]);
    clockMs += 1000;
    expect(pids(await ask(store, subscriber('fleet')))).toEqual([4, 5]);
  });

  test('cannot have two names at once, and an empty name reads all rows', async () => {
    const store = newStore();
    store.add(published({ pid: 1 }));
    expect(await ask(store, contextOf({ subscriber: eq('a', 'b') }))).toEqual([]);
    expect(pids(await ask(store, contextOf({ subscriber: eq('') })))).toEqual([1]);
    expect(pids(await ask(store, contextOf({ subscriber: [{ op: 'ne', expr: 'a' }] })))).toEqual([1]);
    expect(store.subscribers()).toEqual([]);
  });
});
