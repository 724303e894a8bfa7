import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ProcessEvent } from '../../../src/collect/event.ts';
import { LiveSource, SENSORS } from '../../../src/collect/live.ts';
import type {
  NativeBinding,
  NativeCollectorOptions,
  NativeHears,
  NativeProblem,
  NativeState,
  NativeStats,
  SensorName,
} from '../../../src/collect/native.ts';
import type { SourceState } from '../../../src/collect/source.ts';

const EBPF_REFUSED: NativeProblem = { code: 'ebpf_no_btf', detail: '/sys/kernel/btf/vmlinux' };

/** A host on which some sensors work, and others work in part or not at all. */
class FakeHost implements NativeBinding {
  readonly works: Partial<Record<SensorName, NativeHears>> = {};
  readonly refusals: Partial<Record<SensorName, NativeProblem>> = {};
  readonly started: SensorName[] = [];
  running: SensorName | undefined;
  lost = 0;
  problems: NativeProblem[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Of the last start. */
  options: NativeCollectorOptions | undefined;

  /** Like the collector thread, it checks its state once a second and wakes the reader when the state has changed. */
  start(options: NativeCollectorOptions, wake: (hasChanged: boolean) => void): NativeState {
    const { sensor } = options;
    this.options = options;
    this.started.push(sensor);
    this.running = sensor;
    let before = this.#toldState;
    this.#timer = setInterval(() => {
      if (this.#toldState === before) return;
      before = this.#toldState;
      wake(true);
    }, 1_000);
    const refusal = this.refusals[sensor];
    return { hears: this.hears, hasSnapshot: sensor === 'ebpf', problems: refusal ? [refusal] : [] };
  }

  get hears(): NativeHears {
    return (this.running && this.works[this.running]) ?? '';
  }

  get #toldState(): string {
    return [this.hears, ...this.problems.map(({ code }) => code)].join();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.running = undefined;
  }

  stats(): NativeStats {
    return {
      ...{ hears: this.hears, messages: 0, lost: this.lost, kernelLost: 0, kernelBacklog: 0, malformed: 0 },
      ...{ incomplete: 0, queueBytes: 0, queueDropped: 0, problems: this.problems },
    };
  }

  take = () => 0;
  onItsWay = () => 0;
  drainNow = () => undefined;
  trySensor = (sensor: SensorName): NativeProblem[] => {
    if (this.works[sensor] === sensor) return [];
    return [this.refusals[sensor] ?? { code: `no_${sensor}`, detail: '' }];
  };
  requestSnapshot = () => undefined;
  bootToUnixMs = () => 1_700_000_000_000;
  releaseFilePages = () => 0;
  get LogReader(): never {
    throw new Error('no log is read');
  }
}

const LIMITS = { stateFile: '', argsMaxBytes: 1000, queueMaxBytes: 1_048_576, socketBufferBytes: 65_536 };

let source: LiveSource | undefined;
beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance', 'Date'],
    }),
);
afterEach(() => {
  source?.stop();
  source = undefined;
  vi.useRealTimers();
});

async function start(
  host: FakeHost,
  sensors: readonly SensorName[] = SENSORS.auto,
  more: Partial<ConstructorParameters<typeof LiveSource>[1]> = {},
) {
  const changes: SourceState[] = [];
  const losses: number[] = [];
  const told: ProcessEvent[] = [];
  source = new LiveSource(host, { ...LIMITS, ...more, sensors, onChange: (state) => changes.push(state) });
  const state = await source.start((events) => {
    told.push(...events);
    for (const event of events) if (event.kind === 'loss') losses.push(event.count);
  });
  return { source, state, changes, losses, told };
}

const codes = ({ problems }: Pick<SourceState, 'problems'>) => problems.map(({ code }) => code);

describe('the choice of a sensor', () => {
  test('auto takes eBPF where it works, and tries no other', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    const { state } = await start(host);
    expect(state).toEqual({ collector: 'ebpf', reason: '', problems: [] });
    expect(host.started).toEqual(['ebpf']);
  });

  test('auto takes audit with the connector where eBPF does not work, and says why', async () => {
    const host = new FakeHost();
    host.refusals.ebpf = EBPF_REFUSED;
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { state } = await start(host);
    expect(state.collector).toBe('audit+proc_events');
    expect(state.reason).toContain('/sys/kernel/btf/vmlinux');
    // Nothing is to be mended.
    expect(state.problems).toEqual([]);
  });

  test('audit records forks too where there is no connector', async () => {
    const host = new FakeHost();
    host.works['audit+proc_events'] = 'audit';
    host.works.audit = 'audit';
    const { state } = await start(host, SENSORS.audit);
    expect(state.collector).toBe('audit');
    expect(host.running).toBe('audit');
  });

  test('if no sensor works, the error has the reason of each', async () => {
    const host = new FakeHost();
    host.refusals.ebpf = EBPF_REFUSED;
    host.refusals['audit+proc_events'] = { code: 'audit_no_permission', detail: '' };
    host.refusals.audit = { code: 'audit_no_permission', detail: '' };
    host.refusals.proc_events = { code: 'proc_events_no_permission', detail: '' };
    const { state } = await start(host);
    expect(state.collector).toBe('none');
    expect(codes(state)).toEqual(['ebpf_no_btf', 'audit_no_permission', 'proc_events_no_permission']);
  });
});

