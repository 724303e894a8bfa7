import { expect, test } from 'vitest';
import { cmdlineOfRecord, parseLinkRecord } from '../../../src/process/recorded_link.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

type Leader = 'groupLeader' | 'sessionLeader' | 'entryLeader' | 'creator';
const shown = (event: PublishedEvent, leader: Leader) => {
  const link = event.context[leader];
  if (!link) throw new Error(`no ${leader}`);
  const record = parseLinkRecord({ ...link, json: link.json() });
  return { pid: record.pid, cmdline: cmdlineOfRecord(record) };
};

function shell(): KernelModel {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.setsid(10);
  kernel.exec(10, 'bash -l', { tty: 'pts/0' });
  return kernel;
}

test('who executed before the recording began has that image before its next, and not the one that it was forked with', () => {
  const before = [true, false].map((executed) => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([{ ...harness.proc.show(10, 1, 'bash -l'), executed }]);
    kernel.fork(1, 10);
    kernel.connector.pop();
    kernel.exec(10, 'implant');
    return harness.run(kernel).row('implant').context.previous?.text;
  });
  expect(JSON.parse(before[0] ?? '[]')).toMatchObject([{ args: ['bash', '-l'] }]);
  expect(before[1]).toBeUndefined();
});

test('a leader that is dead is still described', () => {
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

test('texts about others are made once, and shared by the rows of all siblings', () => {
  const kernel = shell();
  for (const pid of [11, 12]) {
    kernel.fork(10, pid);
    kernel.exec(pid, `ls ${pid}`);
  }
  const harness = new TreeHarness().run(kernel);
  const [one, other] = [harness.row('ls 11').context, harness.row('ls 12').context];
  for (const name of ['creator', 'sessionLeader', 'groupLeader', 'entryLeader', 'credentials'] as const) {
    expect(one[name], name).toBeDefined();
    expect(one[name], name).toBe(other[name]);
  }
});

test('a user that got a name since is told with it, also as the user of a leader from before', () => {
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
    return [credentials?.text, ...[creator, sessionLeader, groupLeader, entryLeader].map((link) => link?.json())];
  };
  expect(texts('ls 11').filter((text) => text?.includes('alice'))).toEqual([]);
  names.user = () => 'alice';
  names.revision = 1;
  exec(12);
  harness.run(kernel);
  expect(texts('ls 12').filter((text) => text?.includes('alice'))).toHaveLength(5);
});

test('an exec without a fork remembers the eight images before it, and not those of its parent', () => {
  const kernel = shell();
  kernel.fork(10, 11);
  for (let n = 0; n < 12; n++) kernel.exec(11, `image ${n}`);
  const harness = new TreeHarness().run(kernel);
  const before = (cmdline: string) =>
    (JSON.parse(harness.row(cmdline).context.previous?.text ?? '[]') as { args: string[] }[]).map(
      ({ args }) => args[1],
    );
  expect(harness.row('image 0').context.previous).toBeUndefined();
  expect(before('image 2')).toEqual(['0', '1']);
  expect(before('image 11')).toEqual(['3', '4', '5', '6', '7', '8', '9', '10']);
});

test('an exec of a process whose fork was lost does not have itself before it', () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.take();
  kernel.exec(10, 'tool');
  const harness = new TreeHarness();
  harness.proc.show(10, 1, 'tool', 1);
  expect(harness.run(kernel).row('tool').context.previous?.text ?? '').toBe('');
});
