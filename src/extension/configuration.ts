/**
 * Reads the flags in osquery's configuration, until they are known and then at intervals (R15). It stores them on
 * disk for the next start.
 */
import type { Logger } from '../program/log.ts';
import type { Kept, KeptFlags } from './kept_flags.ts';
import { type GivenFlags, OsqueryFlags, REPEATED_AFTER_MS } from './osquery_flags.ts';
import { type AskedOsquery, OSQUERY_DATABASE, type OsqueryState, readOsqueryState } from './osquery_state.ts';
import { QueriedFlags } from './queried_flags.ts';

/** The recording waits this long for osquery's answer. Then the kept flags are in force. */
export const KNOWN_WITHIN_MS = 30_000;
/** osquery reads a configuration file within milliseconds after it begins to listen. */
const LOOK_AGAIN_MS = 250;

interface ConfigurationOptions {
  readonly osquery: AskedOsquery;
  /** Flags given to an earlier process, and the storage of kept flags. */
  readonly kept: Kept;
  readonly keep: Pick<KeptFlags, 'write'>;
  readonly log: Logger;
  /** New flags from osquery, and the errors of flags from SQL. */
  readonly onFlags: (given: GivenFlags, errors: readonly string[]) => void;
  /** Called when another osquery worker answers; '' when osquery does not identify it. */
  readonly onWorker: (worker: string) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #now: () => number;
  readonly #queried: QueriedFlags;
  readonly #flags: OsqueryFlags;
  readonly #known = Promise.withResolvers<void>();
  readonly #giveUpTimer: NodeJS.Timeout;
  #isKnown = false;
  #isStopped = false;
  #database: string;
  #worker: string | undefined;
  #looking: Promise<void> | undefined;
  #lookTimer: NodeJS.Timeout | undefined;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const { kept } = options;
    this.#queried = new QueriedFlags((sql) => options.osquery.query(sql), kept.queried, this.#now);
    this.#flags = new OsqueryFlags({ options: new Map(Object.entries(kept.options)), queried: this.#queried.flags });
    this.#database = kept.database || OSQUERY_DATABASE;
    this.#giveUpTimer = setTimeout(() => {
      const seconds = KNOWN_WITHIN_MS / 1000;
      const message = `osquery has not applied its configuration within ${seconds} s: its last flags are in force`;
      options.log.warn(message);
      this.#settle();
    }, KNOWN_WITHIN_MS);
    this.#giveUpTimer.unref();
  }

  /** Resolves when the flags of the configuration are in force, or after the timeout. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Path of osquery's database: current, last known or default. */
  get database(): string {
    return this.#database;
  }

  /** Called after a registration, which may be with another osquery process. */
  registered(): Promise<void> {
    this.#worker = undefined;
    return this.look();
  }

  /** Queries osquery. Called at intervals; it schedules an earlier retry when that is useful. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#giveUpTimer);
    clearTimeout(this.#lookTimer);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#lookTimer);
    let state: OsqueryState;
    try {
      state = await readOsqueryState(this.#options.osquery);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'cannot read the configuration of osquery');
      // Until its worker is known, osquery may ask for rows that its former worker did not log.
      this.#lookAgain(LOOK_AGAIN_MS, !this.#isKnown || this.#worker === undefined);
      return;
    }
    const { flags: queried, isWhole: isQueriedWhole, errors } = await this.#queried.read();
    if (this.#isStopped) return;
    if (state.worker !== this.#worker) {
      this.#worker = state.worker;
      this.#options.onWorker(state.worker);
    }
    this.#database = state.database;
    const { isBelieved, ...given } = this.#flags.take({ ...state, queried, isQueriedWhole }, this.#now());
    this.#options.onFlags(given, errors);
    if (isBelieved) {
      this.#keep(given);
      this.#settle();
    } else this.#lookAgain(this.#isKnown ? REPEATED_AFTER_MS : LOOK_AGAIN_MS, !this.#isKnown || state.isConfigValid);
  }

  #lookAgain(afterMs: number, isWorthIt: boolean): void {
    if (!isWorthIt || this.#isStopped) return;
    this.#lookTimer = setTimeout(() => void this.look(), afterMs);
    this.#lookTimer.unref();
  }

  #settle(): void {
    this.#isKnown = true;
    clearTimeout(this.#giveUpTimer);
    this.#known.resolve();
  }

  #keep({ options }: GivenFlags): void {
    try {
      const { byPlace } = this.#queried;
      this.#options.keep.write({ options: Object.fromEntries(options), queried: byPlace, database: this.#database });
    } catch (error) {
      // This user may not write there: the next start waits for osquery with only the flags of the command line.
      this.#options.log.debug({ err: error }, 'cannot store the flags from osquery for the next start');
    }
  }
}
