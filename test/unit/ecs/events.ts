/** Events and names for documents. */
import type { ExecDetails } from '../../../src/collect/event.ts';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import { containerMembers } from '../../../src/ecs/container.ts';
import { credentialsFragment } from '../../../src/ecs/credentials.ts';
import type { EcsEvent } from '../../../src/ecs/document.ts';
import { hostFragment } from '../../../src/ecs/host.ts';
import { previousFragment } from '../../../src/ecs/previous.ts';
import { type EcsProcess, type EcsProcessRef, processFragment } from '../../../src/ecs/process_fragment.ts';
import { charDeviceOf } from '../../../src/linux/terminal.ts';

export const START = Date.UTC(2026, 10, 21, 6, 2, 3, 4);

const userNames = { 0: 'root', 1000: 'kg' };
export const NAMES = { userNames, groupNames: { ...userNames, 27: 'sudo' } };

export const CREDENTIALS = credentialsFragment({
  ...{ uid: 1000, euid: 0, suid: 0, gid: 1000, egid: 1000, sgid: 1000, groups: [27, 4711] },
  ...NAMES,
});

export const HOST = hostFragment({
  id: '48c1b3f1ac5da4e0057fc9f60f4d1d5d',
  bootId: '88a1f0ed-5ae5-41ee-af6b-41921c311872',
  hostname: 'James-Fleet-714-2',
  architecture: 'x86_64',
  kernel: '6.12.0-1-amd64',
  ip: ['10.132.0.50', 'fe80::1'],
  mac: ['42-01-0A-84-00-32'],
  os: { family: 'debian', name: 'Debian GNU/Linux', version: '13', platform: 'debian', full: 'Debian GNU/Linux 13' },
});

const CONTAINER = containerMembers({
  id: '0c1f6b7a3d'.padEnd(64, '0'),
  ...{ runtime: 'cri-o', name: 'web', image: 'registry.example:5000/shop/web:1.2@sha256:aa', image_id: 'sha256:bb' },
  pod: { name: 'web-0', namespace: 'shop', uid: '5c2a4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d6e' },
});

export function ref(pid: number): EcsProcessRef {
  return { entityId: `boot.${pid.toString(36)}.z`, pid, startUnixMs: START - 10_000 + pid };
}

export function details(path: string, ...args: string[]): ExecDetails {
  return { ...NO_DETAILS, path, args: args.join('\0'), argsCount: args.length, cwd: '/home/kg' };
}

/** A process with all facts that a fragment can have. */
export function ecsProcess(pid: number, path: string, ...args: string[]): EcsProcess {
  return {
    ...ref(pid),
    ...{ path, args: args.join('\0'), argsCount: args.length, cwd: '/home/kg' },
    name: path.slice(path.lastIndexOf('/') + 1),
    interactive: true,
    charDevice: charDeviceOf('pts/1'),
    credentials: CREDENTIALS,
    parent: { ...ref(pid - 1), sessionLeader: ref(2) },
    groupLeader: ref(pid - 1),
  };
}

/** An event without known facts. */
export const NOTHING: EcsEvent = {
  eid: '',
  sequence: undefined,
  unixMs: START,
  actions: [],
  entityId: '',
  pid: 1,
  startUnixMs: undefined,
  endUnixMs: undefined,
  exitCode: undefined,
  signal: undefined,
  path: '',
  name: '',
  args: '[]',
  argsCount: undefined,
  cmdline: '',
  envVars: '[]',
  cwd: '',
  interactive: undefined,
  charDevice: undefined,
  sha256: '',
  containerId: '',
  container: '',
  pidNamespace: undefined,
  credentials: '',
  credentialsBefore: '',
  previous: '',
  ancestorIds: '',
  parent: '',
  groupLeader: '',
  sessionLeader: '',
  entryLeader: '',
  entryType: '',
  entrySourceIp: '',
};

const BASH = ecsProcess(4321, '/bin/bash', '-bash');

/** `ls`, typed by a user over ssh: all facts are known, and the process has ended. */
export const EVERYTHING: EcsEvent = {
  eid: '17',
  sequence: 42,
  unixMs: START,
  actions: ['exec', 'exit', 'fork'],
  ...ref(5000),
  endUnixMs: START + 12.5,
  exitCode: 137,
  signal: 9,
  path: '/usr/bin/ls',
  name: 'ls',
  args: JSON.stringify(['ls', '--color=auto', '']),
  argsCount: 3,
  cmdline: 'ls --color=auto ',
  envVars: JSON.stringify(['LD_PRELOAD=/tmp/x.so', 'BASH_ENV=']),
  cwd: '/home/kg',
  interactive: true,
  charDevice: charDeviceOf('pts/1'),
  sha256: '4ef89baf437effd684a125da35674dc6147ef2e34b76d11ea0837b543b60352f',
  containerId: '',
  container: CONTAINER,
  pidNamespace: 4026531836,
  credentials: CREDENTIALS,
  credentialsBefore: credentialsFragment({ uid: 1000, euid: 0 }),
  previous: previousFragment([details('/bin/bash', '-bash'), details('/bin/env', 'env', 'ls')]),
  ancestorIds: JSON.stringify([4321, 900, 1].map((pid) => ref(pid).entityId)),
  parent: processFragment(BASH, 'parent'),
  groupLeader: processFragment(ecsProcess(5000, '/usr/bin/ls', 'ls', '--color=auto', ''), 'group_leader'),
  sessionLeader: processFragment(BASH, 'session_leader'),
  entryLeader: processFragment(BASH, 'entry_leader'),
  entryType: 'sshd',
  entrySourceIp: '10.132.0.50',
};
