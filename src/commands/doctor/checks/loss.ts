/** Checks for lost events, and for a backlog that can cause loss. */
import { constants } from 'node:os';
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import type { OsqueryView, Row } from '../osquery_view.ts';
import { reportedProblems } from '../reported_problems.ts';

/** Share of all events. With this much loss the rows are not reliable. */
const SERIOUS_SHARE = 0.01;
const FULL_SHARE = 0.8;

export const loss: Check = {
  id: 'loss',
  title: 'backlog and loss',
  async run(host) {
    const osquery = await host.osquery();
    const { stats } = osquery;
    const audit = host.audit();
    const forgotten = stats ? cacheFull(stats, host.livingProcesses()) : [];
    const findings = [...(stats ? lost(stats) : []), ...forgotten, ...missingNow(osquery), ...backlog(audit)];
    if (findings.length > 0) return findings;
    const kernel = audit.error === 0 ? [`audit has dropped ${audit.lost} records since boot, for all readers`] : [];
    if (stats) return [ok([`none of ${count(stats, 'events_received')} events is lost`, ...kernel].join('; '))];
    const { EPERM } = constants.errno;
    const why = audit.error === EPERM ? 'no extension answers, and audit cannot be read' : 'no extension answers';
    return [kernel.length > 0 ? ok(kernel.join('')) : skipped(why)];
  },
};

/** Columns that count losses, with the advice when they are not 0. */
const COUNTERS = [
  {
    column: 'events_lost',
    what: 'events were lost',
    advice: 'raise process_ancestry_socket_buffer_bytes and process_ancestry_queue_max_bytes',
    of: 'events_received',
  },
  {
    column: 'kernel_lost',
    what: 'records were dropped by kernel audit',
    advice: 'raise the backlog limit (auditctl -b 16384), and check whether other rules record too much (auditctl -l)',
    of: 'events_received',
  },
  {
    column: 'details_missing',
    what: 'execs have missing details that audit should have reported',
    advice:
      'raise process_ancestry_publish_wait_ms; check that no rule never,exit or exclude hides execs (kernel_audit)',
    of: 'events_published',
  },
  {
    column: 'store_lost',
    what: 'rows were not written',
    advice:
      'see the check database below; check whether the extension was killed (journalctl -k for OOM, the watchdog)',
    of: 'events_published',
  },
  {
    column: 'malformed',
    what: 'audit records could not be parsed',
    advice: 'report it as a bug, with the kernel version',
    of: 'events_received',
  },
] as const;

function* lost(stats: Row): Generator<Finding> {
  for (const { column, what, advice, of } of COUNTERS) {
    const n = count(stats, column);
    if (n === 0) continue;
    const all = count(stats, of);
    const message = `${n} ${what} (${column}), of ${all}`;
    yield n > all * SERIOUS_SHARE ? problem(message, advice) : warning(message, advice);
  }
}

/** Details that are missing now, not earlier. */
function* missingNow(osquery: OsqueryView): Generator<Finding> {
  for (const { code, message } of reportedProblems(osquery))
    if (code === 'details_missing_many')
      yield problem(
        `the extension reports: ${message}`,
        'see kernel_audit for rules that hide execs; otherwise raise the backlog limit (auditctl -b 16384) and process_ancestry_publish_wait_ms',
      );
}

/** Running processes are never evicted. When they fill the cache, exited processes are evicted at once. */
function* cacheFull(stats: Row, living: number | undefined): Generator<Finding> {
  const capacity = count(stats, 'cache_capacity');
  if (living === undefined || capacity === 0 || living < capacity * FULL_SHARE) return;
  yield warning(
    `${living} processes run, and the cache holds ${capacity}: exited processes are evicted early`,
    'raise process_ancestry_cache_size to several times the number of running processes',
  );
}

function* backlog({ error, backlog, backlogLimit }: ReturnType<Host['audit']>): Generator<Finding> {
  if (error !== 0 || backlogLimit === 0 || backlog < backlogLimit * FULL_SHARE) return;
  yield warning(
    `${backlog} records wait in audit's queue; the limit is ${backlogLimit}`,
    'auditctl -b 16384, and check whether the reader (auditd, osqueryd) is fast enough',
  );
}

function count(stats: Row, column: string): number {
  return Number(stats[column] ?? 0) || 0;
}
