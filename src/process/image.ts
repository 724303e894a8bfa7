/**
 * An image is what a process runs from one exec to the next. A fork inherits the image of the parent. An image is pending
 * until its details are known, and sealed after that (R2). Its texts can only become shorter: to save memory, or by
 * redaction. Published rows have their own texts (R10).
 */
import { type ExecDetails, NO_DETAILS } from '../collect/event.ts';
import { textBytes } from '../memory/memory_bounds.ts';

/** Characters of arguments that an image keeps for the rows of descendants. The row of the exec itself has all. */
const IMAGE_ARGS_MAX = 32_768;

/** Usual maximum size of the texts of an image, in bytes. Longer texts have a common bound (image_texts.ts). */
const USUAL_TEXT_BYTES = 1024;

/** The arguments as one text, like the column cmdline of osquery. */
export function cmdlineOf({ args }: Pick<ExecDetails, 'args'>): string {
  return args.replaceAll('\0', ' ');
}

export function argsListOf({ args, argsCount }: ExecDetails): string[] {
  return args === '' && !argsCount ? [] : args.split('\0');
}

/** The file name of the program; for a kernel thread, which has no file, its comm. */
export function exeNameOf({ path, comm }: Pick<ExecDetails, 'path' | 'comm'>): string {
  // The kernel marks a file that was replaced, for example by an upgrade (fs/d_path.c). The program is still the same.
  return path === '' ? comm : path.slice(path.lastIndexOf('/') + 1).replace(/ \(deleted\)$/, '');
}

/** Characters of each text in a shortened image. The path identifies the program, so it keeps most. */
const SHORTENED = { path: 256, args: 128, cwd: 64 } as const;

/** Longest file name, in bytes (linux/limits.h). */
const NAME_MAX = 255;

/** The end of a text that was cut to save memory. */
export const CUT = '…';

/** A copy of the first characters. A slice would keep the whole text in memory. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : `${Buffer.from(text.slice(0, max)).toString()}${CUT}`;
}

/** The details that an image keeps. The name of the call is only in the row of the exec itself. */
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
  /** Whether its texts were cut to save memory. */
  isShortened = false;
  /** Hash of its file; '' if unknown. Set after its exec, when the file is hashed. */
  sha256 = '';
  #toCall: (() => void)[] | undefined;
  /** Pending images that get the same details when this image is sealed. */
  #followers: Image[] | undefined;
  #alone: readonly Image[] | undefined;

  private constructor(details: ExecDetails | undefined, known: boolean) {
    if (details) this.#keep(details);
    this.#known = known;
  }

  /** An image without details yet. */
  static pending(): Image {
    return new Image(undefined, false);
  }

  /** `certain`: the details certainly belong to this image. */
  static of(details: ExecDetails, certain = true): Image {
    return new Image(details, certain);
  }

  /** An image whose details will never be known: its process ended before it could be read. */
  static unknown(): Image {
    return new Image(NO_DETAILS, false);
  }

  /** A list with only this image. All processes that were forked with the image share it. */
  get alone(): readonly Image[] {
    this.#alone ??= [this];
    return this.#alone;
  }

  get sealed(): boolean {
    return this.#details !== undefined;
  }

  /** Whether the details are certain; false while the image is pending, and if it was sealed without details. */
  get known(): boolean {
    return this.#known;
  }

  /** Empty while pending. */
  get details(): ExecDetails {
    return this.#details ?? NO_DETAILS;
  }

  /**
   * Sets the details of a pending image; `undefined` means that they will never be known. `certain`: the details certainly
   * belong to this image. Throws if the image is already sealed.
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

  /** Gives a pending image the details of another, which may be pending too. */
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

  /** Calls `call` once this pending image is sealed. */
  whenSettled(call: () => void): void {
    this.#toCall ??= [];
    this.#toCall.push(call);
  }

  #takeFollowers(): Image[] {
    const followers = this.#followers ?? [];
    this.#followers = undefined;
    return followers;
  }

  /** Cuts its texts. A cut text ends in …. */
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

  /** Redacts its arguments. `redact` returns the same details with redacted arguments. */
  redact(redact: (details: ExecDetails) => ExecDetails): void {
    const details = this.#details;
    if (!details) return;
    // A pattern may need the missing part of an argument that was cut.
    const isCut = this.isShortened || details.args.endsWith(CUT);
    const { args } = redact(isCut ? { ...details, argsCut: true } : details);
    if (args !== details.args) this.#details = { ...details, args };
  }

  /** Whether this is the path of its file. For a cut path, compares the part that is left. */
  hasPath(path: string): boolean {
    const own = this.details.path;
    return this.isShortened && own.endsWith(CUT) ? path.startsWith(own.slice(0, -1)) : path === own;
  }

  #keep(details: ExecDetails): void {
    // The environment is only in the row of the exec itself.
    const kept = details.environment === '' ? details : { ...details, environment: '' };
    this.isLong = textBytes(kept) > USUAL_TEXT_BYTES;
    this.#details = asKept(kept);
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
