/** process_ancestry WHERE pid = … AND at = …: who had a pid at some time, and the ancestors. */
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pid, ProcessEvent } from '../../../src/collect/event.ts';
import type { Answer, Constraint } from '../../../src/osquery/index.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import type { AncestryRow } from '../../../tables/ancestry_row.ts';
import { processAncestry } from '../../../tables/process_ancestry.ts';
import { cleanUp } from '../osquery/sandbox.ts';
import { serve } from '../osquery/serving.ts';
import { happening, play } from '../process/happenings.ts';
import { BOOT_UNIX_MS, KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';

const EXECS: ReadonlySet<Action> = new Set(['exec']);
const ALL: ReadonlySet<Action> = new Set(['exec', 'fork', 'exit']);
const answer: Answer = { onDelivered: () => undefined };
const stores: EventStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await cleanUp();
});

/** The second of a boot time. */
const second = (bootMs: number) => Math.floor((BOOT_UNIX_MS + bootMs) / 1000);
const eq = (...values: readonly (string | number)[]): Constraint[] =>
  values.map((value) => ({ op: 'eq', expr: String(value) }));

/** A host: its processes in memory, and its rows in a store. */
class Host {
  readonly kernel: KernelModel;
  readonly store: EventStore;
  harness: TreeHarness;
  readonly #actions: ReadonlySet<Action>;
  #stored = 0;

  constructor(actions: ReadonlySet<Action> = EXECS, kernel = new KernelModel()) {
    this.kernel = kernel;
    this.#actions = actions;
    this.harness = new TreeHarness({ actions });
    const limits = { maxRows: 50_000, maxBytes: 1 << 30, expirySeconds: 3600, subscriberExpirySeconds: 100 };
    this.store = new EventStore({ directory: ':memory:', ...limits }, { log: pino({ enabled: false }) });
    stores.push(this.store);
  }

  run(): this {
    return this.apply(this.kernel.take());
  }

