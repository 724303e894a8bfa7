/**
 * Stores the last flags from osquery on disk. A restarted extension uses them until osquery has read its configuration
 * (R15). The directory is fixed, because it is read before any flag is known. Each socket has its own file.
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
/** More than all flags need. */
const MOST_BYTES = 1024 * 1024;
const OTHERS_MAY_WRITE = 0o022;

export interface Kept {
  /** Values by option name, with the prefix custom_. */
  readonly options: Readonly<Record<string, string>>;
  /** Values by flag, grouped by the name of the scheduled query; '' for the view. */
  readonly queried: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Path of osquery's database; '' when unknown. */
  readonly database: string;
}

export const NOTHING_KEPT: Kept = { options: {}, queried: {}, database: '' };

export class KeptFlags {
  readonly #directory: string;
  readonly #file: string;
  /** Content of the file; undefined while unknown. */
  #text: string | undefined;

  /** @param socket the path of osquery's extension socket */
  constructor(socket: string, directory = KEPT_FLAGS_DIRECTORY) {
    this.#directory = directory;
    const name = createHash('sha256').update(resolve(socket)).digest('hex').slice(0, 16);
    this.#file = join(directory, `flags-${name}.json`);
  }

  /** Reads the kept flags. Empty when there is no file; empty with an error when it cannot be used. */
  read(): { readonly kept: Kept; readonly error?: string } {
    try {
      const text = readOwn(this.#directory, this.#file);
      const kept = parseKept(text);
      this.#text = text;
      return { kept };
    } catch (error) {
      if (isMissing(error)) return { kept: NOTHING_KEPT };
      return {
        kept: NOTHING_KEPT,
        error: `${this.#file}: cannot read the last flags from osquery: ${messageOf(error)}`,
      };
    }
  }

  /**
   * Stores the flags, if they have changed.
   *
   * @throws {Error} the file cannot be written
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

/** Rejects files that other users can write: they could change what is redacted. */
function readOwn(directory: string, path: string): string {
  const uid = process.geteuid?.();
  const folder = lstatSync(directory);
  if (!folder.isDirectory() || folder.uid !== uid || folder.mode & OTHERS_MAY_WRITE) {
    throw new Error(`${directory} is not a directory that only this user can write`);
  }
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.uid !== uid || found.mode & OTHERS_MAY_WRITE || found.size > MOST_BYTES) {
      throw new Error(`${path} is not a file that only this user can write`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function parseKept(text: string): Kept {
  const found: unknown = JSON.parse(text);
  if (!isRecord(found) || !isRecord(found.queried)) throw new Error('unknown format');
  return {
    options: textsOf(found.options),
    queried: Object.fromEntries(Object.entries(found.queried).map(([place, flags]) => [place, textsOf(flags)])),
    database: typeof found.database === 'string' ? found.database : '',
  };
}

function textsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw new Error('unknown format');
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      if (typeof text !== 'string') throw new Error(`${name} is not text`);
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
