/**
 * Files that this process has open, and whether they are still at their paths: /proc/self/fd tells the present name of an
 * open file, which a removal or a renaming changes. Inode numbers would not do: some file systems give others each time.
 */
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fd';

export class OpenedFiles {
  /** Descriptors by the name that the kernel has for their file. */
  readonly #descriptors: ReadonlyMap<string, readonly string[]>;

  /** Paths that are not open, or that the system does not tell of, are not watched. */
  constructor(paths: readonly string[]) {
    const wanted = new Set(paths.map((path) => attempt(() => realpathSync(path))));
    const open = attempt(() => readdirSync(DESCRIPTORS)) ?? [];
    const descriptors = new Map<string, string[]>();
    for (const fd of open) {
      const name = nameOf(fd);
      if (name !== undefined && wanted.has(name)) descriptors.set(name, [...(descriptors.get(name) ?? []), fd]);
    }
    this.#descriptors = descriptors;
  }

  /** Another connection may have had a file open, too, and closed it since: one descriptor of a file is enough. */
  get areInPlace(): boolean {
    return [...this.#descriptors].every(([name, fds]) => fds.some((fd) => nameOf(fd) === name));
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
