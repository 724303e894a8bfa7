/**
 * Reads flags from SQL in osquery's configuration: a view or scheduled query named process_ancestry_flags, with one row
 * and one column per flag. FleetDM accepts views and queries, but refuses options that osquery does not know.
 */
import { ExtensionError, type Response } from '../osquery/index.ts';

const FLAGS_QUERY = 'process_ancestry_flags';

/**
 * Lists the definitions, because a query on a missing view would fail. The name of a scheduled query begins with the name
 * of its pack and a configurable delimiter.
 */
const DEFINITIONS = `
  SELECT '' AS place, sql AS definition FROM sqlite_master WHERE type = 'view' AND lower(name) = '${FLAGS_QUERY}'
  UNION ALL
  SELECT '', sql FROM sqlite_temp_master WHERE type = 'view' AND lower(name) = '${FLAGS_QUERY}'
  UNION ALL
  SELECT name, query FROM osquery_schedule WHERE name GLOB '*${FLAGS_QUERY}'`;

/**
 * A definition that is missing for this time counts as removed. A single answer without it does not prove that: osquery
 * runs concurrent queries in a separate database without views (osquery/sql/sqlite_util.cpp,
 * SQLiteDBManager::getConnection), and a restarted worker has no views and no schedule until it has its configuration.
 */
export const GONE_AFTER_MS = 300_000;
/** After a longer gap between answers the period restarts: the worker may have been restarted. */
const STRETCH_MS = 60_000;

/**
 * Failed SQL is retried with increasing delay. A retry can succeed, because another extension may add a missing table.
 * The delay limits threads in osquery: it continues a query after the client's timeout.
 */
const RETRY_MS = { least: 10_000, most: 3_600_000 };
/** Pause after osquery failed to list the definitions. */
const QUIET_MS = 30_000;

/** Maximum size of all values in characters. A longer bad value would also fill the log. */
const ANSWER_MOST = 65_536;

interface QueriedFlagsRead {
  /** Values as text, by name. An empty value counts as unset: osquery returns NULL as ''. */
  readonly flags: ReadonlyMap<string, string>;
  /** Whether osquery listed the definitions of all `flags` in this answer: none comes from memory. */
  readonly isWhole: boolean;
  readonly errors: readonly string[];
}

/** Values by flag, grouped by the name of the scheduled query; '' for the view. */
type FlagsByPlace = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Said {
  /** Undefined for values of an earlier process: the SQL must be run again. */
  readonly definition: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  /** Time of the first of the current answers without it. */
  missedMs?: number | undefined;
}

interface Failed {
  readonly definition: string;
  readonly waitMs: number;
  readonly retryMs: number;
}

