/**
 * Which of osquery's answers about flags are believed (R15). A worker of osquery listens before it has read its
 * configuration, and answers without the values in it: at every start, and after each death of the worker.
 */

/** Flags as osquery's configuration gives them: values as text, by the name of the option or column. */
export interface GivenFlags {
  readonly options: ReadonlyMap<string, string>;
  /** By process_ancestry_flags; see queried_flags.ts. */
  readonly queried: ReadonlyMap<string, string>;
}

export const NO_FLAGS: GivenFlags = { options: new Map(), queried: new Map() };

export interface OsqueryAnswer extends GivenFlags {
  /** osquery named every view and query that gave `queried`: none is only remembered from before. */
  readonly isQueriedWhole: boolean;
  /** The process of osquery that answered. */
  readonly worker: string;
  /** osquery has a configuration that it may still have to read. */
  readonly hasConfiguration: boolean;
  /** `config_valid` of osquery_info: true just before the configuration's options are applied. */
  readonly isConfigValid: boolean;
}

/** Time that an answer has to stay the same before it is believed that it lacks what was given before. */
export const REPEATED_AFTER_MS = 1000;

export class OsqueryFlags {
  #believed: GivenFlags;
  #last: { readonly text: string; readonly sinceMs: number } | undefined;

  /** @param kept what was believed last, by an earlier process of the extension too */
  constructor(kept: GivenFlags = NO_FLAGS) {
    this.#believed = kept;
  }

  /** What was believed last. */
  get believed(): GivenFlags {
    return this.#believed;
  }

  /**
   * Takes an answer in. Answers what is in force from now on, and whether the answer was believed: one that is not adds
   * to what was believed before, and changes nothing of it.
   *
   * @param nowMs milliseconds of a clock that does not jump
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
   * osquery takes options of this extension from a configuration alone, and creates views and schedules from it: with all
   * that was there before, the configuration has been applied, a backup of it too.
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
