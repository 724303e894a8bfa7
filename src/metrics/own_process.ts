/**
 * Resource usage of the extension. It does not use prom-client's default metrics: their timers and observers cannot be
 * stopped, two of their gauges have names of counters, and node_exporter uses the same names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { counter, type Family, gauge } from './family.ts';

interface ProcessFacts {
  readonly cpuSeconds: { readonly user: number; readonly system: number };
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Undefined when /proc does not contain it. */
  readonly openFiles: number | undefined;
  readonly maxFiles: number | undefined;
  readonly eventLoopActiveSeconds: number;
  readonly startUnixSeconds: number;
}

export function readOwnProcess(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    cpuSeconds: { user: user / 1e6, system: system / 1e6 },
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    openFiles: tried(() => readdirSync('/proc/self/fd').length),
    maxFiles: tried(() => Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])),
    eventLoopActiveSeconds: performance.eventLoopUtilization().active / 1000,
    startUnixSeconds: performance.timeOrigin / 1000,
  };
}

export function processFamilies(facts: ProcessFacts): Family[] {
  const { cpuSeconds, openFiles, maxFiles } = facts;
  const cpu = Object.entries(cpuSeconds).map(([mode, value]) => ({ value, labels: { mode } }));
  return [
    counter('cpu_seconds_total', 'CPU time of all threads of the extension', cpu),
    gauge('resident_memory_bytes', 'Resident memory of the extension', facts.residentBytes),
    gauge('heap_used_bytes', 'Used size of the JavaScript heap', facts.heapBytes),
    gauge('external_memory_bytes', 'Memory outside the JavaScript heap that its objects use', facts.externalBytes),
    ...(openFiles === undefined ? [] : [gauge('open_fds', 'Open file descriptors', openFiles)]),
    ...(maxFiles === undefined ? [] : [gauge('max_fds', 'Maximum number of open file descriptors', maxFiles)]),
    counter(
      'event_loop_active_seconds_total',
      'Active time of the event loop; its rate is the utilization',
      facts.eventLoopActiveSeconds,
    ),
    gauge('start_timestamp_seconds', 'Start time of the extension', facts.startUnixSeconds),
  ];
}

function tried(read: () => number): number | undefined {
  try {
    const value = read();
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
