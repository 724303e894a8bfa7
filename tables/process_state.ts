import type { Process } from '../src/process/process.ts';

/** The column `state`. That no record tells an end says nothing of a process of a recorded log. */
export function stateOf(exit: Process['exit'], isRecorded: boolean): string | null {
  if (exit) return 'exited';
  return isRecorded ? null : 'running';
}
