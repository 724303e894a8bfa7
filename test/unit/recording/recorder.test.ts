/** Runs of recording with a fake collector: starts, restarts, stalls, losses. */
import pino from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { LiveSource } from '../../../src/collect/live.ts';
import type { NativeBinding, NativeCollectorOptions, NativeState, NativeStats } from '../../../src/collect/native.ts';
import { explainProblem } from '../../../src/collect/sensor_problems.ts';
import type { FlagValues } from '../../../src/config/flags.ts';
import { resolveFlags } from '../../../src/config/settings.ts';
import { Recorder, type RecorderOptions } from '../../../src/recording/recorder.ts';
import { storeSettings } from '../../../src/recording/store_settings.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { afterwards, until } from '../osquery/sandbox.ts';
import { FakeProc } from '../process/tree_harness.ts';

function record(kind: number, source: number, pid: number, time: number, payload: readonly number[] = []): Buffer {
  const bytes = Buffer.alloc(20 + 4 * payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt8(kind, 4);
  bytes.writeUInt8(source, 5);
  bytes.writeInt32LE(pid, 8);
  bytes.writeDoubleLE(time, 12);
  for (const [i, value] of payload.entries()) bytes.writeInt32LE(value, 20 + 4 * i);
  return bytes;
}
const forkOf = (parent: number, pid: number, time: number) =>
  record(1, 1, pid, time, [parent, ...new Array<number>(11).fill(0)]);
const execOf = (pid: number, time: number) => record(2, 1, pid, time);
const lossOf = (count: number) => record(5, 1, 0, 1000, [count]);

class FakeNative implements NativeBinding {
  starts = 0;
  stops = 0;
  queued = 0;
  #isRunning = false;
  /** Number of requests for waiting events. */
  asked = 0;
  readonly #batches: Buffer[] = [];
  #wake: () => void = () => undefined;

  /** The options of the last start. */
  options: NativeCollectorOptions | undefined;

  start(options: NativeCollectorOptions, onWaiting: () => void): NativeState {
    const { sensor } = options;
    this.options = options;
    if (sensor === 'ebpf') return { hears: '', hasSnapshot: false, problems: [] };
    this.starts++;
    this.#isRunning = true;
    this.#wake = onWaiting;
    return { hears: 'audit+proc_events', hasSnapshot: false, problems: [] };
  }

  deliver(batch: Buffer): void {
    this.#batches.push(batch);
    this.#wake();
  }

  /** Batches that were not taken. */
  get left(): number {
    return this.#batches.length;
  }

  take(room: Buffer): number {
    const [batch] = this.#batches;
    if (!batch) return 0;
    if (batch.length > room.length) return -batch.length;
    this.#batches.shift();
    return batch.copy(room);
  }

  stop(): void {
    if (this.#isRunning) this.stops++;
    this.#isRunning = false;
  }

  onItsWay(): number {
    this.asked++;
    return this.queued;
  }

  drainNow(): void {}

  trySensor = () => [];

  requestSnapshot(): void {}

  releaseFilePages = () => 0;
  bootToUnixMs(): number {
    return 1_700_000_000_000;
  }

  stats(): NativeStats {
    return {
      hears: 'audit+proc_events',
      messages: 0,
      lost: 0,
      kernelLost: 0,
      kernelBacklog: 0,
      malformed: 0,
      incomplete: 0,
      queueBytes: this.queued,
      queueDropped: 0,
      problems: [],
    };
  }

  readonly LogReader = class {
    feed = () => [];
    flush = () => [];
    end = () => [];
    stats = () => ({
      ...{ lines: 0, records: 0, events: 0, malformed: 0, incomplete: 0, beyondHosts: 0 },
      ...{ interpretedLines: 0, eventLines: 0, jsonLines: 0, linesWithoutId: 0, quotedLines: 0 },
    });
  };
}

const started: Recorder[] = [];
afterEach(() => {
  for (const recorder of started.splice(0)) recorder.stop();
});

function setUp(more: Record<string, string> = {}, processes = 3, watched: Partial<RecorderOptions> = {}) {
  const flags = new Map(
    Object.entries({ process_ancestry_state_file: '', process_ancestry_database: ':memory:', ...more }),
  );
  const valuesOf = (given: Map<string, string>) =>
    resolveFlags({ commandLine: given as never, environment: {}, osqueryOptions: new Map(), file: undefined }).values;
  const said: string[] = [];
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const store = new EventStore(storeSettings(valuesOf(flags), ''), { log });
  const native = new FakeNative();
  const proc = new FakeProc();
  for (let pid = 1; pid <= processes; pid++) proc.show(pid, pid === 1 ? 0 : 1, `process ${pid}`);
  const values: FlagValues = valuesOf(flags);
  const recorder = new Recorder({ values, store, log, native, proc, ...watched });
  started.push(recorder);
  const changed = (name: string, value: string) => valuesOf(new Map([...flags, [name, value]]));
  return { recorder, store, native, proc, said, values, changed };
}

describe('a run', () => {
  test('that falls back to a log lists each problem once', async () => {
    const { recorder, native } = setUp({ process_ancestry_fallback_replay_file: ':sample:' });
    const problems = [{ code: 'audit_no_permission', detail: '' }];
    native.start = () => ({ hears: '', hasSnapshot: false, problems });
    await recorder.start();
    const { source, problems: told } = recorder.stats();
    expect(source.collector).toBe('replay');
    // The stand-in of the log's reader has no records.
    expect(told.map(({ code }) => code)).toEqual(['audit_no_permission', 'replay_failed']);
  });

  test('that is replaced while it starts leaves nothing behind, and only the new one records', async () => {
    const { recorder, native, said, changed } = setUp({}, 3000);
    const first = recorder.start();
    const second = recorder.configure(changed('process_ancestry_queue_max_bytes', '2097152'), true);
    await Promise.all([first, second]);
    expect(said.filter((message) => message === 'recording')).toHaveLength(1);
    expect(native).toMatchObject({ starts: 2, stops: 1 });
    recorder.stop();
    expect(native.stops).toBe(2);
  });

  test.each([
    ['process_ancestry_events_actions', 'exec,setid', { tellsIds: true, tellsSessions: false }],
    ['process_ancestry_events_actions', 'exec,setsid', { tellsIds: false, tellsSessions: true }],
    ['process_ancestry_env', 'BASH_ENV, LD_AUDIT', { environmentNames: ['BASH_ENV', 'LD_AUDIT'] }],
    ['process_ancestry_env', '', { environmentNames: [] }],
  ])('is followed by another if %s=%s needs another start of the sensor', async (flag, value, options) => {
    const { recorder, native, values, changed } = setUp();
    await recorder.start();
    expect(native.options).toMatchObject({ tellsIds: false, tellsSessions: false });
    expect(native.options?.environmentNames).toContain('LD_PRELOAD');
    await recorder.configure(changed('process_ancestry_events_actions', 'exec,fork'), false);
    expect(native.starts).toBe(1);
    await recorder.configure(changed(flag, value), false);
    expect(native.starts).toBe(2);
    expect(native.options).toMatchObject(options);
    await recorder.configure(values, false);
    expect(native.starts).toBe(3);
  });

  test('that is stopped while it starts does not go on', async () => {
    const { recorder, native, said } = setUp({}, 3000);
    const start = recorder.start();
    recorder.stop();
    await start;
    expect(said).not.toContain('recording');
    expect(native.stops).toBe(1);
    await recorder.start();
    expect(native.starts).toBe(1);
  });

  test('that follows another keeps its counts', async () => {
    const { recorder, native, values } = setUp();
    await recorder.start();
    native.deliver(Buffer.concat([forkOf(1, 10, 500), forkOf(1, 11, 501)]));
    await until(() => recorder.stats().tree.eventsReceived === 2);
    await recorder.configure(values, true);
    native.deliver(forkOf(1, 12, 502));
    await until(() => recorder.stats().tree.eventsReceived === 3);
  });

  test('whose collector cannot be loaded says so in the statistics and does not throw', async () => {
    const { recorder, native } = setUp();
    native.start = () => {
      throw new Error('no such addon');
    };
    await recorder.start();
    expect(recorder.stats().problems).toEqual([{ code: 'collector_failed', message: 'no such addon' }]);
  });
});

test('a host on which no sensor works is recorded once one does', async () => {
  const { recorder, native, store } = setUp();
  const { start } = native;
  native.start = () => ({ hears: '', hasSnapshot: false, problems: [] });
  await recorder.start();
  native.start = start;
  await until(() => native.starts > 1, 'started, and started again to be recorded');
  await recorder.readable;
  native.deliver(Buffer.concat([forkOf(1, 10, 500), execOf(10, 501)]));
  await until(() => store.stats.rows === 1);
});

describe('the observers of a run', () => {
  test('get every event that becomes a row, and the number of each kind', async () => {
    const rows: number[] = [];
    const watched = {
      onPublished: ({ process }: { process: { pid: number } }) => void rows.push(process.pid),
      otherProblems: () => [{ code: 'elsewhere', message: '' }],
    };
    const { recorder, native, store, values } = setUp({ process_ancestry_events_actions: 'fork,exec' }, 3, watched);
    await recorder.start();
    native.deliver(Buffer.concat([forkOf(1, 10, 500), execOf(10, 501), forkOf(1, 11, 502)]));
    await until(() => store.stats.rows === 3);
    expect(rows.toSorted()).toEqual([10, 10, 11]);
    const { published, tree, problems } = recorder.stats();
    expect(published).toEqual({ exec: 1, fork: 2, setsid: 0, setid: 0, exit: 0, existing: 0 });
    expect(tree.eventsPublished).toBe(3);
    expect(problems).toEqual([{ code: 'elsewhere', message: '' }]);
    await recorder.configure(values, true);
    expect(recorder.stats().published).toEqual(published);
  });
});

test('rules of process_ancestry_ignore apply from their change on, and counts outlast runs', async () => {
  const ignore = (path: string) => JSON.stringify([{ path }]);
  const flags = { process_ancestry_events_actions: 'fork', process_ancestry_ignore: ignore('/bin/process') };
  const { recorder, native, store, changed } = setUp(flags);
  await recorder.start();
  const counts = () => {
    const { tree, ignored } = recorder.stats();
    return { rows: store.stats.rows, total: tree.eventsIgnored, ignored };
  };
  native.deliver(Buffer.concat([forkOf(1, 10, 500), forkOf(1, 11, 501)]));
  await until(() => counts().total === 2);
  expect(counts()).toEqual({ rows: 0, total: 2, ignored: { [ignore('/bin/process').slice(1, -1)]: 2 } });
  await recorder.configure(changed('process_ancestry_ignore', ignore('/bin/other')), false);
  native.deliver(forkOf(1, 12, 502));
  await until(() => counts().rows === 1);
  const after = { rows: 1, total: 2, ignored: { [ignore('/bin/other').slice(1, -1)]: 0 } };
  expect(counts()).toEqual(after);
  await recorder.configure(changed('process_ancestry_ignore', ignore('/bin/other')), true);
  expect(counts()).toEqual(after);
  await recorder.configure(changed('process_ancestry_ignore', ''), false);
  expect(counts()).toEqual({ rows: 1, total: 2, ignored: {} });
});

describe('stalls', () => {
  test('an exec is not given up while its record may be in the queue', async () => {
    const { recorder, store, native } = setUp({ process_ancestry_publish_wait_ms: '200' });
    await recorder.start();
    native.queued = 5000;
    native.deliver(Buffer.concat([forkOf(1, 10, 500), execOf(10, 501)]));
    await until(() => native.asked > 3, 'overdue, again and again');
    expect(store.stats.rows).toBe(0);
    native.queued = 0;
    await until(() => store.stats.rows === 1);
    expect(recorder.stats().tree.detailsMissing).toBe(1);
  });

  test('after a stall of the event loop, missing halves are waited for again', async () => {
    const { recorder, store, native } = setUp({ process_ancestry_publish_wait_ms: '60' });
    await recorder.start();
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pass = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 5) {
        now += 5;
        vi.advanceTimersByTime(5);
      }
    };
    try {
      native.deliver(Buffer.concat([forkOf(1, 10, 500), execOf(10, 501)]));
      // A stall: timers fire that much later.
      now += 300;
      pass(60);
      expect(store.stats.rows).toBe(0);
      pass(60);
      expect(store.stats.rows).toBe(0);
      pass(60);
      expect(store.stats.rows).toBe(1);
    } finally {
      vi.useRealTimers();
      clock.mockRestore();
    }
  });

  test('events without room in JavaScript stay in the bounded queue, and come in order when there is room', async () => {
    const native = new FakeNative();
    const limits = { stateFile: '', argsMaxBytes: 1000, queueMaxBytes: 1_048_576, socketBufferBytes: 65_536 };
    const source = new LiveSource(native, { sensors: ['audit+proc_events'], ...limits });
    const pids: number[] = [];
    let hasRoom = false;
    await source.start(
      (events) => pids.push(...events.map(({ pid }) => pid)),
      () => hasRoom,
    );
    for (let n = 0; n < 40; n++) native.deliver(Buffer.concat([execOf(2 * n, 1000), execOf(2 * n + 1, 1000)]));
    await new Promise(setImmediate);
    expect(pids).toEqual([]);
    // One is in JavaScript.
    expect(native.left).toBe(39);
    hasRoom = true;
    await until(() => pids.length === 80);
    expect(pids).toEqual(Array.from({ length: 80 }, (_, i) => i));
    source.stop();
  });

  test('the buffer grows for a batch that is larger than any before', async () => {
    const native = new FakeNative();
    const limits = { stateFile: '', argsMaxBytes: 1000, queueMaxBytes: 1_048_576, socketBufferBytes: 65_536 };
    const source = new LiveSource(native, { sensors: ['audit+proc_events'], ...limits });
    let count = 0;
    await source.start((events) => {
      count += events.length;
    });
    const large = Buffer.concat(Array.from({ length: 100_000 }, (_, i) => execOf(i + 10, 1000)));
    for (const batch of [large, execOf(1, 1000), large]) native.deliver(batch);
    await until(() => count === 200_001);
    source.stop();
  });
});

