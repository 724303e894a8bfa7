/** The events that a run applies, and the flags in force, before and after they are known (R13, R15). */
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pid, ProcessEvent } from '../../../src/collect/event.ts';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import { WHOLE } from '../../../src/collect/join.ts';
import type { ProcessEventSource, SourceState, SourceStats } from '../../../src/collect/source.ts';
import { parseEnvironmentNames } from '../../../src/process/environment.ts';
import { cmdlineOf } from '../../../src/process/image.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import { parseRedactPatterns } from '../../../src/process/redact.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { Recording } from '../../../src/recording/recording.ts';
import { eventually } from '../eventually.ts';
import { BOOT_UNIX_MS, detailsOf } from '../process/kernel_model.ts';
import { ancestorsOf, FakeProc, toldOf } from '../process/tree_harness.ts';

/** A kernel whose events wait while there is no room, like those of the real one. */
class FakeSource implements ProcessEventSource {
  readonly #waiting: ProcessEvent[] = [];
  #onEvents: (events: readonly ProcessEvent[]) => void = () => undefined;
  #hasRoom: () => boolean = () => true;

  async start(onEvents: (events: readonly ProcessEvent[]) => void, hasRoom: () => boolean): Promise<SourceState> {
    this.#onEvents = onEvents;
    this.#hasRoom = hasRoom;
    return { collector: 'audit+proc_events', reason: '', problems: [] };
  }

  tell(...events: ProcessEvent[]): void {
    this.#waiting.push(...events);
    this.work();
  }

