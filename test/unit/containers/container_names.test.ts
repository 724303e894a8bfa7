import { describe, expect, test } from 'vitest';
import { ContainerNames, type ContainerNamesOptions } from '../../../src/containers/container_names.ts';
import type { ContainerFacts } from '../../../src/containers/facts.ts';
import { eventually } from '../eventually.ts';
import { ID, OTHER_ID } from './runtime_trees.ts';

const PATH = `/system.slice/docker-${ID}.scope`;
const FACTS: ContainerFacts = { id: ID, runtime: 'docker', name: 'checkout' };
/** A wait that never ends in a test. */
const LONG_MS = 2 ** 31 - 1;

interface Parts {
  readonly ofRoot?: (id: string) => ContainerFacts | undefined | Promise<ContainerFacts | undefined>;
  readonly ofUser?: (id: string, uid: number) => ContainerFacts | undefined | Promise<undefined>;
  readonly makerOf?: ContainerNamesOptions['makerOf'];
  readonly waitMs?: number;
}

function setUp(parts: Parts = {}) {
  const state = { asked: [] as string[], unread: [] as unknown[], nowMs: 0 };
  const { ofRoot = (id) => (id === ID ? FACTS : undefined), ofUser = () => undefined } = parts;
  const names = new ContainerNames({
    files: {
      async ofRoot(id) {
        state.asked.push(`root ${id}`);
        return ofRoot(id);
      },
      async ofUser(id, uid) {
        state.asked.push(`${uid} ${id}`);
        return ofUser(id, uid);
      },
    },
    makerOf: parts.makerOf ?? (() => 0),
    waitMs: () => parts.waitMs ?? LONG_MS,
    onUnread: (error) => state.unread.push(error),
    now: () => state.nowMs,
  });
  return { names, state, factsOf: async (path: string) => factsIn(await names.of(path)) };
}

function factsIn(container: { readonly json: string } | undefined): unknown {
  return container && JSON.parse(container.json);
}

describe('a container', () => {
  test('is read once; after that it is known at once, also in inner groups, and its facts are one object', async () => {
    const { names, state } = setUp();
    const [first, second] = [names.of(PATH), names.of(PATH)];
    expect(first).toBeInstanceOf(Promise);
    const container = await first;
    expect(factsIn(container)).toEqual(FACTS);
    expect([await second, names.of(PATH), await names.of(`${PATH}/init.scope`)]).toEqual([
      container,
      container,
      container,
    ]);
    expect(await names.of(`${PATH}/init.scope`)).toBe(container);
    expect(state.asked).toEqual([`root ${ID}`]);
  });

  test('of root is known to rules once it was read; one of a user never is', async () => {
    const [root, user] = ['/root', '/user'].map((above) => `${above}/docker-${ID}.scope`) as [string, string];
    const claimed: ContainerFacts = { ...FACTS, claimed: true };
    const { names, factsOf, state } = setUp({
      makerOf: (above) => (above === '/root' ? 0 : 1000),
      ofUser: () => claimed as never,
    });
    expect(names.known(root)).toBeUndefined();
    expect(state.asked).toEqual([]);
    expect([await factsOf(root), await factsOf(user)]).toEqual([FACTS, claimed]);
    expect([names.known(root), names.known(user), names.known('/')]).toEqual([FACTS, undefined, undefined]);
  });

  test('stays known after its files are gone', async () => {
    let isGone = false;
    const { factsOf, state } = setUp({ ofRoot: () => (isGone ? undefined : FACTS) });
    await factsOf(PATH);
    isGone = true;
    state.nowMs = 1e9;
    expect([await factsOf(PATH), await factsOf(`${PATH}/other`)]).toEqual([FACTS, FACTS]);
  });

  test('without a file of a runtime is none, and is looked for again later', async () => {
    let isThere = false;
    const { names, factsOf, state } = setUp({ ofRoot: () => (isThere ? FACTS : undefined) });
    expect(await factsOf(PATH)).toBeUndefined();
    isThere = true;
    expect(names.of(PATH)).toBeUndefined();
    state.nowMs = 60_000;
    expect(await factsOf(PATH)).toEqual(FACTS);
  });

  test('is not looked for on the host, nor by another name than a runtime gives', () => {
    const { names, state } = setUp();
    for (const path of ['/', '', '/system.slice/ssh.service', '/lxc.payload.web', '/machine.slice/machine-web.scope']) {
      expect([names.of(path), names.of(path)]).toEqual([undefined, undefined]);
    }
    expect(state.asked).toEqual([]);
  });

  test('is the outermost that a runtime of the host has', async () => {
    const inner = { ...FACTS, id: OTHER_ID, name: 'inner' };
    const nested = `/docker/${ID}/kubepods/${OTHER_ID}`;
    expect(await setUp({ ofRoot: (id) => (id === ID ? FACTS : inner) }).factsOf(nested)).toEqual(FACTS);
    // A pod of Podman has a group with its own id.
    expect(await setUp({ ofRoot: (id) => (id === OTHER_ID ? inner : undefined) }).factsOf(nested)).toEqual(inner);
  });
});

