/** Whether eBPF, the best of the sensors, works here: by trying it. */
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
          `the programs can be loaded, but the extension records with ${stats.collector}`,
          'set process_ancestry_collector to auto and restart osqueryd; the extension may lack capabilities that doctor has',
        ),
      ];
    }
    if (refused.code === 'ebpf_no_permission') return [skipped('not to be tried without CAP_BPF and CAP_PERFMON')];
    return [...hindrances(host), told(refused, stats?.collector)];
  },
};

/** What keeps eBPF from working on any host. */
function* hindrances(host: Host): Generator<Finding> {
  if (host.file(BTF) === undefined)
    yield warning(`${BTF} is not there`, 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y, such as those of distributions');
  const lockdown = /\[(\w+)\]/.exec(host.text(LOCKDOWN) ?? '')?.[1];
  if (lockdown === 'confidentiality')
    yield warning(
      'the kernel is locked down for confidentiality, which forbids eBPF to read its memory',
      'boot with lockdown=integrity where the site allows it',
    );
}

function told(refused: NonNullable<ReturnType<typeof ebpfRefusal>>, collector: string | undefined): Finding {
  const { message } = explainProblem(refused);
  const advice = 'kernel audit is used instead: it costs more, and records the same';
  return collector === 'none' ? problem(message, 'see kernel audit below') : warning(message, advice);
}
