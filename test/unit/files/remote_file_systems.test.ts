import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deviceText, isRemotePath, mountedTypes, RemoteFileSystems } from '../../../src/files/remote_file_systems.ts';

const OURS = `22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
61 28 0:45 / /home rw,relatime shared:30 - nfs4 server:/home rw,vers=4.2
62 28 0:46 /a\\040b /mnt/a\\040b rw - fuse.sshfs x:/ rw
63 28 0:47 / /var/lib/docker/overlay2/x/merged rw,relatime shared:31 master:1 - overlay overlay rw
`;
const THEIRS = '70 69 0:80 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw\n';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'proc-'));
  for (const [pid, text] of Object.entries({ self: OURS, 7: THEIRS })) {
    mkdirSync(join(proc, pid));
    writeFileSync(join(proc, pid, 'mountinfo'), text);
  }
});
afterEach(() => rmSync(proc, { recursive: true }));

test('the types of mounts are read, with and without optional fields', () => {
  expect(mountedTypes(OURS)).toEqual(
    new Map([
      ['0:21', 'proc'],
      ['254:0', 'ext4'],
      ['0:45', 'nfs4'],
      ['0:46', 'fuse.sshfs'],
      ['0:47', 'overlay'],
    ]),
  );
});

test('a path is on the file system of the longest mount point above it, the last one if there are several', () => {
  const mounts = `${OURS}64 61 8:1 / /home/kg rw shared:2 - ext4 /dev/sda1 rw\n65 28 0:48 / /net rw - autofs systemd-1 rw\n`;
  const paths = ['/home', '/home/eva/x', '/homes/x', '/home/kg/x', '/home/kgb', '/net/x', '/etc'];
  expect(paths.filter((path) => isRemotePath(path, mounts))).toEqual(['/home', '/home/eva/x', '/home/kgb', '/net/x']);
  expect(isRemotePath('/home/eva', `${mounts}66 61 8:2 / /home rw - xfs /dev/sdb rw\n`)).toBe(false);
});

test.each<[string, bigint, boolean]>([
  ['a disk', 254n << 8n, false],
  ['NFS', 45n, true],
  ['FUSE', 46n, true],
  ['an overlay', 47n, false],
  ['an unknown device', 48n, false],
  ["a container's own FUSE", 80n, true],
])('%s is remote or not', (_, dev, remote) => {
  expect(new RemoteFileSystems(proc).has(dev, 7)).toBe(remote);
});

test('device numbers are those of the table', () => {
  const { dev } = statSync('/proc', { bigint: true });
  expect(mountedTypes(readFileSync('/proc/self/mountinfo', 'utf8')).get(deviceText(dev))).toBe('proc');
  expect(deviceText(((0x12345n << 12n) & 0xfff00000n) | (0xabcn << 8n) | 0x45n)).toBe(`${0xabc}:${0x12345}`);
});
