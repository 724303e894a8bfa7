/** Checks that kernel audit can report each exec. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import type { OsqueryView } from '../osquery_view.ts';
import { processName } from '../process_facts.ts';
import { reportedProblems } from '../reported_problems.ts';
import { isEbpfUsed } from '../sensor_in_use.ts';

type Audit = ReturnType<Host['audit']>;

const IMMUTABLE = 2;
/** linux/audit.h: the records of an exec that the collector reads. It needs no EOE: an event ends with the last PATH. */
const RECORD_TYPES: ReadonlyMap<number, string> = new Map([
  [1300, 'SYSCALL'],
  [1302, 'PATH'],
  [1307, 'CWD'],
  [1309, 'EXECVE'],
]);
const SYSCALL = 1300;

export const kernelAudit: Check = {
  id: 'kernel_audit',
  title: 'kernel audit',
  async run(host) {
    if (await isEbpfUsed(host)) return [ok('not needed: eBPF reports execs')];
    const compiledIn = host.text('/proc/self/loginuid') !== undefined;
    if (!compiledIn)
      return [
        problem(
          'this kernel is built without audit: /proc/self/loginuid does not exist',
          'boot a kernel with CONFIG_AUDITSYSCALL; until then only the proc connector and /proc report forks and execs',
        ),
      ];
    const audit = host.audit();
    if (audit.error !== 0) return [notAnswered(audit.error)];
    const osquery = await host.osquery();
    const findings = [
      ...hiding(audit),
      ...switches(host, audit, osquery),
      ...rulesOf(host, audit, osquery),
      ...told(osquery),
    ];
    return findings.length > 0 ? findings : [ok(summary(host, audit, osquery))];
  },
};

function notAnswered(error: number): Finding {
  const { EPERM, EACCES, ECONNREFUSED } = constants.errno;
  if (error === EPERM || error === EACCES) return skipped('cannot be checked without CAP_AUDIT_CONTROL');
  if (error === ECONNREFUSED)
    return problem(
      'kernel audit refuses the connection: audit=0 is on the kernel command line, or this is not the initial user namespace',
      'remove audit=0 from the kernel command line and reboot; run osqueryd on the host, not in a container',
    );
  return problem(
    `kernel audit does not answer (${getSystemErrorName(-error)})`,
    'boot a kernel with CONFIG_AUDITSYSCALL',
  );
}

/** Audit rules that hide execs, or parts of them, from all readers. */
function* hiding({ rules }: Audit): Generator<Finding> {
  if (rules.some(({ silencesAllTasks }) => silencesAllTasks))
    yield problem(
      'a rule never,task excludes all processes from audit',
      'auditctl -d never,task, and remove the rule from /etc/audit/rules.d; processes started under the rule stay unaudited until they restart',
    );
  // The first matching rule of a list decides (kernel/auditsc.c, audit_filter_syscall).
  const first = rules.findIndex(({ ours, coversExec }) => ours && coversExec);
  for (const [at, { hidesExecs }] of rules.entries()) {
    if (hidesExecs === 'none' || (first >= 0 && at > first)) continue;
    const advice =
      'see auditctl -l; remove execve and execveat from the rule, here and in /etc/audit/rules.d, or move it behind the other rules';
    yield hidesExecs === 'all'
      ? problem('a rule never,exit hides all execs', advice)
      : warning('a rule never,exit hides the execs that match its conditions', advice);
  }
  for (const { excludedType } of rules) {
    const type = RECORD_TYPES.get(excludedType);
    if (!type) continue;
    const advice = `auditctl -d exclude,always -F msgtype=${type}, and remove the rule from /etc/audit/rules.d`;
    yield excludedType === SYSCALL
      ? problem('a rule excludes records of type SYSCALL: audit reports no exec', advice)
      : warning(
          `a rule excludes records of type ${type}: that part of an exec is read from /proc, if the process still runs`,
          advice,
        );
  }
}

function* switches(host: Host, { enabled, pid, rules }: Audit, { stats }: OsqueryView): Generator<Finding> {
  const runs = stats !== undefined;
  if (enabled === IMMUTABLE && !rules.some(({ coversExec }) => coversExec))
    yield problem(
      'the audit configuration is immutable (enabled=2) and has no rule for execve',
      'remove "-e 2" from the audit rules, or add rules for execve and execveat before it; then reboot',
    );
  // The extension enables audit before it adds its rules.
  if (enabled === 0 && runs && rules.some(({ ours }) => ours))
    yield problem('audit was disabled while the extension runs (enabled=0)', 'auditctl -e 1');
  if (pid !== 0 && processName(host, pid) === '')
    yield warning(
      `the unicast owner, process ${pid}, has exited`,
      'nothing if the extension runs: it becomes the unicast owner within half a minute; otherwise restart auditd or osqueryd',
    );
}

function* rulesOf(host: Host, { enabled, pid, rules }: Audit, { stats, error }: OsqueryView): Generator<Finding> {
  const ours = rules.some((rule) => rule.ours);
  if (stats && usesAudit(stats.collector) && !rules.some(({ coversExec }) => coversExec))
    yield problem(
      'the extension reads audit, but no rule records execve: another program removed the rule',
      'nothing if the rule is back after a second; otherwise find the program that runs auditctl -D or augenrules',
    );
  // If osquery does not answer, another osquery may run the extension; then audit has a reader.
  const nobodyReads = pid === 0 || processName(host, pid) === '';
  if (ours && (error === undefined || nobodyReads) && !stats && enabled !== IMMUTABLE)
    yield warning(
      'rules with the key process_ancestry are left, but no extension answers',
      'start the extension, which removes them when it ends, or run process_ancestry.ext cleanup',
    );
}

/** Advice for problems that only the extension can detect. */
const TOLD: Readonly<Record<string, string>> = {
  audit_state_unsaved: 'correct that, and restart osqueryd',
  audit_rule_refused: 'correct that, and restart osqueryd',
  audit_start_failed: 'correct that, and restart osqueryd',
  audit_no_permission: 'correct that, and restart osqueryd',
  audit_setpgid_flood: 'check what that process does; the extension continues without a restart',
  audit_some_execs_hidden: 'see auditctl -l; move such rules behind those with the key process_ancestry',
};

function* told(osquery: OsqueryView): Generator<Finding> {
  for (const { code, message } of reportedProblems(osquery)) {
    const advice = TOLD[code];
    if (advice) yield warning(`the extension reports: ${message}`, advice);
  }
}

function usesAudit(collector: string | undefined): boolean {
  return collector?.startsWith('audit') ?? false;
}

function summary(host: Host, { enabled, pid, rules }: Audit, { extension, stats }: OsqueryView): string {
  const state =
    enabled === IMMUTABLE ? 'immutable' : enabled === 1 ? 'on' : stats ? 'off' : 'off until the extension starts';
  const own = rules.filter(({ ours }) => ours).length;
  const reader =
    pid === 0
      ? usesAudit(stats?.collector)
        ? 'read by the extension by multicast; auditd can become the unicast owner for half a minute'
        : 'no unicast reader'
      : pid === extension?.pid
        ? `read by the extension (process ${pid})`
        : `read by ${processName(host, pid)} (process ${pid}) and by the extension`;
  return `${state}, ${reader}, ${rules.length} rules, ${own} of them ours`;
}
