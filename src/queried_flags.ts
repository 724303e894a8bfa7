/**
 * Flags that osquery's configuration gives as SQL of one row, a column a flag: a view, or a scheduled query, that is called
 * process_ancestry_flags. FleetDM takes both as they are, and refuses options that osquery does not know.
 */
import type { Response } from './osquery/response_decoder.ts';

export const FLAGS_QUERY = 'process_ancestry_flags';

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
 * schedule before it has its configuration. So what is not there may well be there still.
 */
export const GONE_AFTER_MS = 300_000;

export interface QueriedFlagsRead {
  /** Values as text, by name; an empty one, as osquery makes of NULL, is none. */
  readonly flags: ReadonlyMap<string, string>;
  readonly errors: readonly string[];
}

interface Said {
  readonly definition: string;
  readonly flags: Readonly<Record<string, string>>;
  seenMs: number;
}

export class QueriedFlags {
  readonly #query: (sql: string) => Promise<Response>;
  readonly #now: () => number;
  /** By the name of the scheduled query, '' for the view. */
  readonly #said = new Map<string, Said>();

  /** `now`: milliseconds of a clock that does not jump. */
  constructor(query: (sql: string) => Promise<Response>, now: () => number = () => performance.now()) {
    this.#query = query;
    this.#now = now;
  }

  /** What is in force. Never rejects: what osquery does not answer stays as it was. */
  async read(): Promise<QueriedFlagsRead> {
    const errors: string[] = [];
    const { rows = [] } = await this.#ask(DEFINITIONS);
    for (const { place = '', definition = '' } of rows) {
      const known = this.#said.get(place);
      if (known) known.seenMs = this.#now();
      if (known?.definition === definition) continue;
      // The view's SQL rather than the view, which the next query's database may not have.
      const answer = await this.#ask(definition.replace(/^\s*CREATE\s+(TEMP\s+|TEMPORARY\s+)?VIEW\s+\S+\s+AS\s/i, ''));
      const error = answer.error ?? (answer.rows && answer.rows.length > 1 ? 'more than one row' : undefined);
      if (error !== undefined) errors.push(`${FLAGS_QUERY}: ${place || 'view'}: ${error}`);
      else if (answer.rows) this.#said.set(place, { definition, flags: answer.rows[0] ?? {}, seenMs: this.#now() });
    }
    for (const [place, { seenMs }] of this.#said) if (this.#now() - seenMs >= GONE_AFTER_MS) this.#said.delete(place);
    // pack/Global/… comes before pack/team-1/…, which says more of this host; an empty value says nothing.
    const inOrder = [...this.#said].sort(([one], [other]) => (one < other ? -1 : 1));
    const said = inOrder.flatMap(([, { flags }]) => Object.entries(flags).filter(([, value]) => value !== ''));
    return { flags: new Map(said), errors };
  }

  /** Rows, or the error that osquery answered with, or neither where it did not answer. */
  #ask(sql: string): Promise<{ rows?: Response['rows']; error?: string }> {
    return this.#query(sql).then(
      ({ status, rows }) => (status.code === 0 ? { rows } : { error: status.message }),
      () => ({}),
    );
  }
}
