/**
 * node test/bench/ignore_cost.ts: CPU that 20 rules of process_ancestry_ignore take per exec, first rules that match nothing (all are
 * compared), then the same and one that ignores every exec. The process tree without rules is measured beside it. Then the same rules,
 * and five that search the arguments, for execs with 32 KiB of arguments.
 */
import { type ExecDetails, NO_DETAILS, type Pid, type ProcessEvent } from '../../src/collect/event.ts';
import { parseIgnoreRules } from '../../src/process/ignore.ts';
import { ProcessTree, type PublishedEvent } from '../../src/process/tree.ts';
import { batchesOf, DAEMON, type Happening, happenings, type Started } from './javascript/execs.ts';

const BOOT_UNIX_MS = 1_790_000_000_000;
const BATCH = 90;
const BATCHES = 400;
/** Of long arguments. */
const LONG_BATCHES = 5;
const REPETITIONS = 15;

/** As a fleet may write them: all fields, most with a pattern. */
const RULES = [
  { path: '/usr/bin/dpkg*' },
  { path: '/usr/lib/systemd/*' },
  { path: '/opt/*/agent-[0-9]*' },
  { path: '*/node_exporter', uid: 998 },
  { path: '/usr/bin/id', parent_path: '/opt/monitor/bin/*' },
  { path: '/usr/bin/dash', cmdline: '/bin/sh -c /opt/check*' },
  { path: '/usr/bin/*', cmdline: '*--health-check*' },
  { cmdline: 'pg_isready *' },
  { cmdline: '*/healthz*' },
  { cwd: '/var/lib/jenkins/*' },
  { uid: 999 },
  { uid: 0, cgroup_path: '/system.slice/snapd*' },
  { cgroup_path: '/kubepods.slice/*' },
  { entry_type: 'sshd', uid: 1005 },
  { entry_type: 'container', path: '/bin/sh' },
  { parent_path: '/usr/bin/munin-node' },
  { ancestor_path: '/usr/bin/ansible-*' },
  { ancestor_path: '*/zabbix_agentd', uid: 0 },
  { path: '/usr/sbin/backup', descendants: true },
  { path: '/usr/bin/make', cgroup_path: '/system.slice/ci-*', descendants: true },
];
const EVERYTHING = { ancestor_path: DAEMON.path };
const SEARCHES = ['*--no such option*', '*-[0-9]q*', '*x?z*', `*${'?'.repeat(31)}~*`, '*[^-][^-][^-]~*'].map(
  (cmdline) => ({
    cmdline,
  }),
);
const LONG_ARGS = Array.from({ length: 2048 }, (_, n) => `-Dflag_${n}=value`)
  .join('\0')
  .slice(0, 32 * 1024 - 512);

function eventOf(happening: Happening, moreArgs: string): ProcessEvent {
  const { kind, bootMs, process } = happening;
  const { startMs } = process;
  const at = { pid: process.pid as Pid, bootMs, unixMs: BOOT_UNIX_MS + bootMs };
  if (kind === 'exit') return { kind, ...at, status: 0, startMs } as ProcessEvent;
  const { parent } = happening;
  if (kind === 'exec') return { kind, ...at, details: detailsOf(process, parent, moreArgs) } as ProcessEvent;
  return { kind, ...at, parent: parent.pid as Pid, startMs, parentStartMs: parent.startMs } as ProcessEvent;
}

/** Texts of their own, as a decoder makes them. */
const copied = (text: string) => Buffer.from(text).toString();

function detailsOf(process: Started, parent: Started, moreArgs = ''): ExecDetails {
  const { startMs, uid, ses, path, args, cwd, cgroup } = process;
  const user = { auid: uid, uid, gid: uid, euid: uid, suid: uid, fsuid: uid, egid: uid, sgid: uid, fsgid: uid, ses };
  const texts = {
    path: copied(path),
    cwd: copied(cwd),
    cgroup: copied(cgroup),
    args: copied(args.join('\0') + moreArgs),
  };
  const file = { mode: 0o100755, ownerUid: 0, ownerGid: 0, argsCount: args.length };
  return { ...NO_DETAILS, ...user, ...file, ...texts, ppid: parent.pid, startMs, root: '/' } as ExecDetails;
}

