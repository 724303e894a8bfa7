import { describe, expect, test } from 'vitest';
import { lastImage, type TreeProcess } from '../../../../src/commands/tree/document.ts';
import { forestOf, missingParents } from '../../../../src/commands/tree/forest.ts';
import { ancestorsOf, eventOf, processOf } from '../../../../src/commands/tree/rows.ts';
import { aroundAny, named, ranSince } from '../../../../src/commands/tree/selection.ts';
import { stateText } from '../../../../src/commands/tree/state_text.ts';
import { Scene } from '../../../tree/scene.ts';

const options = { unlessEnded: 'running', userName: (uid: number) => (uid === 0 ? 'root' : String(uid)) } as const;
const forest = ({ events, processes }: Scene) => forestOf({ events, processes, ancestors: [] }, options);
const shape = (processes: readonly Pick<TreeProcess, 'depth' | 'pid'>[]) =>
  processes.map(({ depth, pid }) => `${'  '.repeat(depth)}${pid}`);

function shells(): Scene {
  const scene = new Scene();
  const init = scene.process(1, ['/sbin/init'], { at: 10 });
  const bash = scene.run(100, ['bash'], { parent: init, at: 20 });
  scene.run(102, ['ls', '-l'], { parent: bash, at: 31 }, { at: 32, code: 2 });
  const make = scene.run(101, ['make'], { parent: bash, at: 30 });
  scene.run(103, ['cc'], { parent: make, at: 31 }, { at: 33, signal: 9 });
  return scene;
}

