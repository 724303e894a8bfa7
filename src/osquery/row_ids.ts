/**
 * Row ids for rows that stand for objects: each object has the number of the first row that named it. An object that is
 * collected frees nothing, as no number is used again.
 */
export class RowIds<Key extends object> {
  readonly #ids = new WeakMap<Key, number>();
  #last = 0;

  /** 1 or more; the same for the same object. */
  of(key: Key): number {
    let id = this.#ids.get(key);
    if (id === undefined) {
      this.#last += 1;
      id = this.#last;
      this.#ids.set(key, id);
    }
    return id;
  }
}
