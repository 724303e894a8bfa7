/** The process trees of a recording: one for this host, or one for each host of a recorded log. Each host has its own pids. */
import type { RecordedHost } from '../collect/recorded_host.ts';
import type { ProcessTree, TreeSettings, TreeStats } from '../process/tree.ts';

/** The tree of a host, and the newest time of its events. */
interface HostTree {
  readonly tree: ProcessTree;
  newestUnixMs: number;
}

type MakeTree = (host: RecordedHost | undefined, newestUnixMs: () => number) => ProcessTree;

export class HostTrees {
  readonly #make: MakeTree;
  readonly #first: HostTree;
  readonly #byHost = new Map<RecordedHost, HostTree>();

  constructor(make: MakeTree) {
    this.#make = make;
    this.#first = this.#add(undefined);
  }

  /** The tree of this host. For a recorded log, a tree without events. */
  get first(): ProcessTree {
    return this.#first.tree;
  }

  get all(): readonly ProcessTree[] {
    return [this.#first, ...this.#byHost.values()].map(({ tree }) => tree);
  }

  of(host: RecordedHost | undefined): HostTree {
    if (!host) return this.#first;
    let one = this.#byHost.get(host);
    if (!one) {
      one = this.#add(host);
      this.#byHost.set(host, one);
    }
    return one;
  }

  /** The sums over all trees. */
  get stats(): TreeStats {
    const sums: Record<string, number> = {};
    for (const { stats } of this.all) {
      for (const [name, value] of Object.entries(stats)) sums[name] = (sums[name] ?? 0) + value;
    }
    const waitedMs = Math.max(...this.all.map(({ stats }) => stats.waitedMs));
    // Each host has its own cache. The first is empty for a recorded log.
    return { ...this.#first.tree.stats, ...sums, waitedMs, capacity: this.#first.tree.stats.capacity };
  }

  get waiting(): number {
    return this.all.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  configure(settings: TreeSettings): void {
    for (const tree of this.all) tree.configure(settings);
  }

  #add(host: RecordedHost | undefined): HostTree {
    const one: HostTree = { tree: this.#make(host, () => one.newestUnixMs), newestUnixMs: 0 };
    return one;
  }
}
