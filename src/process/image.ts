/**
 * An image is what a process runs from one exec to the next. A fork inherits the parent's. Where the fork is still to be told
 * the image is pending, and sealed from then on (R2). Its texts can only become less: shortened for want of memory, or
 * redacted. Published rows have texts of their own (R10).
 */
import { type ExecDetails, NO_DETAILS } from '../collect/event.ts';
import { textBytes } from '../memory/memory_bounds.ts';

/** Characters of arguments that an image keeps for its descendants' rows; the exec's own row has all of them. */
const IMAGE_ARGS_MAX = 32_768;

/** What the texts of an image usually take at most, in bytes; longer ones are bounded together (image_texts.ts). */
const USUAL_TEXT_BYTES = 1024;

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

/** Characters of each text that a shortened image keeps. A path is what tells a program. */
const SHORTENED = { path: 256, args: 128, cwd: 64 } as const;

/** Bytes of a file's name at most (linux/limits.h). */
const NAME_MAX = 255;

/** A copy of the first characters: a slice would keep the whole text in memory. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : `${Buffer.from(text.slice(0, max)).toString()}…`;
}

/** The details as an image keeps them. What the file was called as, and its group, are of the exec's own row. */
function asKept(details: ExecDetails): ExecDetails {
  if (textBytes(details) <= USUAL_TEXT_BYTES) return details;
  return { ...details, args: cut(details.args, IMAGE_ARGS_MAX), name: '' };
}

export class Image {
  #details: ExecDetails | undefined;
  #known: boolean;
  #exeName: string | undefined;
  /** Whether its texts are longer than usual. */
  isLong = false;
  /** Whether its texts were cut to make room. */
  isShortened = false;
  #toCall: (() => void)[] | undefined;
  /** Images that were forked from this one, and become known with it. */
  #followers: Image[] | undefined;
  #alone: readonly Image[] | undefined;

  private constructor(details: ExecDetails | undefined, known: boolean) {
    if (details) this.#keep(details);
    this.#known = known;
  }

  /** An image of which nothing is known but that it was executed. */
  static pending(): Image {
    return new Image(undefined, false);
  }

  /** `certain` is whether the details are surely its own. */
  static of(details: ExecDetails, certain = true): Image {
    return new Image(details, certain);
  }

  /** An image of which nothing will ever be known: of a process that was gone before it could be looked at. */
  static unknown(): Image {
    return new Image(NO_DETAILS, false);
  }

  /** The list of this image only: the same one for every process that was forked with it. */
  get alone(): readonly Image[] {
    this.#alone ??= [this];
    return this.#alone;
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
    this.#setDetails(details, certain);
    const followers = this.#takeFollowers();
    for (let next = followers.pop(); next; next = followers.pop()) {
      if (next.#details) continue;
      next.#setDetails(this.#details, this.#known);
      followers.push(...next.#takeFollowers());
    }
  }

  /** Makes a pending image the same as another, which may itself be pending: the one that its process was forked with. */
  follow(other: Image): void {
    if (this.#details || other === this) return;
    if (other.#details) this.seal(other.#details, other.#known);
    else if (other.#followers) other.#followers.push(this);
    else other.#followers = [this];
  }

  #setDetails(details: ExecDetails | undefined, certain: boolean): void {
    this.#keep(details ?? NO_DETAILS);
    this.#known = details !== undefined && certain;
    const toCall = this.#toCall ?? [];
    this.#toCall = undefined;
    for (const call of toCall) call();
  }

  /** Calls it once this pending image is sealed. */
  whenSettled(call: () => void): void {
    this.#toCall ??= [];
    this.#toCall.push(call);
  }

  #takeFollowers(): Image[] {
    const followers = this.#followers ?? [];
    this.#followers = undefined;
    return followers;
  }

  /** Lets go of most of its texts: they end in … from now on. */
  shorten(): void {
    const details = this.#details;
    if (!details || !this.isLong || this.isShortened) return;
    this.isShortened = true;
    this.#exeName = cut(this.exeName, NAME_MAX);
    this.#details = {
      ...details,
      path: cut(details.path, SHORTENED.path),
      root: cut(details.root, SHORTENED.path),
      args: cut(details.args, SHORTENED.args),
      cwd: cut(details.cwd, SHORTENED.cwd),
      cgroup: '',
    };
  }

  /** Takes what must not be stored any more out of its arguments. `redact` answers the same details without it. */
  redact(redact: (details: ExecDetails) => ExecDetails): void {
    const details = this.#details;
    if (!details) return;
    // Of an argument that was cut a pattern may need what is missing.
    const isCut = this.isShortened || details.args.endsWith('…');
    const { args } = redact(isCut ? { ...details, argsCut: true } : details);
    if (args !== details.args) this.#details = { ...details, args };
  }

  /** Whether this is its file, as far as it is still known. */
  hasPath(path: string): boolean {
    const own = this.details.path;
    return this.isShortened && own.endsWith('…') ? path.startsWith(own.slice(0, -1)) : path === own;
  }

  #keep(details: ExecDetails): void {
    this.isLong = textBytes(details) > USUAL_TEXT_BYTES;
    this.#details = asKept(details);
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
