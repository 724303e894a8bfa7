import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cgroupMaker, cgroupMounts } from '../../../src/containers/cgroup_maker.ts';
import { IS_ROOT, newRoot, OWNER } from './runtime_trees.ts';

test('the mounts are those of whole hierarchies', () => {
  const mountinfo = [
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
    '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:2 - cgroup cgroup rw,memory',
    '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    '77 60 0:32 /docker/1 /srv/root/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
    '',
  ].join('\n');
  expect(cgroupMounts(mountinfo)).toEqual(['/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified']);
});

/** Folders in the place of two hierarchies. */
function hierarchies(...paths: readonly string[]): string[] {
  const root = newRoot();
  return ['one', 'other'].map((name) => {
    const mount = join(root, name);
    for (const path of paths) mkdirSync(join(mount, path), { recursive: true, mode: 0o755 });
    return mount;
  });
}

describe('the maker of a group', () => {
  test('is the user of the group above', () => {
    expect(cgroupMaker('/system.slice', hierarchies('/system.slice'))).toBe(OWNER);
  });

  test('is unknown if the group above is gone, is in another namespace, or cannot be read', () => {
    const [mount = '', other = ''] = hierarchies('/system.slice');
    expect(cgroupMaker('/system.slice', [])).toBeUndefined();
    expect(cgroupMaker('/../system.slice', [mount])).toBeUndefined();
    expect(cgroupMaker(`/system.slice/${'x'.repeat(300)}`, [mount])).toBeUndefined();
    if (!IS_ROOT) return;
    expect(cgroupMaker('/machine.slice', [mount, other])).toBeUndefined();
    rmSync(join(mount, 'system.slice'), { recursive: true });
    expect(cgroupMaker('/system.slice', [mount, other])).toBe(0);
  });
});

describe.runIf(IS_ROOT)('as root, the maker of a group', () => {
  const SERVICE = '/user.slice/user-1000.slice/user@1000.service';

  test('is root below the groups of root', () => {
    const mounts = hierarchies('/system.slice', '/kubepods.slice/pod1.slice');
    for (const above of ['/', '/system.slice', '/kubepods.slice/pod1.slice'])
      expect(cgroupMaker(above, mounts)).toBe(0);
  });

  test('is the user below a group that was delegated to a user, in any hierarchy and at any depth', () => {
    for (const n of [0, 1]) {
      const mounts = hierarchies(`${SERVICE}/app.slice`);
      chownSync(join(mounts[n] ?? '', SERVICE), 1000, 1000);
      expect(cgroupMaker(SERVICE, mounts)).toBe(1000);
      // A user may own a group below, or give it away with the help of another program.
      expect(cgroupMaker(`${SERVICE}/app.slice`, mounts)).toBe(1000);
      expect(cgroupMaker('/user.slice/user-1000.slice', mounts)).toBe(0);
    }
  });

  test('is unknown below a group that others can write', () => {
    const mounts = hierarchies('/shared');
    chmodSync(join(mounts[0] ?? '', '/shared'), 0o775);
    expect(cgroupMaker('/shared', mounts)).toBeUndefined();
  });
});