describe('losses', () => {
  test('a loss is followed by a resync, and one during the resync by another', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    afterwards(() => vi.useRealTimers());
    const { recorder, native, proc, said } = setUp();
    await recorder.start();
    native.deliver(lossOf(3));
    const read = proc.read.bind(proc);
    let during = false;
    proc.read = (pid) => {
      if (!during) native.deliver(lossOf(4));
      during = true;
      return read(pid);
    };
    const seconds = async (count: number) => {
      for (let n = 0; n < count; n++) {
        await vi.advanceTimersByTimeAsync(1000);
        // /proc is read in several turns of the event loop.
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      }
    };
    await seconds(2);
    expect(recorder.stats().resyncs).toBe(2);
    expect(said.filter((message) => message.startsWith('events were lost'))).toHaveLength(1);
    await seconds(60);
    expect(recorder.stats().resyncs).toBe(2);
  });
});

test.each([
  ['audit_no_permission', '', 'run as root'],
  ['audit_immutable', '', 'until the next boot'],
  ['audit_never_task', '', 'auditctl -d never,task'],
  ['audit_unicast_taken', '812', 'process 812'],
  ['audit_unsupported', 'Protocol not supported', 'CONFIG_AUDITSYSCALL'],
  ['audit_rule_refused', 'Invalid argument', 'Invalid argument'],
  ['audit_state_unsaved', '/run/x: read-only', 'process_ancestry_state_file'],
  ['audit_unanswered', 'Connection timed out', 'Connection timed out'],
  ['audit_start_failed', 'Cannot allocate memory', 'Cannot allocate memory'],
  ['proc_events_no_permission', '', 'CAP_NET_ADMIN'],
  ['proc_events_unavailable', 'no answer', 'CONFIG_PROC_EVENTS'],
  ['something_new', 'detail', 'something_new: detail'],
])('the problem %s is explained with what to do', (code, detail, part) => {
  expect(explainProblem({ code, detail })).toMatchObject({ code, message: expect.stringContaining(part) });
});

