/**
 * Flags that osquery's configuration gives as SQL of one row, a column a flag: a view, or a scheduled query, that is called
 * process_ancestry_flags. FleetDM takes both as they are, and refuses options that osquery does not know.
 */
import { ExtensionError, type Response } from '../osquery/index.ts';

const FLAGS_QUERY = 'process_ancestry_flags';

/**
 * A query that asks for a view that is not there fails; to ask what there is does not. A scheduled query's name begins with
 * its pack's and a delimiter of the user's choice.
 */
const DEFINITIONS = `
  SELECT '' AS place, sql AS definition FROM sqlite_master WHERE type = 'view' AND lower(name) = '${FLAGS_QUERY}'
  UNION ALL
  SELECT '', sql FROM sqlite_temp_master WHERE type = 'view' AND lower(name) = '${FLAGS_QUERY}'
  UNION ALL
  SELECT name, query FROM osquery_schedule WHERE name GLOB '*${FLAGS_QUERY}'`;

/**
 * osquery answers a query that comes while another runs from a database of its own, which has no views
 * (osquery/sql/sqlite_util.cpp, SQLiteDBManager::getConnection), and a worker that was restarted has neither views nor a
 * schedule before it has its configuration. So what is not there may well be there still: it is gone when osquery has said
 * nothing else for so long.
 */
export const GONE_AFTER_MS = 300_000;
/** Answers further apart are not of one stretch: the worker may have been restarted in between. */
const STRETCH_MS = 60_000;

/**
 * SQL that failed is tried again, as a table of its may come with another extension, but not every interval: osquery goes on
 * with a query that nobody waits for any more, and each would be one more thread of it that works for ever.
 */
const RETRY_MS = { least: 10_000, most: 3_600_000 };
/** An osquery that cannot even say what there is has enough to do. */
const QUIET_MS = 30_000;

/** Characters of all values. What is longer would be in the log, too, as a bad value. */
const ANSWER_MOST = 65_536;

interface QueriedFlagsRead {
  /** Values as text, by name; an empty one, as osquery makes of NULL, is none. */
  readonly flags: ReadonlyMap<string, string>;
  /** osquery named all that gave `flags` just now: nothing is only remembered. */
  readonly isWhole: boolean;
  readonly errors: readonly string[];
}

/** Values by flag, by the name of the scheduled query that gave them, '' for the view. */
type FlagsByPlace = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Said {
  /** Undefined for what an earlier process was told: the SQL has still to be run again. */
  readonly definition: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  /** Since when osquery answers without it. */
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
  /** By the name of the scheduled query, '' for the view. */
  readonly #said = new Map<string, Said>();
  /** By the same names. */
  readonly #failed = new Map<string, Failed>();
  #answeredMs = Number.NEGATIVE_INFINITY;
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param kept what an earlier process was told
   * @param now milliseconds of a clock that does not jump
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

  /** What was told last, by place. */
  get byPlace(): FlagsByPlace {
    return Object.fromEntries([...this.#said].map(([place, { flags }]) => [place, flags]));
  }

  /** What was told last, whichever place it comes from; see `read`. */
  get flags(): ReadonlyMap<string, string> {
    return mergedFlags(this.byPlace);
  }

  /** What is in force. Never rejects: what osquery does not answer stays as it was. */
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

  /** Takes what SQL says, or tells what is wrong with it. */
  async #define(place: string, definition: string): Promise<string[]> {
    // The view's SQL rather than the view, which the next query's database may not have. Of a million rows two tell enough.
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

  /** Rows, or the error that osquery answered with or that it took too long, or neither where it is not there. */
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

/** The flags of all places. pack/Global/… comes before pack/team-1/…, which says more of this host; an empty value says nothing. */
export function mergedFlags(byPlace: FlagsByPlace): ReadonlyMap<string, string> {
  const inOrder = Object.entries(byPlace).sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(inOrder.flatMap(([, flags]) => Object.entries(flags).filter(([, value]) => value !== '')));
}

function wrongWith(rows: Response['rows']): string | undefined {
  if (rows.length > 1) return 'more than one row';
  const characters = Object.values(rows[0] ?? {}).reduce((sum, { length }) => sum + length, 0);
  return characters > ANSWER_MOST ? `values of ${characters} characters, and ${ANSWER_MOST} are the most` : undefined;
}
