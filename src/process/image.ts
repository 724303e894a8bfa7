/**
 * An image is what a process runs from one exec to the next. A fork inherits the parent's. It is pending until
 * its details are known (audit's record of the exec comes after the connector's), and sealed from then on:
 * published rows refer to it, so it never changes again (R2, R10).
 */
import type { ExecDetails } from '../collect/event.ts';

/** Of an exec that nobody can tell anything of. */
export const NO_DETAILS: ExecDetails = {
  from: 'procfs',
  serial: 0,
  ppid: undefined,
  syscall: '',
  auid: undefined,
  uid: undefined,
  gid: undefined,
  euid: undefined,
  suid: undefined,
  fsuid: undefined,
  egid: undefined,
  sgid: undefined,
  fsgid: undefined,
  ses: undefined,
  mode: undefined,
  ownerUid: undefined,
  ownerGid: undefined,
  atime: undefined,
  mtime: undefined,
  ctime: undefined,
  btime: undefined,
  inode: undefined,
  pidNamespace: undefined,
  sid: undefined,
  pgid: undefined,
  ttyNr: undefined,
  argsCount: undefined,
  argsBytes: 0,
  argsCut: false,
  comm: '',
  path: '',
  cwd: '',
  tty: '',
  args: '',
  name: '',
  cgroup: '',
};

/** Characters of arguments that an image keeps for its descendants' rows; the exec's own row has all of them. */
export const IMAGE_ARGS_MAX = 32_768;

/** The arguments as one text, as osquery's cmdline has it. */
export function cmdlineOf({ args }: ExecDetails): string {
  return args.replaceAll('\0', ' ');
}

export function argsListOf({ args, argsCount }: ExecDetails): string[] {
  return args === '' && !argsCount ? [] : args.split('\0');
}

/** The program's file name; a kernel thread, which has no file, goes by its comm. */
export function exeNameOf({ path, comm }: Pick<ExecDetails, 'path' | 'comm'>): string {
  // A server whose file an upgrade has replaced is marked so (fs/d_path.c), and is what it was.
  return path === '' ? comm : path.slice(path.lastIndexOf('/') + 1).replace(/ \(deleted\)$/, '');
}

function withShortArgs(details: ExecDetails): ExecDetails {
  if (details.args.length <= IMAGE_ARGS_MAX) return details;
  // A copy: a slice would keep the whole text in memory.
  const args = `${Buffer.from(details.args.slice(0, IMAGE_ARGS_MAX)).toString()}…`;
  return { ...details, args };
}

export class Image {
  #details: ExecDetails | undefined;
  #known: boolean;
  #exeName: string | undefined;

  private constructor(details: ExecDetails | undefined, known: boolean) {
    this.#details = details;
    this.#known = known;
  }

  /** An image of which nothing is known but that it was executed. */
  static pending(): Image {
    return new Image(undefined, false);
  }

  static of(details: ExecDetails): Image {
    return new Image(withShortArgs(details), true);
  }

  /** An image of which nothing will ever be known: of a process that was gone before anybody could look. */
  static unknown(): Image {
    return new Image(NO_DETAILS, false);
  }

  get sealed(): boolean {
    return this.#details !== undefined;
  }

  /** Whether the details are real; false while it is pending, and when it was sealed without them. */
  get known(): boolean {
    return this.#known;
  }

  /** Empty while pending. */
  get details(): ExecDetails {
    return this.#details ?? NO_DETAILS;
  }

  /**
   * Gives a pending image its details, or with undefined gives them up. `certain` is whether they are surely its own.
   * Sealing twice is a bug.
   */
  seal(details: ExecDetails | undefined, certain = true): void {
    if (this.#details) throw new Error('the image is sealed');
    this.#details = withShortArgs(details ?? NO_DETAILS);
    this.#known = details !== undefined && certain;
  }

  get cmdline(): string {
    return cmdlineOf(this.details);
  }

  get exeName(): string {
    if (!this.#details) return '';
    this.#exeName ??= exeNameOf(this.#details);
    return this.#exeName;
  }
}
