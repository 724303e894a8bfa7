/** Maps actions to ECS's event.type and event.action. */

/** Action of a row; `existing`: the process ran before the recording started. */
export type EcsAction = 'fork' | 'exec' | 'setsid' | 'setid' | 'exit' | 'existing';

/** Vocabulary of event.action: RFC 0030, or auditbeat's dataset system.process. */
export const ECS_VOCABULARIES = ['rfc0030', 'auditbeat'] as const;
export type EcsVocabulary = (typeof ECS_VOCABULARIES)[number];

/** event.type, in chronological order. An exec is a change, because the process existed before. */
const TYPES: Readonly<Record<EcsAction, 'start' | 'change' | 'end' | 'info'>> = {
  existing: 'info',
  fork: 'start',
  setsid: 'change',
  setid: 'change',
  exec: 'change',
  exit: 'end',
};

const ORDER = Object.keys(TYPES) as EcsAction[];

interface EventCategory {
  /** event.type without duplicates, in chronological order. */
  readonly types: readonly string[];
  /** event.action; undefined for an existing process. */
  readonly action: string | undefined;
}

/** For one action, or for several actions merged into one event. */
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
    // The RFC does not define it.
    if (happened.has('setid')) return 'setid';
    if (happened.has('exit')) return 'end';
    // The RFC does not define it.
    return happened.has('existing') ? 'existing_process' : undefined;
  },
  auditbeat: (happened) => {
    if (happened.has('existing')) return 'existing_process';
    if (happened.has('fork')) return happened.has('exit') ? 'process_ran' : 'process_started';
    if (happened.has('exit')) return 'process_stopped';
    if (happened.has('exec')) return 'process_changed_image';
    // auditbeat has no such events.
    if (happened.has('setid')) return 'user_id_change';
    return happened.has('setsid') ? 'session_id_change' : undefined;
  },
};
