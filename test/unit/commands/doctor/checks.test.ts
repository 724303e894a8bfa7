/** Each check in each state that it distinguishes. */
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { Check } from '../../../../src/commands/doctor/check.ts';
import { autoload } from '../../../../src/commands/doctor/checks/autoload.ts';
import { capabilities } from '../../../../src/commands/doctor/checks/capabilities.ts';
import { clock } from '../../../../src/commands/doctor/checks/clock.ts';
import { database } from '../../../../src/commands/doctor/checks/database.ts';
import { ebpf } from '../../../../src/commands/doctor/checks/ebpf.ts';
import { filePermissions } from '../../../../src/commands/doctor/checks/file_permissions.ts';
import { kernelAudit } from '../../../../src/commands/doctor/checks/kernel_audit.ts';
import { loss } from '../../../../src/commands/doctor/checks/loss.ts';
import { procConnector } from '../../../../src/commands/doctor/checks/proc_connector.ts';
import { registration } from '../../../../src/commands/doctor/checks/registration.ts';
import { socket } from '../../../../src/commands/doctor/checks/socket.ts';
import { watchdog } from '../../../../src/commands/doctor/checks/watchdog.ts';
import { CHECKS } from '../../../../src/commands/doctor/doctor.ts';
import {
  anyRule,
  type Differences,
  EXTENSION,
  file,
  folder,
  found,
  LOAD,
  NO_OSQUERY,
  NOT_LISTED,
  OUR_RULE,
  PID,
  ROWS,
  SOCKET,
  statusOf,
  WITH_AUDIT,
} from './healthy_host.ts';

const { EPERM, ECONNREFUSED, EPROTONOSUPPORT, ENOSPC } = constants.errno;

type Case = readonly [sentence: string, differences: Differences, expected: readonly RegExp[]];

/** Finds exactly these, in this order. */
function states(check: Check, cases: readonly Case[], everywhere: Differences = {}): void {
  describe(check.title, () => {
    test.each(cases)('%s', async (_, { host, stats, ...differences }, expected) => {
      const findings = await found(check, {
        ...differences,
        host: { ...everywhere.host, ...host },
        ...(stats || everywhere.stats ? { stats: { ...everywhere.stats, ...stats } } : {}),
      });
      expect(findings).toHaveLength(expected.length);
      for (const [at, pattern] of expected.entries()) expect(findings[at]).toMatch(pattern);
    });
  });
}

test.each(CHECKS)('on a host where all is well, $title is ok', async (check) => {
  expect(await found(check)).toEqual([expect.stringMatching(/^ok: /)]);
});

