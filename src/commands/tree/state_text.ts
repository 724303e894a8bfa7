/** How a process ended, in a few letters. */
import type { TreeProcess } from './document.ts';

type Ending = Pick<TreeProcess, 'state' | 'exit_code' | 'exit_signal'>;

/** `running`, `exit 1`, `SIGKILL`; `ended` where nobody told how, '' where nobody knows whether. */
export function stateText({ state, exit_code, exit_signal }: Ending): string {
  if (state !== 'exited') return state === 'running' ? 'running' : '';
  if (exit_signal !== '') return exit_signal;
  return exit_code === null ? 'ended' : `exit ${exit_code}`;
}
