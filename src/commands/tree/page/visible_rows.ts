/** The tree as a list: what is to be seen of it when some of it is folded and some left out. */
import type { Model } from './model.ts';

export interface VisibleRows {
  /** Indexes of the processes, in order. */
  readonly rows: Int32Array;
  /** By index of a process: which child of its parent it is among those that are not left out, from 1. */
  readonly places: Int32Array;
  /** By index of a process: how many children it has that are not left out; of the tops, behind the last index. */
  readonly children: Int32Array;
}

/** `kept`: 0 for what is left out, with everything below it. */
export function visibleRows(
  model: Model,
  kept: Uint8Array | undefined,
  isFolded: (index: number) => boolean,
): VisibleRows {
  const { count } = model;
  const rows = new Int32Array(count);
  const places = new Int32Array(count);
  const children = new Int32Array(count + 1);
  let length = 0;
  let shownFrom = 0;
  for (let at = 0; at < count; ) {
    if (kept && !kept[at]) {
      at = model.endOf(at);
      continue;
    }
    const parent = model.parentOf(at);
    const family = parent < 0 ? count : parent;
    const place = (children[family] ?? 0) + 1;
    children[family] = place;
    places[at] = place;
    if (at >= shownFrom) {
      rows[length++] = at;
      if (isFolded(at)) shownFrom = model.endOf(at);
    }
    at++;
  }
  return { rows: rows.subarray(0, length), places, children };
}