  work(): void {
    if (this.#hasRoom()) this.#onEvents(this.#waiting.splice(0));
  }

  stop(): void {}
  release(): void {}
  requestSnapshot = () => false;
  join = WHOLE;
  onItsWay = () => false;
  readonly problems = [];
  async drain(): Promise<void> {}
  stats(): SourceStats {
    return {
      ...{
        collector: 'audit+proc_events',
        collectorReason: '',
        eventsLost: 0,
        kernelLost: 0,
        kernelBacklog: 0,
        queueBytes: 0,
      },
      ...{ malformed: 0, incomplete: 0 },
    };
  }
}

const runs: Recording[] = [];
afterEach(() => {
  for (const run of runs.splice(0)) run.stop();
});

function setUp(hasRoom = () => true) {
  const source = new FakeSource();
  const proc = new FakeProc();
  proc.show(1, 0, 'init');
  const published: PublishedEvent[] = [];
  const flags = { redact: '', env: 'LD_PRELOAD' };
  const run = new Recording({
    source,
    proc,
    settings: {
      ...{ cacheSize: 100, cacheTtlSeconds: 10, maxDepth: 32, ancestorCmdlineMax: 4096, publishWaitMs: 0 },
      actions: new Set<Action>(['exec']),
      ignore: undefined,
    },
    redactPatterns: () => parseRedactPatterns(flags.redact),
    environmentNames: () => parseEnvironmentNames(flags.env),
    names: { user: () => undefined, group: () => undefined, revision: 0 },
    bootToUnixMs: () => BOOT_UNIX_MS,
    publish: (event) => void published.push(event),
    waiting: () => undefined,
    hasRoom,
    log: pino({ enabled: false }),
  });
  runs.push(run);
  return { run, source, proc, flags, published };
}

const cmdlines = (published: readonly PublishedEvent[]) =>
  published.map(({ details }) => cmdlineOf(details ?? NO_DETAILS));

/** A process that executes. */
function exec(pid: number, cmdline: string): ProcessEvent[] {
  const at = { pid: pid as Pid, bootMs: 1000, unixMs: Date.now() };
  return [
    { kind: 'fork', parent: 1 as Pid, imageFrom: undefined, ...at },
    { kind: 'exec', details: detailsOf(cmdline, 1), ...at },
  ];
}

test('later patterns redact remembered processes', async () => {
  const { run, source, proc, flags, published } = setUp();
  proc.show(2, 1, 'daemon password=hunter1');
  await run.subscribe();
  await run.prepare();
  await run.record();
  const ofDaemon = (pid: number): ProcessEvent[] =>
    exec(pid, 'true').map((event) => (event.kind === 'fork' ? { ...event, parent: 2 as Pid } : event));
  source.tell(...ofDaemon(10));
  run.finish();
  const ancestors = () => published.map(({ context }) => context.creator && toldOf(context.creator).cmdline);
  const leaders = () => published.map(({ context }) => context.creator?.json());
  expect(ancestors()).toEqual(['daemon password=hunter1']);
  flags.redact = 'password=(\\w+)';
  run.redactAgain();
  source.tell(...ofDaemon(11));
  run.finish();
  expect(ancestors().at(-1)).toBe('daemon password=***');
  expect(leaders().at(-1)).not.toContain('hunter1');
  // An earlier row is stored: shared facts would show it the later values.
  expect(published[0]?.context.creator).not.toBe(published[1]?.context.creator);
});

test('only the variables that the present flags name are stored, and secrets in them are redacted', async () => {
  const { run, source, flags, published } = setUp();
  await run.subscribe();
  const environment = 'LD_PRELOAD=/x.so\0BASH_ENV=/secret/x';
  const executes = (pid: number): ProcessEvent[] =>
    exec(pid, 'true').map((event) =>
      event.kind === 'exec' ? { ...event, details: detailsOf('true', 1, { environment }) } : event,
    );
  // The first waits until the flags are known. The sensor was started with the names of other flags.
  source.tell(...executes(10));
  await run.prepare();
  await run.record();
  flags.env = 'BASH_ENV';
  source.tell(...executes(11));
  flags.redact = 'secret';
  source.tell(...executes(12));
  flags.env = '';
  source.tell(...executes(13));
  run.finish();
  expect(published.map(({ details }) => details?.environment)).toEqual([
    'LD_PRELOAD=/x.so',
    'BASH_ENV=/secret/x',
    'BASH_ENV=/***/x',
    '',
  ]);
});

describe('a source with snapshots of living processes', () => {
  const lives = (pid: number, ppid: number, cmdline: string): ProcessEvent => ({
    ...{ kind: 'snapshot', pid: pid as Pid, bootMs: 900, unixMs: Date.now() },
    details: detailsOf(cmdline, ppid, { startMs: 100 + pid, sid: 1, pgid: 1 }),
  });
  const end = (isWhole = true): ProcessEvent => ({
    ...{ kind: 'snapshotEnd', pid: 0 as Pid, bootMs: 901, unixMs: Date.now() },
    isWhole,
  });
  const loss = (): ProcessEvent => ({ kind: 'loss', pid: 0 as Pid, bootMs: 1000, unixMs: Date.now(), count: 1 });
  /** The answers of the source; the last one is repeated. */
  function answer(source: FakeSource, ...answers: readonly ProcessEvent[][]): void {
    const left = [...answers];
    source.requestSnapshot = () => {
      const events = left.length > 1 ? left.shift() : left[0];
      for (const event of events ?? []) source.tell(event);
      return true;
    };
  }
  async function started(hasRoom?: () => boolean) {
    const all = setUp(hasRoom);
    const { source, proc, run } = all;
    proc.pids = () => [1, 2] as Pid[];
    answer(source, [lives(1, 0, 'init'), lives(2, 1, 'daemon password=hunter1'), end()]);
    await run.subscribe();
    await run.prepare();
    return all;
  }

  test('is read instead of /proc, and events that come meanwhile are applied in their order', async () => {
    const { run, source, proc, flags, published } = await started();
    expect(proc.reads).toBe(0);
    source.tell({ kind: 'fork', pid: 10 as Pid, parent: 2 as Pid, bootMs: 1000, unixMs: Date.now() });
    source.tell({ kind: 'exec', pid: 10 as Pid, details: detailsOf('true', 2), bootMs: 1001, unixMs: Date.now() });
    flags.redact = 'password=(\\w+)';
    await run.record();
    source.work();
    run.finish();
    expect(published.map(ancestorsOf)[0]?.[0]?.cmdline).toBe('daemon password=***');
    expect(published[0]?.ancestry.complete).toBe(true);
  });

  test('is read again after a loss, and processes whose pids are gone have ended', async () => {
    const { run, source, proc } = await started();
    await run.record();
    const [tree] = run.trees;
    expect(tree?.processes.living().map(({ pid }) => pid)).toEqual([1, 2]);
    proc.pids = () => [1, 3] as Pid[];
    answer(source, [lives(1, 0, 'init'), lives(3, 1, 'new'), end()]);
    source.tell(loss());
    await eventually(() => expect(run.resyncs).toBe(1));
    expect(tree?.processes.living().map(({ pid }) => pid)).toEqual([1, 3]);
    expect(tree?.processes.losses.sinceResync).toBe(0);
  });

  test('has not repaired a loss before its last record is applied', async () => {
    let hasRoom = true;
    const { run, source } = await started(() => hasRoom);
    await run.record();
    const [tree] = run.trees;
    let isAsked = false;
    source.requestSnapshot = () => {
      isAsked = true;
      hasRoom = false;
      source.tell(lives(1, 0, 'init'), lives(2, 1, 'daemon'), lives(3, 1, 'new'), end());
      return true;
    };
    source.tell(loss());
    await eventually(() => expect(isAsked).toBe(true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(run.resyncs).toBe(0);
    expect(tree?.processes.losses.sinceResync).toBe(1);
    hasRoom = true;
    source.work();
    await eventually(() => expect(run.resyncs).toBe(1));
    expect(tree?.processes.living().map(({ pid }) => pid)).toContain(3);
    expect(tree?.processes.losses.sinceResync).toBe(0);
  });

  test('is read again if part of it was lost', async () => {
    const { run, source, proc } = await started();
    await run.record();
    const [tree] = run.trees;
    proc.pids = () => [1, 2, 3] as Pid[];
    const whole = [lives(1, 0, 'init'), lives(2, 1, 'daemon'), lives(3, 1, 'new'), end()];
    answer(source, [lives(1, 0, 'init'), loss(), end()], whole);
    source.tell(loss());
    await eventually(() => expect(run.resyncs).toBe(1));
    expect(tree?.processes.losses.sinceResync).toBe(1);
    await eventually(() => expect(run.resyncs).toBe(2));
    expect(tree?.processes.losses.sinceResync).toBe(0);
    expect(tree?.processes.living().map(({ pid }) => pid)).toContain(3);
  });

  test('may have more processes than there is room for before the flags are known', async () => {
    const { run, source } = setUp();
    const many = Array.from({ length: 20 }, (_, i) => lives(2 + i, 1, `${i} ${'x'.repeat(1_000_000)}`));
    answer(source, [lives(1, 0, 'init'), ...many, end()]);
    await run.subscribe();
    await run.prepare();
    const recorded = run.record();
    const timer = setInterval(() => source.work(), 1);
    await recorded;
    clearInterval(timer);
    expect(run.trees[0]?.processes.living()).toHaveLength(21);
  });

  test('and could not read all of them, is completed from /proc', async () => {
    const { run, source, proc } = setUp();
    proc.show(2, 1, 'daemon');
    answer(source, [lives(1, 0, 'init'), end(false)]);
    await run.subscribe();
    await run.prepare();
    await run.record();
    expect(run.trees[0]?.processes.living().map(({ pid }) => pid)).toContain(2);
  });

  test('and is stopped meanwhile, does not block the end', async () => {
    const { run, source } = setUp();
    answer(source, [lives(1, 0, 'init')]);
    await run.subscribe();
    const prepared = run.prepare();
    await new Promise(setImmediate);
    run.stop();
    await prepared;
  });
});

test('a loss is not repaired while /proc cannot be listed', async () => {
  const { run, source, proc } = setUp();
  await run.subscribe();
  await run.prepare();
  await run.record();
  const pids = proc.pids.bind(proc);
  let asked = 0;
  proc.pids = () => {
    asked++;
    throw new Error('EMFILE');
  };
  source.tell({ kind: 'loss', pid: 0 as Pid, bootMs: 1000, unixMs: Date.now(), count: 1 });
  await eventually(() => expect(asked).toBe(2));
  expect(run.resyncs).toBe(0);
  expect(run.trees[0]?.processes.losses.sinceResync).toBe(1);
  proc.pids = pids;
  await eventually(() => expect(run.resyncs).toBe(1));
  expect(run.trees[0]?.processes.losses.sinceResync).toBe(0);
});

describe('before the flags are known', () => {
  test('events wait, and are recorded by the flags that are known in the end', async () => {
    const { run, source, flags, published } = setUp();
    await run.subscribe();
    source.tell(...exec(10, 'while /proc is read password=hunter1'));
    await run.prepare();
    source.tell(...exec(11, 'while flags are awaited password=hunter2'));
    expect(published).toEqual([]);
    flags.redact = 'password=(\\w+)';
    await run.record();
    source.work();
    run.finish();
    expect(cmdlines(published)).toEqual(['while /proc is read password=***', 'while flags are awaited password=***']);
  });

  test('existing processes are shown by those flags too, as they were when /proc was read', async () => {
    const { run, proc, flags } = setUp();
    proc.show(2, 1, 'daemon password=hunter1');
    await run.subscribe();
    await run.prepare();
    proc.shown.delete(2);
    flags.redact = 'password=(\\w+)';
    await run.record();
    const [process] = run.trees[0]?.processes.withPid(2 as Pid) ?? [];
    expect(process && cmdlineOf(process.image.details)).toBe('daemon password=***');
  });

  test('a run that ends then leaves nothing', async () => {
    const { run, source, published } = setUp();
    await run.subscribe();
    await run.prepare();
    source.tell(...exec(10, 'true'));
    run.stop();
    expect(published).toEqual([]);
    expect([...(run.trees[0]?.processes.remembered() ?? [])]).toEqual([]);
  });
});