describe('a group that a user can make', () => {
  const FORGED = `/user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`;
  const makerOf = (above: string) => (above.startsWith('/user.slice') ? 1000 : 0);

  test('is no container of root, with any name', async () => {
    const { factsOf, state } = setUp({ makerOf });
    await factsOf(PATH);
    expect(await factsOf(FORGED)).toBeUndefined();
    expect(state.asked).toEqual([`root ${ID}`, `1000 ${ID}`]);
  });

  test('is a claimed container if a runtime of this user has a file', async () => {
    const claimed = { ...FACTS, name: 'mine', claimed: true } as const;
    const { factsOf } = setUp({ makerOf, ofUser: (_, uid) => (uid === 1000 ? claimed : undefined) });
    expect(await factsOf(FORGED)).toEqual(claimed);
    expect(await factsOf(PATH)).toEqual(FACTS);
  });

  test('is none if its maker is unknown', async () => {
    const { factsOf, state } = setUp({ makerOf: () => undefined });
    expect(await factsOf(PATH)).toBeUndefined();
    expect(state.asked).toEqual([]);
  });

  test('does not keep the containers of root waiting, nor forgotten, however many there are', async () => {
    const hung = Promise.withResolvers<undefined>();
    const { names, factsOf, state } = setUp({ makerOf, ofUser: () => hung.promise });
    expect(await factsOf(PATH)).toEqual(FACTS);
    for (let n = 0; n < 20_000; n++) {
      const id = n.toString(16).padStart(64, '0');
      void names.of(`/user.slice/user-1000.slice/user@1000.service/docker-${id}.scope`);
    }
    expect(await factsOf(`${PATH}/later`)).toEqual(FACTS);
    expect(await factsOf(`/docker/${OTHER_ID}`)).toBeUndefined();
    // One is read, and the others wait or were refused.
    expect(state.asked).toEqual([`root ${ID}`, `1000 ${'0'.repeat(64)}`, `root ${OTHER_ID}`]);
    hung.resolve(undefined);
  });
});

describe('a row', () => {
  test('waits for the files no longer than the publish wait, and later rows have what was read', async () => {
    const read = Promise.withResolvers<ContainerFacts>();
    const { names, factsOf, state } = setUp({ ofRoot: () => read.promise, waitMs: 1 });
    expect(await factsOf(PATH)).toBeUndefined();
    // Nothing waits for it any more.
    expect(names.of(PATH)).toBeUndefined();
    read.resolve(FACTS);
    await eventually(() => expect(names.of(PATH)).toBeDefined());
    expect(await factsOf(PATH)).toEqual(FACTS);
    expect(state.asked).toHaveLength(1);
  });

  test('has no container if its files cannot be read; the error is reported for root only', async () => {
    const fail = () => {
      throw new Error('damaged');
    };
    const { factsOf, state } = setUp({ ofRoot: fail });
    expect(await factsOf(PATH)).toBeUndefined();
    expect(state.unread).toEqual([new Error('damaged')]);
    const user = setUp({ makerOf: () => 1000, ofUser: fail });
    expect(await user.factsOf(PATH)).toBeUndefined();
    expect(user.state.unread).toEqual([]);
  });
});
