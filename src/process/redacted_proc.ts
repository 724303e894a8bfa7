/** A reader of /proc that redacts secrets. */
import type { ProcessSnapshot, ProcReader } from '../collect/procfs.ts';
import { redact } from './redact.ts';
import type { RedactPattern } from './redact_pattern.ts';

export function redactSnapshot(snapshot: ProcessSnapshot, patterns: readonly RedactPattern[]): ProcessSnapshot {
  return { ...snapshot, details: redact(snapshot.details, patterns) };
}

export function redactedProc(proc: ProcReader, patterns: () => readonly RedactPattern[]): ProcReader {
  return {
    pids: () => proc.pids(),
    startTicks: (pid) => proc.startTicks(pid),
    userNamespace: (pid) => proc.userNamespace(pid),
    connectionPeer: (pid) => proc.connectionPeer(pid),
    supplementalGroups: (pid) => proc.supplementalGroups(pid),
    read: (pid) => {
      const snapshot = proc.read(pid);
      return snapshot && redactSnapshot(snapshot, patterns());
    },
  };
}
