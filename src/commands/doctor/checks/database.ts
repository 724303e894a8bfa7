/** Checks the database of rows: its directory, free disk space and content. */
import { dirname, join } from 'node:path';
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { FileFacts, Host } from '../host.ts';
import { reportedProblems } from '../reported_problems.ts';
import { octal } from './writable_by_others.ts';

const MIB = 1024 * 1024;
const LITTLE_MIB = 256;
const NONE_MIB = 16;
/** A database of this size is checked in about a second. */
const CHECKED_MAX_BYTES = 256 * MIB;

export const database: Check = {
  id: 'database',
  title: 'database',
  async run(host) {
    const osquery = await host.osquery();
    const { stats, flags } = osquery;
    const reported = reportedProblems(osquery).filter(({ code }) => code.startsWith('database'));
    if (reported.length > 0)
      return reported.map(({ message }) =>
        problem(
          `rows are kept in memory: ${message}`,
          'correct that; the extension then uses the database without a restart',
        ),
      );
    const osquerys = flags.database_path;
    const path = stats?.database || host.databasePath(osquerys === '' ? undefined : osquerys);
    if (path === ':memory:')
      return [
        warning('rows are kept in memory, and are lost when the process ends', 'set process_ancestry_database to auto'),
      ];
    const directory = host.file(path);
    if (!directory) return [nothingThere(host, path)];
    const unsafe = unsafety(path, directory, host.uid);
    if (unsafe) return [unsafe];
    const findings = [...space(host, path), ...content(host, path)];
    return findings.length > 0 ? findings : [ok(summary(host, path))];
  },
};

function nothingThere(host: Host, path: string): Finding {
  if (host.uid !== 0) return skipped(`${path} does not exist, or this user may not see it`);
  const free = freeMiB(host, path);
  if (free !== undefined && free < NONE_MIB) return diskFull(path, free);
  return ok(`${path} does not exist yet: the extension creates it`);
}

function unsafety(path: string, { kind, uid, mode }: FileFacts, ourUid: number): Finding | undefined {
  const advice = `set process_ancestry_database to a directory used for nothing else, which need not exist; or: chown root:root ${path}; chmod 0700 ${path}`;
  if (kind !== 'directory') return problem(`${path} is not a directory`, advice);
  if (uid !== ourUid && uid !== 0) return problem(`${path} belongs to user ${uid}: it is not used`, advice);
  if (mode & 0o022) return problem(`other users can write ${path} (${octal(mode)}): it is not used`, advice);
  if (mode & 0o055) return warning(`other users can read ${path} (${octal(mode)})`, `chmod 0700 ${path}`);
  return undefined;
}

function* space(host: Host, path: string): Generator<Finding> {
  const free = freeMiB(host, path);
  if (free === undefined) return;
  if (free < NONE_MIB) yield diskFull(path, free);
  else if (free < LITTLE_MIB)
    yield warning(
      `only ${free} MiB are free on the disk of ${path}`,
      'free disk space, or lower process_ancestry_events_max_bytes (128 MiB by default)',
    );
}

function diskFull(path: string, free: number): Finding {
  return problem(`only ${free} MiB are free on the disk of ${path}: rows stay in memory`, 'free disk space');
}

function* content(host: Host, path: string): Generator<Finding> {
  const file = join(path, 'events.db');
  const found = host.file(file);
  if (!found) return;
  const holder = holderOf(host, path);
  if (holder !== undefined) {
    const error = host.databaseReadError(file);
    if (error) yield problem(`${file} cannot be read: ${error}`, damagedAdvice(file));
    return;
  }
  // With a WAL of a killed extension, the database file alone is incomplete.
  if ((host.file(`${file}-wal`)?.bytes ?? 0) > 0 || found.bytes > CHECKED_MAX_BYTES) return;
  const damage = host.databaseDamage(file);
  if (damage) yield problem(`${file} is damaged: ${damage}`, damagedAdvice(file));
}

function damagedAdvice(file: string): string {
  return `nothing: at its next start the extension renames it and creates a new one; to keep the rows, copy ${file} first`;
}

function summary(host: Host, path: string): string {
  const bytes = ['', '-wal', '-shm'].reduce(
    (sum, suffix) => sum + (host.file(join(path, `events.db${suffix}`))?.bytes ?? 0),
    0,
  );
  const holder = holderOf(host, path);
  const use = holder === undefined ? 'not in use' : `in use by process ${holder}`;
  const free = freeMiB(host, path);
  return `${path}: ${Math.ceil(bytes / MIB)} MiB, ${use}, ${free ?? '?'} MiB free`;
}

/** Pid of the process that holds the database lock (man 5 proc_locks). */
function holderOf(host: Host, path: string): number | undefined {
  const lock = host.file(join(path, 'lock'));
  if (!lock) return undefined;
  for (const line of host.text('/proc/locks')?.split('\n') ?? []) {
    const [, pid, inode] = /^\d+: POSIX\s+\S+\s+WRITE\s+(\d+)\s+\w+:\w+:(\d+)\s/.exec(line) ?? [];
    if (Number(inode) === lock.inode) return Number(pid);
  }
  return undefined;
}

/** Free space of the nearest existing directory. */
function freeMiB(host: Host, path: string): number | undefined {
  for (let at = path; ; at = dirname(at)) {
    const bytes = host.freeBytes(at);
    if (bytes !== undefined || at === dirname(at)) return bytes === undefined ? undefined : Math.floor(bytes / MIB);
  }
}
