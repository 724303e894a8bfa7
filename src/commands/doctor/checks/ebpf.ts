/** Checks whether eBPF, the best sensor, works on this host, by loading the programs. */
import { explainProblem } from '../../../collect/sensor_problems.ts';
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import { ebpfRefusal } from '../sensor_in_use.ts';

const BTF = '/sys/kernel/btf/vmlinux';
const LOCKDOWN = '/sys/kernel/security/lockdown';

export const ebpf: Check = {
  id: 'ebpf',
  title: 'eBPF',
  async run(host) {
    const { stats } = await host.osquery();
    if (stats?.collector === 'ebpf') return [ok('used by the extension')];
    const refused = ebpfRefusal(host);
    if (refused === undefined) {
      if (!stats) return [ok('the programs can be loaded')];
      return [
        warning(
          `the programs can be loaded, but the extension uses ${stats.collector}`,
          'set process_ancestry_collector to auto, and restart osqueryd; if that does not help, check the capabilities of the extension',
        ),
      ];
    }
    if (refused.code === 'ebpf_no_permission') return [skipped('cannot be checked without CAP_BPF and CAP_PERFMON')];
    return [...hindrances(host), told(refused, stats?.collector)];
  },
};

/** General reasons why eBPF does not work. */
function* hindrances(host: Host): Generator<Finding> {
  if (host.file(BTF) === undefined)
    yield warning(`${BTF} does not exist`, 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y, such as a distribution kernel');
  const lockdown = /\[(\w+)\]/.exec(host.text(LOCKDOWN) ?? '')?.[1];
  if (lockdown === 'confidentiality')
    yield warning(
      'kernel lockdown is in confidentiality mode: eBPF cannot read kernel memory',
      'boot with lockdown=integrity if your security policy allows it',
    );
}

function told(refused: NonNullable<ReturnType<typeof ebpfRefusal>>, collector: string | undefined): Finding {
  const { message } = explainProblem(refused);
  const advice = 'nothing: kernel audit is used instead; it records the same at a higher cost';
  return collector === 'none' ? problem(message, 'see the check kernel audit below') : warning(message, advice);
}
