/**
 * What osquery gave last, on disk: an extension that starts again records by these flags until osquery has read its
 * configuration (R15). No flag moves the directory, as it is read before any flag is known. One file for each socket.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf } from '../text/error_message.ts';

const KEPT_FLAGS_DIRECTORY = '/var/lib/process_ancestry';
/** Far more than all flags take. */
const MOST_BYTES = 1024 * 1024;
const OTHERS_MAY_WRITE = 0o022;

export interface Kept {
  /** Values by the option's name, custom_ included. */
  readonly options: Readonly<Record<string, string>>;
  /** Values by flag, by the name of the scheduled query that gave them, '' for the view. */
  readonly queried: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The path of osquery's database; '' where it is not known. */
  readonly database: string;
}

export const NOTHING_KEPT: Kept = { options: {}, queried: {}, database: '' };

export class KeptFlags {
  readonly #directory: string;
  readonly #file: string;
  /** What the file holds; undefined while that is not known. */
  #text: string | undefined;

  /** @param socket the path of osquery's extension socket */
  constructor(socket: string, directory = KEPT_FLAGS_DIRECTORY) {
    this.#directory = directory;
    const name = createHash('sha256').update(resolve(socket)).digest('hex').slice(0, 16);
    this.#file = join(directory, `flags-${name}.json`);
  }

  /** What was kept last; nothing where there is no file, or none that can be used, and then why. */
  read(): { readonly kept: Kept; readonly error?: string } {
    try {
      const text = readOwn(this.#directory, this.#file);
      const kept = parseKept(text);
      this.#text = text;
      return { kept };
    } catch (error) {
      if (isMissing(error)) return { kept: NOTHING_KEPT };
      return { kept: NOTHING_KEPT, error: `${this.#file}: the flags that osquery gave last: ${messageOf(error)}` };
    }
  }

  /**
   * Keeps these from now on, unless they are those that are kept.
   *
   * @throws {Error} the system says no
   */
  write(kept: Kept): void {
    const isNothing = Object.keys(kept.options).length + Object.keys(kept.queried).length === 0;
    const text = isNothing ? '' : JSON.stringify(kept);
    if (text === this.#text) return;
    if (isNothing) rmSync(this.#file, { force: true });
    else {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const made = `${this.#file}.${randomBytes(6).toString('hex')}`;
      try {
        writeFileSync(made, text, { mode: 0o600, flag: 'wx' });
        renameSync(made, this.#file);
      } catch (error) {
        rmSync(made, { force: true });
        throw error;
      }
    }
    this.#text = text;
  }
}

/** Another user who could write it would choose what is redacted. */
function readOwn(directory: string, path: string): string {
  const uid = process.geteuid?.();
  const folder = lstatSync(directory);
  if (!folder.isDirectory() || folder.uid !== uid || folder.mode & OTHERS_MAY_WRITE) {
    throw new Error(`${directory} is not a directory that this user alone can write`);
  }
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.uid !== uid || found.mode & OTHERS_MAY_WRITE || found.size > MOST_BYTES) {
      throw new Error(`${path} is not a file that this user alone can write`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function parseKept(text: string): Kept {
  const found: unknown = JSON.parse(text);
  if (!isRecord(found) || !isRecord(found.queried)) throw new Error('not what this program writes');
  return {
    options: textsOf(found.options),
    queried: Object.fromEntries(Object.entries(found.queried).map(([place, flags]) => [place, textsOf(flags)])),
    database: typeof found.database === 'string' ? found.database : '',
  };
}

function textsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw new Error('not what this program writes');
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      if (typeof text !== 'string') throw new Error(`${name} is no text`);
      return [name, text];
    }),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
