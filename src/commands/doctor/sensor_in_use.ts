/** The sensor in use. Checks of the other sensors are then less severe. */
import type { NativeProblem } from '../../collect/native.ts';
import type { Host } from './host.ts';

/** Why eBPF does not work on this host; undefined when it works. */
export function ebpfRefusal(host: Host): NativeProblem | undefined {
  return host.ebpf()[0];
}

/** Whether the running extension uses eBPF. If none runs: whether eBPF works for this process. */
export async function isEbpfUsed(host: Host): Promise<boolean> {
  const { stats } = await host.osquery();
  return stats ? stats.collector === 'ebpf' : ebpfRefusal(host) === undefined;
}
