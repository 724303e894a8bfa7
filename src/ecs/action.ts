/** What happened to a process, in ECS's words. */

/** A row's action; `existing` is a process that was there before the recording began. */
export type EcsAction = 'fork' | 'exec' | 'setsid' | 'exit' | 'existing';

interface Categorized {
  readonly type: 'start' | 'change' | 'end' | 'info';
  readonly action: string;
}

/** In the order in which they can happen. An exec is a change: the process was there before it, with another image. */
const CATEGORIES: Readonly<Record<EcsAction, Categorized>> = {
  existing: { type: 'info', action: 'existing_process' },
  fork: { type: 'start', action: 'process_started' },
  setsid: { type: 'change', action: 'session_id_change' },
  exec: { type: 'change', action: 'process_changed_image' },
  exit: { type: 'end', action: 'process_stopped' },
};

const ORDER = Object.keys(CATEGORIES) as EcsAction[];

export interface EventCategory {
  /** event.type: each once, in the order in which they happen. */
  readonly types: readonly string[];
  /** event.action: undefined when nothing happened. */
  readonly action: string | undefined;
}

/** Of one thing that happened to a process, or of several that were merged into one event. */
export function eventCategory(actions: readonly EcsAction[]): EventCategory {
  const happened = ORDER.filter((action) => actions.includes(action)).map((action) => CATEGORIES[action]);
  return {
    types: [...new Set(happened.map(({ type }) => type))],
    action: happened.length > 1 ? 'process_ran' : happened[0]?.action,
  };
}
