/** Folded processes. A search starts with all matches unfolded; after it the earlier folds are restored. */
import type { Model } from './model.ts';

export class Folds {
  readonly #model: Model;
  #folded: Set<number>;
  #whileSearching: Set<number> | undefined;

  /** Kernel threads are folded initially. */
  constructor(model: Model) {
    this.#model = model;
    this.#folded = new Set(
      model.sessions.filter(({ kind }) => kind === 'kthread').map(({ entity_id }) => model.indexOf(entity_id)),
    );
  }

  readonly isFolded = (index: number): boolean => this.#now.has(index);

  /** Called when the query changes. `isSearching`: whether the query is not empty. */
  search(isSearching: boolean): void {
    this.#whileSearching = isSearching ? new Set() : undefined;
  }

  toggle(index: number): void {
    if (!this.#now.delete(index)) this.#now.add(index);
  }

  all(isFolded: boolean): void {
    this.#now.clear();
    if (!isFolded) return;
    for (let at = 0; at < this.#model.count; at++) if (this.#model.hasChildren(at)) this.#now.add(at);
  }

  /** Unfolds all ancestors of a process. */
  show(index: number): void {
    for (let above = index < 0 ? -1 : this.#model.parentOf(index); above >= 0; above = this.#model.parentOf(above)) {
      this.#now.delete(above);
    }
  }

  get #now(): Set<number> {
    return this.#whileSearching ?? this.#folded;
  }
}
