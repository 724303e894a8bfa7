import { expect, test } from 'vitest';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import type { PreviousImageFacts } from '../../../src/process/facts.ts';
import { CREATORS_IMAGE, SessionContext } from '../../../src/process/session_context.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness, toldOf } from './tree_harness.ts';

type Leader = 'groupLeader' | 'sessionLeader' | 'entryLeader' | 'creator';
const shown = (event: PublishedEvent, leader: Leader) => {
  const record = event.context[leader];
  if (!record) throw new Error(`no ${leader}`);
  const { pid, cmdline } = toldOf(record);
  return { pid, cmdline };
};

function shell(): KernelModel {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.setsid(10);
  kernel.exec(10, 'bash -l', { tty: 'pts/0' });
  return kernel;
}

/** The only earlier image was the creator's; otherwise they are listed. */
const previousOf = ({ context }: PublishedEvent): PreviousImageFacts[] =>
  JSON.parse(context.previous === CREATORS_IMAGE ? `[${context.creator?.json()}]` : (context.previous?.json ?? '[]'));

const imagesBefore = (event: PublishedEvent) => previousOf(event).map(({ args }) => args.replaceAll('\0', ' '));

test('a process found in /proc has the image of that moment before its next one', () => {
  const kernel = new KernelModel();
  const harness = new TreeHarness();
  harness.tree.processes.adopt([harness.proc.show(10, 1, 'bash -l')]);
  kernel.fork(1, 10);
  kernel.take();
  kernel.exec(10, 'implant');
  expect(imagesBefore(harness.run(kernel).row('implant'))).toEqual(['bash -l']);
});

test('each event of a process but the fork has the earlier images, from that of the fork on', () => {
  const kernel = shell();
  kernel.fork(10, 11);
  kernel.exec(11, 'env ls');
  kernel.setsid(11);
  kernel.exec(11, 'ls');
  kernel.exit(11);
  kernel.fork(10, 12);
  kernel.exit(12);
  const harness = new TreeHarness({ actions: new Set(['fork', 'exec', 'setsid', 'exit']) }).run(kernel);
  harness.tree.flush('all');
  const told = (pid: number) =>
    harness.published
      .filter(({ process }) => process.pid === pid)
      .map((event) => [event.action, ...imagesBefore(event)]);
  expect(told(11)).toEqual([
    ['fork'],
    ['exec', 'bash -l'],
    ['setsid', 'bash -l'],
    ['exec', 'bash -l', 'env ls'],
    ['exit', 'bash -l', 'env ls'],
  ]);
  expect(told(12)).toEqual([['fork'], ['exit']]);
});

test('a dead leader is still described', () => {
  const kernel = shell();
  kernel.fork(10, 11);
  kernel.setpgid(11, 11);
  kernel.exec(11, 'job');
  kernel.fork(11, 12);
  kernel.exit(11);
  kernel.exit(10);
  kernel.exec(12, 'left behind');
  const row = new TreeHarness().run(kernel).row('left behind');
  expect(row).toMatchObject({ sid: 10, pgid: 11 });
  expect(shown(row, 'sessionLeader')).toMatchObject({ pid: 10, cmdline: 'bash -l' });
  expect(shown(row, 'groupLeader')).toMatchObject({ pid: 11, cmdline: 'job' });
});

test('texts about other processes are made once, and shared by the rows of all siblings', () => {
  const kernel = shell();
  for (const pid of [11, 12]) {
    kernel.fork(10, pid);
    kernel.exec(pid, `ls ${pid}`);
  }
  const harness = new TreeHarness().run(kernel);
  const [one, other] = [harness.row('ls 11').context, harness.row('ls 12').context];
  for (const name of [
    ...(['creator', 'sessionLeader', 'groupLeader', 'entryLeader', 'credentials', 'previous'] as const),
  ]) {
    expect(one[name], name).toBeDefined();
    expect(one[name], name).toBe(other[name]);
  }
});

test('a user that got a name since has it in the row, also as the user of an earlier leader', () => {
  const names = { user: () => undefined as string | undefined, group: () => undefined, revision: 0 };
  const kernel = shell();
  const exec = (pid: number) => {
    kernel.fork(10, pid);
    kernel.exec(pid, `ls ${pid}`);
  };
  exec(11);
  const harness = new TreeHarness({ names }).run(kernel);
  const texts = (cmdline: string) => {
    const { credentials, creator, sessionLeader, groupLeader, entryLeader } = harness.row(cmdline).context;
    return [credentials?.json, ...[creator, sessionLeader, groupLeader, entryLeader].map((record) => record?.json())];
  };
  expect(texts('ls 11').filter((text) => text?.includes('alice'))).toEqual([]);
  names.user = () => 'alice';
  names.revision = 1;
  exec(12);
  harness.run(kernel);
  expect(texts('ls 12').filter((text) => text?.includes('alice'))).toHaveLength(5);
});