test('the best sensor is not polled', async () => {
  const host = new FakeHost();
  host.works.ebpf = 'ebpf';
  await start(host);
  // The fake host has one timer.
  expect(vi.getTimerCount()).toBe(1);
});

describe('changes of ids', () => {
  test.each(['audit+proc_events', 'audit', 'proc_events'] as const)(
    'that %s does not report are a problem',
    async (name) => {
      const host = new FakeHost();
      host.works[name] = name;
      const { state } = await start(host, [name], { tellsIds: true });
      expect(codes(state)).toEqual(['setid_unheard']);
      expect(state.problems[0]?.message).toContain(name);
      source?.stop();
      expect(codes((await start(host, [name])).state)).toEqual([]);
    },
  );

  test('are asked of eBPF, as are variables', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    const { state } = await start(host, ['ebpf'], { tellsIds: true, environmentNames: ['BASH_ENV'] });
    expect(codes(state)).toEqual([]);
    expect(host.options).toMatchObject({ tellsIds: true, environmentNames: ['BASH_ENV'] });
    source?.stop();
    await start(host, ['ebpf']);
    expect(host.options).toMatchObject({ tellsIds: false, environmentNames: [] });
  });
});

describe('a sensor that stops working', () => {
  test('is noticed within a second, replaced, reported, and counted as a loss', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { source, changes, losses } = await start(host);
    host.works.ebpf = '';
    vi.advanceTimersByTime(1_000);
    expect(source.stats()).toMatchObject({ collector: 'audit+proc_events', eventsLost: 1 });
    expect(codes(source)).toEqual(['sensor_stopped']);
    expect(changes.map(({ collector }) => collector)).toEqual(['audit+proc_events']);
    expect(losses).toEqual([1]);
  });

  test('is tried again after a minute, and used once it works', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { source } = await start(host);
    host.works.ebpf = '';
    vi.advanceTimersByTime(1_000);
    host.works.ebpf = 'ebpf';
    vi.advanceTimersByTime(59_000);
    expect(source.stats().collector).toBe('audit+proc_events');
    vi.advanceTimersByTime(2_000);
    expect(source.stats().collector).toBe('ebpf');
    expect(source.problems).toEqual([]);
  });

  test('is not tried again by stopping the one that records instead', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { source, losses } = await start(host);
    host.works.ebpf = '';
    vi.advanceTimersByTime(300_000);
    expect(host.started).toEqual(['ebpf', 'ebpf', 'audit+proc_events']);
    expect(losses).toEqual([1]);
    expect(codes(source)).toEqual(['sensor_stopped']);
  });

  test('in part goes on, and is a problem until it works again, with a loss', async () => {
    const host = new FakeHost();
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { source, changes, losses } = await start(host, SENSORS.audit);
    host.works['audit+proc_events'] = 'proc_events';
    vi.advanceTimersByTime(1_000);
    expect(source.stats().collector).toBe('proc_events');
    expect(codes(source)).toEqual(['sensor_degraded']);
    expect(losses).toEqual([1]);
    host.works['audit+proc_events'] = 'audit+proc_events';
    vi.advanceTimersByTime(1_000);
    expect(codes(source)).toEqual([]);
    expect(changes.map(codes)).toEqual([['sensor_degraded'], []]);
    vi.advanceTimersByTime(300_000);
    expect(host.started).toEqual(['audit+proc_events']);
  });

  test('alone is started again each second until it works', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    const { source } = await start(host, SENSORS.ebpf);
    host.works.ebpf = '';
    vi.advanceTimersByTime(3_000);
    expect(source.stats().collector).toBe('none');
    host.works.ebpf = 'ebpf';
    vi.advanceTimersByTime(1_000);
    expect(source.stats().collector).toBe('ebpf');
  });

  test('is not tried again by stopping the one that records instead, where both are of audit', async () => {
    const host = new FakeHost();
    host.works['audit+proc_events'] = 'audit+proc_events';
    host.works.audit = 'audit';
    const { source, losses } = await start(host, SENSORS.audit);
    host.works['audit+proc_events'] = '';
    vi.advanceTimersByTime(300_000);
    expect(host.started).toEqual(['audit+proc_events', 'audit+proc_events', 'audit']);
    expect(losses).toEqual([1]);
    host.works['audit+proc_events'] = 'audit+proc_events';
    vi.advanceTimersByTime(61_000);
    expect(source.stats().collector).toBe('audit+proc_events');
    expect(codes(source)).toEqual([]);
  });

  test('and of which only audit works is replaced by audit alone, which reports forks', async () => {
    const host = new FakeHost();
    host.works['audit+proc_events'] = 'audit+proc_events';
    host.works.audit = 'audit';
    const { source, losses } = await start(host);
    host.works['audit+proc_events'] = 'audit';
    vi.advanceTimersByTime(1_000);
    expect(host.running).toBe('audit');
    expect(losses).toEqual([1]);
    expect(codes(source)).toContain('sensor_stopped');
    vi.advanceTimersByTime(10_000);
    expect(losses).toEqual([1]);
  });

  test('keeps what it had counted as lost', async () => {
    const host = new FakeHost();
    host.works.ebpf = 'ebpf';
    host.works.proc_events = 'proc_events';
    const { source } = await start(host);
    host.lost = 7;
    host.works.ebpf = '';
    vi.advanceTimersByTime(1_000);
    host.lost = 0;
    expect(source.stats().eventsLost).toBe(8);
  });
});

