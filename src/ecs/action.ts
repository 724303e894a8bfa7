/** What happened to a process, in ECS's words. */

/** A row's action; `existing` is a process that was there before the recording began. */
export type EcsAction = 'fork' | 'exec' | 'setsid' | 'exit' | 'existing';

/** In whose words event.action is written: those of RFC 0030, or those of auditbeat's dataset system.process. */
export const ECS_VOCABULARIES = ['rfc0030', 'auditbeat'] as const;
export type EcsVocabulary = (typeof ECS_VOCABULARIES)[number];

/** event.type, in the order in which they can happen. An exec is a change: the process was there before it. */
const TYPES: Readonly<Record<EcsAction, 'start' | 'change' | 'end' | 'info'>> = {
  existing: 'info',
  fork: 'start',
  setsid: 'change',
  exec: 'change',
  exit: 'end',
};

const ORDER = Object.keys(TYPES) as EcsAction[];

interface EventCategory {
  /** event.type: each once, in the order in which they happen. */
  readonly types: readonly string[];
  /** event.action: undefined when nothing happened. */
  readonly action: string | undefined;
}

/** Of one thing that happened to a process, or of several that were merged into one event. */
export function eventCategory(actions: readonly EcsAction[], vocabulary: EcsVocabulary): EventCategory {
  const types = ORDER.filter((action) => actions.includes(action)).map((action) => TYPES[action]);
  return { types: [...new Set(types)], action: WORDS[vocabulary](new Set(actions)) };
}

type Word = (happened: ReadonlySet<EcsAction>) => string | undefined;

const WORDS: Readonly<Record<EcsVocabulary, Word>> = {
  rfc0030: (happened) => {
    if (happened.has('exec')) return 'exec';
    if (happened.has('fork')) return 'fork';
    if (happened.has('setsid')) return 'setsid';
    if (happened.has('exit')) return 'end';
    // The RFC has no word for it.
    return happened.has('existing') ? 'existing_process' : undefined;
  },
  auditbeat: (happened) => {
    if (happened.has('existing')) return 'existing_process';
    if (happened.has('fork')) return happened.has('exit') ? 'process_ran' : 'process_started';
    if (happened.has('exit')) return 'process_stopped';
    if (happened.has('exec')) return 'process_changed_image';
    // auditbeat makes no event of it.
    return happened.has('setsid') ? 'session_id_change' : undefined;
  },
};
