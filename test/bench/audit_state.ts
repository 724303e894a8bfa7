/**
 * The machine has one kernel audit: sets the same state before each measurement, and restores the original state at the
 * end.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { auditControl, auditSettings } from '../integration/extension_under_test.ts';

const AUDIT_CONTROL = fileURLToPath(new URL('../integration/audit_control.py', import.meta.url));
const IMMUTABLE = 2;
/** In records: the same for every listener, as audit's documentation suggests for busy hosts. */
export const BACKLOG_LIMIT = 8192;

/** The present rules and status, for `restoreAudit`. Throws if audit is in use. */
export function borrowAudit(): string {
  const { status } = auditSettings();
  if (status.enabled === IMMUTABLE) throw new Error('audit is immutable until the next boot (auditctl -e 2)');
  if (status.pid) throw new Error(`process ${status.pid} reads audit: stop it (auditd, osqueryd) and run this again`);
  return auditControl('save');
}

/** Off, without rules, and with a backlog for which no process of the host waits. */
export function quietAudit(): void {
  auditControl('quiet', String(BACKLOG_LIMIT));
}

export function restoreAudit(borrowed: string): void {
  execFileSync('python3', [AUDIT_CONTROL, 'restore'], { input: borrowed });
}
