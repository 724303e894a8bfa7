/** Puts back what an extension that was killed has left in the kernel, as the next start would: for when there is none. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { RULE_KEY } from '../../collect/live.ts';
import { loadNative, type NativeAuditCleanup, type NativeCleanup } from '../../collect/native.ts';
import { explainProblem } from '../../collect/sensor_problems.ts';

/** What /proc says of a process. */
export interface RunningProgram {
  readonly pid: number;
  /** Where /proc/PID/exe leads; ends in ` (deleted)` once the file was replaced. */
  readonly executable: string;
  readonly args: readonly string[];
  /** Whether it has a socket to the kernel's audit: one that replays a log has none, and no rules either. */
  readonly hearsAudit: boolean;
}

export interface CleanupHost {
  readonly native: NativeCleanup;
  readonly programs: () => Iterable<RunningProgram>;
}

interface CleanupResult {
  /** Whether it is certain that nothing is left. */
  readonly isClean: boolean;
  readonly message: string;
}

export function cleanUp(stateFile: string, host: CleanupHost = thisHost()): CleanupResult {
  for (const program of host.programs()) {
    if (!isExtension(program)) continue;
    const message = `nothing was changed: process ${program.pid} records, and puts back what it changed when it leaves`;
    return { isClean: false, message };
  }
  const done = host.native.cleanUpAudit(RULE_KEY, stateFile);
  const what = described(done);
  if (!done.problem) return { isClean: true, message: what || 'nothing was left in kernel audit' };
  return { isClean: false, message: [what, explainProblem(done.problem).message].filter(Boolean).join('; ') };
}

function described({ rulesRemoved, settingsPutBack }: NativeAuditCleanup): string {
  const rules = rulesRemoved > 0 ? [`removed ${rulesRemoved} audit rule${rulesRemoved > 1 ? 's' : ''}`] : [];
  return [...rules, ...(settingsPutBack ? ["put audit's settings back as they were found"] : [])].join(', ');
}

/** In whichever root and from whichever build: audit, and so the key of its rules, is one for the host. */
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
      // A kernel thread, or it has just left.
    }
  }
}

/** NETLINK_AUDIT (linux/netlink.h): the second column of /proc/net/netlink, of which the last is the inode. */
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
      // Closed meanwhile.
      return [];
    }
  });
}
