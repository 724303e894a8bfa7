import { expect, test } from 'vitest';
import { hostFragment } from '../../../src/ecs/host.ts';

test('a host has its name as it is, and in lower case', () => {
  const fragment = hostFragment({
    id: '48c1b3f1ac5da4e0057fc9f60f4d1d5d',
    hostname: 'Web-1',
    architecture: 'aarch64',
    kernel: '6.8.0-45-generic',
    ip: ['10.132.0.50', 'fe80::7d39:3147:4d9a:f809', '10.8.0.2'],
    mac: ['42-01-0A-84-00-32'],
    bootId: '88a1f0ed-5ae5-41ee-af6b-41921c311872',
    os: { family: 'debian', platform: 'ubuntu', name: 'Ubuntu', version: '24.04', full: 'Ubuntu 24.04.1 LTS' },
  });
  expect(JSON.parse(fragment)).toEqual({
    id: '48c1b3f1ac5da4e0057fc9f60f4d1d5d',
    hostname: 'Web-1',
    name: 'web-1',
    architecture: 'aarch64',
    ip: ['10.132.0.50', 'fe80::7d39:3147:4d9a:f809', '10.8.0.2'],
    mac: ['42-01-0A-84-00-32'],
    boot: { id: '88a1f0ed-5ae5-41ee-af6b-41921c311872' },
    os: {
      type: 'linux',
      family: 'debian',
      platform: 'ubuntu',
      name: 'Ubuntu',
      version: '24.04',
      full: 'Ubuntu 24.04.1 LTS',
      kernel: '6.8.0-45-generic',
    },
  });
});

test('a host without known facts still has Linux as its system', () => {
  const os = { family: '', platform: '', name: '', version: '', full: '' };
  const nothing = { id: '', hostname: '', architecture: '', kernel: '', ip: [], mac: [], bootId: '', os };
  expect(JSON.parse(hostFragment(nothing))).toEqual({ os: { type: 'linux' } });
});
