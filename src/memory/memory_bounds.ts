/**
 * Memory bounds of the parts that hold data, in bytes. The budget is 160 MB resident. It includes the program itself
 * (93 MB idle) and garbage that is not collected yet.
 */
export const MEMORY_BOUNDS = {
  /** Long texts of images, which the rows of descendants contain. */
  imageTexts: 3 * 1024 * 1024,
  /** Arguments of events that wait in the process tree for details or ancestors. */
  waitingEvents: 4 * 1024 * 1024,
  /** Arguments of events that wait to be hashed or merged. */
  heldEvents: 2 * 1024 * 1024,
  /** Texts of rows that wait to be written. */
  unwrittenRows: 3 * 1024 * 1024,
  /** Processes read from /proc, which wait until the flags are known. */
  snapshots: 8 * 1024 * 1024,
  /** Arguments of events received before the first procfs snapshot was read. */
  eventsBeforeSnapshot: 2 * 1024 * 1024,
} as const;

/** Upper bound of the memory of an event's texts: V8 stores a character in one or two bytes. */
export function textBytes(details: { readonly [name in TextName]: string } | undefined): number {
  if (!details) return 0;
  const { args, path, cwd, name, cgroup, root, environment } = details;
  const characters =
    args.length + path.length + cwd.length + name.length + cgroup.length + root.length + environment.length;
  return 2 * characters;
}

type TextName = 'args' | 'path' | 'cwd' | 'name' | 'cgroup' | 'root' | 'environment';
