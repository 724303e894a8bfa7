/** Which sensor records, or would: what others lack matters little then. */
import type { NativeProblem } from '../../collect/native.ts';
import type { Host } from './host.ts';

/** Why eBPF does not work here; undefined where it does. */
export function ebpfRefusal(host: Host): NativeProblem | undefined {
  return host.ebpf()[0];
}

/** Whether execs are recorded by eBPF: by the extension that runs, or by one that is started as this process was. */
export async function isEbpfUsed(host: Host): Promise<boolean> {
  const { stats } = await host.osquery();
  return stats ? stats.collector === 'ebpf' : ebpfRefusal(host) === undefined;
}