describe('while the flags are not known', () => {
  function setUpUnknown(processes: number) {
    const { promise: flagsKnown, resolve: tell } = Promise.withResolvers<void>();
    return { ...setUp({}, processes, { flagsKnown }), tell };
  }

  test('the host is recorded, and no row is shown; then every row is', async () => {
    const { recorder, native, said, tell } = setUpUnknown(3);
    const begun = recorder.start();
    await until(() => native.starts === 1);
    native.deliver(forkOf(1, 10, 500));
    for (let n = 0; n < 10; n++) await new Promise(setImmediate);
    expect([...(recorder.processes[0]?.remembered() ?? [])]).toEqual([]);
    expect(said).not.toContain('recording');
    tell();
    await begun;
    await until(() => recorder.processes[0]?.withPid(10 as Pid).length === 1);
    expect([...(recorder.processes[0]?.remembered() ?? [])]).toHaveLength(4);
  });

  test('flags that forbid recording leave no row', async () => {
    const { recorder, store, native, changed, tell } = setUpUnknown(3);
    const begun = recorder.start();
    await until(() => native.starts === 1);
    native.deliver(Buffer.concat([forkOf(1, 10, 500), execOf(10, 501)]));
    await recorder.configure(changed('process_ancestry_enable', 'false'), true);
    tell();
    await begun;
    expect(native).toMatchObject({ starts: 1, stops: 1 });
    expect(recorder.stats()).toMatchObject({ problems: [{ code: 'disabled' }], store: { rows: 0 } });
    expect(store.stats.rows).toBe(0);
    expect(recorder.processes).toEqual([]);
  });

  test('another source begins after the events before it are recorded', async () => {
    const { recorder, native, changed, tell } = setUpUnknown(3);
    const begun = recorder.start();
    await until(() => native.starts === 1);
    native.deliver(Buffer.concat([forkOf(1, 10, 500), forkOf(1, 11, 501)]));
    await recorder.configure(changed('process_ancestry_queue_max_bytes', '2097152'), true);
    expect(native.starts).toBe(1);
    tell();
    await begun;
    expect(native).toMatchObject({ starts: 2, stops: 1 });
    expect(recorder.stats().tree.eventsReceived).toBe(2);
  });
});
