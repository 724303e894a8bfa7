/**
 * The flags that osquery's configuration gives, looked at until they are known and at every interval after (R15). What is
 * given is kept on disk, for the next start.
 */
import type { Logger } from '../program/log.ts';
import type { Kept, KeptFlags } from './kept_flags.ts';
import { type GivenFlags, OsqueryFlags, REPEATED_AFTER_MS } from './osquery_flags.ts';
import { type AskedOsquery, OSQUERY_DATABASE, type OsqueryState, readOsqueryState } from './osquery_state.ts';
import { QueriedFlags } from './queried_flags.ts';

/** Nothing is recorded for so long for want of osquery's answer; then the kept flags are in force. */
export const KNOWN_WITHIN_MS = 30_000;
/** osquery reads a file of configuration within milliseconds of listening. */
const LOOK_AGAIN_MS = 250;

interface ConfigurationOptions {
  readonly osquery: AskedOsquery;
  /** What an earlier process was given, and where what is given is kept. */
  readonly kept: Kept;
  readonly keep: Pick<KeptFlags, 'write'>;
  readonly log: Logger;
  /** Flags that are in force from now on, as far as osquery gives them, and what is wrong with those that SQL gives. */
  readonly onFlags: (given: GivenFlags, errors: readonly string[]) => void;
  /** Another process of osquery answers than before; '' where osquery does not say which. */
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
      const message = `osquery has not applied its configuration within ${seconds} s: the flags that it gave last are in force`;
      options.log.warn(message);
      this.#settle();
    }, KNOWN_WITHIN_MS);
    this.#giveUpTimer.unref();
  }

  /** Resolves when the flags in force are those of the configuration, or osquery has had its time. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** The path of osquery's database: as osquery says it, or said it last, or its default. */
  get database(): string {
    return this.#database;
  }

  /** osquery has registered the extension: perhaps another process of it. */
  registered(): Promise<void> {
    this.#worker = undefined;
    return this.look();
  }

  /** Asks osquery. To be called at every interval; asks again earlier by itself where that can tell more. Never rejects. */
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
      this.#options.log.debug({ err: error }, 'osquery did not say what its configuration is');
      this.#lookAgain(LOOK_AGAIN_MS, !this.#isKnown);
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
      // A user who may not write there: the next start waits for osquery with the flags of the command line alone.
      this.#options.log.debug({ err: error }, 'the flags that osquery gave are not kept for the next start');
    }
  }
}
