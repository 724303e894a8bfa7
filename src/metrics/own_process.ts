/**
 * What the extension takes of its host. Not prom-client's default metrics: their timers and observers cannot be ended,
 * two of their gauges have names of counters, and node_exporter has others of the same names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { counter, type Family, gauge } from './family.ts';

interface ProcessFacts {
  readonly cpuSeconds: { readonly user: number; readonly system: number };
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Undefined where /proc does not say. */
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
    counter('cpu_seconds_total', 'CPU time of the extension, of all its threads', cpu),
    gauge('resident_memory_bytes', 'Memory of the extension that is in RAM', facts.residentBytes),
    gauge('heap_used_bytes', "What is used of JavaScript's heap", facts.heapBytes),
    gauge('external_memory_bytes', "Memory outside of JavaScript's heap that its objects hold", facts.externalBytes),
    ...(openFiles === undefined ? [] : [gauge('open_fds', 'File descriptors that are open', openFiles)]),
    ...(maxFiles === undefined ? [] : [gauge('max_fds', 'File descriptors that may be open', maxFiles)]),
    counter(
      'event_loop_active_seconds_total',
      'Time in which the event loop did something: its rate is how busy it is',
      facts.eventLoopActiveSeconds,
    ),
    gauge('start_timestamp_seconds', 'When the extension started', facts.startUnixSeconds),
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
