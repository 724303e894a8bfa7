/** The process trees of a recording: this host's, or one for each host of a recorded log, whose pids are its own. */
import type { RecordedHost } from '../collect/recorded_host.ts';
import type { ProcessTree, TreeSettings, TreeStats } from '../process/tree.ts';

/** A host's tree, and the newest time that its events told. */
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

  /** This host's; of a recorded log, what no event has been told to. */
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

  /** Of all of them. */
  get stats(): TreeStats {
    const sums: Record<string, number> = {};
    for (const { stats } of this.all) {
      for (const [name, value] of Object.entries(stats)) sums[name] = (sums[name] ?? 0) + value;
    }
    const waitedMs = Math.max(...this.all.map(({ stats }) => stats.waitedMs));
    // Each host has a cache of its own; the first is empty where the log names hosts.
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
