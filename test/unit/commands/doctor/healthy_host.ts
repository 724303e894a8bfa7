/** A host without problems, made of values; a test gives the differences. */
import type { NativeAuditInspection, NativeAuditRule } from '../../../../src/collect/native.ts';
import type { Check } from '../../../../src/commands/doctor/check.ts';
import type { Finding } from '../../../../src/commands/doctor/finding.ts';
import type { FileFacts, Host } from '../../../../src/commands/doctor/host.ts';
import type { OsqueryView } from '../../../../src/commands/doctor/osquery_view.ts';

export const EXTENSION = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
export const LOAD = '/etc/osquery/extensions.load';
export const SOCKET = '/var/osquery/osquery.em';
export const ROWS = '/var/osquery/process_ancestry';
export const PID = 4242;

/** The differences without eBPF. */
export const WITH_AUDIT: Differences = {
  host: { ebpf: () => [{ code: 'ebpf_no_btf', detail: '/sys/kernel/btf/vmlinux' }] },
  stats: { collector: 'audit+proc_events' },
};

export const file = (mode = 0o644, more: Partial<FileFacts> = {}): FileFacts => ({
  kind: 'file',
  uid: 0,
  gid: 0,
  mode,
  bytes: 100,
  device: 1,
  inode: 1,
  ...more,
});
export const folder = (mode = 0o755, more: Partial<FileFacts> = {}): FileFacts =>
  file(mode, { kind: 'directory', ...more });

export const OUR_RULE: NativeAuditRule = {
  ours: true,
  silencesAllTasks: false,
  coversExec: true,
  hidesExecs: 'none',
  excludedType: 0,
};
export const anyRule = (more: Partial<NativeAuditRule>): NativeAuditRule => ({
  ...OUR_RULE,
  ours: false,
  coversExec: false,
  ...more,
});

export const AUDIT: NativeAuditInspection = {
  error: 0,
  enabled: 1,
  pid: PID,
  backlogLimit: 8192,
  backlog: 3,
  lost: 0,
  rules: [OUR_RULE],
};

export const STATS: Readonly<Record<string, string>> = {
  events_received: '100000',
  cache_capacity: '1000',
  events_published: '50000',
  events_lost: '0',
  kernel_lost: '0',
  details_missing: '0',
  store_lost: '0',
  malformed: '0',
  database: ROWS,
  collector: 'ebpf',
  problems: '[]',
  uptime_seconds: '7200',
};

export const OSQUERY: OsqueryView = {
  error: undefined,
  extension: { uuid: '17', version: '0.2.0', pid: PID },
  stats: STATS,
  statsError: undefined,
  flags: {
    database_path: '/var/osquery/osquery.db',
    watchdog_level: '0',
    watchdog_memory_limit: '0',
    watchdog_utilization_limit: '0',
    enable_extensions_watchdog: 'false',
    extensions_timeout: '3',
  },
  oldest: { unixSeconds: 1_000_100, uptimeSeconds: 100 },
};
export const NOT_LISTED: OsqueryView = { ...OSQUERY, extension: undefined, stats: undefined, oldest: undefined };
export const NO_OSQUERY: OsqueryView = { ...NOT_LISTED, error: 'no process listens', flags: {} };

export const FILES: Readonly<Record<string, FileFacts>> = {
  '/': folder(),
  '/usr': folder(),
  '/usr/lib': folder(),
  '/usr/lib/osquery-process-ancestry': folder(),
  [EXTENSION]: file(0o755),
  '/etc': folder(),
  '/etc/osquery': folder(),
  [LOAD]: file(),
  '/var': folder(),
  '/var/osquery': folder(0o700),
  [SOCKET]: file(0o600, { kind: 'socket' }),
  [ROWS]: folder(0o700),
  [`${ROWS}/events.db`]: file(0o600, { bytes: 5_000_000 }),
  [`${ROWS}/lock`]: file(0o600, { inode: 77 }),
};

const ALL = '000001ffffffffff';
const status = (capabilities: string) => `Name:\tnode\nVmRSS:\t   92160 kB\nCapEff:\t${capabilities}\n`;

export const TEXTS: Readonly<Record<string, string>> = {
  [LOAD]: `${EXTENSION}\n`,
  '/proc/self/loginuid': '4294967295',
  '/proc/self/status': status(ALL),
  [`/proc/${PID}/status`]: status(ALL),
  [`/proc/${PID}/comm`]: 'process_ancestr\n',
  '/proc/locks': `1: POSIX  ADVISORY  WRITE ${PID} fd:01:77 1073741824 1073742335\n`,
};
export const statusOf = status;

export interface Differences {
  readonly host?: Partial<Host>;
  /** Undefined: does not exist. */
  readonly files?: Readonly<Record<string, FileFacts | undefined>>;
  readonly texts?: Readonly<Record<string, string | undefined>>;
  /** Real paths of links. */
  readonly links?: Readonly<Record<string, string>>;
  readonly osquery?: Partial<OsqueryView>;
  readonly stats?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, string>>;
  readonly audit?: Partial<NativeAuditInspection>;
}

export function hostWith(differences: Differences = {}): Host {
  const files: Readonly<Record<string, FileFacts | undefined>> = { ...FILES, ...differences.files };
  const texts: Readonly<Record<string, string | undefined>> = { ...TEXTS, ...differences.texts };
  const stats = differences.stats && { ...STATS, ...differences.stats };
  const flags = { ...(differences.osquery?.flags ?? OSQUERY.flags), ...differences.flags };
  const osquery = { ...OSQUERY, ...(stats ? { stats } : {}), ...differences.osquery, flags };
  return {
    extensionPath: EXTENSION,
    socketPath: SOCKET,
    databasePath: () => ROWS,
    uid: 0,
    cpus: 4,
    livingProcesses: () => 100,
    ebpf: () => [],
    file: (path) => files[path],
    realPath: (path) => {
      const real = differences.links?.[path] ?? path;
      return files[real] ? real : undefined;
    },
    text: (path) => texts[path],
    link: (path) => ({ '/proc/self/ns/pid': 'pid:[4026531836]', '/proc/self/ns/user': 'user:[4026531837]' })[path],
    freeBytes: (path) => (files[path] ? 50e9 : undefined),
    osquery: () => Promise.resolve(osquery),
    nativeError: undefined,
    audit: () => ({ ...AUDIT, ...differences.audit }),
    connectorError: () => 0,
    databaseDamage: () => undefined,
    databaseReadError: () => undefined,
    clock: () => ({ unixSeconds: 1_009_000, uptimeSeconds: 9000, synchronized: true }),
    ...differences.host,
  };
}

/** The findings of a check, as `status: message (advice)`. */
export async function found(check: Check, differences: Differences = {}): Promise<string[]> {
  return (await check.run(hostWith(differences))).map(told);
}

function told({ status, message, advice }: Finding): string {
  return `${status}: ${message}${advice ? ` (${advice})` : ''}`;
}
