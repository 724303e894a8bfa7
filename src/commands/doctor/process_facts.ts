/** Facts about a process from /proc. */
import { capabilitiesOf as capabilitiesIn, residentKiB } from '../../linux/process_files.ts';
import type { Host } from './host.ts';

/** Name of the process; '' when it has exited. */
export function processName(host: Host, pid: number): string {
  return host.text(`/proc/${pid}/comm`)?.trim() ?? '';
}

/** Effective capabilities as a bit mask (man 7 capabilities). */
export function capabilitiesOf(host: Host, pid: number | 'self'): bigint | undefined {
  return capabilitiesIn(host.text(`/proc/${pid}/status`) ?? '');
}

/** Resident memory in MiB. */
export function residentMiB(host: Host, pid: number): number | undefined {
  const kib = residentKiB(host.text(`/proc/${pid}/status`) ?? '');
  return kib === undefined ? undefined : Math.round(kib / 1024);
}
