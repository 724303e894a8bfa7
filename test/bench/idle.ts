/** The cost of listening on an idle host. */
import { borrowAudit, quietAudit, restoreAudit } from './audit_state.ts';
import type { Checkout } from './checkout.ts';
import { extensionListeners } from './extension_listener.ts';
import { throwIfInterrupted } from './interruption.ts';
import { cpuOf, settled } from './listener.ts';
import { kernelThread, memoryMegabytes } from './process_cost.ts';
import { type Range, rangeOf } from './range.ts';

const SECONDS = 60;

export interface IdleFigures {
  readonly listener: string;
  /** Share of one core, for all threads of the extension and kauditd. */
  readonly cpuPercent: Range;
  /** Resident memory at the end. */
  readonly megabytes: Range;
}

/** Runs each listener for a minute, without load except that of the machine. Uses kernel audit. */
export async function measureIdle(
  repetitions: number,
  old: Checkout | undefined,
  say: (text: string) => void,
): Promise<IdleFigures[]> {
  const borrowed = borrowAudit();
  const listeners = extensionListeners(old);
  const taken = new Map(listeners.map(({ name }) => [name, [] as { percent: number; megabytes: number }[]]));
  try {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const listener of listeners) {
        say(`idle ${repetition + 1} of ${repetitions}: ${listener.name} …`);
        quietAudit();
        throwIfInterrupted();
        const running = await listener.start();
        try {
          const kauditd = kernelThread('kauditd');
          const accounted = { ...running.processes, ...(kauditd === undefined ? {} : { kauditd }) };
          const cpu = () => Object.values(cpuOf(accounted)).reduce((a, b) => a + b, 0);
          await settled(running.processes);
          const before = cpu();
          await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
          const percent = (cpu() - before) / (SECONDS * 10_000);
          taken.get(listener.name)?.push({ percent, megabytes: memoryMegabytes(running.processes.extension ?? 0).now });
        } finally {
          await running.stop();
        }
      }
    }
  } finally {
    restoreAudit(borrowed);
  }
  return [...taken].map(([listener, values]) => ({
    listener,
    cpuPercent: rangeOf(values.map(({ percent }) => percent)),
    megabytes: rangeOf(values.map(({ megabytes }) => megabytes)),
  }));
}
