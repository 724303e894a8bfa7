/** The flags in force while the extension runs: what osquery or the file says anew changes them, and what is bad does not. */
import type { ConfigFile } from './config_file.ts';
import { type FlagName, type FlagValues, UnsafeFlagError } from './flags.ts';
import { changedFlags, type Resolved, resolveFlags, type Sources } from './settings.ts';

interface LiveSettingsOptions {
  readonly commandLine: Sources['commandLine'];
  readonly environment: Sources['environment'];
  readonly readFile: () => ConfigFile;
  /** What osquery gave an earlier process. */
  readonly kept?: Pick<Sources, 'osqueryOptions' | 'queried'>;
  /** Milliseconds of a clock that does not jump. */
  readonly now?: () => number;
}

/** What was right for so long, and is wrong again, is told again. */
export const FORGIVEN_AFTER_MS = 600_000;

/** What became of news. */
interface Change {
  readonly changed: readonly FlagName[];
  /** What was not refused lately. */
  readonly refused: readonly string[];
}

export class LiveSettings {
  readonly #readFile: () => ConfigFile;
  readonly #now: () => number;
  /** When it was last wrong, by what was told. */
  readonly #told = new Map<string, number>();
  #sources: Sources;
  #values: FlagValues;
  #unsafe: readonly string[];
  /** What is wrong at the start; the next source's value is in force instead. */
  readonly errors: readonly string[];

  constructor({ commandLine, environment, readFile, kept, now }: LiveSettingsOptions) {
    this.#readFile = readFile;
    this.#now = now ?? (() => performance.now());
    const { content, error } = readFile();
    this.#sources = { commandLine, environment, osqueryOptions: new Map(), ...kept, file: content, fileError: error };
    const { values, errors } = resolveFlags(this.#sources);
    this.#values = values;
    this.#unsafe = unsafeIn(errors);
    this.errors = this.#untold([...(error ? [error] : []), ...errors.map(({ message }) => message)]);
  }

  get values(): FlagValues {
    return this.#values;
  }

  /** Refused values that put a flag's `whenRefused` in force, as long as they do. */
  get problems(): readonly { readonly code: string; readonly message: string }[] {
    return this.#unsafe.map((message) => ({ code: 'flag_refused', message }));
  }

  /** Whether a message of `errors` or `refused` tells of a `whenRefused`. */
  isUnsafe(message: string): boolean {
    return this.#unsafe.includes(message);
  }

  /** Takes what a source says from now on, and reads the file again. `errors` are of whoever asked that source. */
  update(news: Partial<Pick<Sources, 'osqueryOptions' | 'queried'>>, errors: readonly string[] = []): Change {
    const { content, error } = this.#readFile();
    // A file that is being written is not one that says nothing.
    this.#sources = { ...this.#sources, ...news, file: error ? this.#sources.file : content, fileError: error };
    const next = resolveFlags(this.#sources, this.#values);
    const refused = this.#untold([...errors, ...(error ? [error] : []), ...next.errors.map(({ message }) => message)]);
    const changed = changedFlags(this.#values, next.values);
    this.#values = next.values;
    this.#unsafe = unsafeIn(next.errors);
    return { changed, refused };
  }

  /** Those that were not told lately: sources are read every few seconds, and say the same. */
  #untold(messages: readonly string[]): string[] {
    const now = this.#now();
    for (const [message, seen] of this.#told) if (now - seen >= FORGIVEN_AFTER_MS) this.#told.delete(message);
    const untold = new Set(messages.filter((message) => !this.#told.has(message)));
    for (const message of messages) this.#told.set(message, now);
    return [...untold];
  }
}

function unsafeIn(errors: Resolved['errors']): readonly string[] {
  return errors.filter((error) => error instanceof UnsafeFlagError).map(({ message }) => message);
}
