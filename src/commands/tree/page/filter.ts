/** Finds the processes that match the filters, and their ancestors. */
import { hasFailed } from '../document.ts';
import { type Model, timesOf } from './model.ts';
import type { ViewState } from './view_state.ts';

/** Filter result of an ancestor of a match. 0: the process is hidden. */
export const CONTEXT = 1;
export const MATCH = 2;

export interface Filtered {
  /** By index; undefined without filters: all processes match. */
  readonly kept: Uint8Array | undefined;
  readonly matches: number;
}

/** Search words. A match contains all of them. */
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
    // Also the effective user: a setuid program acts as its owner.
    if (user && process.user !== user && !process.images.some((one) => one.user === user || one.euser === user))
      continue;
    if (only === 'failed' && !hasFailed(process)) continue;
    if (only === 'running' && process.state !== 'running') continue;
    const isWithin = (time: number) => time >= (from ?? 0) && time <= (to ?? Number.POSITIVE_INFINITY);
    if (isTimed && !timesOf(process).some(isWithin)) continue;
    if (words.length > 0) {
      const text = model.textOf(at);
      // Entity ids of one boot have a common prefix: a partial id would match all processes.
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
