/** The tree as used by the page: processes by index in preorder. */
import type { TreeDocument, TreeProcess, TreeSession } from '../document.ts';

export class Model {
  readonly document: TreeDocument;
  readonly processes: readonly TreeProcess[];
  readonly sessions: readonly TreeSession[];
  /** Index of the parent; -1 at the top. */
  readonly parents: Int32Array;
  /** Index after the last descendant. */
  readonly ends: Int32Array;
  readonly #byEntity = new Map<string, number>();
  #texts: readonly string[] | undefined;

  constructor(document: TreeDocument) {
    this.document = document;
    this.processes = document.processes;
    this.sessions = document.sessions;
    const count = this.processes.length;
    this.parents = new Int32Array(count).fill(-1);
    this.ends = new Int32Array(count).fill(count);
    const above: number[] = [];
    for (const [at, { depth, entity_id }] of this.processes.entries()) {
      for (const ended of above.splice(depth)) this.ends[ended] = at;
      this.parents[at] = above.at(-1) ?? -1;
      above.push(at);
      this.#byEntity.set(entity_id, at);
    }
  }

  get count(): number {
    return this.processes.length;
  }

  indexOf(entityId: string): number {
    return this.#byEntity.get(entityId) ?? -1;
  }

  parentOf(at: number): number {
    return this.parents[at] ?? -1;
  }

  endOf(at: number): number {
    return this.ends[at] ?? at + 1;
  }

  hasChildren(at: number): boolean {
    return this.endOf(at) > at + 1;
  }

  /** From the top down to the process itself. */
  chainOf(at: number): number[] {
    const chain: number[] = [];
    for (let one = at; one >= 0; one = this.parentOf(one)) chain.push(one);
    return chain.reverse();
  }

  /** Searched text in lower case: the text of the rows, and the paths of programs. */
  textOf(at: number): string {
    this.#texts ??= this.processes.map(({ pid, user, images }) =>
      [pid, user, ...images.flatMap(({ path, args }) => [path, args.join(' ')])].join('\n').toLowerCase(),
    );
    return this.#texts[at] ?? '';
  }
}

/** Known times of a process: its start and its execs. */
export function timesOf({ start_time, images }: TreeProcess): number[] {
  return [start_time, ...images.map(({ time }) => time)].filter((time) => time !== null);
}
