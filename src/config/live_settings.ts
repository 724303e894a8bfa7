/** The flags in force while the extension runs. New values from osquery or the file change them; bad values do not. */
import type { ConfigFile } from './config_file.ts';
import { type FlagName, type FlagValues, UnsafeFlagError } from './flags.ts';
import { changedFlags, type Resolved, resolveFlags, type Sources } from './settings.ts';

interface LiveSettingsOptions {
  readonly commandLine: Sources['commandLine'];
  readonly environment: Sources['environment'];
  readonly readFile: () => ConfigFile;
  /** Flags that osquery gave to an earlier process of the extension. */
  readonly kept?: Pick<Sources, 'osqueryOptions' | 'queried'>;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/** An error that comes back after this time without it is reported again. */
export const FORGIVEN_AFTER_MS = 600_000;

/** Result of an update. */
interface Change {
  readonly changed: readonly FlagName[];
  /** Errors that were not reported recently. */
  readonly refused: readonly string[];
}

export class LiveSettings {
  readonly #readFile: () => ConfigFile;
  readonly #now: () => number;
  /** Last time of each error, by its message. */
  readonly #told = new Map<string, number>();
  #sources: Sources;
  #values: FlagValues;
  #unsafe: readonly string[];
  /** Errors at the start. The value of the next source is in force instead. */
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

  /** Refused values that put a flag's `whenRefused` in force now. */
  get problems(): readonly { readonly code: string; readonly message: string }[] {
    return this.#unsafe.map((message) => ({ code: 'flag_refused', message }));
  }

  /** Whether a message of `errors` or `refused` reports a `whenRefused` in force. */
  isUnsafe(message: string): boolean {
    return this.#unsafe.includes(message);
  }

  /** Replaces the values of a source, and reads the file again. `errors` are those of the caller that read the source. */
  update(news: Partial<Pick<Sources, 'osqueryOptions' | 'queried'>>, errors: readonly string[] = []): Change {
    const { content, error } = this.#readFile();
    // The file may be incomplete while it is written: its previous values stay.
    this.#sources = { ...this.#sources, ...news, file: error ? this.#sources.file : content, fileError: error };
    const next = resolveFlags(this.#sources, this.#values);
    const refused = this.#untold([...errors, ...(error ? [error] : []), ...next.errors.map(({ message }) => message)]);
    const changed = changedFlags(this.#values, next.values);
    this.#values = next.values;
    this.#unsafe = unsafeIn(next.errors);
    return { changed, refused };
  }

  /** Messages that were not reported recently. Sources are read every few seconds and repeat the same errors. */
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
