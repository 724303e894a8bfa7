/** The list of visible rows, without folded and filtered processes. */
import type { Model } from './model.ts';

export interface VisibleRows {
  /** Indexes of visible processes, in order. */
  readonly rows: Int32Array;
  /** By process index: position among the unfiltered children of its parent, from 1. */
  readonly places: Int32Array;
  /** By process index: number of unfiltered children. The element after the last index counts processes at the top. */
  readonly children: Int32Array;
}

/** `kept`: 0 hides a process with its descendants. */
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
