/** What /proc says of a process. */
import type { Host } from './host.ts';

/** Its name, and '' where it is gone. */
export function processName(host: Host, pid: number): string {
  return host.text(`/proc/${pid}/comm`)?.trim() ?? '';
}

/** Its effective capabilities as a bit mask (man 7 capabilities). */
export function capabilitiesOf(host: Host, pid: number | 'self'): bigint | undefined {
  const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(host.text(`/proc/${pid}/status`) ?? '')?.[1];
  return hex === undefined ? undefined : BigInt(`0x${hex}`);
}

/** Resident memory in MiB. */
export function residentMiB(host: Host, pid: number): number | undefined {
  const kib = /^VmRSS:\s*(\d+) kB/m.exec(host.text(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}
