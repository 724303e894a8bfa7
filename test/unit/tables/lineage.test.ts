/** The processes around that of a row. */
import { describe, expect, test } from 'vitest';
import type { AncestorFacts } from '../../../src/process/facts.ts';
import type { AncestorRecord } from '../../../src/process/process.ts';
import {
  ancestorCmdline,
  ancestorIds,
  ancestryText,
  ecsProcess,
  entryLeaderText,
  type LineageAncestor,
  leaderText,
} from '../../../tables/lineage.ts';
import { BOOT_UNIX_MS, KernelModel } from '../process/kernel_model.ts';
import { TreeHarness } from '../process/tree_harness.ts';

/** As it is read back. */
function stored(ancestor: AncestorRecord | undefined): LineageAncestor | undefined {
  const chain: AncestorFacts[] = [];
  for (let one = ancestor; one; one = one.above) chain.push(JSON.parse(one.json()));
  return chain.reduceRight<LineageAncestor | undefined>((above, facts) => ({ facts, above }), undefined);
}

/** The creator of the only process that executed this program. */
function creatorOf(
  kernel: KernelModel,
  cmdline: string,
  options: { ancestorCmdlineMax?: number } = {},
): LineageAncestor {
  const creator = stored(new TreeHarness(options).run(kernel).row(cmdline).context.creator);
  if (!creator) throw new Error('no creator');
  return creator;
}

function shellAndChild(cmdline = 'bash -l'): KernelModel {
  const kernel = new KernelModel(10);
  kernel.fork(1, 10);
  kernel.exec(10, cmdline);
  kernel.fork(10, 11);
  kernel.exec(11, 'child');
  return kernel;
}

const FACTS: AncestorFacts = {
  ...{ entityId: 'boot.a.1', pid: 10, ppid: 1, start: 170_000_000_000, creatorStart: 169_999_999_999 },
  ...{ name: 'sh', path: '/bin/sh', root: '', args: 'sh\0-c\0true', argsCount: 3, cmdlineMax: 4096 },
  ...{ cwd: '/', tty: '', known: true, credentials: { uid: 0, euid: 0, userNames: { 0: 'root' } } },
};
const linkOf = (facts: Partial<AncestorFacts>, above?: LineageAncestor): LineageAncestor => ({
  facts: { ...FACTS, ...facts },
  above,
});

describe('ancestry', () => {
  test('has the fields that consumers of the patched osquery know, and what is certain of a file', () => {
    const [bash, init] = JSON.parse(ancestryText(creatorOf(shellAndChild(), 'child'), 32));
    const startHundredths = Math.floor((BOOT_UNIX_MS + 1_000_010) / 10);
    expect(bash).toEqual({
      exe_name: 'bash',
      pid: 10,
      ppid: 1,
      pproc_time_hr: BOOT_UNIX_MS / 10 + 1,
      path: '/bin/bash',
      cmdline: 'bash -l',
      proc_time: Math.floor(startHundredths / 100),
      proc_time_hr: startHundredths,
      entity_id: expect.stringMatching(/^\S+$/),
      uid: 0,
      root: null,
      root_owned: true,
      euid: 0,
      cwd: '/',
      cgroup_path: null,
      tty: null,
    });
    expect(Object.keys(bash)).toEqual([
      ...['exe_name', 'pid', 'ppid', 'pproc_time_hr', 'path', 'cmdline', 'proc_time', 'proc_time_hr'],
      ...['entity_id', 'uid', 'root', 'root_owned', 'euid', 'cwd', 'cgroup_path', 'tty'],
    ]);
    expect(init).toMatchObject({ pid: 1, ppid: 0, pproc_time_hr: 0 });
  });

  test('has effective user, directory, control group and terminal of each ancestor', () => {
    const above = linkOf({ cwd: '', tty: '', credentials: {} });
    const link = linkOf({ cwd: '/srv', tty: 'pts/1', cgroup: '/a.slice', credentials: { uid: 1000, euid: 0 } }, above);
    const [near, far] = JSON.parse(ancestryText(link, 2));
    expect(near).toMatchObject({ uid: 1000, euid: 0, cwd: '/srv', cgroup_path: '/a.slice', tty: 'pts/1' });
    expect(far).toMatchObject({ uid: null, euid: null, cwd: null, cgroup_path: null, tty: null });
  });

  test('each has its own control group, or that of its creator', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'agent', { cgroup: '/agent' });
    kernel.fork(10, 11);
    kernel.exec(11, 'same', { cgroup: '/agent' });
    kernel.fork(11, 12);
    kernel.exec(12, 'moved', { cgroup: '/agent/job' });
    kernel.fork(12, 13);
    kernel.exec(13, 'child', { cgroup: '/agent/job' });
    const shown = JSON.parse(ancestryText(creatorOf(kernel, 'child'), 32));
    expect(shown.map((one: { cgroup_path: string | null }) => one.cgroup_path)).toEqual([
      ...['/agent/job', '/agent', '/agent', null],
    ]);
  });

  test('quotes, control characters and emoji in arguments stay valid JSON', () => {
    const nasty = 'sh "quoted"\\ \u0001\t\n🌲 \ufffd';
    expect(JSON.parse(ancestryText(creatorOf(shellAndChild(nasty), 'child'), 1))[0].cmdline).toBe(nasty);
  });

  test('a very long command line is cut, and shows that it is', () => {
    const kernel = shellAndChild(`sh ${'🌲'.repeat(100)}`);
    const [{ cmdline }] = JSON.parse(ancestryText(creatorOf(kernel, 'child', { ancestorCmdlineMax: 50 }), 32));
    expect(cmdline).toHaveLength(51);
    expect(cmdline).toMatch(/^sh 🌲+\ufffd…$/u);
  });

  test('an ancestor that was stored as text is shown as it is', () => {
    expect(ancestryText(linkOf({ ancestor: '{"pid":7}' }), 1)).toBe('[{"pid":7}]');
  });

  test('unknown facts are null', () => {
    const [ancestor] = JSON.parse(ancestryText(linkOf({ credentials: {} }), 1));
    expect(ancestor).toMatchObject({ uid: null, root: null, root_owned: null });
  });

  test('ends at its depth, or at the top', () => {
    let top: LineageAncestor | undefined;
    for (let pid = 1; pid <= 1024; pid++) top = linkOf({ pid, entityId: `boot.${pid}.1` }, top);
    const pids = (depth: number) => (JSON.parse(ancestryText(top, depth)) as { pid: number }[]).map(({ pid }) => pid);
    expect(pids(3)).toEqual([1024, 1023, 1022]);
    expect(pids(2000)).toHaveLength(1024);
    expect(ancestorIds(top, 2)).toBe('["boot.1024.1","boot.1023.1"]');
    expect(JSON.parse(ancestorIds(top, 2000))).toHaveLength(1024);
    expect([ancestryText(undefined, 0), ancestorIds(undefined, 0)]).toEqual(['[]', '[]']);
    expect([ancestryText(top, 0), ancestorIds(top, 0)]).toEqual(['[]', '[]']);
  });
});

