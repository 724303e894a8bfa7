import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostReader, readHost, recordedHost } from '../../../src/linux/host.ts';
import { osFamily, parseOsRelease } from '../../../src/linux/os_release.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'process-ancestry-host-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('a host', () => {
  test('is what its files say', () => {
    put(
      'etc/os-release',
      'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu 24.04.1 LTS"',
    );
    put('etc/machine-id', 'uninitialized\n');
    put('var/lib/dbus/machine-id', '48c1b3f1ac5da4e0057fc9f60f4d1d5d\n');
    put('proc/sys/kernel/hostname', 'Web-1\n');
    put('proc/sys/kernel/osrelease', '6.8.0-45-generic\n');
    put('proc/sys/kernel/random/boot_id', '88a1f0ed-5ae5-41ee-af6b-41921c311872\n');
    const address = { netmask: '', family: 'IPv4', internal: false, cidr: null } as const;
    const interfaces = () => ({
      lo: [{ ...address, address: '127.0.0.1', mac: '00:00:00:00:00:00', internal: true }],
      eth0: [
        { ...address, address: '10.132.0.50', mac: '42:01:0a:84:00:32' },
        { ...address, address: 'fe80::7d39:3147:4d9a:f809%eth0', mac: '42:01:0a:84:00:32' },
      ],
      tun0: [{ ...address, address: '10.8.0.2', mac: '00:00:00:00:00:00' }],
    });
    expect(readHost({ root, architecture: 'aarch64', interfaces })).toEqual({
      id: '48c1b3f1ac5da4e0057fc9f60f4d1d5d',
      hostname: 'Web-1',
      architecture: 'aarch64',
      ip: ['10.132.0.50', 'fe80::7d39:3147:4d9a:f809', '10.8.0.2'],
      mac: ['42-01-0A-84-00-32'],
      bootId: '88a1f0ed-5ae5-41ee-af6b-41921c311872',
      kernel: '6.8.0-45-generic',
      os: {
        family: 'debian',
        platform: 'ubuntu',
        name: 'Ubuntu',
        version: '24.04',
        full: 'Ubuntu 24.04.1 LTS',
      },
    });
  });

  test('without files has no facts', () => {
    const interfaces = () => {
      throw new Error('EPERM');
    };
    expect(readHost({ root, architecture: '', interfaces })).toEqual(JSON.parse(recordedHost('').json));
  });

  test('with an interface for each of a thousand containers names the first 64', () => {
    const veth = (n: number) => ({ address: `fe80::${n.toString(16)}`, mac: `02:00:00:00:00:${n}`, internal: false });
    const interfaces = () =>
      Object.fromEntries(
        Array.from({ length: 1000 }, (_, n) => [
          `veth${n}`,
          [{ ...veth(n), netmask: '', family: 'IPv6', cidr: null, scopeid: 1 } as const],
        ]),
      );
    const { ip, mac } = readHost({ root, architecture: '', interfaces });
    expect([ip, mac].map(({ length }) => length)).toEqual([64, 64]);
    expect(ip[0]).toBe('fe80::0');
  });

  test('is this one, by default', () => {
    const host = readHost();
    expect(host.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(host.kernel).toMatch(/^\d+\.\d+/);
    expect(['x86_64', 'aarch64']).toContain(host.architecture);
  });
});

test('a renamed host has its new name soon, and is not read for each row', () => {
  const clock = { ms: 0 };
  const host = new HostReader({ root, architecture: '' }, () => clock.ms);
  const nameAt = (ms: number) => {
    clock.ms = ms;
    return JSON.parse(host.facts.json).hostname;
  };
  put('proc/sys/kernel/hostname', 'one\n');
  expect(nameAt(0)).toBe('one');
  put('proc/sys/kernel/hostname', 'two\n');
  expect(nameAt(59_999)).toBe('one');
  expect(nameAt(60_000)).toBe('two');
});

test('an unchanged host that is read again is the same object', () => {
  const clock = { ms: 0 };
  const host = new HostReader({ root, architecture: '' }, () => clock.ms);
  const { facts } = host;
  clock.ms = 60_000;
  expect(host.facts).toBe(facts);
});

test('of a recorded log has only a name', () => {
  const os = { family: '', name: '', version: '', platform: '', full: '' };
  const unknown = { id: '', bootId: '', architecture: '', kernel: '', ip: [], mac: [], os };
  expect(JSON.parse(recordedHost('web-1').json)).toEqual({ ...unknown, hostname: 'web-1' });
});

test.each([
  ['ID=debian', 'debian'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'redhat'],
  ['ID=opensuse-leap\nID_LIKE="suse opensuse"', 'suse'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'debian'],
  ['ID=nixos', 'nixos'],
  ['# ID=debian', undefined],
])('a distribution with %j is of the family %s', (text, family) => {
  expect(osFamily(parseOsRelease(text))).toBe(family);
});

test('os-release is quoted as in a shell', () => {
  const text = `A="x \\"y\\" \\$z \\\\"\nB='it\\n'\n C=plain \nbroken\n=\nD=\n`;
  expect([...parseOsRelease(text)]).toEqual([
    ['A', 'x "y" $z \\'],
    ['B', 'it\\n'],
    ['C', 'plain'],
    ['D', ''],
  ]);
});
