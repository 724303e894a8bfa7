/**
 * Reads all rows of a tree in answers of moderate size: thousands of execs per query, and only those ancestors that no
 * other row describes.
 */
import { ExtensionError } from '../../osquery/index.ts';
import { type ForestRows, missingParents } from './forest.ts';
import {
  type AncestorRecord,
  ancestorsOf,
  EVENT_COLUMNS,
  type EventRecord,
  eventOf,
  PROCESS_COLUMNS,
  processOf,
  type Row,
} from './rows.ts';
import type { Asked, TableReader } from './table_reader.ts';

const EVENTS = 'process_ancestry_events';
const TREE = 'process_ancestry_tree';
/** Approximate number of exec rows in one answer (3 MB). */
const ROWS_AT_ONCE = 5_000;
/** Number of rows in one answer with the long column `ancestry`. */
const CHAINS_AT_ONCE = 200;

/** `since`: Unix seconds; earlier execs are not read. */
export async function fetchRows(tables: TableReader, since: number | undefined): Promise<ForestRows> {
  const from: Asked[] = since === undefined ? [] : [{ column: 'time', op: '>=', value: String(since) }];
  // Events are read before processes: a process that starts in between is in the second answer.
  const times = (await tables.read(EVENTS, ['time'], from)).map(({ time }) => Number(time)).toSorted((a, b) => a - b);
  const found: EventRecord[] = [];
  for (const span of spans(times)) for (const row of await eventRows(tables, span)) found.push(eventOf(row));
  const events = found.toSorted((a, b) => (a.eid < b.eid ? -1 : a.eid > b.eid ? 1 : 0));
  const processes = (await tables.read(TREE, PROCESS_COLUMNS)).map(processOf);
  return { events, processes, ancestors: await missing(tables, { events, processes }) };
}

interface Span {
  readonly first: number;
  readonly last: number;
}

/** Rows with long arguments may exceed the maximum size of an answer. Then the query is repeated with fewer rows. */
async function eventRows(tables: TableReader, { first, last }: Span): Promise<readonly Row[]> {
  const within: Asked[] = [
    { column: 'time', op: '>=', value: String(first) },
    { column: 'time', op: '<=', value: String(last) },
  ];
  try {
    return await tables.read(EVENTS, EVENT_COLUMNS, within);
  } catch (error) {
    // Without an answer there is no retry.
    if (first >= last || error instanceof ExtensionError) throw error;
    const middle = Math.floor((first + last) / 2);
    const before = await eventRows(tables, { first, last: middle });
    return before.concat(await eventRows(tables, { first: middle + 1, last }));
  }
}

/** Splits the time into spans with about this many rows. Rows of one second are in one span. */
export function spans(times: readonly number[], rows = ROWS_AT_ONCE): Span[] {
  const found: Span[] = [];
  for (let at = 0; at < times.length; ) {
    const first = times[at] ?? 0;
    const last = times[Math.min(at + rows, times.length) - 1] ?? first;
    found.push({ first, last });
    while (at < times.length && (times[at] ?? 0) <= last) at++;
  }
  return found;
}

/** Processes that forked, never executed and are no longer in the cache. The rows of their children describe them. */
async function missing(
  tables: TableReader,
  rows: Pick<ForestRows, 'events' | 'processes'>,
): Promise<readonly AncestorRecord[]> {
  const children = [...missingParents(rows).values()];
  const found = new Map<string, AncestorRecord>();
  for (let at = 0; at < children.length; at += CHAINS_AT_ONCE) {
    const asked = children
      .slice(at, at + CHAINS_AT_ONCE)
      .map(({ eid }): Asked => ({ column: 'eid', op: '=', value: eid }));
    for (const { ancestry = '' } of await tables.read(EVENTS, ['eid', 'ancestry'], asked)) {
      for (const ancestor of ancestorsOf(ancestry))
        if (!found.has(ancestor.entityId)) found.set(ancestor.entityId, ancestor);
    }
  }
  found.delete('');
  return [...found.values()];
}
