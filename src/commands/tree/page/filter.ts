/** Which processes match what is asked for, and whose ancestors they are. */
import { hasFailed } from '../document.ts';
import { type Model, timesOf } from './model.ts';
import type { ViewState } from './view_state.ts';

/** What a process is to the filter; 0 is one that is left out. This one is above one that matches. */
export const CONTEXT = 1;
export const MATCH = 2;

export interface Filtered {
  /** By index; undefined where nothing is asked for and all match. */
  readonly kept: Uint8Array | undefined;
  readonly matches: number;
}

/** The words of a search, all of which a process has to have. */
export function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

export function filter(model: Model, state: ViewState): Filtered {
  const { user, from, to, only } = state;
  const words = wordsOf(state.query);
  const session = model.sessions.findIndex(({ entity_id }) => entity_id === state.session);
  const isTimed = from !== null || to !== null;
  if (words.length === 0 && !user && session < 0 && !isTimed && only === 'all') {
    return { kept: undefined, matches: model.count };
  }
  const kept = new Uint8Array(model.count);
  let matches = 0;
  for (const [at, process] of model.processes.entries()) {
    if (session >= 0 && process.session !== session) continue;
    // Also with whose rights: what a setuid program does is done by its owner.
    if (user && process.user !== user && !process.images.some((one) => one.user === user || one.euser === user))
      continue;
    if (only === 'failed' && !hasFailed(process)) continue;
    if (only === 'running' && process.state !== 'running') continue;
    const isWithin = (time: number) => time >= (from ?? 0) && time <= (to ?? Number.POSITIVE_INFINITY);
    if (isTimed && !timesOf(process).some(isWithin)) continue;
    if (words.length > 0) {
      const text = model.textOf(at);
      // All entities of a boot begin alike: a part of an id would find everybody.
      const id = process.entity_id.toLowerCase();
      if (!words.every((word) => text.includes(word) || word === id)) continue;
    }
    kept[at] = MATCH;
    matches++;
    for (let above = model.parentOf(at); above >= 0 && !kept[above]; above = model.parentOf(above))
      kept[above] = CONTEXT;
  }
  return { kept, matches };
}
