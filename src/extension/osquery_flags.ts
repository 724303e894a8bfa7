/**
 * Decides which answers of osquery about flags are complete (R15). A new osquery worker listens before it has read its
 * configuration. Its answers then lack the configured values.
 */

/** Flags from osquery's configuration: values as text, by name of the option or column. */
export interface GivenFlags {
  readonly options: ReadonlyMap<string, string>;
  /** From process_ancestry_flags; see queried_flags.ts. */
  readonly queried: ReadonlyMap<string, string>;
}

export const NO_FLAGS: GivenFlags = { options: new Map(), queried: new Map() };

export interface OsqueryAnswer extends GivenFlags {
  /** Whether osquery listed each view and query of `queried` in this answer: none comes from memory. */
  readonly isQueriedWhole: boolean;
  /** The osquery worker that answered. */
  readonly worker: string;
  /** Whether osquery has a configuration that it may not have read yet. */
  readonly hasConfiguration: boolean;
  /** `config_valid` of osquery_info: true just before the configuration's options are applied. */
  readonly isConfigValid: boolean;
}

/** An answer without earlier values is accepted when it stays the same for this time. */
export const REPEATED_AFTER_MS = 1000;

export class OsqueryFlags {
  #believed: GivenFlags;
  #last: { readonly text: string; readonly sinceMs: number } | undefined;

  /** @param kept last accepted flags, also those of an earlier process of the extension */
  constructor(kept: GivenFlags = NO_FLAGS) {
    this.#believed = kept;
  }

  /** Last accepted flags. */
  get believed(): GivenFlags {
    return this.#believed;
  }

  /**
   * Processes an answer. Returns the flags in force, and whether the answer was accepted. An answer that is not accepted
   * can add flags, but cannot change or remove accepted ones.
   *
   * @param nowMs milliseconds of a monotonic clock
   */
  take(answer: OsqueryAnswer, nowMs: number): GivenFlags & { readonly isBelieved: boolean } {
    const { options, queried } = answer;
    const isBelieved = !answer.hasConfiguration || this.#lacksNothing(answer) || this.#isRepeated(answer, nowMs);
    if (isBelieved) {
      this.#believed = { options, queried };
      return { options, queried, isBelieved };
    }
    return {
      options: new Map([...options, ...this.#believed.options]),
      queried: new Map([...queried, ...this.#believed.queried]),
      isBelieved,
    };
  }

  /**
   * Options of this extension, views and schedules come only from osquery's configuration. If the answer contains all
   * earlier flags, the configuration, or its backup, has been applied.
   */
  #lacksNothing({ options, queried, isQueriedWhole }: OsqueryAnswer): boolean {
    const before = this.#believed;
    if (before.options.size + before.queried.size === 0) return false;
    const hasAll = (now: ReadonlyMap<string, string>, then: ReadonlyMap<string, string>) =>
      [...then.keys()].every((name) => now.has(name));
    return isQueriedWhole && hasAll(options, before.options) && hasAll(queried, before.queried);
  }

  #isRepeated({ options, queried, worker, isConfigValid }: OsqueryAnswer, nowMs: number): boolean {
    if (!isConfigValid) {
      this.#last = undefined;
      return false;
    }
    const text = JSON.stringify([worker, [...options], [...queried]]);
    if (this.#last?.text !== text) this.#last = { text, sinceMs: nowMs };
    return nowMs - this.#last.sinceMs >= REPEATED_AFTER_MS;
  }
}
