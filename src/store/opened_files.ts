/**
 * Files that this process has open, and whether they are still at their paths: /proc/self/fd tells the present name of an
 * open file, which a removal or a renaming changes. Inode numbers would not do: some file systems give others each time.
 */
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fd';

export class OpenedFiles {
  /** The names of descriptors, as the kernel has them. */
  readonly #names: ReadonlyMap<string, string>;

  /** Paths that are not open, or that the system does not tell of, are not watched. */
  constructor(paths: readonly string[]) {
    const wanted = new Set(paths.map((path) => attempt(() => realpathSync(path))));
    const open = attempt(() => readdirSync(DESCRIPTORS)) ?? [];
    const named = open.map((fd) => [fd, nameOf(fd)] as const);
    this.#names = new Map(named.flatMap(([fd, name]) => (name !== undefined && wanted.has(name) ? [[fd, name]] : [])));
  }

  get areInPlace(): boolean {
    return [...this.#names].every(([fd, name]) => nameOf(fd) === name);
  }
}

function nameOf(fd: string): string | undefined {
  return attempt(() => readlinkSync(`${DESCRIPTORS}/${fd}`));
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
