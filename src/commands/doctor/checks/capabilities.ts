/** Checks the capabilities of the extension. If it does not run: those of this process. */
import type { Check } from '../check.ts';
import { type Finding, ok, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import { capabilitiesOf } from '../process_facts.ts';
import { isEbpfUsed } from '../sensor_in_use.ts';

interface Need {
  /** One of them is enough (linux/capability.h). */
  readonly anyOf: readonly (readonly [name: string, bit: number])[];
  readonly lack: 'warning' | 'problem';
  readonly without: string;
  /** Needed only to receive forks. Newer kernels allow that without it. */
  readonly onlyToHearForks?: true;
  /** The sensor that needs it; undefined: all. */
  readonly sensor?: 'ebpf' | 'audit';
}

const NEEDS: readonly Need[] = [
  {
    anyOf: [
      ['CAP_BPF', 39],
      ['CAP_SYS_ADMIN', 21],
    ],
    lack: 'warning',
    without: 'eBPF cannot be used',
    sensor: 'ebpf',
  },
  {
    anyOf: [
      ['CAP_PERFMON', 38],
      ['CAP_SYS_ADMIN', 21],
    ],
    lack: 'warning',
    without: 'eBPF cannot be used',
    sensor: 'ebpf',
  },
  { anyOf: [['CAP_AUDIT_CONTROL', 30]], lack: 'problem', without: 'kernel audit cannot be set up', sensor: 'audit' },
  {
    anyOf: [['CAP_NET_ADMIN', 12]],
    lack: 'problem',
    without: 'forks and exits are not received',
    onlyToHearForks: true,
    sensor: 'audit',
  },
  { anyOf: [['CAP_AUDIT_READ', 37]], lack: 'warning', without: 'audit cannot be read beside auditd', sensor: 'audit' },
  { anyOf: [['CAP_SYS_PTRACE', 19]], lack: 'warning', without: "other users' processes cannot be read in /proc" },
  {
    anyOf: [
      ['CAP_DAC_READ_SEARCH', 2],
      ['CAP_DAC_OVERRIDE', 1],
    ],
    lack: 'warning',
    without: "files in other users' directories cannot be read",
  },
];

const ADVICE =
  'run as root with these capabilities: check CapabilityBoundingSet= and NoNewPrivileges= of the osqueryd unit, or the container';

export const capabilities: Check = {
  id: 'capabilities',
  title: 'capabilities',
  async run(host) {
    const { extension, stats } = await host.osquery();
    const isEbpf = await isEbpfUsed(host);
    // Capabilities of the sensor that is not used are not needed.
    const needs = NEEDS.filter(({ sensor }) => (isEbpf ? sensor !== 'audit' : sensor !== 'ebpf'));
    const findings = missing(host, needs, 'self', 'this process', host.connectorError() === 0);
    const pid = extension?.pid;
    if (pid === undefined) return findings;
    const hearsForks = stats?.collector?.includes('proc_events') ?? false;
    const ofExtension = missing(host, needs, pid, `the extension (process ${pid})`, hearsForks);
    // Only the extension's capabilities affect the recording. Without them doctor itself sees less.
    const isWell = ofExtension.every(({ status }) => status === 'ok');
    if (!isWell || findings.every(({ status }) => status === 'ok')) return ofExtension;
    return [
      ...ofExtension,
      ...findings.map((found) => warning(found.message, 'run doctor as root for complete results')),
    ];
  },
};

function missing(
  host: Host,
  needs: readonly Need[],
  pid: number | 'self',
  who: string,
  hearsForks: boolean,
): Finding[] {
  const mask = capabilitiesOf(host, pid);
  if (mask === undefined) return [skipped(`/proc/${pid}/status cannot be read`)];
  const without = needs.filter(({ anyOf }) => anyOf.every(([, bit]) => !(mask & (1n << BigInt(bit)))));
  const lacking = without.filter(({ onlyToHearForks }) => !(onlyToHearForks && hearsForks));
  if (lacking.length === 0) {
    const names = (some: readonly Need[]) => some.map(({ anyOf }) => anyOf[0]?.[0]).join(', ');
    const has = `${who} has ${names(needs.filter((need) => !without.includes(need)))}`;
    return [ok(without.length === 0 ? has : `${has}; this kernel reports forks without ${names(without)}`)];
  }
  return (['problem', 'warning'] as const).flatMap((status) => {
    const named = lacking
      .filter(({ lack }) => lack === status)
      .map(({ anyOf, without }) => `${anyOf.map(([name]) => name).join(' or ')} (${without})`);
    return named.length === 0 ? [] : [{ status, message: `${who} has no ${named.join(', no ')}`, advice: ADVICE }];
  });
}
