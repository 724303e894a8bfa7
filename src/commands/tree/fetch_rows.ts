/**
 * All rows that a tree is made of, in answers of moderate size: execs some thousands at a time, and of ancestors only those
 * that nothing else tells of.
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
/** Rows of execs in one answer, about: 3 MB of it. */
const ROWS_AT_ONCE = 5_000;
/** Rows whose column `ancestry`, which is long, is in one answer. */
const CHAINS_AT_ONCE = 200;

/** `since`: Unix seconds, before which no exec is asked for. */
export async function fetchRows(tables: TableReader, since: number | undefined): Promise<ForestRows> {
  const from: Asked[] = since === undefined ? [] : [{ column: 'time', op: '>=', value: String(since) }];
  // Before the processes: whoever is born between the two is among those.
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

/** Rows with long arguments may be more than the extension answers at once: then less is asked for, and again. */
async function eventRows(tables: TableReader, { first, last }: Span): Promise<readonly Row[]> {
  const within: Asked[] = [
    { column: 'time', op: '>=', value: String(first) },
    { column: 'time', op: '<=', value: String(last) },
  ];
  try {
    return await tables.read(EVENTS, EVENT_COLUMNS, within);
  } catch (error) {
    // Who does not answer at all is not asked again.
    if (first >= last || error instanceof ExtensionError) throw error;
    const middle = Math.floor((first + last) / 2);
    const before = await eventRows(tables, { first, last: middle });
    return before.concat(await eventRows(tables, { first: middle + 1, last }));
  }
}

/** Times from and to which there are about so many rows; rows of one second are in one span. */
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

/** Processes that forked and never executed, and are no longer remembered: their children's rows name them. */
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