  apply(events: readonly ProcessEvent[]): this {
    this.harness.tree.apply(events);
    for (const event of this.harness.published.slice(this.#stored)) this.store.add(event);
    this.#stored = this.harness.published.length;
    return this;
  }

  /** Only the rows stay, and what /proc shows of pid 1. */
  forget(bootId?: string, bootToUnixMs = BOOT_UNIX_MS): this {
    this.harness = new TreeHarness({
      actions: this.#actions,
      ...(bootId === undefined ? {} : { bootId }),
      bootToUnixMs,
    });
    this.#stored = 0;
    return this;
  }

  get table() {
    return processAncestry(() => [this.harness.tree.processes], undefined, this.store);
  }

  async rows(
    constraints: Record<string, readonly Constraint[]>,
    columnsUsed?: readonly string[],
  ): Promise<AncestryRow[]> {
    const context = {
      constraints: new Map(Object.entries(constraints)),
      columnsUsed: columnsUsed && new Set(columnsUsed),
    };
    return [...(await this.table.generate(context, answer))].flatMap((row) => row ?? []);
  }

  /** The chains of each process that had the pid: pids and programs, from the creator up. */
  async chains(pid: number, at: number): Promise<string[]> {
    const chains = new Map<string, string[]>();
    for (const row of await this.rows({ pid: eq(pid), at: eq(at) })) {
      expect(row).toMatchObject({ pid, at });
      const chain = chains.get(row.entityId) ?? [];
      chain.push(`${row.ancestorPid} ${row.details.args.replaceAll('\0', ' ')}`);
      expect(row.depth).toBe(chain.length);
      chains.set(row.entityId, chain);
    }
    return [...chains.values()].map((chain) => chain.join(' < ')).toSorted();
  }
}

/** Pid 50 is a child of "first" from 1001 s to 1003 s of the boot, and a child of "second" from 1005.5 s on. */
function reusedPid(actions?: ReadonlySet<Action>): Host {
  const host = new Host(actions);
  const { kernel } = host;
  const until = (ms: number) => kernel.pass(ms - kernel.bootMs);
  kernel.fork(1, 10);
  kernel.exec(10, 'first');
  kernel.fork(1, 20);
  kernel.exec(20, 'second');
  until(1_001_000);
  kernel.fork(10, 50);
  kernel.exec(50, 'one');
  until(1_003_000);
  kernel.exit(50);
  until(1_005_500);
  kernel.fork(20, 50);
  kernel.exec(50, 'other');
  until(1_009_000);
  kernel.fork(50, 51);
  kernel.exec(51, 'below');
  return host.run();
}
const FIRST = '10 first < 1 init';
const SECOND = '20 second < 1 init';

describe('a reused pid has at each second the ancestors of the process that had it then', () => {
  const expected: [ms: number, chains: string[]][] = [
    [1_000_500, []],
    [1_001_000, [FIRST]],
    [1_002_000, [FIRST]],
    [1_003_000, [FIRST]],
    [1_004_000, []],
    [1_005_000, [SECOND]],
    [1_006_000, [SECOND]],
    [1_600_000, [SECOND]],
  ];

  test('from memory alone', async () => {
    const host = reusedPid();
    host.store.select = () => [].values();
    // Memory does not keep a dead process that started nothing when its pid is reused.
    const forgotten = (ms: number) => ms < 1_004_000;
    for (const [ms, chains] of expected)
      expect([ms, await host.chains(50, second(ms))]).toEqual([ms, forgotten(ms) ? [] : chains]);
  });

  test('from memory and rows, with the ends in rows of exits', async () => {
    const host = reusedPid(ALL);
    for (const [ms, chains] of expected) expect([ms, await host.chains(50, second(ms))]).toEqual([ms, chains]);
  });

  test('from rows alone', async () => {
    const host = reusedPid(ALL).forget();
    for (const [ms, chains] of expected) expect([ms, await host.chains(50, second(ms))]).toEqual([ms, chains]);
  });

  test('from rows of execs alone: a process counts until the next one starts', async () => {
    const host = reusedPid(EXECS).forget();
    const ends: typeof expected = [
      [1_000_500, []],
      [1_003_000, [FIRST]],
      [1_004_000, [FIRST]],
      [1_005_000, [FIRST, SECOND]],
      [1_006_000, [SECOND]],
    ];
    for (const [ms, chains] of ends) expect([ms, await host.chains(50, second(ms))]).toEqual([ms, chains]);
  });
});

test('a process whose exit no event reported counts until the next one starts', async () => {
  const host = new Host();
  const { kernel } = host;
  kernel.fork(1, 50);
  kernel.fork(50, 51);
  host.run();
  const { processes } = host.harness.tree;
  processes.adopt([], processes.withPid(50 as Pid));
  const started = second(kernel.bootMs);
  kernel.pass(10_000);
  kernel.fork(51, 50);
  host.run();
  expect(await host.chains(50, started + 5)).toEqual(['1 init']);
  expect(await host.chains(50, started + 11)).toEqual(['51 init < 50 init < 1 init']);
});

describe('the state of an ancestor', () => {
  const states = async (host: Host) =>
    (await host.rows({ pid: eq(51), at: eq(second(1_009_500)) })).map(({ ancestorPid, state, exitStatus }) => [
      ancestorPid,
      state,
      exitStatus,
    ]);

  test('is the present one, if memory knows it', async () => {
    const host = reusedPid();
    host.kernel.exit(50, 512);
    host.run();
    expect(await states(host)).toEqual([
      [50, 'exited', 512],
      [20, 'running', undefined],
      [1, 'running', undefined],
    ]);
  });

  test('is NULL for one that only rows know', async () => {
    expect(await states(reusedPid(ALL).forget())).toEqual([
      [50, null, undefined],
      [20, null, undefined],
      [1, 'running', undefined],
    ]);
  });

  test('is exited if the host has booted since', async () => {
    expect(await states(reusedPid(ALL).forget('ffffffff-a2cf-420b-a2aa-ca46d08d1e22'))).toEqual([]);
    const host = reusedPid(ALL);
    host.forget('ffffffff-a2cf-420b-a2aa-ca46d08d1e22');
    host.harness.tree.processes.keepClock(BOOT_UNIX_MS + 3_600_000);
    expect(await states(host)).toEqual([
      [50, 'exited', undefined],
      [20, 'exited', undefined],
      [1, 'exited', undefined],
    ]);
    expect(await host.chains(51, second(3_599_000))).toHaveLength(1);
    expect(await host.chains(51, second(3_601_000))).toEqual([]);
  });
});

test('a process whose end is not known has ended when the host booted again, in each later boot', async () => {
  const host = new Host();
  const HOUR = 3_600_000;
  const boots = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'].map((id) => `${id}-a2cf-420b-a2aa-ca46d08d1e22`);
  for (const [n, bootId] of boots.entries()) {
    const kernel = new KernelModel();
    const bootToUnixMs = BOOT_UNIX_MS + n * 10 * HOUR;
    host.forget(bootId, bootToUnixMs);
    kernel.pass(n === 1 ? 2 * HOUR : HOUR);
    kernel.fork(1, 50);
    kernel.exec(50, `of boot ${n}`);
    kernel.fork(50, 51);
    kernel.exec(51, 'below');
    const events = kernel.take().map((event) => ({ ...event, unixMs: bootToUnixMs + event.bootMs }));
    if (n < 2) host.apply(events);
  }
  const cmdlines = async (hours: number) =>
    (await host.chains(51, second(hours * HOUR))).map((chain) => chain.replace(/ <.*/, ''));
  expect(await cmdlines(0.5)).toEqual([]);
  expect(await cmdlines(9.9)).toEqual(['50 of boot 0']);
  // The second boot began at 10 h, and the process started at 12 h.
  expect(await cmdlines(11)).toEqual([]);
  expect(await cmdlines(15)).toEqual(['50 of boot 1']);
  expect(await cmdlines(20.5)).toEqual([]);
});

test('a process that never executed is known by the rows of what it started', async () => {
  const host = new Host();
  const { kernel } = host;
  kernel.fork(1, 10);
  kernel.exec(10, 'server');
  kernel.fork(10, 11);
  kernel.fork(11, 12);
  kernel.exec(12, 'sh');
  host.run().forget();
  expect(await host.chains(11, second(kernel.bootMs))).toEqual(['10 server < 1 init']);
  expect(await host.chains(12, second(kernel.bootMs))).toEqual(['11 server < 10 server < 1 init']);
});

describe('a query', () => {
  test('by entity id has the ancestors if the process lived then', async () => {
    const host = reusedPid(ALL).forget();
    const [row] = await host.rows({ pid: eq(50), at: eq(second(1_002_000)) });
    const entityId = row?.entityId ?? '';
    expect(await host.rows({ entity_id: eq(entityId), at: eq(second(1_002_000)) })).toHaveLength(2);
    expect(await host.rows({ entity_id: eq(entityId), at: eq(second(1_006_000)) })).toEqual([]);
  });

  test('of lists has each pid at each second, each row with an id of its own that stays the same', async () => {
    const host = reusedPid(ALL);
    const seconds = [1_002_000, 1_006_000, 1_009_500].map(second);
    const rows = async () => host.rows({ pid: eq(50, 51, 50, 99), at: eq(...seconds, seconds[0] ?? 0) });
    const shown = (await rows()).map(({ pid, at, ancestorPid }) => `${pid} ${at} ${ancestorPid}`);
    expect(shown.toSorted()).toEqual(
      [
        ...[10, 1].map((ancestor) => `50 ${seconds[0]} ${ancestor}`),
        ...[20, 1].map((ancestor) => `50 ${seconds[1]} ${ancestor}`),
        ...[20, 1].map((ancestor) => `50 ${seconds[2]} ${ancestor}`),
        ...[50, 20, 1].map((ancestor) => `51 ${seconds[2]} ${ancestor}`),
      ].toSorted(),
    );
    const { table } = host;
    const ids = async () => (await rows()).map((row) => BigInt(table.rowid(row)));
    const before = await ids();
    host.forget();
    const all = (await host.rows({})).map((row) => BigInt(table.rowid(row)));
    expect(new Set([...before, ...all]).size).toBe(before.length + all.length);
    for (const id of before) expect([BigInt.asIntN(64, id), id < 0n]).toEqual([id, true]);
    expect((await ids()).toSorted()).toEqual(before.toSorted());
  });

  test('on the wire echoes the second in each row', async () => {
    const host = reusedPid(ALL);
    const { client } = await serve([host.table]);
    const at = String(second(1_006_000));
    const constraints = [
      { name: 'pid', list: [{ op: 2, expr: '50' }] },
      { name: 'at', list: [{ op: 2, expr: at }] },
    ];
    const { rows } = await client.call('table', 'process_ancestry', {
      action: 'generate',
      context: JSON.stringify({ constraints }),
    });
    expect(rows.map((row) => [row.at, row.ancestor_pid])).toEqual([
      [at, '20'],
      [at, '1'],
    ]);
  });

  test('without an equality on at is about now, and at is NULL', async () => {
    const host = reusedPid(ALL);
    for (const constraints of [{}, { at: [{ op: 'gt', expr: '5' } as const] }])
      for (const row of await host.rows({ pid: eq(51), ...constraints })) expect(row.at).toBeNull();
  });

  test('that needs at, which SQLite does not know yet, is an error that says what to write', async () => {
    const host = reusedPid(ALL);
    for (const constraints of [{}, { pid: eq(51) }, { pid: eq(51), at: [{ op: 'gt', expr: '5' } as const] }])
      await expect(host.rows(constraints, ['pid', 'at'])).rejects.toThrow('another_table CROSS JOIN process_ancestry');
    expect(await host.rows({ pid: eq(51) }, ['pid', 'path'])).toHaveLength(3);
    expect(await host.rows({ pid: eq(51), at: eq(second(1_009_500)) }, ['pid', 'at'])).toHaveLength(3);
  });

  test('without a pid is an error that says what is missing', async () => {
    const host = reusedPid(ALL);
    const at = eq(second(1_006_000));
    for (const constraints of [{ at }, { at, ancestor_pid: eq(20) }, { at, pid: eq('x') }])
      await expect(host.rows(constraints)).rejects.toThrow('at needs the pid or the entity_id of a process');
  });

  test.each(['-1', '0.5', '1e300', '9223372036854775807', '9007199254740993', '9007199254740', 'x', '', 'inf', '0'])(
    'at %j has no rows',
    async (at) => {
      const host = reusedPid(ALL);
      expect(await host.rows({ pid: eq(50), at: eq(at) })).toEqual([]);
      expect(await host.rows({ at: eq(at), pid: eq(1) })).toEqual([]);
    },
  );

  test('at a fraction of a second has no rows', async () => {
    const host = reusedPid(ALL);
    expect(await host.rows({ pid: eq(50), at: eq(second(1_006_000) + 0.5) })).toEqual([]);
    expect(await host.rows({ pid: eq(50), at: eq(second(1_006_000)) })).toHaveLength(2);
  });

  test.each([
    ['a fraction of zero', `${second(1_006_000)}.0`],
    ['space', ` ${second(1_006_000)} `],
  ])('at a second that is written with %s is at that second', async (_, at) => {
    const rows = await reusedPid(ALL).rows({ pid: eq(50), at: eq(at) });
    expect(rows.map((row) => row.at)).toEqual([second(1_006_000), second(1_006_000)]);
  });

  test('at a second that has not come yet has no rows', async () => {
    const host = reusedPid(ALL);
    const now = Math.floor(Date.now() / 1000);
    expect(await host.rows({ pid: eq(50), at: eq(now) })).toHaveLength(2);
    expect(await host.rows({ pid: eq(50), at: eq(now + 3600) })).toEqual([]);
  });

  test('asks no store if memory knows who had the pid for the whole second', async () => {
    const host = reusedPid(ALL);
    host.store.select = () => {
      throw new Error('the store was asked');
    };
    expect(await host.chains(50, second(1_006_000))).toEqual([SECOND]);
    await expect(host.chains(50, second(1_005_500))).rejects.toThrow('the store was asked');
  });

  test('of a pid with many rows pauses often', async () => {
    const host = new Host();
    const { kernel } = host;
    kernel.fork(1, 10);
    for (let n = 0; n < 5000; n++) kernel.exec(10, `loop ${n}`);
    for (let pid = 100; pid < 1100; pid++) {
      kernel.fork(10, pid);
      kernel.exec(pid, 'child');
    }
    host.run().forget();
    const { store } = host;
    const select = store.select.bind(store);
    let [steps, longest, total] = [0, 0, 0];
    store.select = function* (...asked) {
      for (const row of select(...asked)) {
        longest = Math.max(longest, ++steps);
        total++;
        yield row;
      }
    };
    const context = { constraints: new Map(Object.entries({ pid: eq(10), at: eq(second(kernel.bootMs)) })) };
    let rows = 0;
    for (const row of await host.table.generate({ ...context, columnsUsed: undefined }, answer)) {
      steps = 0;
      if (row) rows++;
    }
    expect(rows).toBe(1);
    expect(total).toBeGreaterThan(6000);
    expect(longest).toBeLessThan(total / 20);
  });

  test('of many seconds pauses while it reads them', async () => {
    const host = reusedPid(ALL);
    let read = 0;
    const at = Array.from({ length: 20_000 }, (_, n) => ({
      op: 'eq' as const,
      get expr() {
        read++;
        return String(n);
      },
    }));
    const constraints = new Map<string, readonly Constraint[]>(Object.entries({ pid: eq(99), at }));
    let [longest, last, pausesAfter] = [0, 0, 0];
    for (const _ of await host.table.generate({ constraints, columnsUsed: undefined }, answer)) {
      longest = Math.max(longest, read - last);
      pausesAfter = read > last ? 0 : pausesAfter + 1;
      last = read;
    }
    expect(read).toBe(40_000);
    expect(longest).toBeLessThan(4000);
    // The seconds are compared with the present.
    expect(pausesAfter).toBeGreaterThan(10);
  });
});

interface Life {
  readonly pid: number;
  readonly startMs: number;
  endMs: number;
  cmdline: string;
  readonly chain: readonly string[];
}

/** The lives that events tell of, each with its true ancestors. */
function livesOf(events: readonly ProcessEvent[]): Life[] {
  const first: Life = { pid: 1, startMs: 0, endMs: Number.POSITIVE_INFINITY, cmdline: 'init', chain: [] };
  const lives = [first];
  const present = new Map([[1, first]]);
  for (const event of events) {
    const life = present.get(event.pid);
    if (event.kind === 'exec' && life) life.cmdline = event.details?.args.replaceAll('\0', ' ') ?? '';
    else if (event.kind === 'exit' && life) life.endMs = event.bootMs;
    else if (event.kind === 'fork') {
      const parent = present.get(event.parent) as Life;
      const { cmdline } = present.get(event.imageFrom ?? event.parent) as Life;
      const chain = [`${parent.pid} ${parent.cmdline}`, ...parent.chain];
      const child = { pid: event.pid, startMs: event.bootMs, endMs: Number.POSITIVE_INFINITY, cmdline, chain };
      lives.push(child);
      present.set(event.pid, child);
    }
  }
  return lives;
}

test('after any events, a pid has at each second the true ancestors of all processes that had it, from memory and from rows', async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 20, maxLength: 60 }),
      fc.boolean(),
      async (happenings, forgets) => {
        const host = new Host(ALL, new KernelModel(270));
        play(host.kernel, happenings);
        const lives = livesOf(host.kernel.whole);
        const lastMs = host.kernel.bootMs;
        host.run();
        if (forgets) host.forget();
        for (let ms = 1_000_000; ms <= lastMs; ms += 1000) {
          for (let pid = 2; pid <= 12; pid++) {
            const then = lives.filter(
              (life) => life.pid === pid && life.startMs < ms + 1000 && life.endMs >= ms && life.chain.length > 0,
            );
            const chains = then.map(({ chain }) => chain.join(' < ')).toSorted();
            expect([pid, ms, await host.chains(pid, second(ms))]).toEqual([pid, ms, chains]);
            found += chains.length;
          }
        }
        stores.pop()?.close();
      },
    ),
    { numRuns: 60 },
  );
  expect(found).toBeGreaterThan(100);
});
