/** Restores kernel audit after the extension was killed. The next start of the extension does the same. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { RULE_KEY } from '../../collect/live.ts';
import { loadNative, type NativeAuditCleanup, type NativeCleanup } from '../../collect/native.ts';
import { explainProblem } from '../../collect/sensor_problems.ts';

/** Facts about a process from /proc. */
export interface RunningProgram {
  readonly pid: number;
  /** Target of /proc/PID/exe; ends in ` (deleted)` when the file was replaced. */
  readonly executable: string;
  readonly args: readonly string[];
  /** Whether it has a socket to kernel audit. An extension that replays a log has no socket and no rules. */
  readonly hearsAudit: boolean;
}

export interface CleanupHost {
  readonly native: NativeCleanup;
  readonly programs: () => Iterable<RunningProgram>;
}

interface CleanupResult {
  /** Whether the original state is certainly restored. */
  readonly isClean: boolean;
  readonly message: string;
}

export function cleanUp(stateFile: string, host: CleanupHost = thisHost()): CleanupResult {
  for (const program of host.programs()) {
    if (!isExtension(program)) continue;
    const message = `nothing was changed: process ${program.pid} is recording, and restores kernel audit when it ends`;
    return { isClean: false, message };
  }
  const done = host.native.cleanUpAudit(RULE_KEY, stateFile);
  const what = described(done);
  if (!done.problem) return { isClean: true, message: what || 'nothing was left in kernel audit' };
  return { isClean: false, message: [what, explainProblem(done.problem).message].filter(Boolean).join('; ') };
}

function described({ rulesRemoved, settingsPutBack }: NativeAuditCleanup): string {
  const rules = rulesRemoved > 0 ? [`removed ${rulesRemoved} audit rule${rulesRemoved > 1 ? 's' : ''}`] : [];
  return [...rules, ...(settingsPutBack ? ['restored the original audit settings'] : [])].join(', ');
}

/** Matches any installation or build, in any root directory: all share the audit rules of the host. */
function isExtension({ executable, args, hearsAudit }: RunningProgram): boolean {
  if (!hearsAudit || !args.includes('--socket')) return false;
  const program = basename(executable.replace(/ \(deleted\)$/, ''));
  return (
    program === 'process_ancestry.ext' || (program === 'node' && args.some((arg) => /\/src\/main\.[jt]s$/.test(arg)))
  );
}

function thisHost(): CleanupHost {
  return { native: loadNative(), programs: runningPrograms };
}

function* runningPrograms(): Generator<RunningProgram> {
  const audit = auditSockets();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const executable = readlinkSync(`/proc/${pid}/exe`);
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      yield { pid: Number(pid), executable, args, hearsAudit: openFiles(pid).some((file) => audit.has(file)) };
    } catch {
      // A kernel thread, or a process that has just exited.
    }
  }
}

/** NETLINK_AUDIT (linux/netlink.h). In /proc/net/netlink the second column is the protocol, the last one the inode. */
const AUDIT_PROTOCOL = '9';

function auditSockets(): Set<string> {
  const sockets = readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Set(
    sockets.filter(([, protocol]) => protocol === AUDIT_PROTOCOL).map((line) => `socket:[${line.at(-1)}]`),
  );
}

function openFiles(pid: string): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((file) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${file}`)];
    } catch {
      // Closed in the meantime.
      return [];
    }
  });
}
