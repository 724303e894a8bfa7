/** What it costs to listen to a host on which nothing happens. */
import { borrowAudit, quietAudit, restoreAudit } from './audit_state.ts';
import { extensionListener } from './extension_listener.ts';
import { throwIfInterrupted } from './interruption.ts';
import { cpuOf, settled } from './listener.ts';
import { type Range, rangeOf } from './range.ts';

const SECONDS = 60;
const LISTENERS = [
  extensionListener('this extension, eBPF', ['--collector', 'ebpf']),
  extensionListener('this extension, audit', ['--collector', 'audit']),
];

export interface IdleFigures {
  readonly listener: string;
  /** Of one core, all threads of the extension. */
  readonly cpuPercent: Range;
}

/** Each listener for a minute, with nothing to do but what the machine does anyway. Borrows kernel audit. */
export async function measureIdle(repetitions: number, say: (text: string) => void): Promise<IdleFigures[]> {
  const borrowed = borrowAudit();
  const percents = new Map(LISTENERS.map(({ name }) => [name, [] as number[]]));
  try {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const listener of LISTENERS) {
        say(`idle ${repetition + 1} of ${repetitions}: ${listener.name} …`);
        quietAudit();
        throwIfInterrupted();
        const running = await listener.start();
        try {
          await settled(running.processes);
          const before = cpuOf(running.processes).extension ?? 0;
          await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
          const microseconds = (cpuOf(running.processes).extension ?? 0) - before;
          percents.get(listener.name)?.push(microseconds / (SECONDS * 10_000));
        } finally {
          await running.stop();
        }
      }
    }
  } finally {
    restoreAudit(borrowed);
  }
  return [...percents].map(([listener, values]) => ({ listener, cpuPercent: rangeOf(values) }));
}
