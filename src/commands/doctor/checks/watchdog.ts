/** Checks that osquery's watchdog does not kill the extension, and that osquery waits long enough for it. */
import type { Check } from '../check.ts';
import { type Finding, ok, problem, skipped, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import type { OsqueryView, Row } from '../osquery_view.ts';
import { residentMiB } from '../process_facts.ts';

/** osquery/core/watcher.cpp, kWatchdogLimits: growth in MiB since the first sample, % of all CPUs. */
const LIMITS = {
  normal: { memoryMiB: 200, utilization: 10 },
  restrictive: { memoryMiB: 100, utilization: 5 },
  off: { memoryMiB: 10_000, utilization: 100 },
} as const;
/** What the extension needs on a busy host. */
const MEMORY_ENOUGH_MIB = 150;
const UTILIZATION_ENOUGH = 10;
const TIMEOUT_ENOUGH_SECONDS = 3;
const NEAR = 0.8;

export const watchdog: Check = {
  id: 'watchdog',
  title: "osquery's watchdog",
  async run(host) {
    const osquery = await host.osquery();
    const { flags } = osquery;
    // The built-in manager has no watchdog flags.
    if (osquery.error !== undefined) return [skipped('osquery does not answer')];
    if (flags.watchdog_level === undefined && flags.enable_extensions_watchdog === undefined)
      return [skipped('this osquery does not report its watchdog flags')];
    const findings = [...waiting(flags), ...limits(host, osquery)];
    if (findings.length > 0) return findings;
    if (!watchesExtensions(flags)) return [ok('it does not watch extensions (enable_extensions_watchdog=false)')];
    const { memoryMiB, utilization } = limitsOf(flags);
    return [ok(`it allows ${memoryMiB} MiB of growth and ${utilization} % of all CPUs`)];
  },
};

function* waiting(flags: Row): Generator<Finding> {
  const seconds = Number(flags.extensions_timeout ?? TIMEOUT_ENOUGH_SECONDS);
  if (seconds < TIMEOUT_ENOUGH_SECONDS)
    yield warning(
      `osquery gives extensions ${seconds} s to register (extensions_timeout)`,
      `set --extensions_timeout=${TIMEOUT_ENOUGH_SECONDS} or more in osquery.flags: a busy host needs more time`,
    );
}

function* limits(host: Host, { flags, extension }: OsqueryView): Generator<Finding> {
  if (!watchesExtensions(flags)) return;
  const { memoryMiB, utilization } = limitsOf(flags);
  const memoryAdvice = `set --watchdog_memory_limit=250 in osquery.flags, or --noenable_extensions_watchdog`;
  const resident = extension?.pid === undefined ? undefined : residentMiB(host, extension.pid);
  if (resident !== undefined && resident >= memoryMiB)
    yield problem(
      `the extension uses ${resident} MiB; the watchdog kills it when it has grown by ${memoryMiB} MiB`,
      memoryAdvice,
    );
  else if (resident !== undefined && resident > memoryMiB * NEAR)
    yield warning(`the extension uses ${resident} MiB of the ${memoryMiB} MiB that the watchdog allows`, memoryAdvice);
  else if (memoryMiB < MEMORY_ENOUGH_MIB)
    yield warning(
      `the watchdog kills the extension when it has grown by ${memoryMiB} MiB: a busy host may need more`,
      memoryAdvice,
    );
  if (utilization < UTILIZATION_ENOUGH)
    yield warning(
      `the watchdog kills the extension when it uses ${utilization} % of ${host.cpus} CPUs for some seconds: a storm of execs may need more`,
      'set --watchdog_utilization_limit=20 in osquery.flags, or --noenable_extensions_watchdog',
    );
}

/** disable_watchdog does not matter: the process that started an extension watches it. */
function watchesExtensions(flags: Row): boolean {
  return flags.enable_extensions_watchdog === 'true';
}

/** osquery/core/watcher.cpp, getWorkerLimit. */
function limitsOf(flags: Row): { memoryMiB: number; utilization: number } {
  const level = Number(flags.watchdog_level ?? 0);
  const profile = level === -1 ? LIMITS.off : level === 1 ? LIMITS.restrictive : LIMITS.normal;
  return {
    memoryMiB: Number(flags.watchdog_memory_limit) || profile.memoryMiB,
    utilization: Math.min(100, Number(flags.watchdog_utilization_limit) || profile.utilization),
  };
}
