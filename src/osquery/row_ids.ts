/**
 * Row ids for rows that stand for long-lived objects: numbers from 1, in the order of the first use. No number is used
 * again, also not after an object has been garbage collected.
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