describe('a forest', () => {
  test('has parents before their children, and siblings by their start', () => {
    expect(shape(forest(shells()))).toEqual(['1', '  100', '    101', '      103', '    102']);
  });

  test('siblings of the same second are in the order of their entity ids, which end in hundredths', () => {
    const scene = new Scene();
    const init = scene.process(1, ['init'], { at: 1 });
    scene.process(9, ['first'], { parent: init, at: 5.01 });
    scene.process(3, ['second'], { parent: init, at: 5.5 });
    const rounded = scene.processes.map((one) => ({ ...one, startTime: Math.floor(one.startTime ?? 0) }));
    expect(shape(forestOf({ events: [], processes: rounded, ancestors: [] }, options))).toEqual(['1', '  9', '  3']);
  });

  test('shows how each ended: by code, by signal, or not at all', () => {
    const states = forest(shells()).map((process) => [process.pid, stateText(process)]);
    expect(Object.fromEntries(states)).toEqual({
      1: 'running',
      100: 'running',
      101: 'running',
      102: 'exit 2',
      103: 'SIGKILL',
    });
  });

  test('a process that executed and is no longer known has ended; in a log its state is unknown', () => {
    const { events } = shells();
    const gone = { events, processes: [], ancestors: [] };
    expect(new Set(forestOf(gone, options).map(stateText))).toEqual(new Set(['ended']));
    expect(new Set(forestOf(gone, { ...options, unlessEnded: 'unknown' }).map(stateText))).toEqual(new Set(['']));
  });

  test('one process that executes again and again has all its images in order', () => {
    const scene = new Scene();
    const shell = scene.run(5, ['bash'], { at: 10 });
    scene.exec(shell, ['sudo', 'sh'], { at: 11, uid: 1000, euid: 0 });
    scene.exec(shell, ['sh'], { at: 12 });
    const [process] = forest(scene);
    expect(process?.images.map(({ args, time }) => [args.join(' '), time])).toEqual([
      ['bash', 10],
      ['sudo sh', 11],
      ['sh', 12],
    ]);
    expect(process?.images[1]).toMatchObject({ user: '1000', euser: 'root' });
  });

  test('an exec that is not published yet is an image too; a published one is there once', () => {
    const scene = new Scene();
    const shell = scene.run(5, ['bash'], { at: 10 });
    const before = [...scene.events];
    scene.exec(shell, ['ls'], { at: 20 });
    const imagesWith = (events: typeof before) =>
      forestOf({ events, processes: scene.processes, ancestors: [] }, options)[0]?.images.map(({ args }) => args[0]);
    expect(imagesWith(before)).toEqual(['bash', 'ls']);
    expect(imagesWith(scene.events)).toEqual(['bash', 'ls']);
  });

  test('a process that forked and never executed has its creator’s image, marked so', () => {
    const scene = new Scene();
    const server = scene.run(5, ['/usr/sbin/nginx', '-g'], { at: 10 });
    scene.process(6, ['/usr/sbin/nginx', '-g'], { at: 11, parent: server });
    scene.process(7, ['/usr/sbin/other'], { at: 12, parent: server });
    expect(forest(scene).map((process) => lastImage(process).inherited)).toEqual([false, true, false]);
  });

  test('an ancestor in neither table is known from its descendants’ rows', () => {
    const ancestry = JSON.stringify([
      { exe_name: 'dash', pid: 8, path: '/bin/dash', cmdline: 'sh', proc_time: 9, entity_id: 'b.8.1', uid: 33 },
      { exe_name: 'init', pid: 1, path: '/sbin/init', cmdline: 'init', proc_time: 1, entity_id: 'b.1.1', uid: 0 },
    ]);
    const row = {
      eid: '0000000001',
      action: 'exec',
      time: '10',
      pid: '9',
      entity_id: 'b.9.1',
      parent_entity_id: 'b.8.1',
    };
    const event = eventOf({ ...row, path: '/bin/id', args: '["id"]' });
    expect([...missingParents({ events: [event], processes: [] }).keys()]).toEqual(['b.8.1']);
    const found = forestOf({ events: [event], processes: [], ancestors: ancestorsOf(ancestry) }, options);
    expect(shape(found)).toEqual(['1', '  8', '    9']);
    expect(found[1]).toMatchObject({ user: '33', state: 'exited', parent_entity_id: 'b.1.1' });
  });

  test('a circle, which only a broken answer can have, is drawn and does not hang', () => {
    const of = (pid: string, parent: string) => processOf({ pid, entity_id: pid, parent_entity_id: parent });
    const processes = [of('1', '2'), of('2', '1'), of('3', '3')];
    expect(forestOf({ events: [], processes, ancestors: [] }, options)).toHaveLength(3);
  });

  test('a chain of 20,000 is drawn as deep as it is', () => {
    const chain = Array.from({ length: 20_000 }, (_, n) =>
      processOf({ pid: String(n + 1), entity_id: `e${n + 1}`, parent_entity_id: n === 0 ? '' : `e${n}` }),
    );
    expect(forestOf({ events: [], processes: chain.toReversed(), ancestors: [] }, options).at(-1)?.depth).toBe(19_999);
  });

  test('invalid rows make no process', () => {
    expect(ancestorsOf('{"pid":1}')).toEqual([]);
    expect(ancestorsOf('[null, 5]')).toEqual([]);
    expect(processOf({}).image.args).toEqual([]);
    expect(eventOf({ args: `[${JSON.stringify('x'.repeat(100_000))}]` }).image.args[0]).toHaveLength(32_769);
    expect(processOf({ uid: '4294967295', euid: '-1' }).image).toMatchObject({ uid: null, euid: null });
  });
});

describe('a part of it', () => {
  test('is a process with all above and all below it', () => {
    const around = aroundAny(forest(shells()), ({ pid }) => pid === 101, true);
    expect(shape(around)).toEqual(['1', '  100', '    101', '      103']);
  });

  test('has every process that had a pid', () => {
    const scene = new Scene();
    scene.run(7, ['first'], { at: 10 }, { at: 11 });
    scene.run(7, ['second'], { at: 20 });
    const found = named(forest(scene), '7');
    expect(found.map((process) => lastImage(process).args[0])).toEqual(['first', 'second']);
    expect(named(forest(scene), found[1]?.entity_id ?? '')).toHaveLength(1);
    expect(named(forest(scene), '8')).toEqual([]);
  });

  test('since a time has the living processes and those that ran since then', () => {
    const recent = forest(shells()).filter((process) => ranSince(process, 33));
    expect(recent.map(({ pid }) => pid)).toEqual([1, 100, 101, 103]);
  });
});