const directory = '/usr/lib/osquery-process-ancestry';
states(filePermissions, [
  ['a file that is not there', { files: { [EXTENSION]: undefined } }, [/^problem: .* does not exist/]],
  [
    'a name without .ext',
    { host: { extensionPath: '/usr/lib/pa' }, files: { '/usr/lib/pa': file(0o755) } },
    [/^problem: osquery loads only files with the suffix \.ext/],
  ],
  ['a directory in its place', { files: { [EXTENSION]: folder() } }, [/^problem: .* is not a file/]],
  [
    'another owner',
    { files: { [EXTENSION]: file(0o755, { uid: 1000 }) } },
    [/^problem: .* belongs to user 1000: osquery does not load it \(chown root:root /],
  ],
  ['not executable', { files: { [EXTENSION]: file(0o644) } }, [/^problem: .* cannot be executed \(chmod 0755/]],
  ['writable by all users', { files: { [EXTENSION]: file(0o757) } }, [/^problem: all users can write .*chmod 0755/]],
  [
    "writable by a group that is not root's",
    { files: { [EXTENSION]: file(0o775, { gid: 50 }) } },
    [/^problem: other users can write .*another user to become root \(chmod go-w/],
  ],
  ["writable by root's group is root's", { files: { [EXTENSION]: file(0o775) } }, [/^ok/]],
  [
    'a sticky directory, which osquery takes for a /tmp',
    { files: { [directory]: folder(0o1755) } },
    [/^problem: osquery loads no extension from a sticky, world-writable directory/],
  ],
  [
    'a directory that other users can write',
    { files: { [directory]: folder(0o777) } },
    [/^problem: other users can write/],
  ],
  [
    'a directory of another user',
    { files: { '/usr/lib': folder(0o755, { uid: 7 }) } },
    [/^problem: \/usr\/lib belongs/],
  ],
  [
    "a sticky directory further up, with root's directory in it, is guarded",
    { files: { '/usr/lib': folder(0o1777) } },
    [/^ok/],
  ],
  [
    'a link to it that others can replace',
    {
      host: { extensionPath: '/srv/x.ext' },
      files: { '/srv': folder(0o777), '/srv/x.ext': file(0o777, { kind: 'link' }) },
      links: { '/srv/x.ext': EXTENSION },
    },
    [/^problem: other users can write \/srv \(0777\)/],
  ],
  [
    'a link to it is judged by what it leads to',
    { host: { extensionPath: '/usr/lib/x.ext' }, links: { '/usr/lib/x.ext': EXTENSION } },
    [/^ok: only root can change \/usr\/lib\/osquery-process-ancestry\//],
  ],
]);

const orbit = { '/opt': folder(), '/opt/orbit': folder(), '/opt/orbit/extensions.load': file() };
states(autoload, [
  [
    'no osquery on the host',
    { files: { '/etc/osquery': undefined } },
    [/^warning: osquery is not installed.*add the line/],
  ],
  ['no list', { texts: { [LOAD]: undefined } }, [/^warning: .* does not exist: osqueryd does not start/]],
  ['a list of others', { texts: { [LOAD]: '/x.ext\n' } }, [/^warning: .* does not name the extension/]],
  ['a comment is no entry', { texts: { [LOAD]: `# ${EXTENSION}\n` } }, [/^warning: .* does not name/]],
  ['nor is one that begins with ;', { texts: { [LOAD]: `;${EXTENSION}\n` } }, [/^warning: .* does not name/]],
  ['the same line twice', { texts: { [LOAD]: `${EXTENSION}\n ${EXTENSION} \n` } }, [/^ok: /]],
  [
    'named by two paths',
    { texts: { [LOAD]: `${EXTENSION}\n/opt/pa.ext\n` }, links: { '/opt/pa.ext': EXTENSION } },
    [/^problem: .* 2 times.*keep only one/],
  ],
  [
    'a path that is not there',
    { texts: { [LOAD]: '/old/process_ancestry.ext' } },
    [/^problem: .*names \/old\/process_ancestry.ext, which does not exist/],
  ],
  [
    'another file of that name',
    { texts: { [LOAD]: '/old/process_ancestry.ext' }, files: { '/old/process_ancestry.ext': file(0o755) } },
    [/^warning: .* which is not this file/],
  ],
  [
    'a link of any name to this file',
    { texts: { [LOAD]: '/opt/pa.ext' }, links: { '/opt/pa.ext': EXTENSION } },
    [/^ok: .* names \/opt\/pa.ext/],
  ],
  [
    'a list that other users can write',
    { files: { [LOAD]: file(0o666) } },
    [/^problem: other users can write \/etc\/osquery\/extensions.load .*another user to become root/],
  ],
  [
    "Orbit's list beside osquery's, each for itself",
    { files: orbit, texts: { '/opt/orbit/extensions.load': '/opt/other.ext' } },
    [/^ok: \/etc/, /^warning: \/opt\/orbit\/extensions.load does not name/],
  ],
  [
    'the list that an osqueryd which runs has read',
    {
      files: { ...orbit, '/srv': folder(), '/srv/list': file() },
      texts: { '/srv/list': EXTENSION, [LOAD]: undefined },
      flags: { extensions_autoload: '/srv/list' },
    },
    [/^ok: \/srv\/list names/],
  ],
  [
    "Orbit's list is empty: its osqueryd reads osquery's",
    { files: orbit, texts: { '/opt/orbit/extensions.load': '\n' } },
    [/^ok: \/etc/],
  ],
  [
    "Orbit without a list, and none of osquery's",
    { files: { '/opt': folder(), '/opt/orbit': folder(), '/etc/osquery': undefined }, texts: { [LOAD]: undefined } },
    [/^warning: \/etc\/osquery\/extensions.load does not exist/],
  ],
]);

states(socket, [
  ['not there', { files: { [SOCKET]: undefined } }, [/^problem: .* does not exist: osquery does not run.*--socket/]],
  [
    'hidden from a user',
    { files: { [SOCKET]: undefined }, host: { uid: 1000 } },
    [/^problem: .* this user may not see it \(run doctor as root\)/],
  ],
  ['a file in its place', { files: { [SOCKET]: file() } }, [/^problem: .* is not a socket/]],
  ['no answer', { osquery: NO_OSQUERY }, [/^problem: no answer: no process listens \(start osqueryd/]],
]);

states(registration, [
  ['osquery does not run', { osquery: NO_OSQUERY }, [/^skipped/]],
  ['not listed', { osquery: NOT_LISTED }, [/^problem: osquery does not list process_ancestry.*journalctl/]],
  [
    'listed, and silent',
    { osquery: { stats: undefined, statsError: 'timeout' } },
    [/^problem: .*uuid 17 does not answer: timeout/],
  ],
  ['listed and answering', {}, [/^ok: process_ancestry 0.2.0, uuid 17, process 4242, up for 2 h, collector ebpf/]],
]);

const without = (...bits: number[]) =>
  statusOf(
    bits
      .reduce((mask, bit) => mask & ~(1n << BigInt(bit)), 0x1ffffffffffn)
      .toString(16)
      .padStart(16, '0'),
  );
const self = '/proc/self/status';
const extensions = `/proc/${PID}/status`;
states(
  capabilities,
  [
    [
      'none at all, and no extension',
      { osquery: NOT_LISTED, texts: { [self]: statusOf('0'.repeat(16)) } },
      [
        /^problem: this process has no CAP_AUDIT_CONTROL [^,]*\(run as root/,
        /^warning: this process has no CAP_AUDIT_READ .*CAP_SYS_PTRACE .*CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE/,
      ],
    ],
    [
      'CAP_NET_ADMIN, which the kernel requires for forks',
      { osquery: NOT_LISTED, texts: { [self]: without(12) }, host: { connectorError: () => EPERM } },
      [/^problem: this process has no CAP_NET_ADMIN \(forks and exits are not received\)/],
    ],
    [
      'CAP_NET_ADMIN, which the kernel does not require for forks',
      { osquery: NOT_LISTED, texts: { [self]: without(12) } },
      [/^ok: this process has CAP_AUDIT_CONTROL, CAP_AUDIT_READ.*; this kernel reports forks without CAP_NET_ADMIN$/],
    ],
    [
      'the extension hears forks without CAP_NET_ADMIN',
      { texts: { [extensions]: without(12) } },
      [/^ok: the extension .*; this kernel reports forks without CAP_NET_ADMIN$/],
    ],
    [
      'the extension has no CAP_NET_ADMIN, and reads audit alone',
      { texts: { [extensions]: without(12) }, stats: { collector: 'audit' } },
      [/^problem: the extension \(process 4242\) has no CAP_NET_ADMIN/],
    ],
    ['one that does for another', { osquery: NOT_LISTED, texts: { [self]: without(2) } }, [/^ok/]],
    [
      'the extension lacks one that doctor has',
      { texts: { [extensions]: without(30) } },
      [/^problem: the extension \(process 4242\) has no CAP_AUDIT_CONTROL \(kernel audit cannot be set up\)/],
    ],
    [
      'doctor lacks one that the extension has',
      { texts: { [self]: without(30) } },
      [
        /^ok: the extension/,
        /^warning: this process has no CAP_AUDIT_CONTROL .*run doctor as root for complete results/,
      ],
    ],
    ['/proc is hidden', { osquery: NOT_LISTED, texts: { [self]: undefined } }, [/^skipped/]],
  ],
  WITH_AUDIT,
);

states(ebpf, [
  ['no extension', { osquery: NOT_LISTED }, [/^ok: the programs can be loaded/]],
  [
    'an extension that records otherwise though it works',
    { stats: { collector: 'audit+proc_events' } },
    [/^warning: .*uses audit\+proc_events \(set process_ancestry_collector to auto/],
  ],
  [
    'no type information',
    WITH_AUDIT,
    [
      /^warning: \/sys\/kernel\/btf\/vmlinux does not exist .*CONFIG_DEBUG_INFO_BTF/,
      /^warning: .*\(nothing: kernel audit is used/,
    ],
  ],
  [
    'a kernel that is locked down',
    {
      ...WITH_AUDIT,
      files: { '/sys/kernel/btf/vmlinux': file() },
      texts: { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' },
    },
    [/^warning: kernel lockdown is in confidentiality mode/, /^warning: /],
  ],
  [
    'no extension that records',
    { ...WITH_AUDIT, stats: { collector: 'none' }, files: { '/sys/kernel/btf/vmlinux': file() } },
    [/^problem: .*\(see the check kernel audit below\)/],
  ],
  [
    'no permission',
    { osquery: NOT_LISTED, host: { ebpf: () => [{ code: 'ebpf_no_permission', detail: '' }] } },
    [/^skipped: .*CAP_BPF and CAP_PERFMON/],
  ],
]);

states(
  kernelAudit,
  [
    ['not compiled in', { texts: { '/proc/self/loginuid': undefined } }, [/^problem: .*without audit.*CONFIG_AUDIT/]],
    ['no permission', { audit: { error: EPERM } }, [/^skipped: .*CAP_AUDIT_CONTROL/]],
    ['switched off at boot', { audit: { error: ECONNREFUSED } }, [/^problem: .*audit=0/]],
    ['no such protocol', { audit: { error: EPROTONOSUPPORT } }, [/^problem: .*EPROTONOSUPPORT/]],
    [
      'off, without a reader',
      { audit: { enabled: 0, pid: 0, rules: [] }, osquery: NOT_LISTED },
      [/^ok: off until the extension starts, no unicast reader, 0 rules/],
    ],
    ['read by the extension', {}, [/^ok: on, read by the extension \(process 4242\), 1 rules, 1 of them ours/]],
    [
      'read by auditd, and beside it by the extension',
      { audit: { pid: 600 }, texts: { '/proc/600/comm': 'auditd\n' } },
      [/^ok: on, read by auditd \(process 600\) and by the extension/],
    ],
    [
      'the extension leaves the place to auditd for a while',
      { audit: { pid: 0 } },
      [/^ok: on, read by the extension by multicast; auditd can become the unicast owner/],
    ],
    ['the reader is gone', { audit: { pid: 600 } }, [/^warning: the unicast owner, process 600, has exited/]],
    [
      'never,task',
      { audit: { rules: [OUR_RULE, anyRule({ silencesAllTasks: true })] } },
      [/^problem: a rule never,task .*auditctl -d never,task/],
    ],
    [
      'never,exit before ours hides all',
      { audit: { rules: [anyRule({ hidesExecs: 'all' }), OUR_RULE] } },
      [/^problem: a rule never,exit hides all execs/],
    ],
    [
      'never,exit with conditions hides some',
      { audit: { rules: [anyRule({ hidesExecs: 'some' }), OUR_RULE] } },
      [/^warning: a rule never,exit hides the execs that match/],
    ],
    ['never,exit after ours hides nothing', { audit: { rules: [OUR_RULE, anyRule({ hidesExecs: 'all' })] } }, [/^ok/]],
    [
      'an excluded type of records',
      { audit: { rules: [OUR_RULE, anyRule({ excludedType: 1307 })] } },
      [/^warning: a rule excludes records of type CWD/],
    ],
    [
      'excluded records that audit cannot do without',
      { audit: { rules: [OUR_RULE, anyRule({ excludedType: 1300 })] } },
      [/^problem: a rule excludes records of type SYSCALL: audit reports no exec/],
    ],
    [
      'an excluded end of events, which is not needed',
      { audit: { rules: [OUR_RULE, anyRule({ excludedType: 1320 })] } },
      [/^ok/],
    ],
    ['an excluded type that is not needed', { audit: { rules: [OUR_RULE, anyRule({ excludedType: 1100 })] } }, [/^ok/]],
    [
      'immutable, with no rule for execve',
      { audit: { enabled: 2, rules: [] }, osquery: NOT_LISTED },
      [/^problem: .*immutable \(enabled=2\).*"-e 2"/],
    ],
    ['immutable, with a rule for execve', { audit: { enabled: 2 } }, [/^ok: immutable/]],
    [
      'switched off under the extension',
      { audit: { enabled: 0 }, stats: { collector: 'proc_events' } },
      [/^problem: audit was disabled .*auditctl -e 1/],
    ],
    [
      'off, with an extension that uses only the connector',
      { audit: { enabled: 0, pid: 0, rules: [] }, stats: { collector: 'proc_events' } },
      [/^ok: off, no unicast reader/],
    ],
    ['our rules removed under the extension', { audit: { rules: [] } }, [/^problem: .*no rule records execve/]],
    ['our rules left behind', { osquery: NOT_LISTED }, [/^warning: rules with the key .* are left.*ext cleanup\)$/]],
    [
      'our rules left behind, and osquery gone too',
      { osquery: NO_OSQUERY, audit: { pid: 0 } },
      [/^warning: rules with the key process_ancestry are left/],
    ],
    ['our rules, and a reader that is not known here', { osquery: NO_OSQUERY }, [/^ok: on, read by process_ancestr/]],
    [
      'a problem that the extension reports',
      { stats: { problems: '[{"code":"audit_state_unsaved","message":"could not be written"}]' } },
      [/^warning: the extension reports: could not be written/],
    ],
    [
      'a user that floods audit',
      { stats: { problems: '[{"code":"audit_setpgid_flood","message":"too many"}]' } },
      [/^warning: the extension reports: too many.*continues without a restart/],
    ],
    [
      'what others hide from the extension under conditions',
      { stats: { problems: '[{"code":"audit_some_execs_hidden","message":"some"}]' } },
      [/^warning: the extension reports: some/],
    ],
    [
      'a reader beside it is fine',
      { stats: { problems: '[{"code":"audit_unicast_taken","message":"beside"}]' } },
      [/^ok/],
    ],
  ],
  WITH_AUDIT,
);

states(
  procConnector,
  [
    ['no permission', { host: { connectorError: () => EPERM } }, [/^skipped: .*CAP_NET_ADMIN/]],
    ['not compiled in', { host: { connectorError: () => EPROTONOSUPPORT } }, [/^problem: .*CONFIG_PROC_EVENTS/]],
    [
      'another pid namespace',
      { host: { link: (path) => (path.endsWith('pid') ? 'pid:[1]' : undefined) } },
      [/^problem: .*initial pid namespace.*--pid=host/],
    ],
    [
      'another user namespace',
      { host: { link: (path) => (path.endsWith('user') ? 'user:[1]' : undefined) } },
      [/^problem: .*initial user namespace/],
    ],
    [
      'the extension could not use it',
      { stats: { problems: '[{"code":"proc_events_unavailable","message":"does not answer"}]' } },
      [/^warning: .*does not answer/],
    ],
    ['without the extension', { osquery: NOT_LISTED }, [/^ok: can be bound/]],
  ],
  WITH_AUDIT,
);

states(loss, [
  [
    'a few of many',
    { stats: { events_lost: '7' } },
    [/^warning: 7 events were lost .*of 100000 .*socket_buffer_bytes/],
  ],
  ['many', { stats: { events_lost: '1001' } }, [/^problem: 1001 events were lost/]],
  [
    'of each kind',
    { stats: { kernel_lost: '1', details_missing: '2', store_lost: '3', malformed: '4' } },
    [
      /^warning: 1 records.*auditctl -b/,
      /^warning: 2 execs have missing details/,
      /^warning: 3 rows/,
      /^warning: 4 audit records/,
    ],
  ],
  [
    'many rows without exec details, now',
    { stats: { problems: '[{"code":"details_missing_many","message":"25 %"}]' } },
    [/^problem: the extension reports: 25 %/],
  ],
  [
    'nearly as many processes as the cache holds',
    { stats: { cache_capacity: '1000' }, host: { livingProcesses: () => 800 } },
    [/^warning: 800 processes run, and the cache holds 1000: .*raise process_ancestry_cache_size/],
  ],
  [
    'fewer',
    { stats: { cache_capacity: '1000' }, host: { livingProcesses: () => 799 } },
    [/^ok: none of 100000 events is lost/],
  ],
  ['a queue that is nearly full', { audit: { backlog: 8000 } }, [/^warning: 8000 records wait .* limit is 8192/]],
  [
    'dropped before the extension came',
    { audit: { lost: 12 } },
    [/^ok: none of 100000 events is lost; audit has dropped 12 records since boot, for all readers/],
  ],
  ['osquery does not run', { osquery: NO_OSQUERY, audit: { error: EPERM } }, [/^skipped/]],
]);

const events = `${ROWS}/events.db`;
const unlocked = { '/proc/locks': '' };
states(database, [
  ['in use', {}, [/^ok: \/var\/osquery\/process_ancestry: 5 MiB, in use by process 4242, 47683 MiB free/]],
  [
    'not used, as the extension says',
    { stats: { problems: '[{"code":"database_full","message":"disk full"}]' } },
    [/^problem: rows are kept in memory: disk full/],
  ],
  ['in memory', { stats: { database: ':memory:' } }, [/^warning: rows are kept in memory/]],
  ['not there yet', { osquery: NOT_LISTED, files: { [ROWS]: undefined } }, [/^ok: .* does not exist yet/]],
  [
    'hidden',
    { osquery: NOT_LISTED, files: { [ROWS]: undefined }, host: { uid: 1000 } },
    [/^skipped: .*may not see it/],
  ],
  ['a file in its place', { files: { [ROWS]: file() } }, [/^problem: .* is not a directory/]],
  ['of another user', { files: { [ROWS]: folder(0o700, { uid: 9 }) } }, [/^problem: .* belongs to user 9/]],
  ['writable by others', { files: { [ROWS]: folder(0o770) } }, [/^problem: other users can write .* \(0770\)/]],
  ['readable by others', { files: { [ROWS]: folder(0o755) } }, [/^warning: other users can read/]],
  ['little room', { host: { freeBytes: () => 100 * 1024 * 1024 } }, [/^warning: only 100 MiB are free/]],
  ['no room', { host: { freeBytes: () => 1024 } }, [/^problem: only 0 MiB are free .*\(free disk space\)/]],
  [
    'damaged, and not in use',
    { texts: unlocked, host: { databaseDamage: () => 'row 3 missing' } },
    [/^problem: .*events.db is damaged: row 3 missing \(.*renames it/],
  ],
  [
    'in use: only read',
    { host: { databaseDamage: () => 'never asked', databaseReadError: () => undefined } },
    [/^ok: .*in use/],
  ],
  ['in use, and unreadable', { host: { databaseReadError: () => 'disk I/O error' } }, [/^problem: .*I\/O error/]],
  [
    'left by a kill: whole only with its log, which the next start reads',
    {
      texts: unlocked,
      files: { [`${events}-wal`]: file(0o600) },
      host: { databaseDamage: () => 'never asked' },
    },
    [/^ok: .*not in use/],
  ],
]);
test('the database is looked for beside the one that osquery names', async () => {
  const asked: (string | undefined)[] = [];
  const databasePath = (path: string | undefined) => {
    asked.push(path);
    return ROWS;
  };
  await found(database, {
    osquery: NOT_LISTED,
    flags: { database_path: '/opt/orbit/osquery.db' },
    host: { databasePath },
  });
  await found(database, { osquery: NO_OSQUERY, host: { databasePath } });
  expect(asked).toEqual(['/opt/orbit/osquery.db', undefined]);
});

const watched = { enable_extensions_watchdog: 'true' };
states(watchdog, [
  ['osquery does not run', { osquery: NO_OSQUERY }, [/^skipped/]],
  ['a manager without a watchdog', { osquery: { flags: {} } }, [/^skipped/]],
  ['not for extensions', {}, [/^ok: it does not watch extensions/]],
  ['with the normal limits', { flags: watched }, [/^ok: it allows 200 MiB of growth and 10 % of all CPUs/]],
  [
    'with the restrictive limits',
    { flags: { ...watched, watchdog_level: '1' } },
    [/^warning: the extension uses 90 MiB of the 100 MiB .*watchdog_memory_limit=250/, /^warning: .*5 % of 4 CPUs/],
  ],
  ['level -1 is off', { flags: { ...watched, watchdog_level: '-1' } }, [/^ok: it allows 10000 MiB/]],
  [
    'a limit below what the extension has',
    { flags: { ...watched, watchdog_memory_limit: '80' } },
    [/^problem: the extension uses 90 MiB; the watchdog kills it when it has grown by 80 MiB/],
  ],
  [
    'a low limit, with no extension yet',
    { osquery: { extension: undefined, flags: { ...watched, watchdog_memory_limit: '120' } } },
    [/^warning: .*grown by 120 MiB: a busy host may need more/],
  ],
  [
    'a limit that is given goes over the level',
    { flags: { ...watched, watchdog_level: '1', watchdog_memory_limit: '300', watchdog_utilization_limit: '30' } },
    [/^ok: it allows 300 MiB of growth and 30 %/],
  ],
  ['a short wait', { flags: { extensions_timeout: '1' } }, [/^warning: osquery gives extensions 1 s to register/]],
]);

states(clock, [
  [
    'set forward since a row was recorded',
    { host: { clock: () => ({ unixSeconds: 1_009_060, uptimeSeconds: 9000, synchronized: true }) } },
    [/^warning: the clock was set forward by 60 s since 1970-01-12T13:48:20.000Z/],
  ],
  [
    'set back',
    { host: { clock: () => ({ unixSeconds: 1_008_940, uptimeSeconds: 9000, synchronized: true }) } },
    [/^warning: the clock was set back by 60 s/],
  ],
  [
    'following no other',
    { host: { clock: () => ({ unixSeconds: 1_009_000, uptimeSeconds: 9000, synchronized: false }) } },
    [/^warning: the clock is not synchronized.*chronyd/],
  ],
  [
    'set by timesyncd, which the kernel need not know',
    {
      files: { '/run/systemd/timesync/synchronized': file() },
      host: { clock: () => ({ unixSeconds: 1_009_000, uptimeSeconds: 9000, synchronized: false }) },
    },
    [/^ok/],
  ],
]);

test('an errno other than of permission is a problem of audit', async () => {
  expect(await found(kernelAudit, { ...WITH_AUDIT, audit: { error: ENOSPC } })).toEqual([
    expect.stringMatching(/^problem.*ENOSPC/),
  ]);
});
