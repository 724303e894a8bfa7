/** The actions that are published: the flag process_ancestry_events_actions. */
import type { Action } from './pending_event.ts';

export const ACTIONS: readonly Action[] = ['exec', 'fork', 'setsid', 'setid', 'exit', 'existing'];

/** Throws for an unknown action; the message lists the known ones. */
export function parseActions(text: string): ReadonlySet<Action> {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  const wrong = names.find((name) => !ACTIONS.includes(name as Action));
  if (wrong !== undefined || names.length === 0) {
    throw new Error(`process_ancestry_events_actions=${JSON.stringify(text)}: a list of ${ACTIONS.join(', ')}`);
  }
  return new Set(names as Action[]);
}
