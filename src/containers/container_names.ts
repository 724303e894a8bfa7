/**
 * The facts of the container of a control group. The name of a group is not enough: an ordinary user may name a group in its own part
 * of the hierarchy as a container of root. So a container is stated if only root could make the group and a runtime of root has a file
 * of the container, and claimed if a user could make the group and a runtime of this user has a file.
 *
 * Files are read one at a time, once per container. A container that is gone stays known while its facts are in the cache.
 */
import { LRUCache } from 'lru-cache';
import { containerGroups } from '../linux/container_id.ts';
import type { ContainerFacts } from './facts.ts';
import type { RuntimeFiles } from './runtime_files.ts';

/** ContainerFacts, also as JSON. The object is the same for all rows of a container. */
interface ContainerJson {
  readonly facts: ContainerFacts;
  readonly json: string;
}

export interface ContainerNamesOptions {
  readonly files: Pick<RuntimeFiles, 'ofRoot' | 'ofUser'>;
  /** As in cgroup_maker.ts. */
  readonly makerOf: (cgroupPath: string) => number | undefined;
  /** How long a row may wait for the files of its container. */
  readonly waitMs: () => number;
  /** Called when the files of a runtime of root cannot be read, or other users can change them. */
  readonly onUnread: (error: unknown) => void;
  /** Monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** The state of a control group. */
interface Known {
  container: ContainerJson | undefined;
  /** While the files are read, for at most `waitMs`. */
  waiting: Promise<ContainerJson | undefined> | undefined;
  /** When to read the files again. */
  againMs: number;
}

interface Candidate {
  readonly id: string;
  readonly uid: number;
}

/** Groups of LXC and systemd-nspawn have other names, and no file that is read here. */
const RUNTIME_ID = /^[0-9a-f]{64}$/;
const PATHS_BYTES = 1024 * 1024;
const PATH_BYTES = 300;
/** A control group without a container. */
const HOST: Known = { container: undefined, waiting: undefined, againMs: Number.POSITIVE_INFINITY };
/** No runtime had a file, or it could not be read: a disk error or a lack of descriptors may end. */
const AGAIN_MS = 10_000;

export class ContainerNames {
  readonly #options: ContainerNamesOptions;
  readonly #now: () => number;
  readonly #byPath = new LRUCache<string, Known>({
    maxSize: PATHS_BYTES,
    sizeCalculation: (_, path) => 2 * path.length + PATH_BYTES,
  });
  /** Users have a queue and a cache of their own, so that they cannot fill those of root. */
  readonly #stated = new FactsReader();
  readonly #claimed = new FactsReader();

  constructor(options: ContainerNamesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** At once if it is known, otherwise within `waitMs`; undefined on the host, and if the container is unknown. */
  of(cgroupPath: string): ContainerJson | undefined | Promise<ContainerJson | undefined> {
    const known = this.#byPath.get(cgroupPath);
    if (known === HOST) return undefined;
    if (known && (known.againMs === Number.POSITIVE_INFINITY || this.#now() < known.againMs)) {
      return known.container ?? known.waiting;
    }
    const groups = containerGroups(cgroupPath).filter(({ id }) => RUNTIME_ID.test(id));
    const next: Known = groups.length === 0 ? HOST : { ...HOST };
    this.#byPath.set(cgroupPath, next);
    if (next === HOST) return undefined;
    const candidates = groups.flatMap(({ id, above }): Candidate[] => {
      const uid = this.#options.makerOf(above);
      return uid === undefined ? [] : [{ id, uid }];
    });
    return this.#start(next, candidates);
  }

  /** The facts of a container of root, if they were read before. It reads nothing. */
  known(cgroupPath: string): ContainerFacts | undefined {
    const facts = this.#byPath.get(cgroupPath)?.container?.facts;
    return facts?.claimed ? undefined : facts;
  }

  #start(known: Known, candidates: readonly Candidate[]): Promise<ContainerJson | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const reading = this.#read(candidates).then((container) => {
      clearTimeout(timer);
      known.container = container;
      known.waiting = undefined;
      if (!container) known.againMs = this.#now() + AGAIN_MS;
      return container;
    });
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        known.waiting = undefined;
        resolve(undefined);
      }, this.#options.waitMs()).unref();
    });
    known.waiting = Promise.race([reading, late]);
    return known.waiting;
  }

  /** Never rejects. The outermost container counts: it may name the groups inside its own as it likes. */
  async #read(candidates: readonly Candidate[]): Promise<ContainerJson | undefined> {
    const { files, onUnread } = this.#options;
    for (const { id, uid } of candidates) {
      try {
        const container =
          uid === 0
            ? await this.#stated.of(id, () => files.ofRoot(id))
            : await this.#claimed.of(`${uid}:${id}`, () => files.ofUser(id, uid));
        if (container) return container;
      } catch (error) {
        // What a user writes into its own files is no fault of the host.
        if (uid === 0) onUnread(error);
      }
    }
    return undefined;
  }
}

const CONTAINERS_BYTES = 512 * 1024;
const CONTAINER_BYTES = 300;
/** More than a host has containers. */
const QUEUE_MAX = 512;

/** Reads the facts of one container after the other, and keeps them. */
class FactsReader {
  readonly #known = new LRUCache<string, ContainerJson>({
    maxSize: CONTAINERS_BYTES,
    sizeCalculation: ({ json }) => 4 * json.length + CONTAINER_BYTES,
  });
  #last: Promise<unknown> = Promise.resolve();
  #queued = 0;

  /** @throws {Error} too many wait, or the error of `read` */
  async of(key: string, read: () => Promise<ContainerFacts | undefined>): Promise<ContainerJson | undefined> {
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#queued >= QUEUE_MAX) throw new Error('too many containers wait to be read');
    this.#queued++;
    const reading = this.#last.then(async () => {
      const already = this.#known.get(key);
      if (already) return already;
      const facts = await read();
      if (!facts) return undefined;
      const container = { facts, json: JSON.stringify(facts) };
      this.#known.set(key, container);
      return container;
    });
    this.#last = reading.catch(() => undefined);
    try {
      return await reading;
    } finally {
      this.#queued--;
    }
  }
}
