/**
 * Checks whether files that this process has open are still at their paths. /proc/self/fd has the present name of an open file,
 * which changes when the file is removed or renamed. Inode numbers are not used: on some file systems they are not stable.
 */
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fd';

export class OpenedFiles {
  /** File descriptors by the name of their file in /proc/self/fd. */
  readonly #descriptors: ReadonlyMap<string, readonly string[]>;

  /** Paths that are not open, or that cannot be resolved, are not checked. */
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

  /** One descriptor of each file is enough: another connection may have closed its descriptor since. */
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