test('credentials have the names of that time, and are shared by all processes with the same ids', () => {
  const names = {
    user: (id: number) => `u${id}`,
    group: (id: number) => (id === 5 ? undefined : `g${id}`),
    revision: 0,
  };
  const context = new SessionContext({ entityIdOf: () => '', names, ancestorCmdlineMax: 0 });
  const details = { ...NO_DETAILS, uid: 1, euid: 2, gid: 3, egid: 5 };
  const told = context.credentials(details, [5, 6]);
  expect(JSON.parse(told.json)).toEqual({
    ...{ uid: 1, euid: 2, gid: 3, egid: 5, groups: [5, 6] },
    ...{ userNames: { 1: 'u1', 2: 'u2' }, groupNames: { 3: 'g3', 6: 'g6' } },
  });
  const others = [{ euid: 1 }, { suid: 2 }, { sgid: 2 }, { uid: undefined }, { gid: 4 }];
  const all = [
    ...others.map((other) => context.credentials({ ...details, ...other }, [5, 6])),
    ...[undefined, [], [5], [56]].map((groups) => context.credentials(details, groups)),
  ];
  expect(new Set([told, ...all]).size).toBe(10);
  expect(context.credentials({ ...details }, [5, 6])).toBe(told);
  names.revision = 1;
  expect(context.credentials(details, [5, 6])).not.toBe(told);
});

test('of many supplemental groups the first 256 are recorded', () => {
  const names = { user: () => undefined, group: () => undefined, revision: 0 };
  const context = new SessionContext({ entityIdOf: () => '', names, ancestorCmdlineMax: 0 });
  const groups = Array.from({ length: 65_536 }, (_, n) => n);
  expect(JSON.parse(context.credentials(NO_DETAILS, groups).json)).toEqual({ groups: groups.slice(0, 256) });
});

test('earlier images have equal parts of 4,096 characters of arguments, and one more where they are cut', () => {
  const kernel = shell();
  kernel.fork(10, 11);
  for (const cmdline of ['x'.repeat(5000), 'y']) kernel.exec(11, cmdline);
  const before = new TreeHarness().run(kernel).row('y').context.previous?.json ?? '';
  expect((JSON.parse(before) as PreviousImageFacts[]).map(({ args }) => args.length)).toEqual([7, 2049]);
});

test('earlier images are redacted anew, also after rows of siblings', () => {
  const names = { user: () => undefined, group: () => undefined, revision: 0 };
  const kernel = shell();
  const harness = new TreeHarness({ names });
  const told = [11, 12].map((pid) => {
    kernel.fork(10, pid);
    kernel.exec(pid, `ls ${pid}`);
    const [image] = previousOf(harness.run(kernel).row(`ls ${pid}`));
    for (const image of harness.tree.processes.images()) image.redact((details) => ({ ...details, args: '***' }));
    names.revision++;
    return image?.args;
  });
  expect(told).toEqual(['bash\0-l', '***']);
});

test('a process with many execs keeps the image of its fork and the seven before the present one', () => {
  const kernel = shell();
  kernel.fork(10, 11);
  for (let n = 0; n < 12; n++) kernel.exec(11, `image ${n}`);
  const harness = new TreeHarness().run(kernel);
  const before = (cmdline: string) => imagesBefore(harness.row(cmdline));
  expect(before('image 0')).toEqual(['bash -l']);
  expect(before('image 2')).toEqual(['bash -l', 'image 0', 'image 1']);
  expect(before('image 7')).toEqual(['bash -l', ...[0, 1, 2, 3, 4, 5, 6].map((n) => `image ${n}`)]);
  expect(before('image 11')).toEqual(['bash -l', ...[4, 5, 6, 7, 8, 9, 10].map((n) => `image ${n}`)]);
});

test('an exec of a process whose fork was lost does not have itself before it', () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.take();
  kernel.exec(10, 'tool');
  const harness = new TreeHarness();
  harness.proc.show(10, 1, 'tool', 1);
  expect(harness.run(kernel).row('tool').context.previous?.json ?? '[]').toBe('[]');
});
