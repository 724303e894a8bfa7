/** What is folded. During a search everything that matches is open at first, and the folds from before come back after it. */
import type { Model } from './model.ts';

export class Folds {
  readonly #model: Model;
  #folded: Set<number>;
  #whileSearching: Set<number> | undefined;

  /** The kernel's own threads are folded at first. */
  constructor(model: Model) {
    this.#model = model;
    this.#folded = new Set(
      model.sessions.filter(({ kind }) => kind === 'kthread').map(({ entity_id }) => model.indexOf(entity_id)),
    );
  }

  readonly isFolded = (index: number): boolean => this.#now.has(index);

  /** The query was changed: `isSearching` whether there is one now. */
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

  /** Unfolds what is above a process. */
  show(index: number): void {
    for (let above = index < 0 ? -1 : this.#model.parentOf(index); above >= 0; above = this.#model.parentOf(above)) {
      this.#now.delete(above);
    }
  }

  get #now(): Set<number> {
    return this.#whileSearching ?? this.#folded;
  }
}
