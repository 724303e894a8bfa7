/** Reads the execs of a raw audit log, to measure auditd's output. */
import type { LoggedExec } from './offline_join.ts';

interface Parts {
  pid?: number;
  ppid?: number;
  args?: string;
}

export function execsOfAuditLog(log: string): LoggedExec[] {
  const events = new Map<number, Parts>();
  for (const line of log.split('\n')) {
    const [, type, serial] = /^type=(SYSCALL|EXECVE) msg=audit\([\d.]+:(\d+)\): /.exec(line) ?? [];
    if (serial === undefined) continue;
    const parts = events.get(Number(serial)) ?? {};
    events.set(Number(serial), parts);
    if (type === 'EXECVE') {
      parts.args = `${parts.args ?? ''}${argumentsOf(line)}`;
    } else {
      parts.pid = Number(/ pid=(\d+)/.exec(line)?.[1]);
      parts.ppid = Number(/ ppid=(\d+)/.exec(line)?.[1]);
    }
  }
  const execs: LoggedExec[] = [];
  for (const [serial, { pid, ppid, args }] of events) {
    if (pid === undefined || ppid === undefined || args === undefined) continue;
    execs.push({ serial, pid, ppid, cmdline: args.trimStart(), grandparent: undefined });
  }
  return execs;
}

/** Each after a space. Quoted, or hex if it has characters that cannot be quoted (lib/audit: untrusted strings). */
function argumentsOf(line: string): string {
  const values = line.matchAll(/ a\d+(?:\[\d+\])?=(?:"([^"]*)"|([0-9A-F]+))/g);
  return [...values]
    .map(([, quoted, hex]) => ` ${quoted ?? Buffer.from(hex ?? '', 'hex').toString('latin1')}`)
    .join('');
}
