/** Whether anything was lost on the way, or is about to be. */
import { constants } from 'node:os';
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import type { OsqueryView, Row } from '../osquery_view.ts';
import { reportedProblems } from '../reported_problems.ts';

/** Of all events: where this much is gone, what there is cannot be relied on. */
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
    const kernel = audit.error === 0 ? [`audit has dropped ${audit.lost} records since the boot, for any reader`] : [];
    if (stats) return [ok([`nothing of ${count(stats, 'events_received')} events is lost`, ...kernel].join('; '))];
    const { EPERM } = constants.errno;
    const why = audit.error === EPERM ? 'no extension and no permission to ask audit' : 'no extension to ask';
    return [kernel.length > 0 ? ok(kernel.join('')) : skipped(why)];
  },
};

/** What a column counts, and what to do when it counts any. */
const COUNTERS = [
  {
    column: 'events_lost',
    what: 'events were lost on the way',
    advice: 'raise process_ancestry_socket_buffer_bytes and process_ancestry_queue_max_bytes',
    of: 'events_received',
  },
  {
    column: 'kernel_lost',
    what: "records were dropped by the kernel's audit",
    advice: 'raise the backlog (auditctl -b 16384), and see whether other rules record too much (auditctl -l)',
    of: 'events_received',
  },
  {
    column: 'details_missing',
    what: 'execs came without what audit should have told of them',
    advice: 'raise process_ancestry_publish_wait_ms; see that no rule never,exit or exclude hides execs (kernel_audit)',
    of: 'events_published',
  },
  {
    column: 'store_lost',
    what: 'rows were not written',
    advice: 'see the database below; was the extension killed (journalctl -k for OOM, the watchdog)?',
    of: 'events_published',
  },
  {
    column: 'malformed',
    what: 'audit records could not be parsed',
    advice: 'report it with the kernel version',
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

/** Not what was missing once, but what is missing in these minutes. */
function* missingNow(osquery: OsqueryView): Generator<Finding> {
  for (const { code, message } of reportedProblems(osquery))
    if (code === 'details_missing_many')
      yield problem(
        `the extension says: ${message}`,
        'see kernel_audit for what hides execs; else raise the backlog (auditctl -b 16384) and process_ancestry_publish_wait_ms',
      );
}

/** What lives is never forgotten; where it fills the cache, what has ended is forgotten at once. */
function* cacheFull(stats: Row, living: number | undefined): Generator<Finding> {
  const capacity = count(stats, 'cache_capacity');
  if (living === undefined || capacity === 0 || living < capacity * FULL_SHARE) return;
  yield warning(
    `${living} processes live, and the cache holds ${capacity}: those that have ended are forgotten soon`,
    'raise process_ancestry_cache_size to several times as many',
  );
}

function* backlog({ error, backlog, backlogLimit }: ReturnType<Host['audit']>): Generator<Finding> {
  if (error !== 0 || backlogLimit === 0 || backlog < backlogLimit * FULL_SHARE) return;
  yield warning(
    `${backlog} records wait in audit's queue, which holds ${backlogLimit}`,
    'auditctl -b 16384, and see whether its reader (auditd, osqueryd) keeps up',
  );
}

function count(stats: Row, column: string): number {
  return Number(stats[column] ?? 0) || 0;
}
