/**
 * All rows that a tree is made of, in answers of moderate size: execs some thousands at a time, and of ancestors only those
 * that nothing else tells of.
 */
import { type ForestRows, missingParents } from './forest.ts';
import { type AncestorRecord, ancestorsOf, EVENT_COLUMNS, eventOf, PROCESS_COLUMNS, processOf } from './rows.ts';
import type { Asked, TableReader } from './table_reader.ts';

const EVENTS = 'process_ancestry_events';
const TREE = 'process_ancestry_tree';
/** Rows of execs in one answer, about: 3 MB of it. */
const ROWS_AT_ONCE = 5_000;
/** Rows whose column `ancestry`, which is long, is in one answer. */
const CHAINS_AT_ONCE = 200;

/** `since`: Unix seconds, before which no exec is asked for. */
export async function gather(tables: TableReader, since: number | undefined): Promise<ForestRows> {
  const from: Asked[] = since === undefined ? [] : [{ column: 'time', op: '>=', value: String(since) }];
  // Before the processes: whoever is born between the two is among those.
  const times = (await tables.read(EVENTS, ['time'], from)).map(({ time }) => Number(time)).toSorted((a, b) => a - b);
  const rows = [];
  for (const { first, last } of spans(times)) {
    const within: Asked[] = [
      { column: 'time', op: '>=', value: String(first) },
      { column: 'time', op: '<=', value: String(last) },
    ];
    rows.push(...(await tables.read(EVENTS, EVENT_COLUMNS, within)));
  }
  const events = rows.map(eventOf).toSorted((a, b) => (a.eid < b.eid ? -1 : a.eid > b.eid ? 1 : 0));
  const processes = (await tables.read(TREE, PROCESS_COLUMNS)).map(processOf);
  return { events, processes, ancestors: await missing(tables, { events, processes }) };
}

/** Times from and to which there are about so many rows; rows of one second are in one span. */
export function spans(times: readonly number[], rows = ROWS_AT_ONCE): { first: number; last: number }[] {
  const found: { first: number; last: number }[] = [];
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
