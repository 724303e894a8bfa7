/**
 * How the memory for everything remembered is divided, in bytes. Each part keeps its own bound; together they leave room
 * below 160 MB resident for the program itself (93 MB idle) and for what its garbage collector has not collected yet.
 */
export const MEMORY_BOUNDS = {
  /** Texts of images that are longer than usual: what descendants' rows tell of their ancestors. */
  imageTexts: 3 * 1024 * 1024,
  /** Arguments of events that wait in the process tree for details or ancestors. */
  waitingEvents: 4 * 1024 * 1024,
  /** Arguments of events that wait to be hashed or merged. */
  heldEvents: 2 * 1024 * 1024,
  /** Texts of rows that wait to be written. */
  unwrittenRows: 3 * 1024 * 1024,
  /** Processes that were read from /proc and wait for the flags to be known. */
  snapshots: 8 * 1024 * 1024,
  /** Arguments of events that came before the first snapshot of /proc was read. */
  eventsBeforeSnapshot: 2 * 1024 * 1024,
} as const;

/** What the texts of an event take in memory, at most: V8 keeps a character in one byte or in two. */
export function textBytes(details: { readonly [name in TextName]: string } | undefined): number {
  if (!details) return 0;
  const { args, path, cwd, name, cgroup, root } = details;
  return 2 * (args.length + path.length + cwd.length + name.length + cgroup.length + root.length);
}

type TextName = 'args' | 'path' | 'cwd' | 'name' | 'cgroup' | 'root';