export class QueriedFlags {
  readonly #query: (sql: string) => Promise<Response>;
  readonly #now: () => number;
  /** By name of the scheduled query; '' for the view. */
  readonly #said = new Map<string, Said>();
  /** By the same names. */
  readonly #failed = new Map<string, Failed>();
  #answeredMs = Number.NEGATIVE_INFINITY;
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param kept values that an earlier process read
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    query: (sql: string) => Promise<Response>,
    kept: FlagsByPlace = {},
    now: () => number = () => performance.now(),
  ) {
    this.#query = query;
    this.#now = now;
    for (const [place, flags] of Object.entries(kept)) this.#said.set(place, { definition: undefined, flags });
  }

  /** Last known values, by scheduled query or view. */
  get byPlace(): FlagsByPlace {
    return Object.fromEntries([...this.#said].map(([place, { flags }]) => [place, flags]));
  }

  /** Last known values of all definitions; see `read`. */
  get flags(): ReadonlyMap<string, string> {
    return mergedFlags(this.byPlace);
  }

  /** The values in force. Never rejects: without an answer of osquery the values stay. */
  async read(): Promise<QueriedFlagsRead> {
    const errors: string[] = [];
    const { rows, error } = this.#now() < this.#quietUntilMs ? {} : await this.#ask(DEFINITIONS);
    if (error !== undefined) this.#quietUntilMs = this.#now() + QUIET_MS;
    if (rows) this.#forgetAllBut(new Set(rows.map(({ place = '' }) => place)));
    for (const { place = '', definition = '' } of rows ?? []) {
      if (this.#said.get(place)?.definition === definition) this.#failed.delete(place);
      else if (this.#isDue(place, definition)) errors.push(...(await this.#define(place, definition)));
    }
    const named = new Map(rows?.map(({ place = '', definition = '' }) => [place, definition]));
    const isWhole =
      rows !== undefined &&
      [...this.#said].every(([place, { definition }]) => definition !== undefined && named.get(place) === definition);
    return { flags: this.flags, isWhole, errors };
  }

  /** Runs the SQL of a definition. Returns its errors. */
  async #define(place: string, definition: string): Promise<string[]> {
    // Runs the view's SQL: the database of this query may lack the view. Two rows are enough to detect more than one.
    const sql = definition.replace(/^\s*CREATE\s+(TEMP\s+|TEMPORARY\s+)?VIEW\s+\S+\s+AS\s/i, '').replace(/;\s*$/, '');
    const { rows = [], error, isGone } = await this.#ask(`SELECT * FROM (\n${sql}\n) LIMIT 2`);
    if (isGone) return [];
    const wrong = error ?? wrongWith(rows);
    if (wrong === undefined) {
      this.#failed.delete(place);
      this.#said.set(place, { definition, flags: rows[0] ?? {} });
      return [];
    }
    const failed = this.#failed.get(place);
    const waitMs = failed?.definition === definition ? Math.min(failed.waitMs * 2, RETRY_MS.most) : RETRY_MS.least;
    this.#failed.set(place, { definition, waitMs, retryMs: this.#now() + waitMs });
    return [`${FLAGS_QUERY}: ${place || 'view'}: ${wrong}`];
  }

  #isDue(place: string, definition: string): boolean {
    const failed = this.#failed.get(place);
    return failed?.definition !== definition || this.#now() >= failed.retryMs;
  }

  #forgetAllBut(places: ReadonlySet<string>): void {
    const now = this.#now();
    const isOneStretch = now - this.#answeredMs <= STRETCH_MS;
    this.#answeredMs = now;
    for (const [place, said] of this.#said) {
      if (places.has(place)) said.missedMs = undefined;
      else if (said.missedMs === undefined || !isOneStretch) said.missedMs = now;
      else if (now - said.missedMs >= GONE_AFTER_MS) this.#said.delete(place);
    }
    for (const place of this.#failed.keys()) {
      if (!places.has(place) && !this.#said.has(place)) this.#failed.delete(place);
    }
  }

  /** Rows, or the error of osquery or of the timeout, or `isGone` when osquery is not reachable. */
  #ask(sql: string): Promise<{ rows?: Response['rows']; error?: string; isGone?: true }> {
    return this.#query(sql).then(
      ({ status, rows }) => (status.code === 0 ? { rows } : { error: status.message }),
      (error: unknown) =>
        error instanceof ExtensionError && error.code !== 'unreachable' && error.code !== 'lost'
          ? { error: error.message }
          : { isGone: true },
    );
  }
}

/** Merges the flags of all definitions by name: pack/team-1/… overrides pack/Global/…. Empty values are ignored. */
export function mergedFlags(byPlace: FlagsByPlace): ReadonlyMap<string, string> {
  const inOrder = Object.entries(byPlace).sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(inOrder.flatMap(([, flags]) => Object.entries(flags).filter(([, value]) => value !== '')));
}

function wrongWith(rows: Response['rows']): string | undefined {
  if (rows.length > 1) return 'more than one row';
  const characters = Object.values(rows[0] ?? {}).reduce((sum, { length }) => sum + length, 0);
  return characters > ANSWER_MOST ? `values of ${characters} characters; the maximum is ${ANSWER_MOST}` : undefined;
}