test('a creator’s command line is all that is stored of it', () => {
  const kernel = shellAndChild(`sh ${'x'.repeat(20_000)}`);
  const creator = creatorOf(kernel, 'child');
  expect(ancestorCmdline(creator)).toHaveLength(20_003);
  expect(JSON.parse(ancestryText(creator, 1))[0].cmdline).toHaveLength(4097);
  expect(ancestorCmdline(linkOf({ args: '', argsCount: undefined }))).toBe('');
  expect(ancestorCmdline(undefined)).toBe('');
});

describe('a leader', () => {
  test('has the same text in each row, and whether it is the row’s own process', () => {
    const leader = linkOf({});
    const members =
      '"pid":10,"entity_id":"boot.a.1","start":"2023-11-14T22:13:20.000Z","path":"/bin/sh","cmdline":"sh -c true","uid":0,"root":null';
    expect(leaderText(leader, 'boot.a.1')).toBe(`{${members},"same_as_process":true}`);
    expect(leaderText(leader, 'boot.b.1')).toBe(`{${members},"same_as_process":false}`);
    expect(leaderText(undefined, 'boot.a.1')).toBe('null');
  });

  test('of an entry has its entry type', () => {
    const leader = linkOf({});
    const told = (type: string, sourceIp: string) =>
      JSON.parse(entryLeaderText(leader, 'boot.b.1', { type, sourceIp })).entry_meta;
    expect(told('init', '')).toEqual({ type: 'init' });
    expect(told('sshd', '192.0.2.7')).toEqual({ type: 'sshd', source: { ip: '192.0.2.7' } });
    expect(told('init', '')).toEqual({ type: 'init' });
    const own = JSON.parse(entryLeaderText(leader, 'boot.a.1', { type: 'sshd', sourceIp: '' }));
    expect(own).toMatchObject({ same_as_process: true, entry_meta: { type: 'sshd' } });
    expect(entryLeaderText(undefined, '', { type: 'unknown', sourceIp: '' })).toBe('null');
  });

  test('with a long command line shows the first 4,096 characters', () => {
    const { cmdline } = JSON.parse(leaderText(linkOf({ args: 'x'.repeat(5000) }), ''));
    expect(cmdline).toBe(`${'x'.repeat(4096)}…`);
  });
});

describe('in a document', () => {
  const creator = linkOf({ entityId: 'boot.9.1', pid: 9, sessionLeader: ['boot.2.1', 2, 169_999_999_990] });
  const ancestor = linkOf({ tty: 'pts/1', groupLeader: ['boot.8.1', 8, 169_999_999_998] }, creator);
  const own =
    '{"entity_id":"boot.a.1","pid":10,"start":"2023-11-14T22:13:20.000Z","executable":"/bin/sh","name":"sh","args":["sh","-c","true"],"args_count":3,"command_line":"sh -c true","working_directory":"/","interactive":true,"tty":{"char_device":{"major":136,"minor":1}},"user":{"id":"0","name":"root"},"real_user":{"id":"0","name":"root"}';

  test('a process has the relatives of its place', () => {
    const parent =
      '"parent":{"entity_id":"boot.9.1","pid":9,"start":"2023-11-14T22:13:20.000Z","session_leader":{"entity_id":"boot.2.1","pid":2,"start":"2023-11-14T22:13:19.900Z"}}';
    const groupLeader = '"group_leader":{"entity_id":"boot.8.1","pid":8,"start":"2023-11-14T22:13:19.980Z"}';
    expect(ecsProcess(ancestor, 'parent')).toBe(`${own},${groupLeader}}`);
    expect(ecsProcess(ancestor, 'session_leader')).toBe(`${own},${parent}}`);
    expect(ecsProcess(ancestor, 'entry_leader')).toBe(`${own},${parent}}`);
    expect(ecsProcess(ancestor, 'group_leader')).toBe(`${own}}`);
    expect(ecsProcess(undefined, 'parent')).toBe('');
  });

  test('a process with an unknown image has no value for interactive', () => {
    const facts = { known: false, name: '', path: '', args: '', argsCount: undefined, cwd: '', credentials: {} };
    expect(ecsProcess(linkOf(facts), 'group_leader')).toBe(
      '{"entity_id":"boot.a.1","pid":10,"start":"2023-11-14T22:13:20.000Z"}',
    );
  });
});