/** Microseconds of CPU, of all threads. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

interface Cost {
  readonly tree: number;
  readonly rules: number;
}

/** Microseconds per exec: of the process tree without rules, and of the rules after each batch. */
function costOf(rules: readonly object[], areAllIgnored: boolean, batches = BATCHES, moreArgs = ''): Cost {
  const execs = batches * BATCH;
  let published: PublishedEvent[] = [];
  const tree = new ProcessTree({
    ...{ bootId: 'bench', bootToUnixMs: BOOT_UNIX_MS, cacheSize: 5000, cacheTtlSeconds: 300, maxDepth: 32 },
    ...{ ancestorCmdlineMax: 4096, publishWaitMs: 100, actions: new Set(['exec'] as const), proc: undefined },
    ignore: undefined,
    names: { user: () => undefined, group: () => undefined, revision: 0 },
    now: () => performance.now(),
    publish: (event) => void published.push(event),
  });
  tree.processes.adopt([shown({ ...DAEMON, pid: 1, path: '/usr/lib/systemd/systemd' }, 0), shown(DAEMON, 1)]);
  const ignore = parseIgnoreRules(JSON.stringify(rules));
  let ignored = 0;
  const cost = { tree: 0, rules: 0 };
  for (const batch of batchesOf(happenings(5000), batches, BATCH).map((one) =>
    one.map((event) => eventOf(event, moreArgs)),
  )) {
    published = [];
    cost.tree += cpuOf(() => tree.apply(batch));
    cost.rules += cpuOf(() => {
      for (const { atFork, cgroup } of published) if (ignore?.ignores(atFork, cgroup)) ignored++;
    });
    if (published.length !== BATCH) throw new Error(`${published.length} rows of ${BATCH} execs`);
  }
  if (ignored !== (areAllIgnored ? execs : 0)) throw new Error(`${ignored} execs were ignored`);
  return { tree: cost.tree / execs, rules: cost.rules / execs };
}

function shown(process: Started, ppid: number) {
  const details = { ...detailsOf(process, process), ppid };
  const at = { kind: 'snapshot', pid: process.pid as Pid, bootMs: 4000, unixMs: BOOT_UNIX_MS + 4000 } as const;
  return { ...at, parentStartMs: undefined, hasEnded: false, hasExecuted: true, supplementalGroups: [], details };
}

const median = (costs: readonly number[]) => costs.toSorted((a, b) => a - b)[costs.length >> 1] ?? Number.NaN;
const [nothing, all, long, searched] = [[] as Cost[], [] as Cost[], [] as Cost[], [] as Cost[]];
for (let n = 0; n < REPETITIONS; n++) {
  nothing.push(costOf(RULES, false));
  all.push(costOf([...RULES, EVERYTHING], true));
}
for (let n = 0; n < REPETITIONS; n++) {
  long.push(costOf(RULES, false, LONG_BATCHES, LONG_ARGS));
  searched.push(costOf([...RULES, ...SEARCHES], false, LONG_BATCHES, LONG_ARGS));
}
const text = (costs: readonly Cost[], of: keyof Cost) => `${median(costs.map((one) => one[of])).toFixed(2)} µs`;
console.log(
  `per exec: ${text(nothing, 'rules')} for ${RULES.length} rules that match nothing, ${text(all, 'rules')} with one more that ignores every exec; the process tree without rules ${text(nothing, 'tree')}`,
);
console.log(
  `with 32 KiB of arguments: ${text(long, 'rules')}, ${text(searched, 'rules')} with ${SEARCHES.length} rules that search them; the process tree ${text(long, 'tree')}`,
);
