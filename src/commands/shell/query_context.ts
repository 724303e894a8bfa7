/** The context of a `generate`, as the JSON text that osquery sends (osquery/core/tables.cpp, QueryContext). */
import type { Constraint } from './push_down.ts';
import type { RegisteredTable } from './registered_table.ts';

export function queryContext(
  table: RegisteredTable,
  usedColumns: ReadonlySet<string>,
  constraints: readonly Constraint[],
): string {
  const sorted = table.columns
    .filter(({ target }) => target === undefined)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const lists = sorted.map(({ name, type }) => ({
    name,
    list: constraints.filter(({ column }) => column === name).map(({ op, expr }) => ({ op, expr })),
    affinity: type,
  }));
  // osquery asks for the column that an alias stands for.
  const wanted = new Set(
    [...usedColumns].map((used) => table.columns.find(({ name }) => name === used)?.target ?? used),
  );
  const used = table.columns.filter(({ name }) => wanted.has(name)).map(({ name }) => name);
  // Written by hand: the mask has 64 bits, more than a JSON number of JavaScript can hold.
  return `{"constraints":${JSON.stringify(lists)},"colsUsed":${JSON.stringify(used)},"colsUsedBitset":${mask(table, wanted)}}`;
}

/** SQLite's mask of used columns: its last bit stands for every column from the 64th on. */
function mask(table: RegisteredTable, usedColumns: ReadonlySet<string>): bigint {
  return table.columns.reduce(
    (bits, { name }, index) => (usedColumns.has(name) ? bits | (1n << BigInt(Math.min(index, 63))) : bits),
    0n,
  );
}
