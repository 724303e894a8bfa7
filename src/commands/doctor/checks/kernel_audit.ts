/** Whether kernel audit can tell of every exec. */
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
/** linux/audit.h: what the collector reads of an exec. It needs no EOE: an event ends with the last PATH. */
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
    if (await isEbpfUsed(host)) return [ok('not needed: eBPF tells of execs')];
    const compiledIn = host.text('/proc/self/loginuid') !== undefined;
    if (!compiledIn)
      return [
        problem(
          'this kernel is built without audit: /proc/self/loginuid is not there',
          'boot a kernel with CONFIG_AUDITSYSCALL; until then forks and execs come from the proc connector and /proc alone',
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
  if (error === EPERM || error === EACCES) return skipped('not to be asked without CAP_AUDIT_CONTROL');
  if (error === ECONNREFUSED)
    return problem(
      'kernel audit refuses: it was switched off at boot (audit=0), or this is not the initial user namespace',
      "take audit=0 off the kernel's command line and boot, and run osqueryd on the host rather than in a container",
    );
  return problem(
    `kernel audit does not answer (${getSystemErrorName(-error)})`,
    'boot a kernel with CONFIG_AUDITSYSCALL',
  );
}

/** Rules that keep execs, or what is told of them, from every reader. */
function* hiding({ rules }: Audit): Generator<Finding> {
  if (rules.some(({ silencesAllTasks }) => silencesAllTasks))
    yield problem(
      'a rule never,task keeps every process from being audited',
      'auditctl -d never,task, and take it out of /etc/audit/rules.d; what was started under it stays unaudited until it is restarted',
    );
  // The first rule of a list that matches decides (kernel/auditsc.c, audit_filter_syscall).
  const first = rules.findIndex(({ ours, coversExec }) => ours && coversExec);
  for (const [at, { hidesExecs }] of rules.entries()) {
    if (hidesExecs === 'none' || (first >= 0 && at > first)) continue;
    const advice =
      'see auditctl -l; take execve and execveat out of it here and in /etc/audit/rules.d, or put it after others';
    yield hidesExecs === 'all'
      ? problem('a rule never,exit hides all execs', advice)
      : warning('a rule never,exit hides the execs that meet its conditions', advice);
  }
  for (const { excludedType } of rules) {
    const type = RECORD_TYPES.get(excludedType);
    if (!type) continue;
    const advice = `auditctl -d exclude,always -F msgtype=${type}, and take it out of /etc/audit/rules.d`;
    yield excludedType === SYSCALL
      ? problem('a rule excludes records of type SYSCALL: audit tells of no exec', advice)
      : warning(
          `a rule excludes records of type ${type}: that part of an exec is read from /proc, where the process still lives`,
          advice,
        );
  }
}

function* switches(host: Host, { enabled, pid, rules }: Audit, { stats }: OsqueryView): Generator<Finding> {
  const runs = stats !== undefined;
  if (enabled === IMMUTABLE && !rules.some(({ coversExec }) => coversExec))
    yield problem(
      'the audit configuration is immutable (enabled=2), and has no rule for execve',
      'take "-e 2" out of the audit rules, or add rules for execve and execveat before it, and boot',
    );
  // The extension switches it on before it adds them.
  if (enabled === 0 && runs && rules.some(({ ours }) => ours))
    yield problem('audit was switched off while the extension runs (enabled=0)', 'auditctl -e 1');
  if (pid !== 0 && processName(host, pid) === '')
    yield warning(
      `the unicast place belongs to process ${pid}, which is gone`,
      'nothing, if the extension runs: it takes the place within half a minute; else restart auditd or osqueryd',
    );
}

function* rulesOf(host: Host, { enabled, pid, rules }: Audit, { stats, error }: OsqueryView): Generator<Finding> {
  const ours = rules.some((rule) => rule.ours);
  if (stats && usesAudit(stats.collector) && !rules.some(({ coversExec }) => coversExec))
    yield problem(
      'no rule records execve though the extension reads audit: somebody removed it',
      'nothing, if it is there again in a second; else see what runs auditctl -D or augenrules',
    );
  // Where osquery does not answer there may be another one with the extension, but not without a reader.
  const nobodyReads = pid === 0 || processName(host, pid) === '';
  if (ours && (error === undefined || nobodyReads) && !stats && enabled !== IMMUTABLE)
    yield warning(
      'rules with the key process_ancestry are left though no extension answers here',
      'start the extension: it removes them when it leaves; or process_ancestry.ext cleanup',
    );
}

/** What only the extension can know: what it tried and failed, and what it sees while it records. */
const TOLD: Readonly<Record<string, string>> = {
  audit_state_unsaved: 'mend that, and restart osqueryd',
  audit_rule_refused: 'mend that, and restart osqueryd',
  audit_start_failed: 'mend that, and restart osqueryd',
  audit_no_permission: 'mend that, and restart osqueryd',
  audit_setpgid_flood: 'see what that process does; the extension listens again by itself',
  audit_some_execs_hidden: 'see auditctl -l; put such rules after those with the key process_ancestry',
};

function* told(osquery: OsqueryView): Generator<Finding> {
  for (const { code, message } of reportedProblems(osquery)) {
    const advice = TOLD[code];
    if (advice) yield warning(`the extension says: ${message}`, advice);
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
        ? 'read by the extension by multicast, the unicast place left to auditd for half a minute'
        : 'no unicast reader'
      : pid === extension?.pid
        ? `read by the extension (process ${pid})`
        : `read by ${processName(host, pid)} (process ${pid}), by the extension beside it`;
  return `${state}, ${reader}, ${rules.length} rules, ${own} of them ours`;
}
