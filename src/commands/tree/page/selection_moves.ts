/** Moves of the selection in the list of visible rows. */
import type { Model } from './model.ts';
import type { VisibleRows } from './visible_rows.ts';

export type Move = 'previous' | 'next' | 'first' | 'last' | 'page up' | 'page down' | 'parent' | 'child';

/** Index of the process after the move; `from` when no move is possible. */
export function moved(model: Model, { rows }: VisibleRows, from: number, move: Move, page: number): number {
  const at = rows.indexOf(from);
  const step = (by: number) => rows[Math.max(0, Math.min(rows.length - 1, at + by))] ?? from;
  if (at < 0) return rows[move === 'last' ? rows.length - 1 : 0] ?? -1;
  switch (move) {
    case 'previous':
      return step(-1);
    case 'next':
      return step(1);
    case 'first':
      return step(-rows.length);
    case 'last':
      return step(rows.length);
    case 'page up':
      return step(-page);
    case 'page down':
      return step(page);
    case 'parent':
      return model.parentOf(from) < 0 ? from : model.parentOf(from);
    case 'child': {
      const below = rows[at + 1];
      return below !== undefined && model.parentOf(below) === from ? below : from;
    }
  }
}
