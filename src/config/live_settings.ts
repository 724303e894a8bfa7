/** The flags in force while the extension runs: what osquery or the file says anew changes them, and what is bad does not. */
import type { ConfigFile } from './config_file.ts';
import type { FlagName, FlagValues } from './flags.ts';
import { changedFlags, resolveFlags, type Sources } from './settings.ts';

export interface LiveSettingsOptions {
  readonly commandLine: Sources['commandLine'];
  readonly environment: Sources['environment'];
  readonly readFile: () => ConfigFile;
}

/** What became of news. */
export interface Change {
  readonly changed: readonly FlagName[];
  /** What was refused for the first time. */
  readonly refused: readonly string[];
}

export class LiveSettings {
  readonly #readFile: () => ConfigFile;
  readonly #told = new Set<string>();
  #sources: Sources;
  #values: FlagValues;
  /** What is wrong at the start; the next source's value is in force instead. */
  readonly errors: readonly string[];

  constructor({ commandLine, environment, readFile }: LiveSettingsOptions) {
    this.#readFile = readFile;
    const { content, error } = readFile();
    this.#sources = { commandLine, environment, osqueryOptions: new Map(), file: content };
    const { values, errors } = resolveFlags(this.#sources);
    this.#values = values;
    this.errors = this.#firstTime([...(error ? [error] : []), ...errors.map(({ message }) => message)]);
  }

  get values(): FlagValues {
    return this.#values;
  }

  /** Takes what a source says from now on, and reads the file again. `errors` are of whoever asked that source. */
  update(news: Partial<Pick<Sources, 'osqueryOptions' | 'queried'>>, errors: readonly string[] = []): Change {
    const { content, error } = this.#readFile();
    // A file that is being written is not one that says nothing.
    this.#sources = { ...this.#sources, ...news, file: error ? this.#sources.file : content };
    const next = resolveFlags(this.#sources, this.#values);
    const refused = this.#firstTime([
      ...errors,
      ...(error ? [error] : []),
      ...next.errors.map(({ message }) => message),
    ]);
    const changed = changedFlags(this.#values, next.values);
    this.#values = next.values;
    return { changed, refused };
  }

  /** Those that were not told before: sources are read every few seconds, and say the same. */
  #firstTime(messages: readonly string[]): string[] {
    return messages.filter((message) => {
      const isNew = !this.#told.has(message);
      this.#told.add(message);
      return isNew;
    });
  }
}
