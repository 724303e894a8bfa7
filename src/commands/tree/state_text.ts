/** Formats the state of a process. */
import type { TreeProcess } from './document.ts';

type Ending = Pick<TreeProcess, 'state' | 'exit_code' | 'exit_signal'>;

/** `running`, `exit 1`, `SIGKILL`; `ended` when the status is unknown; '' when the state is unknown. */
export function stateText({ state, exit_code, exit_signal }: Ending): string {
  if (state !== 'exited') return state === 'running' ? 'running' : '';
  if (exit_signal !== '') return exit_signal;
  return exit_code === null ? 'ended' : `exit ${exit_code}`;
}
