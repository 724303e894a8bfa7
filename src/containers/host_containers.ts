/** The containers of this host. */
import { readFileSync } from 'node:fs';
import { cgroupMaker, cgroupMounts } from './cgroup_maker.ts';
import { ContainerNames, type ContainerNamesOptions } from './container_names.ts';
import { RuntimeFiles } from './runtime_files.ts';

const mountinfo = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

export function hostContainers(options: Pick<ContainerNamesOptions, 'waitMs' | 'onUnread'>): ContainerNames {
  let mounts: readonly string[] = [];
  return new ContainerNames({
    ...options,
    files: new RuntimeFiles({ mountinfo }),
    makerOf(above) {
      if (mounts.length === 0) mounts = cgroupMounts(mountinfo());
      return cgroupMaker(above, mounts);
    },
  });
}
