/** Messages for the problems that the native sensors report, with advice. */
import type { NativeProblem } from './native.ts';
import type { CollectorProblem } from './source.ts';

const ADVICE: Readonly<Record<string, (detail: string) => string>> = {
  ebpf_no_btf: (detail) =>
    `no eBPF: the kernel has no type information (${detail}); boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as distributions build it`,
  ebpf_no_permission: () => 'no permission for eBPF: run as root, or with CAP_BPF and CAP_PERFMON',
  ebpf_lockdown: (detail) =>
    `no eBPF: the kernel is locked down (${detail}) and cannot be read; boot with lockdown=integrity if your policy allows it`,
  ebpf_pid_namespace: (detail) => `no eBPF: ${detail}; run on the host, or with --pid=host`,
  ebpf_unsupported: (detail) =>
    `no eBPF: this kernel lacks features that the programs need (${detail}); use Linux 5.17 or later`,
  ebpf_refused: (detail) => `no eBPF: the kernel refused the programs; report this with the kernel version: ${detail}`,
  ebpf_start_failed: (detail) => `no eBPF: the programs could not be attached (${detail})`,
  ebpf_no_sessions: (detail) =>
    `no rows for new sessions: the tracepoint of setsid is not available (${detail}); mount tracefs at /sys/kernel/tracing`,
  ebpf_no_ids: (detail) =>
    `no rows for changes of ids (setid): the tracepoints of setuid and similar calls are not available (${detail}); mount tracefs at /sys/kernel/tracing`,
  ebpf_snapshot_failed: (detail) => `eBPF could not list the living processes (${detail}); /proc is read instead`,
  ebpf_ring_malformed: (detail) => `eBPF stopped working: ${detail}; report this with the kernel's version`,
  ebpf_stopped: (detail) => `eBPF stopped working: ${detail}`,
  logins_unheard: (detail) =>
    `audit login records are not received (${detail}): entry_source_ip comes only from the connections of sshd`,
  audit_no_permission: () =>
    'no permission for kernel audit: run as root, or with CAP_AUDIT_CONTROL and CAP_AUDIT_READ in the initial user namespace',
  audit_unsupported: (detail) =>
    `this kernel has no audit (${detail}): boot a kernel with CONFIG_AUDITSYSCALL and without audit=0`,
  audit_immutable: () =>
    'the audit configuration is immutable (enabled=2) until the next boot: take "-e 2" out of the audit rules, or add rules for execve and execveat before it',
  audit_never_task: () =>
    'an audit rule "never,task" keeps every process from being audited: remove it (auditctl -d never,task, and from /etc/audit/rules.d); processes that were started under it stay unaudited',
  audit_disabled: () =>
    'audit was switched off while it was read (enabled=0): switch it on again (auditctl -e 1); until then execs are read from /proc',
  audit_rules_missing: () =>
    'no audit rule records execs, and ours could not be put back: see auditctl -s and -l for what locks or removes them',
  audit_execs_hidden: () =>
    'an audit rule in front of ours hides all execs: take execve out of never,exit rules, or SYSCALL out of exclude rules (auditctl -l, /etc/audit/rules.d); until then execs are read from /proc',
  audit_some_execs_hidden: () =>
    'an audit rule in front of ours hides the execs that meet its conditions: see never,exit and exclude rules (auditctl -l, /etc/audit/rules.d)',
  audit_records_excluded: (detail) =>
    `audit rules exclude records of execs: ${detail
      .split(',')
      .map((type) => `auditctl -d exclude,always -F msgtype=${type}`)
      .join(
        '; ',
      )}, and take them out of /etc/audit/rules.d; until then that part is read from /proc where the process lives`,
  audit_setpgid_flood: (detail) =>
    `too many setpgid calls, last by ${detail}: they are not recorded for some minutes, and process groups are read from /proc at the exec; find out why it makes them`,
  audit_unicast_taken: (detail) =>
    `process ${detail} is the audit daemon (auditd or osqueryd): reading audit by multicast beside it`,
  audit_state_unsaved: (detail) =>
    `the audit settings as found could not be written (${detail}): they are lost if this process is killed; set --process_ancestry_state_file to a file that root can write`,
  audit_rule_refused: (detail) => `the kernel refused an audit rule: ${detail}`,
  audit_unanswered: (detail) =>
    `audit does not answer (${detail}) and is retried every second: until then execs are read from /proc`,
  audit_start_failed: (detail) => `audit could not be started: ${detail}`,
  proc_events_no_permission: () => 'no permission for the proc connector: run as root, or with CAP_NET_ADMIN',
  proc_events_unavailable: (detail) =>
    `the proc connector does not answer (${detail}): it needs CONFIG_PROC_EVENTS and the initial pid and user namespaces`,
};

export function explainProblem(problem: NativeProblem): CollectorProblem {
  const advice = ADVICE[problem.code];
  return { code: problem.code, message: advice ? advice(problem.detail) : `${problem.code}: ${problem.detail}` };
}
