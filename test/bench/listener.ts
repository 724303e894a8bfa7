/** A listener to execs during a storm: this extension, another program, or none. */
import type { Row } from '../integration/extension_under_test.ts';
import { cpuMicroseconds, memoryMegabytes } from './process_cost.ts';

export interface RunningListener {
  /** Its name in the table. */
  readonly processes: Readonly<Record<string, number>>;
  /** Lost execs or records, by its own count or the kernel's. */
  lost(): Promise<number>;
  /** Ends it and returns rows for check-forest.mjs: pid, cmdline, ancestry. */
  finish(): Promise<readonly Row[]>;
  /** Ends it without reading rows; does nothing if it has ended. */
  stop(): Promise<void>;
}

export interface Listener {
  readonly name: string;
  /** It compiles its code while it runs: what runs once a second is compiled after a minute. */
  readonly isCompiledSlowly?: boolean;
  start(): Promise<RunningListener>;
}

/** CPU time of each process so far, in microseconds. */
export function cpuOf(processes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, cpuMicroseconds(pid)]));
}

/** The sum of their peak memory. */
export function peakMegabytes(processes: Readonly<Record<string, number>>): number {
  return Object.values(processes).reduce((sum, pid) => sum + memoryMegabytes(pid).peak, 0);
}

const QUIET_MS = 250;
const QUIET_CPU_MICROSECONDS = 3_000;

/** Maximum wait until they are idle. */
const SETTLED_WITHIN_MS = 5_000;

/** Resolves when they are idle. Reads only their CPU time: a query would cost some. */
export async function settled(processes: Readonly<Record<string, number>>): Promise<void> {
  const sum = () => Object.values(cpuOf(processes)).reduce((a, b) => a + b, 0);
  // Other processes of the machine continue, and listeners receive their events.
  const deadline = performance.now() + SETTLED_WITHIN_MS;
  for (let before = sum(); performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const now = sum();
    if (now - before < QUIET_CPU_MICROSECONDS) return;
    before = now;
  }
}
