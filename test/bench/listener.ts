/** Something that listens to execs while a storm runs: this extension, another program, or nothing. */
import type { Row } from '../integration/extension_under_test.ts';
import { cpuMicroseconds, memoryMegabytes } from './process_cost.ts';

export interface RunningListener {
  /** By the name that the table gives them. */
  readonly processes: Readonly<Record<string, number>>;
  /** Execs or records given up until now, by its own count or the kernel's. */
  lost(): Promise<number>;
  /** Ends it and answers rows as check-forest.mjs takes them: pid, cmdline, ancestry. */
  finish(): Promise<readonly Row[]>;
  /** Ends it without asking for anything; does nothing when it has ended. */
  stop(): Promise<void>;
}

export interface Listener {
  readonly name: string;
  start(): Promise<RunningListener>;
}

/** CPU of each process until now, in microseconds. */
export function cpuOf(processes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, cpuMicroseconds(pid)]));
}

/** The most memory that they ever had, added up. */
export function peakMegabytes(processes: Readonly<Record<string, number>>): number {
  return Object.values(processes).reduce((sum, pid) => sum + memoryMegabytes(pid).peak, 0);
}

const QUIET_MS = 250;
const QUIET_CPU_MICROSECONDS = 3_000;

/** For so long it is waited for quiet at most. */
const SETTLED_WITHIN_MS = 5_000;

/** Resolves when they have nothing left to do. Looks at their CPU time alone: asking them would cost them some. */
export async function settled(processes: Readonly<Record<string, number>>): Promise<void> {
  const sum = () => Object.values(cpuOf(processes)).reduce((a, b) => a + b, 0);
  // Other processes of the machine go on, and who listens hears of them.
  const deadline = performance.now() + SETTLED_WITHIN_MS;
  for (let before = sum(); performance.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const now = sum();
    if (now - before < QUIET_CPU_MICROSECONDS) return;
    before = now;
  }
}
