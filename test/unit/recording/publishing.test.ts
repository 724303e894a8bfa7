import { afterEach, describe, expect, test, vi } from 'vitest';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import type { Executed } from '../../../src/files/executed_file.ts';
import { Image } from '../../../src/process/image.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { Publishing } from '../../../src/recording/publishing.ts';
import { published } from '../tables/published.ts';

const HASH = 'ab'.repeat(32);

afterEach(() => {
  vi.useRealTimers();
});

function event(action: Action, pid = 10): PublishedEvent {
  return { ...published({ pid }), action, actions: [action] };
}

type ContainerOf = PublishedEvent['container'] | Promise<PublishedEvent['container']>;
const CONTAINER = { json: '{"id":"1"}' };

function setUp(
  hash?: (asked: number) => string | undefined | Promise<string | undefined>,
  containerOf: (cgroupPath: string) => ContainerOf = () => undefined,
) {
  const out: PublishedEvent[] = [];
  let asked = 0;
  const hasher = hash && { hash: () => hash(asked++) };
  const containers = { of: containerOf };
  const publishing = new Publishing({
    ...{ hasher: () => hasher, containers, add: (one) => out.push(one), now: () => Date.now() },
  });
  const told = () =>
    out.map(({ actions, process, sha256 }) => `${actions.join('+')} ${process.pid} ${sha256 && 'hashed'}`.trim());
  return { publishing, told, out, asked: () => asked };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('without hashing and merging', () => {
  test('an event goes on at once', () => {
    const { publishing, told } = setUp();
    publishing.take(event('exec'), true);
    expect(told()).toEqual(['exec 10']);
    expect(publishing.waiting).toBe(0);
  });
});

describe('a file’s hash', () => {
  test('that is known is in the row at once', () => {
    const { publishing, told } = setUp(() => HASH);
    const exec = event('exec');
    publishing.take(exec, true);
    expect(told()).toEqual(['exec 10 hashed']);
    expect(exec.atFork.image.sha256).toBe(HASH);
  });

  test('is waited for, and only by events of the same process, which keep their order', async () => {
    const first = Promise.withResolvers<string | undefined>();
    const { publishing, told } = setUp((asked) => (asked === 0 ? first.promise : HASH));
    publishing.take(event('fork', 10), true);
    const exec = event('exec', 10);
    publishing.take(exec, true);
    publishing.take(event('exec', 10), true);
    publishing.take(event('exit', 10), true);
    publishing.take(event('exec', 11), true);
    expect(told()).toEqual(['fork 10', 'exec 11 hashed']);
    expect(exec.atFork.image.sha256).toBe('');
    expect(publishing.waiting).toBe(3);
    first.resolve(HASH);
    await settled();
    expect(told().slice(2)).toEqual(['exec 10 hashed', 'exec 10 hashed', 'exit 10']);
    expect(exec.atFork.image.sha256).toBe(HASH);
    expect(publishing.waiting).toBe(0);
  });

  test('that cannot be computed does not hold back the row', async () => {
    const { publishing, told } = setUp((asked) =>
      asked === 0 ? Promise.resolve(undefined) : Promise.reject(new Error('broken')),
    );
    publishing.take(event('exec', 10), true);
    publishing.take(event('exec', 11), true);
    await settled();
    expect(told()).toEqual(['exec 10', 'exec 11']);
  });

  test('is computed for execs on this host only', () => {
    const { publishing, asked } = setUp(() => HASH);
    publishing.take(event('exec'), false);
    publishing.take(event('fork'), true);
    publishing.take(event('exit'), true);
    expect(asked()).toBe(0);
  });

  test('is requested with all facts that identify the file, and whether the process still runs it', () => {
    const asked: Executed[] = [];
    const hasher = { hash: (executed: Executed) => void asked.push(executed) };
    const containers = { of: () => undefined };
    const publishing = new Publishing({ hasher: () => hasher, containers, add: () => undefined });
    const exec = event('exec');
    const large = 2 ** 62;
    for (const inode of [17, undefined, large]) {
      publishing.take({ ...exec, details: { ...(exec.details ?? NO_DETAILS), inode } }, true);
    }
    expect(asked.map(({ inode }) => inode)).toEqual([17, undefined, undefined]);
    expect(asked[0]).toMatchObject({ pid: 10, unixMs: exec.unixMs, startTicks: [100, 100] });
    expect(asked[0]?.stillRuns?.()).toBe(true);
    exec.process.execute(Image.pending(), { unixMs: exec.unixMs + 1, bootMs: exec.bootMs + 1 });
    expect(asked[0]?.stillRuns?.()).toBe(false);
  });

  test('does not delay the end: waiting rows are published without it, once', async () => {
    const hash = Promise.withResolvers<string | undefined>();
    const { publishing, told } = setUp(() => hash.promise);
    publishing.take(event('exec'), true);
    publishing.take(event('exit'), true);
    publishing.finish();
    hash.resolve(HASH);
    await settled();
    expect(told()).toEqual(['exec 10', 'exit 10']);
    expect(publishing.waiting).toBe(0);
  });
});

describe('a container', () => {
  test('that is known is in the row at once, of each action', () => {
    const { publishing, out, told } = setUp(undefined, (path) => (path === '/user.slice' ? CONTAINER : undefined));
    for (const action of ['fork', 'exec', 'exit'] as const) publishing.take(event(action), true);
    publishing.take({ ...event('exec', 11), cgroup: '/system.slice' }, true);
    expect(told()).toEqual(['fork 10', 'exec 10', 'exit 10', 'exec 11']);
    expect(out.map(({ container }) => container)).toEqual([CONTAINER, CONTAINER, CONTAINER, undefined]);
  });

  test('is waited for together with the hash, by the later events of the process too', async () => {
    const hash = Promise.withResolvers<string | undefined>();
    const container = Promise.withResolvers<ContainerOf>();
    const { publishing, out, told } = setUp(
      () => hash.promise,
      () => container.promise as ContainerOf,
    );
    publishing.take(event('exec'), true);
    publishing.take(event('exit'), true);
    container.resolve(CONTAINER);
    await settled();
    expect([told(), publishing.held]).toEqual([[], 2]);
    hash.resolve(HASH);
    await settled();
    expect(told()).toEqual(['exec 10 hashed', 'exit 10']);
    expect(out.map((one) => one.container)).toEqual([CONTAINER, CONTAINER]);
    expect(publishing.waiting).toBe(0);
  });

  test('is in the row although the hash fails', async () => {
    const { publishing, out } = setUp(
      () => Promise.reject(new Error('broken')),
      () => CONTAINER,
    );
    publishing.take(event('exec'), true);
    await settled();
    expect(out.map(({ sha256, container }) => [sha256, container])).toEqual([['', CONTAINER]]);
  });

  test('is not looked for in a recorded log, nor without a control group', () => {
    let asked = 0;
    const { publishing, told } = setUp(undefined, () => void asked++);
    publishing.take(event('exec'), false);
    publishing.take({ ...event('exec', 11), cgroup: '' }, true);
    expect([told(), asked]).toEqual([['exec 10', 'exec 11'], 0]);
  });
});

describe('merging', () => {
  test('makes one row of a short life, also where its hash is waited for', async () => {
    const { publishing, told } = setUp(() => Promise.resolve(HASH));
    publishing.configure(1000);
    for (const action of ['fork', 'exec', 'exit'] as const) publishing.take(event(action), true);
    await settled();
    expect(told()).toEqual(['fork+exec+exit 10 hashed']);
  });

  test('holds a process that lives on for the window and no longer', () => {
    vi.useFakeTimers();
    const { publishing, told } = setUp();
    publishing.configure(100);
    publishing.take(event('fork'), true);
    publishing.take(event('exec'), true);
    vi.advanceTimersByTime(90);
    expect(told()).toEqual([]);
    expect(publishing.waiting).toBe(1);
    vi.advanceTimersByTime(40);
    expect(told()).toEqual(['fork+exec 10']);
  });

  test('gives out what it holds at the end', () => {
    const { publishing, told } = setUp();
    publishing.configure(100);
    publishing.take(event('exec'), true);
    publishing.finish();
    expect(told()).toEqual(['exec 10']);
  });
});
