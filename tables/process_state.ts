import type { Process } from '../src/process/process.ts';

/** The column `state`. Without an exit in a recorded log, the state of a process is unknown. */
export function stateOf(exit: Process['exit'], isRecorded: boolean): string | null {
  if (exit) return 'exited';
  return isRecorded ? null : 'running';
}
