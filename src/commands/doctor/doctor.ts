/** All checks, in order of dependence. */
import { NativeUnavailableError } from '../../collect/native.ts';
import type { Check } from './check.ts';
import { autoload } from './checks/autoload.ts';
import { capabilities } from './checks/capabilities.ts';
import { clock } from './checks/clock.ts';
import { database } from './checks/database.ts';
import { ebpf } from './checks/ebpf.ts';
import { filePermissions } from './checks/file_permissions.ts';
import { kernelAudit } from './checks/kernel_audit.ts';
import { loss } from './checks/loss.ts';
import { nativeCollector } from './checks/native_collector.ts';
import { procConnector } from './checks/proc_connector.ts';
import { registration } from './checks/registration.ts';
import { socket } from './checks/socket.ts';
import { watchdog } from './checks/watchdog.ts';
import { type Finding, skipped, warning } from './finding.ts';
import type { Host } from './host.ts';

export const CHECKS: readonly Check[] = [
  filePermissions,
  nativeCollector,
  autoload,
  socket,
  registration,
  capabilities,
  ebpf,
  kernelAudit,
  procConnector,
  loss,
  database,
  watchdog,
  clock,
];

export interface Diagnosis extends Finding {
  readonly id: string;
  readonly title: string;
}

/** Runs the checks one by one. A check that throws becomes a warning. */
export async function diagnose(host: Host, checks: readonly Check[] = CHECKS): Promise<Diagnosis[]> {
  const diagnoses: Diagnosis[] = [];
  for (const check of checks) {
    for (const finding of await findingsOf(check, host))
      diagnoses.push({ id: check.id, title: check.title, ...finding });
  }
  return diagnoses;
}

async function findingsOf(check: Check, host: Host): Promise<readonly Finding[]> {
  try {
    return await check.run(host);
  } catch (error) {
    if (error instanceof NativeUnavailableError) return [skipped('needs the native collector')];
    const why = error instanceof Error ? error.message : String(error);
    return [warning(`check failed: ${why}`, 'report this line as a bug')];
  }
}