describe('a sensor that did not work at the start', () => {
  test('is used once it works, and its reasons are gone', async () => {
    const host = new FakeHost();
    host.refusals.ebpf = EBPF_REFUSED;
    host.works['audit+proc_events'] = 'audit+proc_events';
    const { source, losses } = await start(host);
    expect(source.stats().collectorReason).not.toBe('');
    vi.advanceTimersByTime(300_000);
    expect(host.started).toEqual(['ebpf', 'audit+proc_events']);
    host.works.ebpf = 'ebpf';
    delete host.refusals.ebpf;
    vi.advanceTimersByTime(61_000);
    expect(source.stats()).toMatchObject({ collector: 'ebpf', collectorReason: '' });
    expect(codes(source)).toEqual([]);
    expect(losses).toEqual([1]);
  });

  test('is reported as it is now', async () => {
    const host = new FakeHost();
    host.refusals['audit+proc_events'] = { code: 'proc_events_no_permission', detail: '' };
    host.works.audit = 'audit';
    const { source } = await start(host, SENSORS.audit);
    expect(codes(source)).toEqual(['proc_events_no_permission']);
    host.refusals['audit+proc_events'] = { code: 'proc_events_unavailable', detail: '' };
    vi.advanceTimersByTime(61_000);
    expect(codes(source)).toEqual(['proc_events_unavailable']);
    delete host.refusals['audit+proc_events'];
    host.works['audit+proc_events'] = 'audit+proc_events';
    vi.advanceTimersByTime(61_000);
    expect(codes(source)).toEqual([]);
    expect(source.stats().collector).toBe('audit+proc_events');
  });

  test('and fails after a good check is tried ever more rarely', async () => {
    const host = new FakeHost();
    host.works.proc_events = 'proc_events';
    const { losses } = await start(host);
    host.trySensor = () => [];
    vi.advanceTimersByTime(10 * 60_000);
    // After one minute, two, four: the next would be the eighth after these.
    expect(losses).toEqual([1, 1, 1]);
  });
});

test('what a sensor reports at its start is a problem as long as it reports it', async () => {
  const host = new FakeHost();
  host.works['audit+proc_events'] = 'audit+proc_events';
  host.problems = [{ code: 'audit_unicast_taken', detail: '812' }];
  host.refusals['audit+proc_events'] = { code: 'audit_unicast_taken', detail: '812' };
  const { source, state, changes } = await start(host, SENSORS.audit);
  expect(codes(state)).toEqual(['audit_unicast_taken']);
  host.problems = [];
  vi.advanceTimersByTime(1_000);
  expect(codes(source)).toEqual([]);
  expect(changes.map(codes)).toEqual([[]]);
});

test('a snapshot that a sensor stopped in has ended, and is not whole', async () => {
  const host = new FakeHost();
  host.works.ebpf = 'ebpf';
  host.works.proc_events = 'proc_events';
  const { source, told } = await start(host);
  expect(source.requestSnapshot()).toBe(true);
  host.works.ebpf = '';
  vi.advanceTimersByTime(1_000);
  expect(told).toMatchObject([{ kind: 'snapshotEnd', isWhole: false }, { kind: 'loss' }]);
  expect(source.requestSnapshot()).toBe(false);
});

test('a problem that a sensor has now is reported as long as it lasts', async () => {
  const host = new FakeHost();
  host.works['audit+proc_events'] = 'audit+proc_events';
  const { source, changes } = await start(host, SENSORS.audit);
  host.problems = [{ code: 'audit_never_task', detail: '' }];
  vi.advanceTimersByTime(1_000);
  expect(codes(source)).toEqual(['audit_never_task']);
  host.problems = [];
  vi.advanceTimersByTime(1_000);
  expect(changes.map(codes)).toEqual([['audit_never_task'], []]);
});
